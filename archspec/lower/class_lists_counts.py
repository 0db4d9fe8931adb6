"""Whether the items of a class's lists count up whatever the parameters are, where loops stay loops.

A constructor appends, so the number of an item in generated code is how many were appended before it. What a spec
writes in braces has to come to that number in every round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from archspec import dimensions
from archspec.dimensions import Size
from archspec.expressions import ExpressionError, FunctionCall, Items, Node, as_size, evaluate
from archspec.graph import Group, Loop, Rounds, Step, body_of, is_number, pieces, place_of
from archspec.lower.binding import destructure, split, structured
from archspec.lower.frames import Frame
from archspec.lower.lists import entry, length_of
from archspec.problems import Span

Parts = tuple[str, ...]
Counts = dict[Parts, Size]
_ROUND = "_place"


def check_counts(frame: Frame, steps: Iterable[Step]) -> None:
    """Reports the first item of each list that is not the next one for all parameters."""
    _Checker(frame).steps(steps, {}, frame.scope)


def counts_up(frame: Frame, group: Group, key: str) -> bool:
    """Whether the key of a loop's only module is the number of its round, counted from 0."""
    rounds, _ = _rounds(group, frame.scope, _ROUND)
    return all(_number(key, scope) == place for scope, place in rounds)


class _Checker:
    """Compares the numbers of items with how many stand before them."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.refused: set[Parts] = set()
        self.depth = 0

    def steps(self, steps: Iterable[Step], following: Counts, scope: Mapping[str, Any]) -> None:
        """Checks the modules of steps; `following` is the number that the next item of each list has."""
        for step in steps:
            if isinstance(step.item, Group) and step.item.spread:
                self.loop(step.item, following, scope)
            elif step.item is not None and "." in step.attribute:
                self.module(place_of(step.attribute), step.span, following, scope)

    def loop(self, group: Group, following: Counts, scope: Mapping[str, Any]) -> None:
        """Checks what any round of a loop puts into lists."""
        self.depth += 1
        rounds, length = _rounds(group, scope, f"{_ROUND}{self.depth}")
        each = _put(body_of(group).steps, rounds[0][0]) if rounds else {}
        for bound, place in rounds:
            first = {name: following.get(name, 0) + place * count for name, count in each.items()}
            self.steps(body_of(group).steps, first, bound)
        for name, count in each.items():
            following[name] = following.get(name, 0) + length * count

    def module(self, parts: Parts, span: Span, following: Counts, scope: Mapping[str, Any]) -> None:
        """Checks one module."""
        *around, key = parts
        holder, name = tuple(around), ".".join(parts)
        if "{" in key and not is_number(key):
            message = f"`{name}` gives each round a key of an nn.ModuleDict of its own"
            self.refuse(holder, message, span, "number the items, as in `blocks.{i}`: then it is an nn.ModuleList")
        elif "{" in "".join(around):
            message = f"`{name}` is in a list within a list that a loop fills"
            self.refuse(holder, message, span, "use one list: `blocks.{i * n + j}`")
        elif is_number(key):
            count = following.get(holder, 0)
            following[holder] = count + 1
            if _number(key, scope) != count:
                message = f"with some parameters, `{name}` is not the next item of `{'.'.join(around)}`"
                self.refuse(holder, message, span, "number the items from 0, in the order of the steps")

    def refuse(self, holder: Parts, message: str, span: Span, advice: str) -> None:
        if holder not in self.refused:
            self.refused.add(holder)
            self.frame.report.add_at("AS508", message, self.frame.lowering.named_at.get(span, span), advice)


def _put(steps: Iterable[Step], scope: Mapping[str, Any], depth: int = 0) -> Counts:
    """How many items steps put into each list."""
    found: Counts = {}
    for step in steps:
        if isinstance(step.item, Group) and step.item.spread:
            rounds, length = _rounds(step.item, scope, f"{_ROUND}_{depth}")
            each = _put(body_of(step.item).steps, rounds[0][0], depth + 1) if rounds else {}
            for name, count in each.items():
                found[name] = found.get(name, 0) + length * count
        elif step.item is not None and "." in step.attribute:
            name = place_of(step.attribute)[:-1]
            found[name] = found.get(name, 0) + 1
    return found


def _rounds(group: Group, scope: Mapping[str, Any], name: str) -> tuple[list[tuple[dict[str, Any], Size]], Size]:
    """The scope and the number of each round of a loop, or of any round, where parameters decide; and how many run."""
    (loop,) = group.items
    assert isinstance(loop, Loop)
    rounds = group.rounds or Rounds(loop.target, loop.iterable)
    length: Size = dimensions.symbol(f"{name}s", minimum=None)
    for over in (rounds.over, loop.iterable):
        with suppress(ExpressionError):
            length = length_of(evaluate(over, scope))
            break
    places = range(length) if isinstance(length, int) else [dimensions.symbol(name, minimum=None)]
    return [({**scope, **_bound(rounds.target, rounds.over, scope, place)}, place) for place in places], length


def _bound(target: Node, over: Node, scope: Mapping[str, Any], place: Size) -> dict[str, Any]:
    """The numbers that the target of a loop binds in a round."""
    if isinstance(over, FunctionCall) and isinstance(target, Items):
        if over.function == "zip":
            pairs = zip(target.items, over.arguments, strict=False)
            return {name: value for part, one in pairs for name, value in _bound(part, one, scope, place).items()}
        if over.function == "enumerate" and len(target.items) == 2:
            counter, item = target.items
            start = evaluate(over.arguments[1], scope) if len(over.arguments) > 1 else 0
            return {counter.text: place + start, **_bound(item, over.arguments[0], scope, place)}
    try:
        items = evaluate(over, scope)
    except ExpressionError:  # what flows
        return {}
    return split(destructure(target, structured(target, entry(items, place))))[0]


def _number(key: str, scope: Mapping[str, Any]) -> Size | None:
    """The number that a key comes to; None where it is not known."""
    if key.isdecimal():
        return int(key)
    with suppress(ExpressionError):
        return as_size(next(evaluate(one, scope) for one in pieces(key) if isinstance(one, Node)))
    return None
