"""Sizes as a person would write them: by the names of `let`, and as the spec writes them elsewhere.

Types are worked out over parameters, so that equal sizes are seen to be equal. A person writes `nn.BatchNorm2d(width)`
where `let` says what a width is, and repeats `ngf * 2**i` as it stood in the convolution above.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size, show
from archspec.expressions import Name, Node, Symbolic, as_size
from archspec.graph import Argument, Branch, Call, Carried, Class, Flow, Group, Item, Loop
from archspec.records import replace
from archspec.tensors import TensorType


def with_computed_names(cls: Class, scope: Mapping[str, Any]) -> Class:
    """The class with sizes as the spec last wrote them, or in terms of its computed names, where that is shorter."""
    namer = _Namer({name: scope[name] for name, _ in reversed(cls.let) if isinstance(scope.get(name), Dimension)})
    steps = tuple(
        replace(
            step,
            inputs=tuple(map(namer.flow, step.inputs)),
            item=None if step.item is None else namer.item(step.item),
            output=namer.flow(step.output),
        )
        for step in cls.steps
    )
    return replace(cls, items=tuple(map(namer.item, cls.items)), steps=steps)


class _Namer:
    """Rewrites sizes, in the order of flow; later names, which may be made of earlier ones, come first."""

    def __init__(self, names: Mapping[str, Dimension]) -> None:
        self.names = {name: value for name, value in names.items() if len(show(value)) > len(name)}
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

    def size(self, size: Size) -> Size:
        if not isinstance(size, Dimension):
            return size
        return self.texts[size] if size in self.texts else self.named(size)

    def named(self, size: Dimension) -> Size:
        """A size in terms of the computed names."""
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
        if isinstance(flow, TensorType):
            return TensorType(tuple(map(self.size, flow.shape)), flow.dtype)
        return tuple(map(self.flow, flow)) if isinstance(flow, tuple) else flow

    def argument(self, argument: Argument) -> Argument:
        """An inferred argument renamed, or as it is written elsewhere; what a person wrote stays."""
        if argument.node is not None:
            return argument
        value = argument.value
        written = self.nodes.get(value) if isinstance(value, Dimension) else None
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
        return replace(item, inputs=inputs, output=output, items=items)
