"""Layers drawn as one box, as papers draw them: a convolution, its normalization and its activation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from archspec.views.diagram.model import Box, Edge, Scene

_FOLLOWING = ("normalization", "activation", "dropout")
"""Families whose layers belong to the one before, if they change no shape."""


def stacked(scene: Scene, *, within: bool) -> Scene:
    """The scene with such layers stacked, and each edge labelled whose shape is news.

    Of a scene `within` a block, what flows in and out is labelled outside.
    """
    readers = Counter(edge.source for edge in scene.edges)
    feeders = Counter(edge.target for edge in scene.edges)
    into = {edge.target: edge.source for edge in scene.edges if readers[edge.source] == feeders[edge.target] == 1}
    top: dict[str, str] = {}  # the box that each is drawn in
    boxes: dict[str, Box] = {}
    for box in scene.boxes:
        above = top.get(into.get(box.path, ""))
        if above is not None and _follows(box, boxes[above]):
            boxes[above] = replace(boxes[above], rows=boxes[above].rows + box.rows)
            top[box.path] = above
        else:
            boxes[box.path] = box
            top[box.path] = box.path
    edges = [replace(edge, source=top[edge.source], target=top[edge.target]) for edge in scene.edges]
    return Scene(tuple(boxes.values()), _labelled([e for e in edges if e.source != e.target], boxes, within))


def labelled(scene: Scene) -> Scene:
    """A scene that was within a block, with what flows in and out labelled too."""
    return Scene(scene.boxes, _labelled(list(scene.edges), {box.path: box for box in scene.boxes}, within=False))


def _follows(box: Box, above: Box) -> bool:
    row = box.rows[0]
    layers = box.kind == above.kind == "layer" and box.times == above.times == 1
    return layers and row.family in _FOLLOWING and row.takes[:1] == (row.gives,)


def _labelled(edges: list[Edge], boxes: dict[str, Box], within: bool) -> tuple[Edge, ...]:
    """The edges, one for each value labelled with its shape, unless that is the one that its maker takes."""
    said: set[tuple[str, str]] = set()
    labelled = []
    for edge in edges:
        source = boxes[edge.source]
        known = source.rows[0].takes[:1] == (edge.shape,) or (edge.source, edge.shape) in said
        known |= within and (source.kind == "input" or boxes[edge.target].kind == "output")
        said.add((edge.source, edge.shape))
        labelled.append(edge if known else replace(edge, label=edge.shape))
    return tuple(labelled)
