"""Where everything goes: each scene is laid out by itself, from the inside out, by the layout engine graphlay.

Coordinates are pixels, y downwards, from the upper left corner of the scene; sizes of text are estimates.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

from archspec.views.diagram.column import in_column, tangled
from archspec.views.diagram.model import Box, DrawnStep, Edge, Scene
from archspec.views.diagram.style import DETAIL, LABEL, TITLE, Look
from archspec.views.diagram.text import width

HEADER = 30.0
"""The height of an open block's title."""

PADDING = 16.0
_SIDES = 14.0  # between a box's text and its border
_SYMBOL = 24.0
_PILL = 26.0
_DOT = 4.0
MOST_ROOM = 1.3
_WIDEST = 260.0  # up to which the boxes of a scene are made equally wide

_OPTIONS: dict[str, Any] = {
    "direction": "topbottom",
    "spacing": {"layer_gap": 30.0, "node_gap": 26.0, "dummy_gap": 20.0, "edge_label_margin": 6.0, "isolated_gap": 20.0},
    "routing": {"style": "orthogonal", "port_sides": "facing_preferred"},
    "tuning": {"labels": {"side_steps": [1.0, 1.5, 2.0, 3.0]}},
}
_COLUMNS: dict[str, Any] = {"wrap": {"viewport_aspect": 1.2}}
"""What breaks a long chain into columns, where one line alone goes on in the next."""
_WRAPPED: dict[str, Any] = {"max_rows": 4, "max_cut_edges": 8, "min_gain": 1.05}
"""How far that goes where a caller asks for it: what is no chain is broken, too."""
_PLAIN = Look()
_DIRECTIONS = {"down": "topbottom", "right": "leftright"}
_ACROSS = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}


@dataclass(frozen=True, slots=True)
class Point:
    """A place."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Wire:
    """An edge as it is drawn: a line of horizontal and vertical pieces, and where the middle of its label is."""

    edge: Edge
    points: tuple[Point, ...]
    sides: tuple[str, str]
    """The sides of the boxes at which it begins and ends: top, bottom, left or right."""
    label: Point | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A box in its place; `rank` counts the layers from the top. `body` is what is within, whether it shows or not."""

    box: Box
    x: float
    y: float
    width: float
    height: float
    rank: int
    body: Layout | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A scene laid out."""

    boxes: tuple[Placed, ...]
    wires: tuple[Wire, ...]
    width: float
    height: float


def lay_out(scene: Scene, *, opened: bool = True, look: Look = _PLAIN) -> Layout:
    """The plan of a scene, in which blocks that hold a drawing are `opened`, or have room for their title alone.

    What is open for good may be broken into columns. ImportError where graphlay is not installed.
    """
    return _lay_out(scene, _Manner(tangled(scene), opened, look), within=False)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How a scene and all within it is laid out."""

    plain: Collection[int]
    """The scenes that go without the engine."""
    opened: bool
    look: Look

    @property
    def down(self) -> bool:
        return self.look.direction == "down"

    def options(self, scene: Scene, within: bool) -> dict[str, Any]:
        """What the engine is told of a scene."""
        options = _OPTIONS | {"direction": _DIRECTIONS[self.look.direction]}
        if self.opened and not within and (self.look.wrap or _is_chain(scene)):
            options |= _COLUMNS
        if not self.down:  # labels stand on the lines, between the boxes
            widest = max((width(edge.label, LABEL) for edge in scene.edges), default=0.0)
            options["labels"] = {"reservation": "never"}
            options["spacing"] = _OPTIONS["spacing"] | {"layer_gap": max(30.0, widest + 28.0)}
        if self.look.wrap:
            options["tuning"] = _OPTIONS["tuning"] | {"wrap": _WRAPPED}
        return options


def _lay_out(scene: Scene, manner: _Manner, *, within: bool) -> Layout:
    """The same for one scene."""
    bodies = {box.path: _lay_out(box.inside, manner, within=True) for box in scene.boxes if box.inside is not None}
    sizes = _sizes(scene, bodies if manner.opened else {}, manner, within)
    if not scene.boxes:
        return Layout((), (), 0.0, 0.0)
    plain = id(scene) in manner.plain
    raw = in_column(scene, sizes) if plain else _engine(scene, sizes, manner.options(scene, within))
    left, top = raw["bounds"]["min"]["x"], raw["bounds"]["min"]["y"]
    boxes = []
    for box, node in zip(scene.boxes, raw["nodes"], strict=True):
        wide, high = sizes[box.path]
        x, y = node["center"]["x"] - left - wide / 2, node["center"]["y"] - top - high / 2
        rank = node["rank"] or 0  # a box that no line reaches has none
        boxes.append(Placed(box, x, y, wide, high, rank, bodies.get(box.path)))
    wires = tuple(
        _wire(edge, line, Point(left, top), manner.down) for edge, line in zip(scene.edges, raw["edges"], strict=True)
    )
    corner = raw["bounds"]["max"]
    plan = _with_labels(Layout(_facing(boxes, wires, manner.down), wires, corner["x"] - left, corner["y"] - top))
    if not within:
        return plan
    return _centred(plan, manner.down)


def _is_chain(scene: Scene) -> bool:
    """Whether one box follows the other, and nothing else."""
    ends = [(edge.source, edge.target) for edge in scene.edges]
    return all(len(set(side)) == len(side) for side in zip(*ends, strict=True))


def _engine(scene: Scene, sizes: dict[str, tuple[float, float]], options: dict[str, Any]) -> dict[str, Any]:
    try:
        import graphlay  # here: an extra, which only drawings with coordinates need
    except ImportError:
        raise ImportError("drawing needs graphlay: pip install 'archspec-nn[diagram]'", name="graphlay") from None
    places = {box.path: number for number, box in enumerate(scene.boxes)}
    nodes = []
    for box in scene.boxes:
        wide, high = sizes[box.path]
        node: dict[str, Any] = {"size": {"width": wide, "height": high}}
        node["shape"] = "ellipse" if box.kind == "symbol" or wide == _DOT else "box"
        if box.kind == "input":
            node["rank"] = "first"
        nodes.append(node)
    edges = []
    for edge in scene.edges:
        line: dict[str, Any] = {"source": places[edge.source], "target": places[edge.target]}
        if edge.label:
            line["label_size"] = {"width": width(edge.label, LABEL) + 4, "height": LABEL + 4}
        edges.append(line)
    found: dict[str, Any] = graphlay.layout({"nodes": nodes, "edges": edges}, options=options).raw
    return found


def _wire(edge: Edge, line: dict[str, Any], corner: Point, down: bool) -> Wire:
    points = tuple(Point(point["x"] - corner.x, point["y"] - corner.y) for point in line["points"])
    anchor = line.get("label_anchor") if edge.label else None
    label = None
    if anchor is not None:
        label = _label(Point(anchor["x"] - corner.x, anchor["y"] - corner.y), edge, points, down)
    return Wire(edge, points, (line["source_port"]["side"], line["target_port"]["side"]), label)


def _label(anchor: Point, edge: Edge, points: tuple[Point, ...], down: bool) -> Point:
    """Where the engine puts a label; where the line begins, if that is far off, or the line goes to another column."""
    first, second, *_ = points
    reach = width(edge.label, LABEL) / 2 + 12
    across = [sorted((a.x, b.x)) for a, b in pairwise(points)]
    along = [sorted((a.y, b.y)) for a, b in pairwise(points)]
    near = any(
        x[0] - reach <= anchor.x <= x[1] + reach and y[0] - LABEL <= anchor.y <= y[1] + LABEL
        for x, y in zip(across, along, strict=True)
    )
    onwards = points[-1].y >= first.y if down else points[-1].x >= first.x
    return anchor if near and onwards else Point((first.x + second.x) / 2, (first.y + second.y) / 2)


def _with_labels(plan: Layout) -> Layout:
    """The plan made as wide as its labels need; the engine counts only boxes and lines."""
    halves = [(wire.label.x, width(wire.edge.label, LABEL) / 2) for wire in plan.wires if wire.label is not None]
    left = min((middle - half for middle, half in halves), default=0.0)
    right = max((middle + half for middle, half in halves), default=0.0)
    wider = replace(plan, width=max(plan.width, right) - min(0.0, left))
    return moved(wider, -left) if left < 0 else wider


def _centred(plan: Layout, down: bool) -> Layout:
    """The plan with some room added, if that brings what flows in to the middle, where the line from outside ends."""
    long = plan.width if down else plan.height
    entries = [placed for placed in plan.boxes if placed.box.kind == "input"]
    middles = [one.x + one.width / 2 if down else one.y + one.height / 2 for one in entries]
    middle = sum(middles) / len(middles) if middles else long / 2
    half = max(middle, long - middle)
    if 2 * half > MOST_ROOM * long:
        return plan
    if down:
        return moved(replace(plan, width=2 * half), half - middle)
    return moved(replace(plan, height=2 * half), 0.0, half - middle)


def moved(plan: Layout, dx: float, dy: float = 0.0) -> Layout:
    """The plan with everything in it moved to the right, or down."""

    def move(point: Point) -> Point:
        return Point(point.x + dx, point.y + dy)

    boxes = tuple(replace(placed, x=placed.x + dx, y=placed.y + dy) for placed in plan.boxes)
    wires = tuple(
        replace(wire, points=tuple(map(move, wire.points)), label=move(wire.label) if wire.label else None)
        for wire in plan.wires
    )
    return replace(plan, boxes=boxes, wires=wires)


# Open blocks, turned so that their inputs are in the order in which lines arrive.


def _facing(boxes: Sequence[Placed], wires: Sequence[Wire], down: bool) -> tuple[Placed, ...]:
    """The boxes, those mirrored whose inputs are in another order than the lines from outside."""
    return tuple(_turned(placed, wires, down) if placed.body is not None else placed for placed in boxes)


def _turned(placed: Placed, wires: Sequence[Wire], down: bool) -> Placed:
    body = placed.body
    assert body is not None, "it holds a drawing"
    places = [_along(Point(one.x, one.y), down) for one in body.boxes if one.box.kind == "input"]
    ends = [(_along(wire.points[-1], down), wire.edge.inlet) for wire in wires if wire.edge.target == placed.box.path]
    agreement = sum(
        _sign(there - here) * _sign(places[other] - places[one])
        for (here, one), (there, other) in combinations(ends, 2)
    )
    return replace(placed, body=_mirrored(body, down)) if agreement < 0 else placed


def _mirrored(plan: Layout, down: bool) -> Layout:
    """A plan with left and right exchanged; top and bottom, where it goes to the right."""

    def flip(point: Point) -> Point:
        return Point(plan.width - point.x, point.y) if down else Point(point.x, plan.height - point.y)

    def turn(placed: Placed) -> Placed:
        corner = flip(Point(placed.x + placed.width, placed.y + placed.height))
        x, y = (corner.x, placed.y) if down else (placed.x, corner.y)
        return replace(placed, x=x, y=y, body=None if placed.body is None else _mirrored(placed.body, down))

    def side(name: str) -> str:
        return _ACROSS[name] if (name in ("left", "right")) == down else name

    wires = tuple(
        replace(
            wire,
            points=tuple(map(flip, wire.points)),
            sides=(side(wire.sides[0]), side(wire.sides[1])),
            label=None if wire.label is None else flip(wire.label),
        )
        for wire in plan.wires
    )
    return replace(plan, boxes=tuple(map(turn, plan.boxes)), wires=wires)


def _along(point: Point, down: bool) -> float:
    """Where a point is across the direction of the flow."""
    return point.x if down else point.y


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


# Sizes.


def _sizes(scene: Scene, bodies: dict[str, Layout], manner: _Manner, within: bool) -> dict[str, tuple[float, float]]:
    """The width and height of each box; those that are closed are equally wide, as far as that goes."""
    sizes = {}
    for box in scene.boxes:
        body = bodies.get(box.path)
        sizes[box.path] = _size(box, scene, within) if body is None else _open_size(box, body, manner.down)
    plain = [box.path for box in scene.boxes if box.kind in ("layer", "block") and box.path not in bodies]
    widest = max((sizes[path][0] for path in plain if sizes[path][0] <= _WIDEST), default=0.0)
    return sizes | {path: (max(sizes[path][0], widest), sizes[path][1]) for path in plain}


def _size(box: Box, scene: Scene, within: bool) -> tuple[float, float]:
    row = box.rows[0]
    if box.kind == "symbol":
        return _SYMBOL, _SYMBOL
    if within and is_dot(box, scene):
        return _DOT, _DOT
    if box.kind in ("layer", "block"):
        wide = max(head_width(row, box.badge) for row in box.rows)
        return _rounded(max(96.0, wide)), sum(map(row_height, box.rows))
    return _rounded(max(40.0, width(row.caption, TITLE, bold=True) + 2 * _SIDES)), _PILL


def _open_size(box: Box, body: Layout, down: bool) -> tuple[float, float]:
    least = head_width(box.rows[0], box.badge)
    if down:
        return _rounded(max(body.width + 2 * PADDING, least)), HEADER + body.height + below(box)
    assert box.inside is not None, "an open block holds a drawing"
    dots = len(box.inside.inputs()) == len(box.inside.outputs()) == 1  # which sit on its borders
    return _rounded(max(body.width + (-_DOT if dots else 2 * PADDING), least)), 2 * HEADER + body.height


def below(box: Box) -> float:
    """The room below what is within a block: the dot of a single output sits on its border."""
    alone = box.inside is not None and len(box.inside.outputs()) == 1
    return -_DOT / 2 if alone else PADDING


def head_width(row: DrawnStep, badge: str) -> float:
    """How wide a box has to be for a row's text."""
    name = width(f"{row.name}  ", TITLE) if row.name else 0.0
    beside = 2 * (width(badge, DETAIL) + 22) if badge else 0.0  # the badge is on one side, the text in the middle
    return 2 * _SIDES + max(name + width(row.title, TITLE, bold=True) + beside, width(row.detail, DETAIL))


def row_height(row: DrawnStep) -> float:
    """How high a step is within its box."""
    return 42.0 if row.detail else 28.0


def is_dot(box: Box, scene: Scene) -> bool:
    """Whether what flows in or out is alone in that, and needs no name within a block."""
    ports = scene.inputs() if box.kind == "input" else scene.outputs() if box.kind == "output" else ()
    return len(ports) == 1


def _rounded(size: float) -> float:
    """An even number of pixels, so that middles are on the grid."""
    return 2.0 * math.ceil(size / 2)
