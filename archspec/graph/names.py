"""Which names a size, a type or an expression depends on."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Embedded, Name, Node, Symbolic, Word, parse
from archspec.tensors import Chain, Series, TensorType

Flow: TypeAlias = TensorType | tuple[Any, ...] | Series | Chain
"""A tensor, or (nested) tuples and lists of them."""


def free_symbols(flow: Flow | Size | Any) -> frozenset[dimensions.Symbol]:
    """The free dimensions that a type, a size, a value or a list of them depends on."""
    if isinstance(flow, Symbolic):
        parts = (part.value for part in flow.node.walk() if isinstance(part, Embedded))
        return frozenset().union(*map(free_symbols, parts))
    if isinstance(flow, Series):
        return free_symbols((flow.item, flow.length))
    if isinstance(flow, Chain):
        return free_symbols(flow.parts)
    if isinstance(flow, TensorType):
        flow = flow.shape
    if isinstance(flow, tuple):
        return frozenset().union(*map(free_symbols, flow))
    return frozenset(s for s in dimensions.symbols(flow) if s.free) if isinstance(flow, Dimension) else frozenset()


def names_in(node: Node) -> set[str]:
    """The names that an expression reads."""
    found = {part.name for part in node.walk() if isinstance(part, Name) and not isinstance(part, Word)}
    return found.union(*(size_names(part.value) for part in node.walk() if isinstance(part, Embedded)))


def size_names(value: object) -> set[str]:
    """The names of the symbols in a size, or in a list of them."""
    if isinstance(value, Series):
        return size_names((value.item, value.length)) - {value.index}
    if isinstance(value, Chain):
        return size_names(value.parts)
    if isinstance(value, TensorType):
        return size_names(value.shape)
    if isinstance(value, tuple):
        return set().union(*map(size_names, value))
    if isinstance(value, Symbolic):
        return names_in(value.node)
    return {symbol.text for symbol in dimensions.symbols(value)} if isinstance(value, Dimension) else set()


def pattern_of(name: str | None) -> str:
    """What a module's name fits: `*` stands for the number of a step, and for what the name has in braces."""
    if not name:
        return "*"
    return re.sub(r"\{[^{}]*\}", "*", name) if "{" in name else name


def pieces(text: str) -> list[str | Node]:
    """A name's pattern taken apart: literal text, and the expressions in its braces."""
    parts = re.split(r"\{([^{}]*)\}", text)
    return [parse(part) if index % 2 else part for index, part in enumerate(parts)]
