"""The steps of a group as steps of the class around it: under names of their own, with what they read by its names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from archspec.document import is_dotted
from archspec.expressions import Name, Node, replaced
from archspec.graph import Branch, Call, Class, Group, Item, Loop, Step, called, names_in
from archspec.lower.lists import substitute

if TYPE_CHECKING:
    from archspec.lower.class_lists import Opener


class Renaming:
    """Gives the steps of a group names of the class around it."""

    def __init__(self, opener: Opener, call: Call, nodes: dict[str, Node], own: str, prefix: str) -> None:
        assert isinstance(call.layer, Class)
        self.opener = opener
        self.nodes = nodes
        """What the names of the group stand for in the class around it."""
        symbolic = not opener.frame.lowering.unroll
        self.sizes = {one.name: one.value for one in call.arguments if one.name in nodes and symbolic}
        """Those of them that are sizes, in symbols."""
        self.numbers = {name: nodes[name] for name in self.sizes}
        self.known = {one.name for one in call.layer.parameters}
        self.own = own
        """The list in which modules stand that say none."""
        self.prefix = prefix
        self.trainable = call.trainable
        self.places: dict[str, str] = {}
        """Where modules stand in the class, by their attributes in the group."""

    def name(self, name: str) -> str:
        new = self.opener.fresh(f"{self.prefix}{name}")
        self.nodes[name] = Name(new)
        return new

    def step(self, step: Step) -> Step:
        arguments = tuple((key, replaced(node, self.nodes)) for key, node in step.arguments)
        again = step.module
        if step.kind == "call":
            at = step.attribute
            if step.item is not None:
                self.places[at] = at if is_dotted(at) else f"{self.own}.{at}"
            again = self.places[at]
        item = None if step.item is None else self.item(called(step.item, str(again)))
        if step.kind == "weight":
            key, _, weight = step.name.partition(".")
            made = self.nodes[key]
            name = f"{made.text}.{weight}"
            self.nodes[step.name] = Name(name)
            return replace(step, name=name, target=Name(name))
        for name in sorted(names_in(step.target)):
            self.name(name)
        for name in sorted({one for axis in step.axes for one in names_in(axis)} - self.nodes.keys() - self.known):
            self.name(name)
        target = replaced(step.target, self.nodes)
        axes = tuple(replaced(axis, self.nodes) for axis in step.axes)
        name = target.text if isinstance(target, Name) and step.name else step.name
        return replace(step, name=name, target=target, arguments=arguments, item=item, module=again, axes=axes)

    def item(self, item: Item) -> Item:
        """A module that stands elsewhere, with what it says of names in the group."""
        if isinstance(item, Branch):
            condition = replaced(item.condition, self.numbers)
            return replace(item, condition=condition, items=tuple(map(self.item, item.items)))
        if isinstance(item, Loop):
            carried = tuple(
                replace(one, initial=substitute(one.initial, self.sizes), update=substitute(one.update, self.sizes))
                for one in item.carried
            )
            iterable, items = replaced(item.iterable, self.numbers), tuple(map(self.item, item.items))
            return replace(item, iterable=iterable, items=items, carried=carried)
        if isinstance(item, Group):
            rounds = item.rounds
            if rounds is not None:
                rounds = replace(rounds, over=replaced(rounds.over, self.nodes))
            module = None if item.module is None else self.item(item.module)
            items = tuple(map(self.item, item.items))
            return replace(item, items=items, rounds=rounds, module=module, trainable=item.trainable and self.trainable)
        ties = tuple(replace(tie, other=self.other(tie.other)) for tie in item.ties)
        layer = item.layer
        if isinstance(layer, Class) and layer.lent:
            layer = replace(layer, lent=tuple(replace(one, other=self.other(one.other)) for one in layer.lent))
        arguments = item.arguments
        if self.sizes:
            arguments = tuple(
                replace(
                    one,
                    node=None if one.node is None else replaced(one.node, self.numbers),
                    value=substitute(one.value, self.sizes) if one.node is None else one.value,
                )
                for one in arguments
            )
        return replace(item, layer=layer, arguments=arguments, ties=ties, trainable=item.trainable and self.trainable)

    def other(self, path: str) -> str:
        """The path of a tie, from the class."""
        first, dot, rest = path.partition(".")
        if first in self.places:
            return f"{self.places[first]}{dot}{rest}"
        made = self.nodes.get(first)
        return f"{made.text}{dot}{rest}" if isinstance(made, Name) else path
