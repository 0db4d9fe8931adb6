"""Constructs with other constructs in the place of names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping

from archspec.expressions.nodes import (
    CONSTANTS,
    Binary,
    Call,
    Compare,
    Conditional,
    Constant,
    Index,
    Items,
    Logic,
    Name,
    Node,
    Slice,
    Starred,
    Unary,
)


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
    parts = [exchanged(child, change) for child in node.children]
    if all(map(operator.is_, parts, node.children)):
        return node
    match node:
        case Unary():
            new = Unary(node.operator, *parts)
        case Binary():
            new = Binary(node.operator, *parts)
        case Compare():
            new = Compare(node.operators, tuple(parts))
        case Logic():
            new = Logic(node.operator, tuple(parts))
        case Conditional():
            then, condition, otherwise = parts
            new = Conditional(condition, then, otherwise)
        case Index():
            new = Index(*parts)
        case Slice():
            given = iter(parts)
            bounds = (node.start, node.stop, node.step)
            new = Slice(*(None if bound is None else next(given) for bound in bounds))
        case Items():
            new = Items(tuple(parts), listed=node.listed)
        case Starred():
            new = Starred(*parts)
        case Call():
            count = len(node.arguments)
            keywords = zip((name for name, _ in node.keywords), parts[count:], strict=True)
            new = Call(node.function, tuple(parts[:count]), tuple(keywords), node.offset)
        case _:
            raise TypeError(type(node))
    new.place = node.place
    return new


def with_constants(node: Node, declared: Collection[str] = ()) -> Node:
    """The construct with the constants in place of their names, but for the names that are declared."""
    return replaced(node, {name: Constant(name) for name in CONSTANTS if name not in declared})
