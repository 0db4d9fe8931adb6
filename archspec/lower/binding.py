"""What a loop binds: the names of its target, each with its part of an item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from archspec.expressions import ExpressionError, Items, Name, Node, Symbolic, item_type, literal_text, typed
from archspec.graph import Flow, names_in
from archspec.lower.frames import Frame
from archspec.lower.lists import entry, is_flow
from archspec.problems import Related
from archspec.source import Path
from archspec.tensors import Chain, Series, TensorType, flow_text


def destructure(target: Node, item: Any) -> dict[str, Any]:
    """The names of a target with their values for one item."""
    if isinstance(target, Name):
        return {} if target.name == "_" else {target.name: item}
    assert isinstance(target, Items)
    if item is None:  # of a type that only values of the parameters tell
        return dict.fromkeys(names_in(target))
    if isinstance(item, Series):  # its length depends on parameters; Python compares it with the names in each call
        item = tuple(entry(item, place) for place in range(len(target.items)))
    if not isinstance(item, tuple) or len(item) != len(target.items):
        several, listed = isinstance(item, tuple), isinstance(item, Chain)
        count = f"this is a list: {flow_text(item)}" if listed else f"this is one: {flow_text(item)}"
        count = f"there are {len(item)}" if several else count
        advice = f"write {len(item)} names" if several else "`chunk`, `split` and `unbind` return several values"
        advice = "use an index, `values[0]`: the length depends on parameters" if listed else advice
        names = ", ".join(part.text for part in target.items)
        raise ExpressionError("AS304", f"`{names}` unpacks {len(target.items)} values, but {count}", advice)
    bound: dict[str, Any] = {}
    for part, value in zip(target.items, item, strict=True):
        bound |= destructure(part, value)
    return bound


def typed_item(target: Node, kind: str) -> Any:
    """A symbol for each name of a loop's target, typed as the entries of the list are."""
    if isinstance(target, Name):
        return typed(Name(target.name), kind)
    assert isinstance(target, Items)
    return tuple(typed_item(part, item_type(kind, index)) for index, part in enumerate(target.items))


@contextmanager
def in_round(frame: Frame, own: Mapping[str, Any], number: int, total: int, path: Path) -> Iterator[None]:
    """Problems that are found meanwhile say in which round they are, counted from 0, and what the loop binds there."""
    report = frame.report
    around = report.rounds
    if number:
        texts = {one: flow_text(value) if is_flow(value) else literal_text(value) for one, value in own.items()}
        values = [f"`{one}` is {text}" for one, text in texts.items()]
        where = f", where {' and '.join(values)}" if values else ""
        what = f"in round {number + 1} of {total}{where}"
        report.rounds = (*around, Related(what, frame.span(path, key=True)))
    try:
        yield
    finally:
        report.rounds = around


def split(own: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Flow | None]]:
    """What a loop binds: numbers, and what flows."""
    flows = {name: value for name, value in own.items() if value is None or is_flow(value)}
    return {name: value for name, value in own.items() if name not in flows}, flows


def structured(target: Node, value: Any) -> Any:
    """A value as the parts that a target takes of it, where it is a list that is not known."""
    if not isinstance(target, Items):
        return value
    if isinstance(value, Symbolic):
        value = tuple(value.item(place) for place in range(len(target.items)))
    inside = isinstance(value, tuple) and len(value) == len(target.items) and not isinstance(value, TensorType)
    return tuple(map(structured, target.items, value)) if inside else value
