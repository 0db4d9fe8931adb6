"""What a document declares before its steps: parameters, computed names, and inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from archspec import dimensions, document, graph
from archspec.dimensions import LARGEST, Dimension, Size
from archspec.document import Document, name_problem
from archspec.expressions import (
    ExpressionError,
    Literal,
    Name,
    Node,
    Symbolic,
    as_size,
    compile_value,
    evaluate,
    literal_text,
    type_of,
    unknown,
)
from archspec.layers import LAYERS
from archspec.lower._problems import Report
from archspec.problems import SpecError, did_you_mean, echo
from archspec.source import Path
from archspec.tensors import TensorType


def bind(
    report: Report, spec: Document, given: Mapping[str, Any], symbolic: bool
) -> tuple[tuple[graph.Parameter, ...], dict[str, Any]]:
    """The parameters, and a scope in which each stands for its value or, with `symbolic`, for a symbol."""
    for name in given:
        if name not in spec.params:
            hint = did_you_mean(name, list(spec.params), "parameters") or "this spec has no parameters"
            report.add("AS208", f"the spec has no parameter {echo(name)}", ("params",), hint, key=True)
    scope: dict[str, Any] = {}
    plain = {name: _plain(value) for name, value in given.items()}
    positive = {size for value in spec.inputs.values() for size in value.shape if isinstance(size, str)}
    parameters = declare(report, spec.params, (), plain, scope, symbolic=symbolic, positive=positive)
    return parameters, scope


def declare(
    report: Report,
    params: Mapping[str, document.Parameter],
    base: Path,
    given: Mapping[str, Any],
    scope: dict[str, Any],
    *,
    symbolic: bool = False,
    positive: Collection[str] = (),
) -> tuple[graph.Parameter, ...]:
    """The parameters of a document or block; each joins the scope as its value or, with `symbolic`, as a symbol.

    `positive` ones are a dimension of an input. Those without a default come first, as Python wants them.
    """
    bound = []
    values: dict[str, Any] = {}
    for name, parameter in params.items():
        one = _declare_one(report, name, parameter, (*base, "params", name), given, values)
        scope[name] = symbol_of(one, name in positive, parameter) if symbolic or one.value is None else one.value
        values[name] = one.value if one.value is not None else scope[name]
        bound.append(one)
    return tuple(sorted(bound, key=lambda one: one.default is not None))


def _declare_one(
    report: Report,
    name: str,
    parameter: document.Parameter,
    path: Path,
    given: Mapping[str, Any],
    above: Mapping[str, Any],
) -> graph.Parameter:
    # Only where the type is written may a default be an expression: elsewhere a string is a string.
    computed = isinstance(parameter.default, str) and parameter.type not in (None, "str")
    default_path = (*path, "default") if isinstance(report.source.value(path), dict) else path
    node = None
    value = None
    if not parameter.required:
        try:
            words = None if computed else frozenset[str]()
            node, value = report.evaluate(parameter.default, default_path, above, words=words)
        except ExpressionError:
            pass
    kind = kind_of(parameter, value)
    value = given.get(name, value)
    if value is not None and not unknown(value):
        why = misfit(value, parameter, kind)
        if why:
            place = path if name in given else default_path
            message = f"{echo(literal_text(value))} is no value for the parameter `{name}`: {why}"
            report.add("AS208", message, place, "change the value, or what the parameter says that it may be")
            value = None  # one mistake, not one more wherever it is read
        elif kind == "float" and not isinstance(value, float):
            value = float(value)
    choices = None if parameter.choices is None else tuple(map(_frozen, parameter.choices))
    for index, choice in enumerate(choices or ()):
        if not (choice in LAYERS if kind == "layer" and isinstance(choice, str) else _fits(choice, kind)):
            message = f"the parameter `{name}` cannot be {_shown(choice)}: its type is {_type_words(kind)}"
            report.add("AS208", message, (*path, "choices", index), "write values of the parameter's type")
    return graph.Parameter(
        name,
        kind,
        node,
        parameter.doc,
        value,
        report.source.span(path, key=True),
        computed,
        minimum=parameter.min,
        maximum=parameter.max,
        choices=choices,
    )


def _plain(value: Any) -> Any:
    """A value from a caller as the language has them: lists are tuples."""
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a parameter is a number, a string, a bool or a list of them, not {type(value).__name__}")


def _frozen(value: Any) -> Any:
    """A value of a spec as the language has it: lists are tuples."""
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _shown(value: Any) -> str:
    return echo(value) if isinstance(value, dict) else literal_text(_frozen(value))


def kind_of(parameter: document.Parameter, value: Any) -> str:
    """The parameter's type, with the type of a list's entries where the default tells it."""
    if parameter.type == "list" or (parameter.type is None and isinstance(value, tuple)):
        return type_of(value) if isinstance(value, tuple) and value else "list[any]"
    if parameter.type in (None, "str") and isinstance(value, str) and value in LAYERS:
        return "layer"
    return parameter.type or type_of(value)


_MOST_SHOWN = 20


def misfit(value: Any, parameter: document.Parameter, kind: str | None = None) -> str | None:
    """Why a value is none of the parameter's, if so."""
    if kind is None:
        default = parameter.default
        kind = kind_of(parameter, _frozen(default))
    if kind == "layer":
        return None if value in LAYERS else "it holds a layer of torch.nn"
    if not _fits(value, kind):
        return f"its type is {_type_words(kind)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if abs(value) > LARGEST:
            return "it is beyond 64 bits"
        if parameter.min is not None and value < parameter.min:
            return f"it is at least {parameter.min}"
        if parameter.max is not None and value > parameter.max:
            return f"it is at most {parameter.max}"
    if parameter.choices is not None and value not in [_frozen(choice) for choice in parameter.choices]:
        shown = [_shown(choice) for choice in parameter.choices[:_MOST_SHOWN]]
        return f"it is one of {', '.join(shown)}{', …' * (len(parameter.choices) > _MOST_SHOWN)}"
    return None


def _fits(value: Any, kind: str) -> bool:
    """Whether a value is of a type. An empty list is of every list's."""
    if isinstance(value, dict):
        return False
    if kind.startswith("list["):
        return isinstance(value, tuple) and all(_fits(item, kind[5:-1]) for item in value)
    own = type_of(value)
    return own == kind or kind == "any" or (kind == "float" and own == "int")


def _type_words(kind: str) -> str:
    return "list" if kind == "list[any]" else kind


def symbol_of(parameter: graph.Parameter, positive: bool, declared: document.Parameter) -> Any:
    """What stands for a parameter whose value is not known."""
    if parameter.type == "int":
        least = declared.min if isinstance(declared.min, int) else 1 if positive else None
        return dimensions.symbol(parameter.name, minimum=least)
    kind = f"layer:{parameter.value}" if parameter.type == "layer" else parameter.type
    return Symbolic(Name(parameter.name), kind)


def compute_let(
    report: Report, let: Mapping[str, Any], scope: dict[str, Any], base: Path = ("let",)
) -> tuple[tuple[str, Node], ...]:
    """The computed names, in order; each is added to the scope."""
    computed = []
    for name, value in let.items():
        if name in scope:
            at = (*base, name)
            other = report.declared(at, name)
            message = f"`{name}` is a parameter already"
            report.add("AS205", message, at, "choose another name", key=True, related=other)
            continue
        try:
            node, scope[name] = report.evaluate(value, (*base, name), scope)
        except ExpressionError:
            scope[name] = Symbolic(Name(name), "any")  # declared, if not known: no problem of those who read it
            continue
        computed.append((name, node))
    return tuple(computed)


def read_inputs(
    report: Report, spec: Document, scope: dict[str, Any], sizes: Mapping[str, Sequence[int]], symbolic: bool
) -> tuple[graph.Input, ...]:
    """The inputs with their types. New names in a dimension are free dimensions, and join the scope."""
    for name in sizes:
        if name not in spec.inputs:
            hint = did_you_mean(name, list(spec.inputs), "inputs")
            report.add("AS208", f"the spec has no input {echo(name)}", ("inputs",), hint, key=True)
    found = []
    for name, declared in spec.inputs.items():
        path: Path = ("inputs", name)
        if name in scope:
            message = f"`{name}` is a parameter already"
            report.add("AS205", message, path, "choose another name", key=True, related=report.declared(path, name))
        shape_path = (*path, "shape") if isinstance(report.source.value(path), dict) else path
        if len(declared.shape) > report.source.limits.axes:
            report.axes(len(declared.shape), shape_path)
            raise SpecError(report.problems)
        shape = [_dimension(report, size, (*shape_path, axis), scope) for axis, size in enumerate(declared.shape)]
        if name in sizes:
            shape = _sized(report, name, shape, list(sizes[name]), scope, shape_path)
        axes = tuple(_axis(size) for size in declared.shape)
        tensor = TensorType(tuple(shape), declared.dtype)
        if (dimensions.bounds(tensor.numel)[0] or 0) > LARGEST and all(isinstance(size, int) for size in shape):
            held = dimensions.evaluate(tensor.numel, {})
            message = f"the input `{name}` would hold {held} numbers, which is beyond 64 bits"
            report.add("AS507", message, shape_path, "write sizes that a tensor can have")
        found.append(graph.Input(name, tensor, report.source.span(path, key=True), axes, declared.optional))
    return tuple(found)


def _axis(value: int | str) -> Node:
    """A dimension as it is written; a number in place of what cannot be read."""
    try:
        return compile_value(value)
    except ExpressionError:
        return Literal(1)


def _dimension(report: Report, value: int | str, path: Path, scope: dict[str, Any]) -> Size:
    try:
        node = compile_value(value)
        new = [part for part in node.walk() if isinstance(part, Name) and part.name not in scope]
        if len({part.name for part in new}) > 1:
            names = " and ".join(sorted({f"`{part.name}`" for part in new}))
            advice = "declare the others in `params`; a free dimension is one new name, or a multiple of it: `32 * h`"
            raise ExpressionError("AS303", f"a dimension has one new name, not {names}", advice)
        for part in new:
            if part.name not in scope:
                problem = name_problem(part.name)
                if problem:
                    raise ExpressionError("AS204", f"{echo(part.name)} {problem}", "", part.offset, len(part.name))
                scope[part.name] = dimensions.symbol(part.name, free=True)
        size = as_size(evaluate(node, scope))
    except ExpressionError as error:
        report.expression(error, path, value, scope)
        return dimensions.symbol("?")  # no problem of those who read it
    if dimensions.at_least(size, 1) is False:
        advice = "write its size, or a new name: a name that is no parameter is a free dimension"
        message, related = f"a dimension is at least 1, not {dimensions.show(size)}", report.declared(path, value)
        report.add("AS504", message, path, advice, related=related)
    if isinstance(size, int) and size > LARGEST:
        report.add("AS507", f"{size} is beyond 64 bits", path, f"a size is at most {LARGEST}")
    return size


def _sized(
    report: Report, name: str, shape: list[Size], sizes: list[int], scope: dict[str, Any], path: Path
) -> list[Size]:
    """The shape with the sizes that the caller gives; each free dimension takes its value for all inputs."""
    if len(shape) != len(sizes):
        message = f"the input `{name}` has {len(shape)} axes; {len(sizes)} sizes are given"
        report.add("AS501", message, path, f"its shape is {TensorType(tuple(shape))}")
        return shape
    values: dict[str, Size] = {}
    for size, given in zip(shape, sizes, strict=True):
        solved = _solve(dimensions.substitute(size, values), given)
        if solved is None:
            message = f"the input `{name}` is {TensorType(tuple(shape))}, which {list(sizes)} does not fit"
            report.add("AS502", message, path)
            return shape
        values |= solved
    for free, value in values.items():
        scope[free] = value
    return [dimensions.substitute(size, values) for size in shape]


def _solve(size: Size, given: int) -> dict[str, Size] | None:
    """The value of a dimension's one free name that makes it `given`; None if there is none."""
    if isinstance(size, int):
        return {} if size == given else None
    symbols = [symbol for symbol in dimensions.symbols(size) if symbol.free]
    if len(symbols) != 1:
        return None
    name = symbols[0].text
    low, high = 1, max(1, given)
    while low < high:  # dimensions grow with their free name
        middle = (low + high) // 2
        value = dimensions.substitute(size, {name: middle})
        if isinstance(value, Dimension):
            return None
        low, high = (middle + 1, high) if value < given else (low, middle)
    return {name: low} if dimensions.substitute(size, {name: low}) == given else None
