"""Layers in place that cannot harm: they overwrite what a layer has just made for them alone.

Most networks have no others, as `Conv2d`, `BatchNorm2d`, `ReLU: {inplace: true}`. What they do need not be followed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from archspec.expressions import Name, Node
from archspec.graph import Call, Class, Graph, Group, Item, Step, module_of
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.storage import DROPPING, NEVER_IN_PLACE, VIEWS, keeps
from archspec.tensors import TensorType


def works_in_place(item: Item | None) -> bool:
    """Whether an item of a graph is a layer that writes into what it takes."""
    if not isinstance(item, Call) or not isinstance(item.layer, Layer) or item.type_name in NEVER_IN_PLACE:
        return False
    return getattr(item.layer, "inplace", None) is True


def negative_slope(call: Call) -> str:
    """The argument that gives a slope below 0, of which no derivative can be told from the result."""
    values: dict[str, Any] = vars(call.layer)
    for name in {"LeakyReLU": ("negative_slope",), "ELU": ("alpha",), "CELU": ("alpha",)}.get(call.type_name, ()):
        value = values.get(name)
        if isinstance(value, int | float) and value < 0:
            return name
    low, high = values.get("lower"), values.get("upper")
    if call.type_name != "RReLU" or not isinstance(low, int | float) or not isinstance(high, int | float):
        return ""
    return "lower" if low + high < 0 else ""  # in evaluation their mean is the slope


def may_overwrite(graph: Graph) -> bool:
    """Whether a network has layers in place that may overwrite what something else reads."""
    waiting, seen = [graph.main], {id(graph.main)}
    while waiting:
        cls = waiting.pop()
        items = list(cls.items)
        if not cls.sequential:
            if _steps_may(cls):
                return True
            items = [one for step in cls.steps for one in (step.item, step.again) if one is not None]
        elif _in_a_row_may(cls.items):
            return True
        while items:
            item = module_of(items.pop())
            if not isinstance(item, Call):
                listed = isinstance(item, Group) and _is_a_list(item)
                if any(map(works_in_place, item.items)) if listed else _in_a_row_may(item.items):
                    return True
                items += item.items
            elif isinstance(item.layer, Class) and id(item.layer) not in seen:
                seen.add(id(item.layer))
                waiting.append(item.layer)
    return False


def _is_a_list(group: Group) -> bool:
    """Whether something else than the item before it may feed an item of a group."""
    return group.listed or group.rounds is not None or group.module is not None


def _in_a_row_may(items: tuple[Item, ...]) -> bool:
    """Likewise of items that run one after another."""
    pairs = pairwise((None, *items))
    return any(works_in_place(item) and not _is_harmless(item, before) for before, item in pairs)


def _steps_may(cls: Class) -> bool:
    """Likewise of the steps of a forward method."""
    if not any(works_in_place(step.item) or works_in_place(step.again) for step in cls.steps):
        return False
    read = Counter(_names_read(cls))
    made: dict[str, Step | None] = {}
    for step in cls.steps:
        for node in step.target.walk():
            if isinstance(node, Name):
                made[node.name] = None if node.name in made else step
    for step in cls.steps:
        if works_in_place(step.again):
            return True
        if works_in_place(step.item):
            name = step.arguments[0][1] if len(step.arguments) == 1 else None
            source = made.get(name.name) if isinstance(name, Name) and read[name.name] == 1 else None
            before = source.item if source is not None and isinstance(source.target, Name) else None
            if not _is_harmless(step.item, before):
                return True
    return False


def _names_read(cls: Class) -> Iterator[str]:
    """Each name that the forward method reads, as often as it does."""
    nodes: list[Node] = list(cls.outputs.values) if cls.outputs is not None else []
    for step in cls.steps:
        nodes += [node for _, node in step.arguments]
        nodes += [line.node for line in step.lines]
        for item in (step.item, step.again):
            if isinstance(item, Group) and item.rounds is not None:
                nodes.append(item.rounds.over)
    return (part.name for node in nodes for part in node.walk() if isinstance(part, Name))


def _is_harmless(item: Item | None, before: Item | None) -> bool:
    """Whether a layer in place overwrites nothing but what the one before it has made for it."""
    return isinstance(item, Call) and not negative_slope(item) and _makes_its_own(before)


def _makes_its_own(item: Item | None) -> bool:
    """Whether an item makes a new tensor that its own backward pass does not read."""
    if not isinstance(item, Call) or not isinstance(item.layer, Layer) or isinstance(item.layer, OwnLayer):
        return False
    name = item.type_name
    if name in VIEWS or name in DROPPING or works_in_place(item) or not isinstance(item.output, TensorType):
        return False
    has_weights = item.layer.parameter_count() != 0  # with none, PyTorch has more than one layer that returns its input
    return has_weights and not keeps(name, [True])[1]
