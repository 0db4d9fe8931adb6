"""What a step's `from:` says: the values that its module is called with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from archspec.document import Step
from archspec.expressions import ExpressionError, Literal, Name, Node, compile_value
from archspec.graph import Branch, Call, Class, Flow, Group, Item, names_in
from archspec.lower.frames import UnknownTypeError
from archspec.lower.given import Given
from archspec.lower.loops import captured
from archspec.lower.value_expressions import ExpressionReader
from archspec.problems import Related
from archspec.source import Path
from archspec.tensors import LEFT_OUT, Maybe, flow_text

Arguments: TypeAlias = tuple[tuple[str | None, Node], ...]
"""What a module is called with, as expressions: by place, or by name."""


def read_from(expressions: ExpressionReader, step: Step, path: Path, name: str) -> tuple[Arguments, Given]:
    """What the module of the step of that name is called with, where `from:` says it."""
    frame, report = expressions.frame, expressions.report
    at: Path = (*path, "from")
    entries = _entries(step.from_, at)
    if not entries:
        report.add("AS203", f"`from` names nothing that `{name}` could take", at, "write `from: x`")
        raise UnknownTypeError(name)
    for _, where, value in entries:
        if isinstance(value, int) and not isinstance(value, bool) and not isinstance(step.from_, dict):
            message = f"`from: {value}` is no value of the flow: names, never indices"
            report.add("AS206", message, where, "give the step that is meant a name, and write that name")
            raise UnknownTypeError(name)
    read = [
        (key, *(_anew(expressions, value, where, step.bound) or expressions.read(value, where, optional=True)))
        for key, where, value in entries
    ]
    for (key, where, _), (_, node, flow) in zip(entries, read, strict=True):
        nothing = isinstance(node, Literal) and node.value is None
        if nothing or (flow == LEFT_OUT and key is None):
            report.add("AS206", f"None is no value that `{name}` could take", where, "leave it out")
            raise UnknownTypeError(name)
    arguments = tuple((key, node) for key, node, _ in read)
    read = [one for one in read if one[2] != LEFT_OUT] or read[:1]
    first = read[0][1]
    source = frame.value(first.name) if isinstance(first, Name) else None
    here = frame.span(entries[0][1])
    label, place = (source.label, source.span) if source is not None else (f"`{first.text}`", here)
    made = source.made if source is not None else None
    others = tuple(
        Related(f"{other.label} is {_told(flow)}", other.span)
        for _, node, flow in read[1:]
        if isinstance(node, Name)
        and not callable(flow)
        and (other := frame.value(node.name)) is not None
        and other is not source
    )
    flows = tuple(flow.given if isinstance(flow, Maybe) else flow for _, _, flow in read)
    spans = {key: frame.span(where) for key, where, _ in entries}
    places = [frame.span(where) for _, where, _ in entries]
    optional = {
        index: (node, spans[key] if key else places[index])
        for index, (key, node, flow) in enumerate(read)
        if isinstance(flow, Maybe)
    }
    anew = {index: flow for index, (_, _, flow) in enumerate(read) if callable(flow)}
    flows = tuple(None if callable(flow) else flow for flow in flows)
    keys = tuple(key for key, _, _ in read)
    around = first.name if source is not None and isinstance(first, Name) else None
    given = Given(flows, keys, label, place, made, tuple(dict.fromkeys(others)), optional, around, anew)
    return arguments, given


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


def _told(flow: Any) -> str:
    """A type for a message, also of what may be left out."""
    return str(flow) if isinstance(flow, Maybe) else flow_text(flow)


def captured_arguments(item: Item) -> Arguments:
    """What a group reads of the values around it, beside its own input."""
    return tuple((None, Name(value.name)) for value in captured((item,)))


def arguments_taken(arguments: Arguments, item: Item) -> Arguments:
    """Those arguments that a module takes: an nn.Identity in place of a step takes the first.

    An nn.Sequential has no name of the spec's for its input.
    """
    inner = item.items[0] if isinstance(item, Branch) and item.items else item
    by_place = isinstance(inner, Group) and not inner.listed
    if isinstance(inner, Call):
        by_place = inner.keys == (None,)
        if isinstance(inner.layer, Class):
            by_place = inner.layer.sequential or not any(one.name == arguments[0][0] for one in inner.layer.inputs)
    kept = arguments[: len(item.inputs)]
    return tuple((None, node) for _, node in kept) if by_place else kept
