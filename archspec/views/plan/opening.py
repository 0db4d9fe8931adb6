"""Sizes that an expression writes out, and that differ on a rank: `-1` stands for them.

A rank's own tensor has fewer heads than the spec says. Where `reshape` and its like name the size of an axis that is
cut, `-1` is right on one rank and on many.
"""

from __future__ import annotations

import operator
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from archspec.expressions import FunctionCall, Items, Literal, Node, Unary, exchanged
from archspec.flow import Applied
from archspec.graph import Call, Class, Graph, Group, Item, Step
from archspec.problems import Span

SIZED = {"reshape": 1, "view": 1, "expand": 1, "broadcast_to": 1, "unflatten": 2}
"""Functions that are told sizes, and at which argument these begin."""

KEEPING = frozenset(("expand", "broadcast_to"))
"""Functions that take `-1` for several axes: each keeps its size."""


class Opening(NamedTuple):
    """An axis whose size becomes `-1`: of a step's expression, the call, and the place among its sizes."""

    span: Span
    call: str
    place: int


def opening(applied: Applied, cuts: Sequence[Any], span: Span) -> Opening | str | None:
    """What has to be opened for the cuts of what comes out; in words, why it cannot be; None where nothing has to."""
    node = applied.node
    axis = next((place for place, token in enumerate(cuts) if token is not None), None)
    if applied.name not in SIZED or not isinstance(node, FunctionCall) or axis is None:
        return None
    sizes = sizes_of(node)
    if sizes is None:
        return f"`{node.function}` takes sizes that the expression does not write out"
    if node.function == "unflatten":
        first = node.arguments[1] if len(node.arguments) > 1 else None
        dim = _integer(first)
        if dim is None:
            return f"`{node.function}` takes an axis that the expression does not write out"
        axis -= dim % (len(cuts) - len(sizes) + 1)
        if not 0 <= axis < len(sizes):
            return None
    if _integer(sizes[axis]) == -1:
        return None
    if node.function not in KEEPING and any(_integer(size) == -1 for size in sizes):
        return f"`{node.function}` has -1 for another axis than the one that is cut"
    return Opening(span, node.text, axis)


def sizes_of(node: FunctionCall) -> tuple[Node, ...] | None:
    """The sizes that a call writes out, as a list or one by one."""
    place = SIZED[node.function]
    rest = [*node.arguments[place:], *(part for name, part in node.keywords if name in ("shape", "size", "sizes"))]
    if len(rest) == 1 and isinstance(rest[0], Items):
        return rest[0].items
    return tuple(rest) if rest and node.function in ("view", "expand") else None


def _integer(node: Node | None) -> int | None:
    if isinstance(node, Unary) and node.operator == "-" and isinstance(node.operand, Literal):
        value = node.operand.value
        return -value if isinstance(value, int) else None
    return node.value if isinstance(node, Literal) and isinstance(node.value, int) else None


def opened(graph: Graph, openings: Collection[Opening]) -> Graph:
    """The graph with `-1` for those sizes: the same network on one rank, and the right one on each of many."""
    return _Rewriter(openings).graph(graph) if openings else graph


class _Rewriter:
    """Rewrites the steps that openings are of; what shares a class before shares it after."""

    def __init__(self, openings: Collection[Opening]) -> None:
        self.wanted: dict[Span, list[Opening]] = {}
        for one in openings:
            self.wanted.setdefault(one.span, []).append(one)
        self.classes: dict[int, Class] = {}

    def graph(self, graph: Graph) -> Graph:
        return replace(graph, blocks=tuple(map(self.cls, graph.blocks)), main=self.cls(graph.main))

    def cls(self, cls: Class) -> Class:
        if id(cls) not in self.classes:
            steps, items = tuple(map(self.step, cls.steps)), tuple(map(self.item, cls.items))
            same = all(map(operator.is_, (*steps, *items), (*cls.steps, *cls.items)))
            self.classes[id(cls)] = cls if same else replace(cls, steps=steps, items=items)
        return self.classes[id(cls)]

    def item(self, item: Item) -> Item:
        if isinstance(item, Call):
            layer = self.cls(item.layer) if isinstance(item.layer, Class) else item.layer
            return item if layer is item.layer else replace(item, layer=layer)
        items = tuple(map(self.item, item.items))
        module = self.item(item.module) if isinstance(item, Group) and item.module is not None else None
        same = all(map(operator.is_, items, item.items)) and (not isinstance(item, Group) or module is item.module)
        if same:
            return item
        return replace(item, items=items, module=module) if isinstance(item, Group) else replace(item, items=items)

    def step(self, step: Step) -> Step:
        item = self.item(step.item) if step.item is not None else None
        again = self.item(step.again) if step.again is not None else None
        wanted = self.wanted.get(step.span, ())
        arguments = (
            tuple((name, _opened_node(node, wanted)) for name, node in step.arguments) if wanted else step.arguments
        )
        same = item is step.item and again is step.again
        if same and all(new[1] is old[1] for new, old in zip(arguments, step.arguments, strict=True)):
            return step
        return replace(step, item=item, again=again, arguments=arguments)


def _opened_node(node: Node, wanted: Sequence[Opening]) -> Node:
    names = {part.text: part for part in node.walk() if isinstance(part, FunctionCall) and part.function in SIZED}
    found = {id(names[one.call]): one.place for one in wanted if one.call in names}
    return exchanged(node, lambda part: _with_gap(part, found[id(part)]) if id(part) in found else part)


def _with_gap(node: Node, place: int) -> Node:
    """The call with `-1` at one of its sizes."""
    assert isinstance(node, FunctionCall)
    sizes = sizes_of(node)
    assert sizes is not None
    gone, gap = sizes[place], Unary("-", Literal(1))

    def with_gap(part: Node) -> Node:
        return part.map(with_gap) if isinstance(part, Items) else gap if part is gone else part

    return node.map(with_gap)
