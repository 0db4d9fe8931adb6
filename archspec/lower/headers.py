"""How the forward method loops over rounds: what it binds, and over which lists it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archspec.expressions import FunctionCall, Items, Literal, Name, Node, evaluate
from archspec.graph import Branch, Class, Group, Item, Loop, Rounds, Step, body_of, names_in, pieces, standing


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
    read = {name for _, node in step.arguments for name in names_in(node)}
    if isinstance(step.item, Group) and step.item.spread:
        read |= _read_in(body_of(step.item), zipped=step.item.zipped)
    read &= names_in(rounds.target)
    alone = runs_one(step)
    target, over, count, start = rounds.target, rounds.over, None, None
    if (
        isinstance(over, FunctionCall)
        and over.function == "enumerate"
        and isinstance(target, Items)
        and len(target.items) == 2
    ):
        first, target = target.items
        count = first.name if isinstance(first, Name) and first.name in read else None
        start = over.arguments[1] if len(over.arguments) > 1 and count is not None else None
        over = over.arguments[0]
    counts = isinstance(over, FunctionCall) and over.function == "range" and len(over.arguments) == 1
    if counts and not alone and isinstance(target, Name) and count is None:
        count = target.name if target.name in read else None
        counted = isinstance(step.item, Group) and step.item.spread and not step.item.zipped
        return Header(count, None, (), over if counted else None)
    pairs = tuple(_pairs(target, over, read))
    if isinstance(step.item, Group) and step.item.spread and not step.item.zipped and not pairs:
        return Header(count, start, (), rounds.over)
    return Header(count, start, pairs, over if alone and not pairs else None)


def _pairs(target: Node, over: Node, read: set[str]) -> Iterator[tuple[Node, Node]]:
    """What is bound of what, as far as it is read."""
    zipped = isinstance(over, FunctionCall) and over.function == "zip" and isinstance(target, Items)
    if zipped and isinstance(over, FunctionCall) and isinstance(target, Items):
        for part, one in zip(target.items, over.arguments, strict=False):
            yield from _pairs(part, one, read)
    elif names_in(target) & read:
        yield _as_read(target, read), over


def _as_read(target: Node, read: set[str]) -> Node:
    """A target where `_` stands for what nothing reads."""
    if isinstance(target, Items):
        return Items(tuple(_as_read(part, read) for part in target.items))
    return target if isinstance(target, Name) and target.name in read else Name("_")


def read_in_rounds(step: Step) -> set[str]:
    """The names that rounds read whose modules stand in lists of the class, beside what the loop binds."""
    if not isinstance(step.item, Group) or not step.item.spread or step.item.rounds is None:
        return set()
    return _read_in(body_of(step.item), zipped=step.item.zipped) - names_in(step.item.rounds.target)


def _read_in(cls: Class, *, zipped: bool) -> set[str]:
    """The names that the forward method reads of a round whose modules stand in lists of the class."""
    read: set[str] = set()
    for step in cls.steps:
        read |= {name for _, node in step.arguments for name in names_in(node)}
        if step.kind == "call" and not zipped:
            parts = [part for part in pieces(step.attribute) if isinstance(part, Node)]
            read |= {name for part in parts for name in names_in(part)}
        header = header_of(step)
        read |= {name for node in (header.lists if header is not None else ()) for name in names_in(node)}
        if isinstance(step.item, Group) and step.item.spread:
            read |= _read_in(body_of(step.item), zipped=step.item.zipped)
        if isinstance(step.item, Branch):
            read |= names_in(step.item.condition)
    return read | {name for node in (cls.outputs.values if cls.outputs is not None else ()) for name in names_in(node)}


def zipped(group: Group, own: str, others: Mapping[str, Sequence[str] | None]) -> Group:
    """The loop, and whether its rounds take the items of its lists in turn.

    `others` are the keys of the single modules that stand in each list besides, None where more than such do.
    """
    (loop,) = group.items
    rounds = group.rounds
    if not isinstance(loop, Loop) or rounds is None:
        return group
    count, first = _counter(rounds.target, rounds.over)
    between = []
    for place, _ in _places(group, own):
        keys = others.get(".".join(place[:-1]), ())
        number = 0 if place[-1] == "{_}" else _first_number(place[-1], count, first)
        if keys is None or len(place) != 2 or number is None:
            return group
        before = sum(key.isdecimal() and int(key) < number for key in keys)
        if before != number:
            return group
        if keys:
            between.append((place[0], before, len(keys) - before))
    nested = any(isinstance(step.item, Group) and step.item.spread for step in body_of(group).steps)
    return group if nested else replace(group, zipped=True, between=tuple(between))


def _first_number(key: str, count: str | None, first: int) -> int | None:
    """The number of a loop's first item in a list, if each further one has the next number."""
    nodes = [part for part in pieces(key) if isinstance(part, Node)]
    if len(nodes) != 1 or count is None or names_in(nodes[0]) != {count}:
        return None
    number, following = (evaluate(nodes[0], {count: place}) for place in (first, first + 1))
    return number if isinstance(number, int) and following == number + 1 else None


def _counter(target: Node, over: Node) -> tuple[str | None, int]:
    """The name that counts the rounds of a loop, and from which number on."""
    called = over if isinstance(over, FunctionCall) else None
    if called is not None and called.function == "range" and len(called.arguments) == 1 and isinstance(target, Name):
        return target.name, 0
    if called is not None and called.function == "enumerate" and isinstance(target, Items):
        first, *_ = target.items
        start = called.arguments[1] if len(called.arguments) > 1 else Literal(0)
        if isinstance(first, Name) and isinstance(start, Literal) and isinstance(start.value, int):
            return first.name, start.value
    return None, 0


def _places(group: Group, own: str) -> Iterator[tuple[tuple[str, ...], Item]]:
    return standing((Step(own, "call", Name(own), (), group, own, (), None, group.span),))
