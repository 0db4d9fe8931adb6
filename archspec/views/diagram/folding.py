"""Which modules that follow one another are repetitions of the same: equal, and from the same lines of the spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archspec.graph import Branch, Call, Class, Item, Loop

_LONGEST = 32  # steps that are looked at as one repetition


@dataclass(frozen=True, slots=True)
class RepeatedBoxes:
    """Items that stand `times` times, one lot after the other; these are the first lot."""

    items: tuple[Item, ...]
    times: int


def runs(items: Sequence[Item]) -> list[RepeatedBoxes]:
    """The items with equal repetitions put together: as many of them as can be, the shortest lot first."""
    marks = [_mark(item) for item in items]
    found, place = [], 0
    while place < len(items):
        period, times = _repetition(marks, place)
        found.append(RepeatedBoxes(tuple(items[place : place + period]), times))
        place += period * times
    return found


def _repetition(marks: list[Any], start: int) -> tuple[int, int]:
    """How long the lot is that is repeated from there on, and how often."""
    best = (1, 1)
    for period in range(1, min(_LONGEST, (len(marks) - start) // 2) + 1):
        times = 1
        while marks[start + times * period : start + (times + 1) * period] == marks[start : start + period]:
            times += 1
        if times > 1 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _mark(item: Item) -> Any:
    """What two repetitions of one step have in common: everything but its name. A block is read once for equal uses."""
    if isinstance(item, Call):
        arguments = tuple((argument.name, repr(argument.value)) for argument in item.arguments)
        module = id(item.layer) if isinstance(item.layer, Class) else item.type_name
        return "call", item.span, module, arguments, item.inputs, item.output, item.ties
    if isinstance(item, Loop | Branch):
        return "once", id(item)  # as it stands, for a parameter without a value
    inside = tuple((getattr(child, "name", None), _mark(child)) for child in item.items)
    return "group", item.span, item.inputs, item.output, inside
