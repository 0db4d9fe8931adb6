"""What every reader of a graph relies on, asserted."""

from __future__ import annotations

from archspec.graph.classes import Class
from archspec.graph.items import Call, Group, Item
from archspec.graph.names import Flow
from archspec.graph.walks import walk
from archspec.layers import Layer
from archspec.layers.own import OwnLayer


def lint(cls: Class) -> None:
    """Raises AssertionError where a class is not what every reader of it relies on."""
    assert len({p.name for p in cls.parameters}) == len(cls.parameters), "two parameters of one name"
    names = [item.name for item in cls.children() if isinstance(item, Call | Group) and item.name is not None]
    assert len(names) == len(set(names)), "two modules share a name"
    for item in walk(cls.children()):
        if isinstance(item, Call) and isinstance(item.layer, Layer) and not isinstance(item.layer, OwnLayer):
            given = [argument.name for argument in item.arguments]
            assert given == [name for name in item.layer.arguments if name in given], "arguments are out of order"
    if cls.sequential:
        _lint_flow(cls.items, cls.inputs[0].type)


def _lint_flow(items: tuple[Item, ...], flow: Flow | None) -> None:
    """Checks that each item of an nn.Sequential takes what the one before it gives."""
    for item in items:
        first = item.inputs[0]
        assert first is None or flow is None or first == flow, f"{item} takes {first}, not {flow}"
        if isinstance(item, Group):
            _lint_flow(item.items, first)
        flow = item.output
