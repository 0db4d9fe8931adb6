"""What a step's `from:` says: the values that its module is called with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from archspec.document import StepEntry
from archspec.expressions import ExpressionError, Literal, Name, Node, compile_value
from archspec.graph import Branch, Call, Class, Flow, Group, Item, Loop, names_in
from archspec.lower.frames import Frame, UnknownTypeError
from archspec.lower.given import Given
from archspec.lower.loops import captured
from archspec.lower.value_expressions import ExpressionReader
from archspec.problems import Related
from archspec.source import Path
from archspec.tensors import LEFT_OUT, Maybe, flow_text

Arguments: TypeAlias = tuple[tuple[str | None, Node], ...]
"""What a module is called with, as expressions: by place, or by name."""


class _Entry(NamedTuple):
    """One value of a `from:`."""

    name: str | None
    """The argument that takes it."""
    path: Path
    node: Node
    flow: Any
    """What it comes to; a function of that where it stands anew in each round."""


def read_from(expressions: ExpressionReader, step: StepEntry, path: Path, name: str) -> tuple[Arguments, Given]:
    """What the module of the step of that name is called with, where `from:` says it."""
    report = expressions.report
    at: Path = (*path, "from")
    written = _entries(step.from_, at)
    if not written:
        report.add("AS203", f"`from` does not name a value for `{name}`", at, "write `from: x`")
        raise UnknownTypeError(name)
    for _, where, value in written:
        if isinstance(value, int) and not isinstance(value, bool) and not isinstance(step.from_, dict):
            message = f"`from: {value}` is not the output of a step; use names, not indices"
            report.add("AS206", message, where, "give the step a name, and use that name")
            raise UnknownTypeError(name)
    read = []
    for key, where, value in written:
        node, flow = _anew(expressions, value, where, step.bound) or expressions.read(value, where, optional=True)
        read.append(_Entry(key, where, node, flow))
    for one in read:
        nothing = isinstance(one.node, Literal) and one.node.value is None
        if nothing or (one.flow == LEFT_OUT and one.name is None):
            report.add("AS206", f"`{name}` cannot take None", one.path, "leave it out")
            raise UnknownTypeError(name)
    there = [one for one in read if one.flow != LEFT_OUT] or read[:1]
    return tuple((one.name, one.node) for one in read), _given(expressions.frame, there, written[0][1])


def _given(frame: Frame, read: list[_Entry], path: Path) -> Given:
    """The values that a `from:` gives, which stands at `path`; nothing of those that are left out."""
    node = read[0].node
    source = frame.value(node.name) if isinstance(node, Name) else None
    others: dict[Related, None] = {}
    for one in read[1:]:
        other = frame.value(one.node.name) if isinstance(one.node, Name) and not callable(one.flow) else None
        if other is not None and other is not source:
            others[Related(f"{other.label} is {_type_text(one.flow)}", other.span)] = None
    flows = (one.flow.given if isinstance(one.flow, Maybe) else one.flow for one in read)
    return Given(
        types=tuple(None if callable(flow) else flow for flow in flows),
        names=tuple(one.name for one in read),
        label=source.label if source is not None else f"`{node.text}`",
        span=source.span if source is not None else frame.span(path),
        made=source.made if source is not None else None,
        others=tuple(others),
        optional={n: (one.node, frame.span(one.path)) for n, one in enumerate(read) if isinstance(one.flow, Maybe)},
        first_name=node.name if source is not None and isinstance(node, Name) else None,
        by_round={n: one.flow for n, one in enumerate(read) if callable(one.flow)},
    )


def _entries(value: Any, at: Path) -> list[tuple[str | None, Path, Any]]:
    """What `from:` names, each with its argument's name, if it has one, and its place."""
    if isinstance(value, dict):
        return [(key, (*at, key), one) for key, one in value.items()]
    if isinstance(value, list):
        return [(None, (*at, index), one) for index, one in enumerate(value)]
    return [(None, at, value)]


def _anew(
    expressions: ExpressionReader, text: object, path: Path, bound: frozenset[str]
) -> tuple[Node, Callable[[], Flow | None]] | None:
    """An expression that reads what a loop binds, with what it comes to in a round; None where it is none."""
    try:
        node = compile_value(text)
    except ExpressionError:
        return None
    if not names_in(node) & bound:
        return None
    return node, lambda: expressions.read(text, path)[1]


def _type_text(flow: Any) -> str:
    """A type for a message, also of what may be left out."""
    return str(flow) if isinstance(flow, Maybe) else flow_text(flow)


def captured_arguments(item: Item) -> Arguments:
    """What a group reads of the values around it, beside its own input."""
    return tuple((None, Name(value.name)) for value in captured((item,)))


def arguments_taken(arguments: Arguments, item: Item) -> Arguments:
    """Those arguments that a module takes: an nn.Identity in place of a step takes the first.

    An nn.Sequential has no name of the spec's for its input.
    """
    inner = _called(item)
    by_place = isinstance(inner, Group) and not inner.listed
    if isinstance(inner, Call):
        by_place = inner.keys == (None,)
        if isinstance(inner.layer, Class):
            by_place = inner.layer.sequential or not any(one.name == arguments[0][0] for one in inner.layer.inputs)
    kept = arguments[: len(item.inputs)]
    return tuple((None, node) for _, node in kept) if by_place else kept


def _called(item: Item) -> Item:
    """The module that takes the values: of a condition what it keeps, of rounds that are written out the first one."""
    if isinstance(item, Branch | Loop) or (isinstance(item, Group) and item.listed):
        return _called(item.items[0]) if item.items else item
    return item
