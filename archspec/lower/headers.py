"""How the forward method loops over rounds: what it binds, and over which lists it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archspec.expressions import Call, Items, Name, Node
from archspec.graph import Branch, Group, Rounds, Step, names_in


@dataclass(frozen=True, slots=True)
class Header:
    """`for count, (layer, a, b) in enumerate(zip(self.layers, first, second), start)`, as far as it is needed.

    `pairs` are what is bound, each with what it is bound to. `over` stands for them where nothing is bound, and there
    are no modules to run over.
    """

    count: str | None
    start: Node | None
    pairs: tuple[tuple[Node, Node], ...]
    over: Node | None

    @property
    def lists(self) -> tuple[Node, ...]:
        """What it runs over, beside modules."""
        found = tuple(iterable for _, iterable in self.pairs)
        found = (*found, self.start) if self.start is not None else found
        return (*found, self.over) if self.over is not None else found


def rounds_of(step: Step) -> Rounds | None:
    """The loop that a step is, if its rounds do more than hand values on."""
    item = step.item if step.item is not None else step.again
    item = item.items[0] if isinstance(item, Branch) and item.items else item
    return item.rounds if isinstance(item, Group) else None


def runs_one(step: Step) -> bool:
    """Whether a step runs one module in every round."""
    item = step.item if step.item is not None else step.again
    item = item.items[0] if isinstance(item, Branch) and item.items else item
    return isinstance(item, Group) and item.module is not None


def header_of(step: Step) -> Header | None:
    """How the rounds of a step are run over; None where it has none of its own."""
    rounds = rounds_of(step)
    if rounds is None:
        return None
    read = {name for _, node in step.arguments for name in names_in(node)} & names_in(rounds.target)
    alone = runs_one(step)
    target, over, count, start = rounds.target, rounds.over, None, None
    if isinstance(over, Call) and over.function == "enumerate" and isinstance(target, Items) and len(target.items) == 2:
        first, target = target.items
        count = first.name if isinstance(first, Name) and first.name in read else None
        start = over.arguments[1] if len(over.arguments) > 1 and count is not None else None
        over = over.arguments[0]
    counts = isinstance(over, Call) and over.function == "range" and len(over.arguments) == 1
    if counts and not alone and isinstance(target, Name) and count is None:
        count = target.name if target.name in read else None
        return Header(count, None, (), None)
    pairs = tuple(_pairs(target, over, read))
    return Header(count, start, pairs, over if alone and not pairs else None)


def _pairs(target: Node, over: Node, read: set[str]) -> Iterator[tuple[Node, Node]]:
    """What is bound of what, as far as it is read."""
    zipped = isinstance(over, Call) and over.function == "zip" and isinstance(target, Items)
    if zipped and isinstance(over, Call) and isinstance(target, Items):
        for part, one in zip(target.items, over.arguments, strict=False):
            yield from _pairs(part, one, read)
    elif names_in(target) & read:
        yield _as_read(target, read), over


def _as_read(target: Node, read: set[str]) -> Node:
    """A target where `_` stands for what nothing reads."""
    if isinstance(target, Items):
        return Items(tuple(_as_read(part, read) for part in target.items))
    return target if isinstance(target, Name) and target.name in read else Name("_")
