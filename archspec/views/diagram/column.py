"""Scenes that are too much for the layout engine, one box below the other, and which ones these are.

What the engine takes grows faster than a scene: with the boxes that stand side by side, and with the rows that a line
passes. Such a scene is no picture for people, whoever lays it out; so it gets the layout that costs least.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from typing import Any

from archspec.views.diagram.model import Edge, Scene
from archspec.views.diagram.style import LABEL
from archspec.views.diagram.text import width

_GAP = 30.0  # between two boxes
_LANE = 14.0  # between two lines beside them
_WORK = 3000
"""How much a whole drawing may be for the engine, in rows that lines pass; and besides, for each box of it:"""
_WORK_PER_BOX = 10


def tangled(scene: Scene) -> frozenset[int]:
    """The scenes, of one and all that are within it, that the engine would take too long for: the id of each."""
    scenes = list(_all(scene))
    room = _WORK + _WORK_PER_BOX * sum(len(one.boxes) for one in scenes)
    found = set()
    for work, number in sorted((_work(one), number) for number, one in enumerate(scenes)):
        room -= work
        if room < 0:
            found.add(id(scenes[number]))
    return frozenset(found)


def _all(scene: Scene) -> Iterator[Scene]:
    yield scene
    for _, box in scene.walk():
        if box.inside is not None:
            yield box.inside


def _work(scene: Scene) -> int:
    """About what a scene is for the engine, measured in rows that lines pass."""
    ranks = {box.path: 0 for box in scene.boxes}
    places = {path: number for number, path in enumerate(ranks)}
    for edge in sorted(scene.edges, key=lambda edge: places[edge.source]):
        ranks[edge.target] = max(ranks[edge.target], ranks[edge.source] + 1)
    passed = sum(ranks[edge.target] - ranks[edge.source] - 1 for edge in scene.edges)
    return passed + sum(count**3 for count in Counter(ranks.values()).values()) // 1600


def in_column(scene: Scene, sizes: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """Where boxes and lines go, in the form in which the engine says it."""
    nodes: list[dict[str, Any]] = []
    spans: dict[str, tuple[float, float]] = {}
    bottom = 0.0
    for number, box in enumerate(scene.boxes):
        high = sizes[box.path][1]
        spans[box.path] = bottom, bottom + high
        nodes.append({"center": {"x": 0.0, "y": bottom + high / 2}, "rank": number})
        bottom += high + _GAP
    half = max(wide for wide, _ in sizes.values()) / 2
    beside = half + max((width(edge.label, LABEL) for edge in scene.edges), default=0.0) + _LANE
    places = {box.path: number for number, box in enumerate(scene.boxes)}
    lanes = dict(_lanes(scene, places))
    edges = []
    for number, edge in enumerate(scene.edges):
        if number in lanes:
            edges.append(_beside(edge, sizes, spans, beside + _LANE * lanes[number]))
        else:
            edges.append(_between(edge, spans))
    right = beside + _LANE * (max(lanes.values(), default=-1) + 1)
    corners = {"min": {"x": -half, "y": 0.0}, "max": {"x": right, "y": max(0.0, bottom - _GAP)}}
    return {"nodes": nodes, "edges": edges, "bounds": corners}


def _lanes(scene: Scene, places: dict[str, int]) -> Iterator[tuple[int, int]]:
    """The number of each edge that passes a box, and a lane for it that no other one is in at that height."""
    free: list[int] = []
    used: list[tuple[int, int]] = []  # where the line of a lane ends
    passing = [(places[edge.source], places[edge.target], number) for number, edge in enumerate(scene.edges)]
    count = 0
    for start, end, number in sorted((*sorted((a, b)), number) for a, b, number in passing if b - a != 1):
        while used and used[0][0] < start:
            heapq.heappush(free, heapq.heappop(used)[1])
        if not free:
            heapq.heappush(free, count)
            count += 1
        lane = heapq.heappop(free)
        heapq.heappush(used, (end, lane))
        yield number, lane


def _between(edge: Edge, spans: dict[str, tuple[float, float]]) -> dict[str, Any]:
    """A line from one box to the next."""
    top, bottom = spans[edge.source][1], spans[edge.target][0]
    points = [{"x": 0.0, "y": top}, {"x": 0.0, "y": bottom}]
    ports = {"source_port": {"side": "bottom"}, "target_port": {"side": "top"}}
    return {"points": points, **ports, "label_anchor": {"x": 0.0, "y": (top + bottom) / 2}}


def _beside(
    edge: Edge, sizes: dict[str, tuple[float, float]], spans: dict[str, tuple[float, float]], x: float
) -> dict[str, Any]:
    """A line that passes other boxes on their right."""
    ends = [(sizes[path][0] / 2, sum(spans[path]) / 2) for path in (edge.source, edge.target)]
    (left, top), (right, bottom) = ends
    points = [{"x": left, "y": top}, {"x": x, "y": top}, {"x": x, "y": bottom}, {"x": right, "y": bottom}]
    label = {"x": left + width(edge.label, LABEL) / 2 + _LANE / 2, "y": top}
    return {"points": points, "source_port": {"side": "right"}, "target_port": {"side": "right"}, "label_anchor": label}
