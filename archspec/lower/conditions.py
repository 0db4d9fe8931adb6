"""Steps with a condition: kept, left out, or a branch where the condition depends on parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from archspec.document import StepEntry
from archspec.expressions import (
    ExpressionError,
    Name,
    Node,
    Scope,
    as_size,
    assume,
    choose,
    literal_text,
    type_of,
    unknown,
)
from archspec.graph import Branch, Call, Flow, Group, Item, free_symbols
from archspec.layers import LAYERS
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.sites import Container, Site
from archspec.problems import echo
from archspec.tensors import TensorType, with_parts

Maker: TypeAlias = Callable[[StepEntry, Site, Given], Iterable[Item]]
"""Makes the modules of a step, whatever its condition says."""


def conditional(frame: Frame, step: StepEntry, site: Site, given: Given, make: Maker) -> Iterator[Item]:
    """The modules that `make` gives for a step, as far as its condition keeps it."""
    if step.when is None:
        yield from make(step, site, given)
        return
    condition = read_condition(frame, step.when, site)
    if condition is None:
        yield frame.unreadable(site.path, given)
    elif unknown(condition[1]):
        refuse_list_on_condition(frame, step, site, condition[0])
        yield branch(frame, site, given, condition, lambda there, inside: make(step, there, inside))
    elif condition[1]:
        yield from make(step, site, given)
    elif site.name is not None:
        yield pass_through(frame, step, site, given)


def reads_round(step: StepEntry) -> bool:
    """Whether a step's condition reads what its loop binds."""
    return isinstance(step.when, str) and bool(step.bound & set(re.findall(r"\w+", step.when)))


def read_condition(frame: Frame, when: str | bool, site: Site) -> tuple[Node, Any] | None:
    """A condition and its truth, as far as it is known; None, and reported, where it has none."""
    at = site.at("when")
    try:
        advice = "`when` decides which modules are created; to choose a value write `a if mask is None else b`"
        node, truth = frame.report.evaluate(when, at, site.scope, flowing=frame.values, instead=advice)
    except ExpressionError:
        return None
    if (free := free_dimension(node, truth, site.scope)) is not None:
        message = f"{echo(when)} depends on the free dimension `{free}`"
        frame.report.add("AS506", message, at, "a condition can use only parameters")
        return None
    if type_of(truth) not in ("bool", "any"):
        shown = str(truth) if unknown(truth) else literal_text(truth)
        message = f"{echo(when)} is {shown}: a condition must be true or false"
        frame.report.add("AS304", message, at, "compare it: `when: depth > 0`")
        return None
    return frame.for_constructor(node, site.scope), truth


def free_dimension(node: Node, value: Any, scope: Scope) -> str | None:
    """The free dimension, which only the forward method knows, that the value of an expression depends on, if any."""
    if not unknown(value):
        return None
    names = {part.name for part in node.walk() if isinstance(part, Name)}
    return min((symbol.text for name in names for symbol in free_symbols(scope.get(name))), default=None)


def pass_through(frame: Frame, step: StepEntry, site: Site, given: Given) -> Call | Group:
    """In place of a named step that is not kept: what hands on its first input."""
    span = frame.span(site.at("when"))
    if step.loop is not None and len(given.types) > 1:
        return Group(site.name, (), given.types, given.first(), span, listed=True)
    return Call(site.name, LAYERS["Identity"]({}), (), given.types[:1], given.first(), span, keys=(None,))


def refuse_list_on_condition(frame: Frame, step: StepEntry, site: Site, condition: Node) -> None:
    """Reports rounds that return a list, or two values, on a condition alone."""
    if step.each is not None or step.collect:
        what = "a list" if step.each is not None else "two values"
        message = f"{echo(site.name)} is {what} where {echo(condition.text)} is true, and otherwise the input"
        advice = "a forward method cannot return both: put the condition on the layers inside, or remove it"
        frame.report.add("AS508", message, site.at("when"), advice)


def branch(
    frame: Frame,
    site: Site,
    given: Given,
    condition: tuple[Node, Any],
    make: Callable[[Site, Given], Iterable[Item]],
) -> Branch:
    """Steps whose condition is a symbol: both ways are followed, and what flows on is the choice between them."""
    node, truth = condition
    inside = given.with_types(tuple(assume_flow(flow, truth, True) for flow in given.types))
    # A named module is an attribute on that condition only, so it takes no name from the others.
    there = site if site.name is None else site.within(Container(site.container.prefix), site.name)
    with there.container.within(None):
        items = tuple(make(there, inside))
    if site.name is None:
        site.container.next = None
    frame.locals.guard(items, truth)
    after = items[-1].output if items else given.first()
    output = merge(truth, after, given.first())
    return Branch(site.name, node, items, given.types, output, frame.span(site.at("when")))


def assume_flow(flow: Flow | None, condition: Any, truth: bool) -> Flow | None:
    """A type where a condition is known to hold."""
    if not isinstance(flow, TensorType):
        return flow
    return TensorType(tuple(assume(size, condition, truth) for size in flow.shape), flow.dtype)


def merge(condition: Any, then: Flow | None, otherwise: Flow | None) -> Flow | None:
    """What flows on where it depends on a condition which of two types it is; None where no type says it."""
    if not isinstance(then, TensorType) or not isinstance(otherwise, TensorType):
        if not isinstance(then, tuple) or not isinstance(otherwise, tuple) or len(then) != len(otherwise):
            return then if then == otherwise and type(then) is type(otherwise) else None
        parts = [merge(condition, one, other) for one, other in zip(then, otherwise, strict=True)]
        several = then if type(then) is type(otherwise) else ()  # a list and a tuple are several values, no more
        return with_parts(several, parts) if None not in parts else None
    if then.rank != otherwise.rank or then.dtype != otherwise.dtype:
        return None
    return TensorType(
        tuple(as_size(choose(condition, a, b)) for a, b in zip(then.shape, otherwise.shape, strict=True)), then.dtype
    )
