"""The loops of a constructor: what they bind, and the sizes that they change from round to round."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager

from archspec import dimensions
from archspec.dimensions import show
from archspec.emit.calls import call_expression
from archspec.emit.names import FreeNames
from archspec.emit.statement import BASE, relative
from archspec.emit.text import WIDTH, Expression
from archspec.expressions import FunctionCall, Items, Name, Node
from archspec.graph import Call, Carried, Class, Group, Item, Loop, Update, argument_text, names_in, size_names, walk
from archspec.lower.class_lists import holds_dotted
from archspec.lower.names import item_reads

_MAY_FAIL = re.compile(r"\[|\b(max|min|sqrt|log)\(|[/%] *[^/ 0-9]|\*\*")
"""An index, a function or a division that some values do not have."""


class Loops:
    """The sizes that the loops of one constructor change, and the values that they name.

    `used` are the names that the constructor reads; `names` gives new variables theirs.
    """

    def __init__(self, used: Set[str], names: FreeNames) -> None:
        self.used, self.names = used, names
        self.values: dict[str, str] = {}
        """Names of values that are written once, by their texts."""

    def live(self, loop: Loop) -> list[Carried]:
        """The sizes that the loop changes and that something reads."""
        return [carried for carried in loop.carried if carried.name in self.used]

    def header(self, loop: Loop) -> tuple[str, Node]:
        """What a loop binds, `_` where nothing reads it, and over what it runs: counted only where that is read."""
        target, iterable = loop.target, loop.iterable
        names = set().union(*map(_reads, walk(loop.items)))
        names |= {name for carried in self.live(loop) for name in size_names(carried.update)}
        if isinstance(iterable, FunctionCall) and iterable.function == "enumerate" and isinstance(target, Items):
            count, *rest = target.items
            if len(rest) == 1 and names_in(count).isdisjoint(names):
                target, iterable = rest[0], iterable.arguments[0]
        if not isinstance(target, Name):
            return target.text.removeprefix("(").removesuffix(")"), iterable
        return (target.name if target.name in names else "_"), iterable

    def named_once(self, loop: Loop, live: list[Carried]) -> dict[str, tuple[str, set[str]]]:
        """Long values that a round hands to a module and that become the next value of a size, with a name for each.

        The name is that of the module's argument; with it come the names that the value reads.
        """
        changed = {carried.name for carried in loop.carried}
        values = {show(c.update): size_names(c.update) for c in live if not size_names(c.update) & changed}
        found: dict[str, tuple[str, set[str]]] = {}
        for item in _certain(loop.items):
            for argument in item.arguments:
                text = argument_text(argument)
                if text in values and text not in self.values and "(" in text and argument.name not in self.names.taken:
                    found.setdefault(text, (argument.name, values[text]))
        return found

    def made(self, item: Call, prefix: str = "") -> Expression:
        """A module's constructor, in which values that have a name go by it."""
        expression = call_expression(item, prefix)
        for argument in expression.arguments or ():
            name, equals, text = argument.head.rpartition("=")
            if not argument.arguments and text in self.values:
                argument.head, argument.pieces = f"{name}{equals}{self.values[text]}", []
        return expression

    def assignments(self, updates: list[Update], indent: str) -> list[str]:
        """Variables get their next values: one after the other, or at once where one is made of another."""
        names = {update.name for update in updates}
        if any(size_names(update.value) & names - {update.name} for update in updates):
            values = [Expression(show(update.value)) for update in updates]
            head = f"{', '.join(update.name for update in updates)} = "
            flat = f"{head}{', '.join(show(update.value) for update in updates)}"
            fits = len(BASE + indent + flat) <= WIDTH
            return [f"{indent}{flat}"] if fits else relative(Expression(head, values, exploded=True), indent)
        return [line for update in updates for line in self.assigned(update, indent)]

    def assigned(self, update: Update, indent: str) -> list[str]:
        """One variable gets its next value."""
        more = update.value - dimensions.symbol(update.name)
        if update.name not in size_names(more) and not show(more).startswith("-"):
            return [f"{indent}{update.name} += {show(more)}"]
        text = show(update.value)
        return relative(Expression(f"{update.name} = {self.values.get(text, text)}"), indent)

    @contextmanager
    def naming(self, values: Mapping[str, str]) -> Iterator[None]:
        """While these values go by those names."""
        before, self.values = self.values, {**self.values, **values}
        yield
        self.values = before

    def named(self, loop: Loop, live: list[Carried]) -> tuple[dict[str, str], dict[str, str]]:
        """Names of long values by their texts: those that stand above the loop, and those that stand in its rounds."""
        within = names_in(loop.target) | {carried.name for carried in loop.carried}
        above: dict[str, str] = {}
        inside: dict[str, str] = {}
        for text, (name, reads) in self.named_once(loop, live).items():
            safe = not reads & within and _MAY_FAIL.search(text) is None  # as there may be no round
            (above if safe else inside)[text] = name
        return above, inside


def loop_head(head: str, iterable: Node) -> Expression:
    """The line that opens a loop."""
    if isinstance(iterable, FunctionCall):
        name = iterable.text.partition("(")[0]
        return Expression(head + name, [Expression(node.text) for node in iterable.arguments], tail=":")
    return Expression(f"{head}{iterable.text}:")


def _certain(items: tuple[Item, ...]) -> Iterator[Call]:
    """The modules among these, and in groups of them, that are made in any case."""
    for item in items:
        if isinstance(item, Call):
            yield item
        elif isinstance(item, Group):
            yield from _certain(item.items)


def _reads(item: Item) -> set[str]:
    """The names that an item reads; of a round that adds to lists, what its modules read."""
    if not isinstance(item, Call) or not isinstance(item.layer, Class) or not _is_round(item.layer):
        return item_reads(item)
    return set().union(
        *(_reads(one) for step in item.layer.steps if step.item is not None for one in walk((step.item,)))
    )


def _is_round(cls: Class) -> bool:
    """Whether a class is what a round adds to the lists of the class around it, not a block with lists of its own."""
    return cls.grouped and holds_dotted(cls)
