"""Sizes by name: what flows in or out, held against what the spec writes, binding the names that are new."""

from __future__ import annotations

from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.document import name_problem
from archspec.expressions import ExpressionError, Name, as_size, compile_value, evaluate
from archspec.graph import Flow, flow_text, names_in
from archspec.lower.context import Frame
from archspec.problems import Related, echo
from archspec.source import Path
from archspec.tensors import TensorType


def check_shape(
    frame: Frame, shape: list[int | str], path: Path, output: Flow | None, scope: dict[str, Any], related: Related
) -> bool:
    """Holds a step's output against its `shape:`; new names are bound. False (and reported) where it does not fit."""
    if not are_sizes(frame, shape, path):
        return False
    if output is None:
        return True
    wanted = f"[{', '.join(map(str, shape))}]"
    if not isinstance(output, TensorType) or output.rank != len(shape):
        message = f"the step gives {flow_text(output)}, not {wanted}"
        frame.report.add("AS501", message, path, "write the shape that it has", related=(related,))
        return False
    known = set(scope)
    for axis, (size, text) in enumerate(zip(output.shape, shape, strict=True)):
        problem = bind_size(text, size, scope)
        if problem is not None:
            message = f"axis {axis} of the step's output does not fit `shape`: {problem}"
            places = (related, *frame.report.declared((*path, axis), text))
            frame.report.add("AS502", message, (*path, axis), f"the step gives {output}", related=places)
            for name in {name for other in shape for name in names_in(compile_value(other))} - scope.keys():
                scope[name] = dimensions.of(dimensions.Unknown("the shape does not fit"))
            return False
    frame.bound |= scope.keys() - known
    return True


def are_sizes(frame: Frame, shape: list[int | str], path: Path) -> bool:
    """Whether every size that the spec writes is an expression over names that may be used; others are reported."""
    if len(shape) > frame.report.source.limits.axes:
        frame.report.axes(len(shape), path)
        return False
    sound = True
    for axis, text in enumerate(shape):
        try:
            for part in compile_value(text).walk():
                problem = name_problem(part.name) if isinstance(part, Name) else None
                if problem is not None and isinstance(part, Name):
                    raise ExpressionError("AS204", f"{echo(part.name)} {problem}", "", part.offset, len(part.name))
        except ExpressionError as error:
            frame.report.expression(error, (*path, axis), text)
            sound = False
    return sound


def bind_size(text: int | str, size: Size, scope: dict[str, Any]) -> str | None:
    """Binds a new name, or compares; why they do not agree, if they do not."""
    try:
        node = compile_value(text)
        new = {part.name for part in node.walk() if isinstance(part, Name)} - scope.keys()
        if isinstance(node, Name) and new:
            scope[node.name] = size
            return None
        if len(new) == 1:
            (name,) = new
            unit = dimensions.symbol(name, minimum=None)
            pattern = evaluate(node, {**scope, name: unit})
            factor = pattern // unit if isinstance(pattern, Dimension) else 0
            if pattern != factor * unit or dimensions.at_least(factor, 1) is False:
                return "a dimension with a new name is that name, or a multiple of it"
            answer = dimensions.divides(factor, size)
            # What depends on a parameter was settled by the check, with its value.
            symbols = dimensions.symbols(factor) | dimensions.symbols(size)
            if answer is False or (answer is None and all(symbol.free for symbol in symbols)):
                multiple = dimensions.show(factor)
                when = dimensions.when_equal(size % factor, 0)
                only = f"; {text} fits only if {when}" if when else ""
                return f"it is {dimensions.show(size)}, which is no multiple of {multiple}{only}"
            scope[name] = dimensions.quotient(size, factor)
            return None
        wanted = as_size(evaluate(node, scope))
    except ExpressionError as error:
        return error.message
    answer = dimensions.equal(size, wanted)
    if answer or (answer is None and not all(s.free for s in dimensions.symbols(size - wanted))):
        return None
    when = dimensions.when_equal(size, wanted)
    only = f"; equal only if {when}" if when else ""
    held = dimensions.show(wanted)
    return f"it is {dimensions.show(size)}, {'not' if held == str(text) else f'but {text} is'} {held}{only}"
