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
from archspec.graph import Argument, Branch, Call, Carried, Class, Flow, Group, Item, Loop, walk
from archspec.records import replace
from archspec.tensors import TensorType


def with_computed_names(cls: Class, scope: Mapping[str, Any]) -> Class:
    """The class with sizes as the spec writes them, or in terms of its computed names, where that is shorter."""
    names = {name: scope[name] for name, _ in reversed(cls.let) if isinstance(scope.get(name), Dimension)}
    nodes = _written(cls)
    if not names and not nodes:
        return cls
    namer = _Namer(names, nodes)
    steps = tuple(
        replace(
            step,
            item=None if step.item is None else namer.item(step.item),
            inputs=tuple(map(namer.flow, step.inputs)),
            output=namer.flow(step.output),
        )
        for step in cls.steps
    )
    return replace(cls, items=tuple(map(namer.item, cls.items)), steps=steps)


def _written(cls: Class) -> dict[Dimension, Node]:
    """The sizes that the spec writes as arguments, each as it is first written."""
    found: dict[Dimension, Node] = {}
    for item in walk(cls.children()):
        for argument in item.arguments if isinstance(item, Call) else ():
            node, value = argument.node, argument.value
            value = as_size(value) if isinstance(value, Symbolic) and value.type in ("int", "any") else value
            if node is not None and not isinstance(node, Name) and isinstance(value, Dimension):
                found.setdefault(value, node)
    return found


class _Namer:
    """Rewrites sizes; later names, which may be made of earlier ones, come first."""

    def __init__(self, names: Mapping[str, Dimension], nodes: Mapping[Dimension, Node]) -> None:
        self.names = {name: value for name, value in names.items() if len(show(value)) > len(name)}
        self.nodes = nodes
        self.texts = {size: dimensions.written(size, node.text, node.precedence) for size, node in nodes.items()}
        self.known: dict[Dimension, Size] = {}

    def size(self, size: Size) -> Size:
        if not isinstance(size, Dimension):
            return size
        if size not in self.known:
            written = (self.in_terms_of(size, name, value) for name, value in self.names.items())
            self.known[size] = min((self.texts.get(size, size), *written), key=lambda one: len(show(one)))
        return self.known[size]

    def in_terms_of(self, size: Dimension, name: str, value: Dimension) -> Size:
        """A size that is a multiple of a computed one, or that and something shorter more."""
        symbol = dimensions.symbol(name)
        factor, difference = size // value, size - value
        if isinstance(difference, int) or len(show(difference)) < len(show(size)):
            return symbol + self.size(difference)
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
        if isinstance(value, Dimension) and self.size(value) is self.texts.get(value):
            return replace(argument, node=self.nodes[value])
        return replace(argument, value=tuple(map(self.size, value)) if isinstance(value, tuple) else self.size(value))

    def item(self, item: Item) -> Item:
        inputs, output = tuple(map(self.flow, item.inputs)), self.flow(item.output)
        if isinstance(item, Call):
            return replace(item, inputs=inputs, output=output, arguments=tuple(map(self.argument, item.arguments)))
        items = tuple(map(self.item, item.items))
        if isinstance(item, Loop):
            carried = tuple(
                Carried(c.name, None if c.initial is None else self.size(c.initial), self.size(c.update))
                for c in item.carried
            )
            updates = tuple(replace(update, value=self.size(update.value)) for update in item.updates)
            return replace(item, inputs=inputs, output=output, items=items, carried=carried, updates=updates)
        assert isinstance(item, Group | Branch)
        return replace(item, inputs=inputs, output=output, items=items)
