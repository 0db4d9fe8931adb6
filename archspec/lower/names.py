"""Which names the constructor and the forward method of a class read."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.expressions import Node
from archspec.graph import Branch, Call, Class, Group, Item, Loop, names_in, pieces, size_names, walk


def item_reads(item: Item) -> set[str]:
    """The names that an item's own text reads, not those of the items in it."""
    if isinstance(item, Call):
        texts = (names_in(a.node) if a.node is not None else size_names(a.value) for a in item.arguments)
        return set(_pattern(item)).union({item.held} if item.held else (), *texts)
    if isinstance(item, Branch):
        return names_in(item.condition)
    return names_in(item.iterable) if isinstance(item, Loop) else set(_pattern(item))


def _pattern(item: Call | Group) -> Iterator[str]:
    for part in pieces(item.name or ""):
        if isinstance(part, Node):
            yield from names_in(part)


def constructor_reads(cls: Class) -> set[str]:
    """Every name that the constructor's modules read, with the variables that only feed others that are read."""
    items = list(walk(cls.children()))
    used: set[str] = set().union(*map(item_reads, items))
    for step in cls.steps:
        if step.kind in ("parameter", "buffer"):
            used |= names_in(step.arguments[0][1])
    used |= {name for export in cls.exports if export.used for name in size_names(export.size)}
    carried = [c for item in items if isinstance(item, Loop) for c in item.carried]
    while True:
        more = {n for c in carried if c.name in used for size in (c.initial, c.update) for n in size_names(size)}
        more |= {n for name, node in cls.let if name in used for n in names_in(node)}
        more |= {n for p in cls.parameters if p.computed and p.default is not None for n in names_in(p.default)}
        if more <= used:
            return used
        used |= more


def forward_reads(cls: Class) -> set[str]:
    """Every name that the forward method reads: values of the flow, and names that are none."""
    used: set[str] = set()
    for step in cls.steps:
        if step.kind in ("call", "compute"):
            used |= {name for _, node in step.arguments for name in names_in(node)}
    if cls.outputs is not None:
        used |= {name for node in cls.outputs.values for name in names_in(node)}
    return used


def reads(cls: Class) -> set[str]:
    """Every name that the class reads and that is no value of its own flow."""
    values = {value.name for value in cls.inputs}
    for step in cls.steps:
        values |= names_in(step.target)
    return constructor_reads(cls) | (forward_reads(cls) - values)
