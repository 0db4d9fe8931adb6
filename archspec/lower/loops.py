"""What a loop binds, and what its rounds read, take and return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from archspec.expressions import ExpressionError, Items, Name, Node, item_type, literal_text, typed
from archspec.graph import Branch, Call, Class, Group, Input, Item, Loop, names_in, walk
from archspec.lower.context import Frame, values_of
from archspec.lower.lists import entry, is_flow
from archspec.problems import Related, echo
from archspec.source import Path
from archspec.tensors import Chain, Series, TensorType, flow_text


def captured(items: tuple[Item, ...]) -> tuple[Input, ...]:
    """What the groups among these items read from around them, each value once."""
    found: dict[str, Input] = {}
    for item in walk(items):
        if isinstance(item, Call) and isinstance(item.layer, Class):
            found |= {value.name: value for value in item.layer.inputs if value.captured and value.name not in found}
    return tuple(sorted(found.values(), key=lambda value: value.optional))  # as Python wants its arguments


def handing_on(items: tuple[Item, ...], values: tuple[Input, ...]) -> tuple[Item, ...]:
    """The items with groups that all take these values behind their own input."""
    result: list[Item] = []
    for item in items:
        if isinstance(item, Call) and isinstance(item.layer, Class):
            inputs = (*(value for value in item.layer.inputs if not value.captured), *values)
            same = inputs == item.layer.inputs
            result.append(item if same else replace(item, layer=replace(item.layer, inputs=inputs)))
        else:
            result.append(
                replace(item, items=handing_on(item.items, values)) if isinstance(item, Loop | Branch) else item
            )
    return tuple(result)


def returned(item: Item) -> int:
    """How many values an item returns."""
    if isinstance(item, Loop | Branch | Group) and item.items and item.output is None:
        return returned(item.items[-1])
    if isinstance(item, Call) and isinstance(item.layer, Class) and item.output is None:
        outputs = item.layer.outputs
        return len(outputs.values) if outputs is not None and not outputs.single else 1
    return len(values_of(item.output))


def check_decided(frame: Frame, item: Item, path: Path) -> None:
    """Refuses a round of which it depends on a condition whether it hands on one value or several."""
    while isinstance(item, Loop | Branch | Group) and item.items:
        item = item.items[-1]  # conditions on whole rounds are the loop's own matter
    branch = _undecided(item)
    if branch is not None:
        what = echo(branch.name) if branch.name is not None else "one of its steps"
        message = (
            f"a round of {echo(str(path[-1]))} gives several values only where {echo(branch.condition.text)} holds"
        )
        advice = f"put the condition on the layers within {what}, or drop it"
        frame.report.add("AS508", message, path, advice, key=True, related=(Related("the condition", branch.span),))


def _undecided(item: Item) -> Branch | None:
    """A condition on which it depends whether an item returns one value or several."""
    if item.output is not None:
        return None
    if isinstance(item, Branch):
        then = item.items[-1].output if item.items else None
        several = isinstance(then, tuple) and bool(item.inputs) and isinstance(item.inputs[0], TensorType)
        return item if several else _undecided(item.items[-1]) if item.items else None
    if isinstance(item, Loop | Group):
        return _undecided(item.items[-1]) if item.items else None
    if not isinstance(item.layer, Class):
        return None
    if item.layer.sequential:
        return _undecided(item.layer.items[-1]) if item.layer.items else None
    outputs = item.layer.outputs
    name = outputs.values[0] if outputs is not None and outputs.single and outputs.values else None
    made = (step.item for step in item.layer.steps if step.item is not None and name and step.target.text == name.text)
    return next((found for one in made if (found := _undecided(one)) is not None), None)


def first_input(item: Item) -> str | None:
    """What a module calls its first input."""
    if not isinstance(item, Call):
        return first_input(item.items[0]) if item.items and isinstance(item, Loop | Branch) else None
    inputs: tuple[Input | str, ...] = item.layer.inputs
    return next((one.name if isinstance(one, Input) else one for one in inputs), None)


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
        advice = f"write {len(item)} names" if several else "`chunk`, `split` and `unbind` give several values"
        advice = "take its items by index, `values[0]`: how many there are depends on parameters" if listed else advice
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
