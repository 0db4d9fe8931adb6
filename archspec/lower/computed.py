"""Sizes as a person would write them: by the names of `let`, and as the spec writes them elsewhere.

A size that `let` has named, in an input or an argument, goes by that name wherever it is handed on. Other sizes are
worked out over parameters: a person writes `nn.BatchNorm2d(width)` where `let` says what a width is, and repeats
`ngf * 2**i` as it stood in the convolution above.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size, show
from archspec.expressions import Name, Node, Symbolic, as_size
from archspec.graph import Argument, Branch, Call, Carried, Class, Flow, Group, Item, Loop, Step
from archspec.lower.lists import each_part


def with_computed_names(cls: Class, scope: Mapping[str, Any]) -> Class:
    """The class with sizes as the spec last wrote them, or in terms of its computed names, where that is shorter."""
    namer = _Namer([name for name, _ in reversed(cls.let)], scope)
    renamed = [(cls.runs(step), namer.step(step)) for step in cls.written()]
    steps = tuple(step for runs, step in renamed if runs)
    idle = tuple(
        (place, step) for (place, _), step in zip(cls.idle, (s for runs, s in renamed if not runs), strict=True)
    )
    return replace(cls, items=tuple(map(namer.item, cls.items)), steps=steps, idle=idle)


class _Namer:
    """Rewrites sizes, in the order of flow; later names, which may be made of earlier ones, come first."""

    def __init__(self, computed: Iterable[str], scope: Mapping[str, Any]) -> None:
        self.scope = scope
        values = {name: Dimension(scope[name].terms) for name in computed if isinstance(scope[name], Dimension)}
        self.names = {name: value for name, value in values.items() if len(show(value)) > len(name)}
        self.nodes: dict[Dimension, Node] = {}  # what the spec has written so far
        self.texts: dict[Dimension, Dimension] = {}
        self.known: dict[Dimension, Size] = {}

    def note(self, argument: Argument) -> None:
        """Keeps how the spec writes a size."""
        node, value = argument.node, argument.value
        value = as_size(value) if isinstance(value, Symbolic) and value.type in ("int", "any") else value
        if node is not None and isinstance(value, Dimension):
            self.nodes[value] = node
            self.texts[value] = dimensions.written(value, node.text, node.precedence)

    def step(self, step: Step) -> Step:
        item = None if step.item is None else self.item(step.item)
        return replace(step, inputs=tuple(map(self.flow, step.inputs)), item=item, output=self.flow(step.output))

    def size(self, size: Size) -> Size:
        if not isinstance(size, Dimension):
            return size
        if size.wording is not None:  # a computed name, where it is one of this class
            if self.scope.get(size.wording) == size:
                return dimensions.symbol(size.wording)
            size = Dimension(size.terms)
        if size in self.texts:
            return self.texts[size]
        if any(isinstance(factor, Dimension) and factor.wording is not None for factor in size.factors):
            return dimensions.product(map(self.size, size.factors))  # it is shown by them
        return self.named(size)

    def named(self, size: Dimension) -> Size:
        """A size in terms of the computed names: what nobody wrote so, but came out."""
        if size not in self.known:
            written = (self.in_terms_of(size, name, value) for name, value in self.names.items())
            self.known[size] = min((size, *written), key=lambda one: len(show(one)))
        return self.known[size]

    def in_terms_of(self, size: Dimension, name: str, value: Dimension) -> Size:
        """A size that is a multiple of a computed one, or that and something shorter more."""
        symbol = dimensions.symbol(name)
        factor, difference = size // value, size - value
        if isinstance(difference, int) or len(show(difference)) < len(show(size)):
            return symbol + (difference if isinstance(difference, int) else self.named(difference))
        return factor * symbol if factor * value == size else size

    def flow(self, flow: Flow | None) -> Flow | None:
        found: Flow | None = each_part(flow, self.size)
        return found

    def argument(self, argument: Argument) -> Argument:
        """An inferred argument renamed, or as it is written elsewhere; what a person wrote stays."""
        if argument.node is not None:
            return argument
        value = argument.value
        unnamed = isinstance(value, Dimension) and value.wording is None
        written = self.nodes.get(value) if unnamed else None
        if written is not None and not isinstance(written, Name):
            return replace(argument, node=written)  # a long one can be broken at its operators
        return replace(argument, value=tuple(map(self.size, value)) if isinstance(value, tuple) else self.size(value))

    def item(self, item: Item) -> Item:
        inputs = tuple(map(self.flow, item.inputs))
        if isinstance(item, Call):
            arguments = tuple(map(self.argument, item.arguments))
            for argument in item.arguments:
                self.note(argument)
            return replace(item, inputs=inputs, output=self.flow(item.output), arguments=arguments)
        initials = [None if c.initial is None else self.size(c.initial) for c in getattr(item, "carried", ())]
        items = tuple(map(self.item, item.items))
        output = self.flow(item.output)
        if isinstance(item, Loop):
            carried = tuple(
                Carried(c.name, initial, self.size(c.update)) for c, initial in zip(item.carried, initials, strict=True)
            )
            updates = tuple(replace(update, value=self.size(update.value)) for update in item.updates)
            return replace(item, inputs=inputs, output=output, items=items, carried=carried, updates=updates)
        assert isinstance(item, Group | Branch)
        if isinstance(item, Group) and item.module is not None:
            return replace(item, inputs=inputs, output=output, items=items, module=self.item(item.module))
        return replace(item, inputs=inputs, output=output, items=items)
