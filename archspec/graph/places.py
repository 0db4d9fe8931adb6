"""Where modules stand in lists of their class: `downs.{i}` is an item of the nn.ModuleList `downs`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from archspec.graph.items import Call, Group, Item, Loop, called, module_of
from archspec.layers import Layer

if TYPE_CHECKING:
    from archspec.graph.classes import Class, Step

Standing: TypeAlias = tuple[tuple[str, ...], Item]
"""A module, and the parts of its place."""


def is_spread(item: Item | None) -> bool:
    """Whether the modules of a loop's rounds stand in lists of the class, and the loop stays one."""
    return isinstance(item, Group) and item.spread


def place_of(text: str) -> tuple[str, ...]:
    """The parts of a module's place in lists of the class: `downs` and `{i}` of `downs.{i}`."""
    return tuple(re.split(r"\.(?![^{}]*\})", text))


def is_number(part: str) -> bool:
    """Whether a part of a place is the number of an item in an nn.ModuleList: else it is a key of an nn.ModuleDict."""
    return part.isdecimal() or re.fullmatch(r"\{[^{}]*\}", part) is not None


def standing(steps: Iterable[Step]) -> Iterator[Standing]:
    """Where the modules of steps stand in their class: each with the parts of its place."""
    for step in steps:
        item = module_of(step.item) if step.item is not None else None
        if isinstance(item, Group) and item.spread:
            yield from _spread(item, step.attribute)
        elif item is not None:
            yield place_of(step.attribute), item


def _spread(group: Group, own: str) -> Iterator[Standing]:
    """The modules of a loop's rounds, each within the loop; `own` is the list of those that have no other one."""
    for loop in group.items:
        assert isinstance(loop, Loop)
        for place, item in standing(body_of(group).registered()):
            alone = len(place) == 1
            inside = Group(None, (item,), (), None, group.span, listed=True) if alone else called(item, None)
            yield (own, "{_}") if alone else place, replace(loop, items=(inside,))


def body_of(group: Group) -> Class:
    """The steps of each round of a loop whose modules stand in lists of the class."""
    (loop,) = group.items
    assert isinstance(loop, Loop)
    (call,) = loop.items
    assert isinstance(call, Call)
    assert not isinstance(call.layer, Layer)
    return call.layer


def in_lists(entries: tuple[Standing, ...]) -> Iterator[Item]:
    """Modules by their places: a list for all that stand in it, where the first of them stands."""
    inside: dict[str, list[Standing]] = {}
    for (first, *rest), item in entries:
        inside.setdefault(first, []).append((tuple(rest), item))
    for name, below in inside.items():
        place, item = below[0]
        if not place:
            yield called(item, name)
            continue
        loops = tuple(one for rest, one in below if isinstance(one, Loop) and len(rest) == 1)
        others = tuple((rest, one) for rest, one in below if rest and (not isinstance(one, Loop) or rest[1:]))
        yield Group(name, (*loops, *in_lists(others)), (), None, item.span, listed=True)
