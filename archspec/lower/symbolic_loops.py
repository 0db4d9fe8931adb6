"""What a loop that stays one binds, in symbols, and how a constructor loops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import FunctionCall, Index, Items, Name, Node, Slice, Symbolic, lift, type_of, typed
from archspec.graph import Flow, Item, names_in, size_names, walk
from archspec.lower.binding import destructure, split, structured
from archspec.lower.frames import Frame
from archspec.lower.iterations import Iteration
from archspec.lower.lists import each_part, entry, is_flow, length_of, listed_entry, replace_atoms, substitute
from archspec.lower.names import item_reads
from archspec.tensors import ListType, Series


class SymbolicLoop:
    """What a loop that stays one binds, and how a constructor loops: over numbers alone.

    The number of the round is a symbol, in which the sizes of the items of lists are written. Where the spec binds a
    number or an item by a name, that name stands for it; where a size needs one that the spec does not bind, the
    constructor's loop binds it.
    """

    def __init__(self, frame: Frame, iteration: Iteration) -> None:
        self.frame = frame
        self.target, self.iterable, self.items = target, _, items = iteration
        frame.lowering.rounds += 1
        self.index = f"_round{frame.lowering.rounds}"
        place = dimensions.symbol(self.index, minimum=None)
        self.own = destructure(target, structured(target, entry(items, place)))
        values, flows = split(self.own)
        values |= {one: place + first for one, first in self.counting(items)}
        self.length = length_of(items)
        self.numbers = {one: typed(Name(one), type_of(value)) for one, value in values.items()}
        self.counted: tuple[str, Size] | None = None  # the name that counts the rounds, and what it counts from
        for one, value in values.items():
            if isinstance(value, Dimension) and self.counted is None:
                first = value - place
                if self.index not in size_names(first):
                    self.counted = one, first
        self.values = values
        self.by: dict[str, Size] = {}
        self.flows = flows
        self.hidden: dict[str, Any] = {}
        """The names that a constructor's loop binds beside those of the spec, with their lists."""
        self.counter: str | None = None
        """The name by which a constructor's loop counts, where the spec has none."""
        self.found: tuple[list[tuple[Node, Node]], str | None, bool] = ([], None, False)
        """What the constructor's loop is made of."""
        self.bind()

    def counting(self, items: Any) -> Iterator[tuple[str, int]]:
        """The names that count the rounds of a list whose items are known, each with what it counts from."""
        if not isinstance(items, tuple) or len(items) < 2:
            return
        rounds = [split(destructure(self.target, item))[0] for item in items]
        for one, first in rounds[0].items():
            if all(type(each.get(one)) is int and each[one] - k == first for k, each in enumerate(rounds)):
                yield one, int(first)

    def bind(self) -> None:
        """Writes what flows by the names that the loop binds."""
        for one, value in self.values.items():
            if isinstance(value, Dimension) and (self.counted is None or one != self.counted[0]):
                atoms = dimensions.atoms(self.at(value))
                if len(atoms) == 1 and self.at(value) == dimensions.of(atoms[0]):
                    self.by[atoms[0].text] = dimensions.symbol(one, minimum=None)
        self.flows = {one: each_part(flow, self.by_bound_names) for one, flow in self.flows.items()}

    def at(self, size: Any) -> Any:
        """A size with the number of the round by its name, if it has one."""
        if self.counted is None:
            return size
        name, first = self.counted
        return substitute(size, {self.index: dimensions.symbol(name, minimum=None) - first})

    def by_bound_names(self, size: Any) -> Any:
        """A size by the names that the loop binds."""
        return replace_atoms(self.at(size), self.by)

    def listed(self, item: Flow | None) -> Flow | None:
        """The list of what the rounds return, of what one of them does."""
        if isinstance(self.items, tuple):
            return ListType(self.in_round(item, place) for place in range(len(self.items)))
        place = dimensions.symbol(self.index, minimum=None)
        values = {one: substitute(value, {}) for one, value in self.values.items()}
        values |= {one: entry(lst, place) for one, lst in self.hidden.items()}
        if self.counter is not None:
            values[self.counter] = place
        found: Flow | None = substitute(item, values)
        return Series(found, self.index, self.length)

    def in_round(self, item: Flow | None, place: int) -> Flow | None:
        """What one of a known number of rounds returns."""
        numbers, _ = split(destructure(self.target, self.items[place]))
        found: Flow | None = substitute(item, numbers)
        return found

    # The constructor's loop.

    def loop(self, types: tuple[Flow | None, ...]) -> tuple[Node, Node]:
        """What it binds, and over what, so that the sizes of `types` can be written."""
        columns = list(self.columns(self.target, self.iterable, self.items))
        flowing = any(is_flow(value) for value in self.own.values()) or is_flow(self.items)
        if not flowing:
            columns = [(self.target, self.iterable)]
        self.hidden, rest = {}, False
        for flow in types:
            for size in sizes_of(flow):
                for atom in dimensions.atoms(size) if isinstance(size, Dimension) else ():
                    if atom.text in self.by or self.index not in {symbol.text for symbol in atom.symbols()}:
                        continue
                    found = listed_entry(atom, self.index)
                    if found is None:
                        rest = True
                        continue
                    columns.append(self.bind_list(atom.text, *found))
        count = self.counted[0] if self.counted is not None and flowing else None
        if rest and count is None and self.counted is None:
            count = self.counter = self.frame.locals.fresh("i")
            self.counted = count, 0
        self.found = columns, count, flowing
        return self.joined(columns, count, flowing)

    def needed(self, body: tuple[Item, ...], sizes: Iterable[Any]) -> tuple[Node, Node]:
        """The constructor's loop without what nothing in it reads."""
        read = set().union(*map(item_reads, walk(body)), *map(size_names, sizes))
        columns, count, flowing = self.found
        columns = [one for one in columns if self.hidden.keys().isdisjoint(names_in(one[0])) or names_in(one[0]) & read]
        return self.joined(columns, count if count != self.counter or count in read else None, flowing)

    def bind_list(self, text: str, node: Node, backwards: bool) -> tuple[Node, Node]:
        """A name for the items of a list that a size of the loop reads."""
        stem = node.text if node.text.isidentifier() else "size"
        name, variables = singular(stem), self.frame.locals
        if name in self.frame.scope or name in variables.taken:  # what another loop binds is free once that is over
            name = variables.fresh(name)
        self.by[text] = dimensions.symbol(name, minimum=None)
        iterable: Node = FunctionCall("reversed", (node,)) if backwards else node
        self.hidden[name] = Symbolic(iterable, "list[int]")
        return Name(name), iterable

    def joined(self, columns: list[tuple[Node, Node]], count: str | None, flowing: bool) -> tuple[Node, Node]:
        """One loop over several lists."""
        if not flowing and len(columns) == 1 and count is None:
            return columns[0]
        rounds = FunctionCall("range", (lift(self.length),))
        first = self.counted[1] if self.counted is not None else 0
        start = () if first == 0 else (lift(first),)
        if not columns:
            if start:
                rounds = FunctionCall("range", (*start, lift(first + self.length)))
            return (Name(count) if count is not None else Name("_")), rounds
        columns = self.no_longer(columns) if flowing else columns
        target, iterable = columns[0]
        if len(columns) > 1:
            target = Items(tuple(one for one, _ in columns))
            iterable = FunctionCall("zip", tuple(one for _, one in columns))
        if count is None:
            return target, iterable
        return Items((Name(count), target)), FunctionCall("enumerate", (iterable, *start))

    def no_longer(self, columns: list[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
        """Lists of numbers beside lists of values that the constructor does not see: cut where those end."""
        cut: list[tuple[Node, Node]] = []
        longer = False
        for target, iterable in columns:
            counted = iterable
            while isinstance(counted, FunctionCall) and counted.function in ("reversed", "enumerate"):
                counted = counted.arguments[0]
            may_be = isinstance(counted, FunctionCall) or length_of(Symbolic(counted, "list")) != self.length
            plain = counted is iterable and not isinstance(counted, FunctionCall)
            part = Index(iterable, Slice(None, lift(self.length), None)) if may_be and plain else iterable
            longer = longer or (may_be and not plain)
            cut.append((target, part))
        return [*cut, (Name("_"), FunctionCall("range", (lift(self.length),)))] if longer else cut

    def columns(self, target: Node, iterable: Node, items: Any) -> Iterator[tuple[Node, Node]]:
        """The lists of numbers among what the loop runs over, each with what it binds."""
        called = iterable if isinstance(iterable, FunctionCall) else None
        if called is not None and called.function == "zip" and isinstance(target, Items):
            for part, one in zip(target.items, called.arguments, strict=False):
                yield from self.columns(part, one, None)
        elif called is not None and called.function == "enumerate" and isinstance(target, Items):
            yield from self.columns(target.items[-1], called.arguments[0], None)
        elif self.flows.keys().isdisjoint(names_in(target)):
            counts = self.counted is not None and names_in(target) == {self.counted[0]}
            if names_in(target) & self.numbers.keys() and not counts:
                yield target, iterable


def sizes_of(flow: Any) -> Iterator[Any]:
    """Every size in a type."""
    found: list[Any] = []

    def note(size: Any) -> Any:
        found.append(size)
        return size

    each_part(flow, note)
    yield from found


def singular(name: str) -> str:
    """What one item of a list is called: `width` of `widths`."""
    if name.endswith("ies"):
        return f"{name[:-3]}y"
    if name.endswith(("ches", "shes", "sses", "xes")):
        return name[:-2]
    return name.removesuffix("s") if name.endswith("s") and len(name) > 2 else f"{name}_item"
