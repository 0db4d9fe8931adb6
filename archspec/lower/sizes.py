"""Sizes by name: what flows in or out, compared with what the spec writes, binding the names that are new."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from archspec import dimensions
from archspec.dimensions import Size
from archspec.document import number_problem
from archspec.expressions import CONSTANTS, Binary, ExpressionError, Name, Node, as_size, compile_value, evaluate
from archspec.graph import Flow, names_in
from archspec.lower.frames import Frame
from archspec.lower.leading import DOTS, compile_size, is_name
from archspec.lower.sites import Site
from archspec.problems import Related, Span, echo
from archspec.refusals import fits
from archspec.source import Path
from archspec.tensors import TensorType, flow_text

TOLD = "the step that says it is wrong"
"""Why a size is not known of which nothing needs to be said: what is wrong has been reported."""


def check_shape(frame: Frame, shape: list[int | str], site: Site, output: Flow | None, made: Span) -> bool:
    """Compares a step's output with its `shape:`, which stands at `site`, and binds the names that are new there.

    False, and reported, where it does not fit. `made` is where the step is written.
    """
    path, scope, related = site.path, site.scope, Related("made here", made)
    assert isinstance(scope, dict)
    if not are_sizes(frame, shape, path):
        return False
    if output is None:
        leave_open(shape, scope, "the type of the step's output is not known")
        return True
    wanted = f"[{', '.join(map(str, shape))}]"
    leading = _leading_axes(shape, output)
    if not isinstance(output, TensorType) or leading is None:
        message = f"the step returns {flow_text(output)}, not {wanted}"
        frame.report.add("AS501", message, path, "correct the shape", related=(related,))
        return False
    known = set(scope)
    named = len(shape) - output.rank + leading
    axes = list(zip(shape[named:], output.shape[leading:], strict=True))
    wrong = bind_sizes(axes, scope, settled=not frame.lowering.unroll)
    if wrong is not None:
        axis, problem = wrong
        place = (*path, axis + named)
        message = f"axis {axis + leading} of the step's output does not fit `shape`: {problem}"
        places = (related, *frame.report.declared(place, shape[axis + named]))
        frame.report.add("AS502", message, place, f"the step returns {output}", related=places)
        return False
    frame.bound |= scope.keys() - known
    return True


def leave_open(shape: list[int | str], scope: dict[str, Any], why: str) -> None:
    """Binds the new names of a shape to sizes that nobody knows, so that later steps may read them all the same."""
    for size in shape:
        with suppress(ExpressionError):
            for name in (names_in(compile_value(size)) if size != DOTS else set()) - scope.keys():
                scope[name] = dimensions.of(dimensions.Unknown(why))


def _leading_axes(shape: list[int | str], output: Flow) -> int | None:
    """How many axes of an output `...` stands for in a shape, none where the shape says all; None where they differ."""
    if not isinstance(output, TensorType):
        return None
    free = shape[:1] == [DOTS]
    count = output.rank - len(shape) + free
    return count if count == 0 or (free and count > 0) else None


def are_sizes(frame: Frame, shape: list[int | str], path: Path) -> bool:
    """Whether every size that the spec writes is an expression over names that may be used; others are reported."""
    if len(shape) > frame.report.source.limits.axes:
        frame.report.axes(len(shape), path)
        return False
    sound = True
    for axis, text in enumerate(shape):
        if axis == 0 and text == DOTS:
            continue
        try:
            node = compile_size(text)
            for part in node.walk():
                problem = number_problem(part.name) if isinstance(part, Name) else None
                if problem is not None and isinstance(part, Name):
                    raise ExpressionError("AS204", f"{echo(part.name)} {problem}", "", part.offset, len(part.name))
            if not names_in(node):
                as_size(evaluate(node, {}))
        except ExpressionError as error:
            frame.report.expression(error, (*path, axis), text)
            sound = False
    return sound


Axis: TypeAlias = tuple[int | str, Size]
"""An axis as the spec writes it, and its size."""


def bind_sizes(axes: Sequence[Axis], scope: dict[str, Any], settled: bool) -> tuple[int, str] | None:
    """Binds the new names of axes, in whatever order they stand, and compares those whose names are known.

    Where the check with values has `settled` that they fit, a size that nothing says fits any other.

    Returns the place of the first axis that does not fit, and why.
    """
    waiting, bound = [], set()
    for place, (text, size) in enumerate(axes):
        alone = isinstance(text, str) and (text.isidentifier() or is_name(text))
        new = isinstance(text, str) and alone and text not in scope and text not in CONSTANTS
        if new or (settled and text in bound and dimensions.is_unknown(scope[str(text)])):
            scope[str(text)] = size
            bound.add(text)
        else:
            waiting.append(place)
    while waiting:
        ready = [place for place in waiting if len(new_names(axes[place][0], scope)) < 2]
        if not ready:
            names = " and ".join(f"`{name}`" for name in sorted(new_names(axes[waiting[0]][0], scope)))
            return waiting[0], f"{names} are new, and no axis consists of one of them"
        for place in ready:
            waiting.remove(place)
            if len(new_names(axes[place][0], scope)) < 2:
                problem = _bind(*axes[place], scope, settled)
                if problem is not None:
                    return place, problem
    return None


def new_names(text: int | str, scope: Collection[str]) -> set[str]:
    """The names in an axis that nothing has bound yet; none where it cannot be read."""
    try:
        return {part.name for part in compile_size(text).walk() if isinstance(part, Name)} - set(scope)
    except ExpressionError:
        return set()


def isolated(node: Node, name: str, value: Node) -> Node | None:
    """What a name is where the expression of an axis has that value; None where it is neither factor nor summand."""
    if isinstance(node, Name):
        return value
    if not isinstance(node, Binary) or node.operator not in ("+", "-", "*"):
        return None
    left, right = name in names_in(node.left), name in names_in(node.right)
    if left and right:
        return None
    inner, other = (node.left, node.right) if left else (node.right, node.left)
    if node.operator == "*":
        return isolated(inner, name, Binary("//", value, other))
    if node.operator == "+":
        return isolated(inner, name, Binary("-", value, other))
    return isolated(inner, name, Binary("+", value, other) if left else Binary("-", other, value))


def _bind(text: int | str, size: Size, scope: dict[str, Any], settled: bool) -> str | None:
    """Binds the one new name of an axis, or compares; why they do not agree, if they do not."""
    try:
        node = compile_size(text)
        new = names_in(node) - scope.keys()
        if new:
            return _solve(node, new.pop(), size, scope)
        wanted = as_size(evaluate(node, scope))
    except ExpressionError as error:
        return error.message
    answer = dimensions.equal(size, wanted)
    if answer is None and settled and (dimensions.is_unknown(size) or dimensions.is_unknown(wanted)):
        return None
    if answer is None and fits(size, wanted) is not None:  # a slice of a table: the author says that it is long enough
        return None
    if answer or (answer is None and not all(s.free for s in dimensions.symbols(size - wanted))):
        return None
    when = dimensions.when_equal(size, wanted)
    only = f"; equal only if {when}" if when else ""
    held = dimensions.show(wanted)
    return f"it is {dimensions.show(size)}, {'not' if held == str(text) else f'but {text} is'} {held}{only}"


def _solve(node: Node, name: str, size: Size, scope: dict[str, Any]) -> str | None:
    """Binds the one new name of an axis, a factor or a summand there; why there is no such size, if there is none."""
    unit = dimensions.symbol(name, minimum=None)
    pattern = as_size(evaluate(node, {**scope, name: unit}))
    rest = dimensions.substitute(pattern, {name: 0})
    factor = (pattern - rest) // unit
    linear = isolated(node, name, node) is not None and pattern - rest == factor * unit
    if not linear or dimensions.at_least(factor, 1) is False:
        return "use a new name alone, or multiplied by or added to known sizes"
    answer = dimensions.divides(factor, size - rest)
    # What depends on a parameter was settled by the check, with its value.
    symbols = dimensions.symbols(factor) | dimensions.symbols(size - rest)
    if answer is False or (answer is None and all(symbol.free for symbol in symbols)):
        multiple, left = dimensions.show(factor), dimensions.show(size - rest)
        when = dimensions.when_equal((size - rest) % factor, 0)
        only = f"; {node.text} fits only if {when}" if when else ""
        what = f"it is {dimensions.show(size)}" if rest == 0 else f"without {dimensions.show(rest)} it is {left}"
        return f"{what}, which is not a multiple of {multiple}{only}"
    found = dimensions.quotient(size - rest, factor)
    if dimensions.at_least(found, 1) is False:
        return f"it is {dimensions.show(size)}, so `{name}` would be {dimensions.show(found)}"
    scope[name] = found
    return None
