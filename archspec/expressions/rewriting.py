"""Constructs with other constructs in the place of names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from archspec.expressions.nodes import CONSTANTS, Constant, Name, Node


def replaced(node: Node, names: Mapping[str, Node]) -> Node:
    """The construct with those names replaced; the same one where it reads none of them."""

    def change(part: Node) -> Node:
        return names[part.name] if isinstance(part, Name) and part.name in names else part

    return exchanged(node, change)


def exchanged(node: Node, change: Callable[[Node], Node]) -> Node:
    """The construct with every part exchanged for what `change` makes of it; the same one where it changes none.

    What it exchanges is not looked into any further.
    """
    if (new := change(node)) is not node:
        return new
    return node.map(lambda child: exchanged(child, change))


def with_constants(node: Node, declared: Collection[str] = ()) -> Node:
    """The construct with the constants in place of their names, but for the names that are declared."""
    return replaced(node, {name: Constant(name) for name in CONSTANTS if name not in declared})
