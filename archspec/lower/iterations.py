"""What a loop runs over: `for: name in list`, `each: …`, `repeat: n`."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, NamedTuple

from archspec.document import StepEntry, number_problem
from archspec.expressions import (
    ExpressionError,
    FunctionCall,
    Items,
    Name,
    Node,
    Scope,
    Symbolic,
    UndecidedError,
    evaluate,
    item_type,
    lift,
    literal_text,
    parse,
    type_of,
    unknown,
)
from archspec.graph import names_in
from archspec.lower.binding import destructure, typed_item
from archspec.lower.conditions import free_dimension
from archspec.lower.frames import Frame
from archspec.lower.lists import GIVING
from archspec.lower.sites import Site
from archspec.problems import echo
from archspec.tensors import Chain, Series, flow_text

_FOR = re.compile(r"(.+?)\s+in\s+(.+)", re.DOTALL)
_WITHOUT_IN = re.compile(r"\w+(?:\s*,\s*\w+)*(?=\s+[a-z_]+\()", re.ASCII)


class Iteration(NamedTuple):
    """What a loop binds in each round, what it runs over, and the items of that."""

    target: Node
    iterable: Node
    items: Any
    """A tuple, a Symbolic or a Series."""

    def symbols(self) -> dict[str, Any]:
        """What the loop binds, in symbols."""
        return destructure(self.target, typed_item(self.target, item_type(type_of(self.items))))


def bounded_iteration(frame: Frame, step: StepEntry, site: Site) -> Iteration | None:
    """What a step's loop runs over; None, and reported, where that has no value or only the forward method knows it."""
    try:
        found = read_iteration(frame, step, site)
    except ExpressionError:
        return None
    if (free := free_dimension(found.iterable, found.items, site.scope)) is None:
        return found
    text = step.over if step.over is not None else step.repeat
    message, advice = (
        f"{echo(text)} depends on the free dimension `{free}`",
        "modules are created once: use a parameter for the number of repetitions",
    )
    frame.report.add("AS506", message, site.at(str(step.loop)), advice)
    return None


def read_iteration(frame: Frame, step: StepEntry, site: Site) -> Iteration:
    """What a step's loop runs over; an ExpressionError, which is reported, where that has no value."""
    if step.over is None:
        counted = FunctionCall("range", (frame.for_constructor(_times(frame, step, site), site.scope),))
        return Iteration(Name("_"), counted, evaluate(counted, site.scope))
    shift = 0
    try:
        match = _FOR.fullmatch(step.over.strip())
        if match is None:
            raise _without_in(step)
        target = parse(match[1])
        _check_target(target, site.scope)
        shift = match.start(2)
        iterable = parse(match[2])
        items = _items(frame, iterable, site.scope, match[2].strip())
        _check_items(step, items, match)
    except ExpressionError as error:
        if error.offset is not None:
            error.offset += shift
        frame.report.expression(error, site.at(str(step.loop)), step.over, site.scope)
        raise
    return Iteration(target, frame.for_constructor(_with_lengths(frame, iterable), site.scope), items)


def _with_lengths(frame: Frame, node: Node) -> Node:
    """The same with the lengths of values as numbers: a constructor has no values."""
    names = frame.names
    is_length = isinstance(node, FunctionCall) and node.function == "len"
    if is_length and names is not None and any(frame.value(name) is not None for name in names_in(node)):
        return lift(names.rows(node, node.text))
    return node.map(partial(_with_lengths, frame))


def _without_in(step: StepEntry) -> ExpressionError:
    error = ExpressionError("AS301", f"`{step.loop}` reads `name in list`", f"write `{step.loop}: i in range(3)`")
    if missing := _WITHOUT_IN.match(str(step.over)):
        error.rewrite = (missing.end(), missing.end(), " in")
    return error


def _check_items(step: StepEntry, items: Any, match: re.Match[str]) -> None:
    """Refuses what is no list, and a list of which no one loop says how long it is."""
    if isinstance(items, Chain):
        message = f"`{step.loop}` runs over {flow_text(items)}, and the lengths of its parts depend on parameters"
        raise ExpressionError("AS508", message, "write one loop for each of its lists")
    if isinstance(items, tuple | Symbolic | Series):
        return
    advice = f"write `range({match[2].strip()})`" if isinstance(items, int) else ""
    error = ExpressionError("AS304", f"`{step.loop}` runs over a list, not over {literal_text(items)}", advice)
    error.offset, error.length = 0, len(match[2])
    if isinstance(items, int):
        error.rewrite = (*match.span(2), f"range({match[2]})")
    raise error


def _items(frame: Frame, iterable: Node, scope: Scope, text: str) -> Any:
    """The items of a list, which may hold values that flow; the rows of a tensor."""
    names = frame.names
    if names is None or not any(frame.value(name) is not None for name in names_in(iterable)):
        return evaluate(iterable, scope)
    try:
        return names.rows(iterable, text)
    except UndecidedError:
        if any(isinstance(part, FunctionCall) and part.function in GIVING for part in iterable.walk()):
            message = f"a loop runs over `{text}`, whose length depends on parameters"
            advice = "loop over numbers, and index the tensor: `i in range(n)` with `from: x[:, i]`"
        else:
            message = f"a loop runs over `{text}`, and the lengths of its parts depend on parameters"
            advice = "write one loop for each of its lists"
        raise ExpressionError("AS508", message, advice) from None


def _times(frame: Frame, step: StepEntry, site: Site) -> Node:
    """How often `repeat` says."""
    at = site.at(str(step.loop))
    node, times = frame.report.evaluate(step.repeat, at, site.scope)
    most = frame.lowering.most_layers
    error = None
    if not unknown(times) and (isinstance(times, bool) or not isinstance(times, int) or times < 0):
        advice = "write an integer: `repeat: 3`"
        error = ExpressionError("AS304", f"`repeat` must be an integer, not {literal_text(times)}", advice)
    elif isinstance(times, int) and times > most:
        advice = "use fewer repetitions, or raise the limit when you call archspec"
        error = ExpressionError("AS102", f"{times} repetitions; at most {most} layers are allowed", advice)
    if error:
        frame.report.expression(error, at, step.repeat, site.scope)
        raise error
    return node


def _check_target(target: Node, scope: Scope) -> None:
    """Refuses what a loop cannot bind: no name, one that generated code cannot have, one that is declared."""
    for part in target.walk():
        if not isinstance(part, Name | Items):
            raise ExpressionError("AS301", "`for` binds names", "write `for: i in range(3)`")
        if isinstance(part, Name):
            if problem := number_problem(part.name):
                raise ExpressionError("AS204", f"{echo(part.name)} {problem}", "", part.offset, len(part.name))
            if part.name in scope:
                message, advice = f"`{part.name}` is already declared", "choose another name for the loop"
                raise ExpressionError("AS205", message, advice, part.offset, len(part.name))
