"""Keys as a tree of parts, so that they are matched as the steps of two specs are: by name, and in lists by order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from archspec.dimensions import Size
from archspec.layers import Weight
from archspec.problems import Span
from archspec.views.changes.matching import Matching
from archspec.views.changes.tree import ModuleTree, shape_text

Shapes = Mapping[str, tuple[Size, ...]]
"""Keys with their shapes."""
_NOWHERE = Span("", 1, 1, 1, 1)


@dataclass(slots=True)
class _KeyNode:
    weights: dict[str, tuple[Size, ...]] = field(default_factory=dict)
    children: dict[str, _KeyNode] = field(default_factory=dict)


def pairs(old: Shapes, new: Shapes) -> Iterator[tuple[str, str]]:
    """Which key of one network is which of the other, as far as names and lists say it.

    Steps of other names are left to `guessing`: a checkpoint may have its keys in the order of the alphabet.
    """
    for one, other in Matching(_tree(old), _tree(new)).pairs:
        if not _is_same_place(one.path, other.path):
            continue
        theirs = {weight.name for weight in other.weights}
        yield from ((_key(one, w.name), _key(other, w.name)) for w in one.weights if w.name in theirs)


def _is_same_place(old: str, new: str) -> bool:
    """Whether only numbers differ, those of steps of lists."""
    steps = old.split("."), new.split(".")
    if len(steps[0]) != len(steps[1]):
        return False
    return all(a == b or (a.isdecimal() and b.isdecimal()) for a, b in zip(*steps, strict=True))


def _key(part: ModuleTree, name: str) -> str:
    return f"{part.path}.{name}" if part.path else name


def _tree(shapes: Shapes) -> ModuleTree:
    root = _KeyNode()
    for key, shape in shapes.items():
        *path, name = key.split(".")
        node = root
        for step in path:
            node = node.children.setdefault(step, _KeyNode())
        node.weights[name] = shape
    return _part(root, "", "")


def _part(node: _KeyNode, name: str, path: str) -> ModuleTree:
    children = node.children
    if all(child.isdecimal() and child.isascii() for child in children):  # safetensors has them in the order of texts
        children = dict(sorted(children.items(), key=lambda item: int(item[0])))
    inside = (_part(child, step, f"{path}.{step}" if path else step) for step, child in children.items())
    return ModuleTree(
        kind="module",
        label=" ".join(f"{weight}:{len(shape)}" for weight, shape in sorted(node.weights.items())),
        span=_NOWHERE,
        output="",
        name=name,
        path=path,
        settings={weight: shape_text(shape) for weight, shape in sorted(node.weights.items())},
        weights=tuple(Weight(weight, shape) for weight, shape in node.weights.items()),
        children=tuple(inside),
    )
