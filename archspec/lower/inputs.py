"""The inputs of a document with their types, and the free sizes that their shapes name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from archspec import dimensions, document, graph
from archspec.dimensions import LARGEST, Dimension, Size
from archspec.document import MODE, Document, name_problem, number_problem
from archspec.expressions import (
    ExpressionError,
    Literal,
    Name,
    Node,
    as_size,
    evaluate,
)
from archspec.lower._problems import Report
from archspec.lower.leading import compile_size, place_of
from archspec.lower.sizes import isolated
from archspec.problems import SpecError, did_you_mean, echo
from archspec.source import Path
from archspec.tensors import TensorType


def read_inputs(
    report: Report, spec: Document, scope: dict[str, Any], sizes: Mapping[str, Sequence[int]], floating: str
) -> tuple[graph.Input, ...]:
    """The inputs with their types. New names in a dimension are free dimensions, and join the scope."""
    for name in sizes:
        if name not in spec.inputs:
            hint = did_you_mean(name, list(spec.inputs), "inputs")
            report.add("AS208", f"the spec has no input {echo(name)}", ("inputs",), hint, key=True)
    shapes: dict[str, list[Size]] = {}
    _declare_sizes(spec, scope)
    for name, declared in spec.inputs.items():
        path: Path = ("inputs", name)
        if name in scope:
            message = f"`{name}` is already a parameter"
            report.add("AS205", message, path, "choose another name", key=True, related=report.declared(path, name))
        if declared.list_ is not None:
            message = f"`{name}` is a list of tensors of unknown length"
            advice = "declare an input for each of them, or one with an additional axis; only blocks can take lists"
            report.add("AS206", message, (*path, "list"), advice, key=True)
            raise SpecError(report.problems)
        shape_path = shape_of(report, path)
        if len(declared.axes) > report.source.limits.axes:
            report.axes(len(declared.axes), shape_path)
            raise SpecError(report.problems)
        places = (((*shape_path, place_of(declared.axes, axis)), size) for axis, size in enumerate(declared.axes))
        shapes[name] = [_dimension(report, size, place, scope) for place, size in places]
    shapes = _sized(report, shapes, sizes, scope)
    found = []
    for name, declared in spec.inputs.items():
        path = ("inputs", name)
        shape, axes = shapes[name], tuple(_axis(size) for size in declared.axes)
        tensor = TensorType(tuple(shape), floating if declared.dtype == "float32" else declared.dtype)
        if (dimensions.bounds(tensor.numel)[0] or 0) > LARGEST and all(isinstance(size, int) for size in shape):
            held = dimensions.evaluate(tensor.numel, {})
            message = f"the input `{name}` would hold {held} numbers, which exceeds 64 bits"
            report.add("AS507", message, shape_of(report, path), "use smaller sizes")
        found.append(graph.Input(name, tensor, report.source.span(path, key=True), axes, declared.optional))
    refuse_optional_first(report, spec.inputs, ())
    hide_sizes(spec, scope)
    return tuple(found)


def shape_of(report: Report, path: Path) -> Path:
    """Where an input's shape stands."""
    return (*path, "shape") if isinstance(report.source.value(path), dict) else path


def _declare_sizes(spec: Document, scope: dict[str, Any]) -> None:
    """The free sizes of all inputs, in whatever order they stand: names alone, then those beside known ones.

    What cannot be read is left to whoever reads it as a dimension.
    """
    for optional in (False, True):
        axes = [_axis(size) for one in spec.inputs.values() if one.optional is optional for size in one.axes]
        alone = [node.name for node in axes if isinstance(node, Name)]
        _declare(alone, scope)
        while found := [name for node in axes if (name := _only_new(node, scope)) is not None]:
            _declare(found, scope)


def _declare(names: Sequence[str], scope: dict[str, Any]) -> None:
    for name in names:
        if name not in scope:
            scope[name] = dimensions.symbol(name, free=True)


def _only_new(node: Node, scope: Collection[str]) -> str | None:
    """The one name in a dimension that has no size yet, where the others tell it."""
    names = {part.name for part in node.walk() if isinstance(part, Name)} - set(scope)
    name = names.pop() if len(names) == 1 else None
    return name if name is not None and not name_problem(name) and isolated(node, name, node) is not None else None


def refuse_optional_first(report: Report, inputs: Mapping[str, document.InputEntry], base: Path) -> None:
    """An optional input stands after the required ones, as Python wants its arguments."""
    required = [name for name, declared in inputs.items() if not declared.optional]
    for name, declared in inputs.items():
        if declared.optional and required and name in list(inputs)[: list(inputs).index(required[-1])]:
            message = f"the optional input `{name}` comes before `{required[-1]}`, which is required"
            report.add("AS206", message, (*base, "inputs", name), f"put `{name}` after `{required[-1]}`", key=True)


def hide_sizes(block: document.Block, scope: dict[str, Any]) -> None:
    """Takes the sizes from a scope that optional inputs alone have: where those are left out, there is none."""
    known = {name for one in block.inputs.values() if not one.optional for name in size_names(one.axes)}
    known |= {*block.params, *block.let}
    for declared in block.inputs.values():
        for name in size_names(declared.axes) - known if declared.optional else ():
            scope.pop(name, None)


def size_names(shape: Sequence[int | str]) -> set[str]:
    """The names in the sizes that an input's shape says."""
    return {part.name for size in shape for part in _axis(size).walk() if isinstance(part, Name)} - {"_"}


def _axis(value: int | str) -> Node:
    """A dimension as it is written; a number in place of what cannot be read."""
    try:
        return compile_size(value)
    except ExpressionError:
        return Literal(1)


def _dimension(report: Report, value: int | str, path: Path, scope: dict[str, Any]) -> Size:
    try:
        node = compile_size(value)
        for part in node.walk():
            if isinstance(part, Name) and part.name == MODE:
                message = f"{echo(part.name)} {number_problem(part.name)}"
                raise ExpressionError("AS204", message, "", part.offset, len(part.name))
        new = {part.name: part for part in node.walk() if isinstance(part, Name) and part.name not in scope}
        if len(new) > 1:
            names = " and ".join(f"`{name}`" for name in sorted(new))
            advice = "declare the others in `params`, or add an input that has each of them as a size"
            raise ExpressionError("AS303", f"a dimension can have only one new name, not {names}", advice)
        for name, part in new.items():
            scope[name] = dimensions.symbol(name, free=True)
            problem = name_problem(name)
            if problem:
                raise ExpressionError("AS204", f"{echo(name)} {problem}", "", part.offset, len(name))
            message = f"`{node.text}` does not determine `{name}`"
            advice = "use a new name alone, or multiplied by or added to known sizes: `32 * h`"
            raise ExpressionError("AS304", message, advice)
        size = as_size(evaluate(node, scope))
    except ExpressionError as error:
        report.expression(error, path, value, scope)
        return dimensions.symbol("?")  # no problem of those who read it
    if dimensions.at_least(size, 1) is False:
        advice = "write its size, or a new name: a name that is no parameter is a free dimension"
        message, related = f"a dimension must be at least 1, not {dimensions.show(size)}", report.declared(path, value)
        report.add("AS504", message, path, advice, related=related)
    elif isinstance(size, int) and size > LARGEST:
        report.add("AS507", f"{size} exceeds 64 bits", path, f"a size is at most {LARGEST}")
    else:
        return size
    return dimensions.symbol("?")


def _sized(
    report: Report, shapes: dict[str, list[Size]], sizes: Mapping[str, Sequence[int]], scope: dict[str, Any]
) -> dict[str, list[Size]]:
    """The shapes with the sizes that the caller gives; each free dimension takes its value for all inputs."""
    values: dict[str, Size] = {}
    waiting: list[tuple[str, Size, int]] = []
    for name, given in sizes.items():
        shape = shapes.get(name, [])
        if name in shapes and len(shape) != len(given):
            message = f"the input `{name}` has {len(shape)} axes; {len(given)} sizes are given"
            report.add("AS501", message, shape_of(report, ("inputs", name)), f"its shape is {TensorType(tuple(shape))}")
            continue
        waiting += [(name, size, one) for size, one in zip(shape, given, strict=name in shapes)]
    wrong, open_ = dict[str, None](), dict[str, Size]()
    while waiting:
        left = []
        for name, size, one in waiting:
            now = dimensions.substitute(size, values)
            solved = _solve(now, one)
            if solved is None and len(_free(now)) > 1:
                left.append((name, size, one))
                open_.setdefault(name, now)
            elif solved is None:
                wrong[name] = None
            else:
                values |= solved
        if len(left) == len(waiting):
            break
        waiting = left
    for name in wrong:
        message = f"the input `{name}` is {TensorType(tuple(shapes[name]))}, which {list(sizes[name])} does not fit"
        report.add("AS502", message, shape_of(report, ("inputs", name)), _advice_on_sizes(shapes[name]))
    for name in () if wrong else dict.fromkeys(name for name, _, _ in waiting):
        names = " and ".join(f"`{one}`" for one in _free(open_[name]))
        message = f"{list(sizes[name])} does not determine {names} of `{name}`"
        advice = "give the sizes of an input that has one of them as a size"
        report.add("AS502", message, shape_of(report, ("inputs", name)), advice)
    if wrong or waiting or not values:
        return shapes
    scope.update(values)
    return {name: [dimensions.substitute(size, values) for size in shape] for name, shape in shapes.items()}


def _free(size: Size) -> list[str]:
    """The free names in a size."""
    return sorted(symbol.text for symbol in dimensions.symbols(size) if symbol.free)


def _advice_on_sizes(shape: list[Size]) -> str:
    """Which sizes of an input can be given, and how to make another one free."""
    free = sorted({symbol.shown for size in shape for symbol in dimensions.symbols(size) if symbol.free})
    fixed = f"all sizes are fixed except those with {', '.join(free)}" if free else "the spec fixes every size"
    return f"{fixed}; to let a size vary, use a free name in the spec, such as `H`"


def _solve(size: Size, given: int) -> dict[str, Size] | None:
    """The value of a dimension's one free name that makes it `given`; None if there is none."""
    if isinstance(size, int):
        return {} if size == given else None
    names = _free(size)
    if len(names) != 1:
        return None
    (name,) = names
    low, high = 1, max(1, given)
    while low < high:  # dimensions grow with their free name
        middle = (low + high) // 2
        value = dimensions.substitute(size, {name: middle})
        if isinstance(value, Dimension):
            return None
        low, high = (middle + 1, high) if value < given else (low, middle)
    return {name: low} if dimensions.substitute(size, {name: low}) == given else None
