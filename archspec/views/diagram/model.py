"""What a drawing holds: boxes, what flows between them, and drawings within boxes. All that the writers know.

Every text is as the spec says it: a writer escapes it for where it goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from archspec.dimensions import Size
from archspec.problems import Span

Kind = Literal["layer", "block", "operation", "symbol", "tensor", "input", "output"]
"""`symbol` is an operation that one sign says, such as +; `tensor` a learnable one; `block` may hold a drawing."""

Family = Literal[
    "convolution",
    "linear",
    "normalization",
    "activation",
    "pooling",
    "attention",
    "recurrent",
    "embedding",
    "dropout",
    "reshaping",
    "other",
    "block",
    "operation",
    "tensor",
    "terminal",
]
"""What a step is for, which its colour shows."""


@dataclass(frozen=True, slots=True)
class DrawnStep:
    """One step of the network. `path` is dotted, as in the state_dict, and no other row has it."""

    path: str
    name: str
    """What the spec calls it; empty where that is a number."""
    kind: Kind
    family: Family
    title: str
    detail: str
    """Its settings in short."""
    takes: tuple[str, ...]
    """The types that flow in, as text."""
    gives: str
    parameters: Size
    """Learnable numbers, those within included."""
    facts: tuple[tuple[str, str], ...]
    """What there is to know besides: its arguments, its formula."""
    span: Span
    owner: str
    """The class that it is a step of."""
    step: str
    """The name of that step."""
    type_name: str
    """The name of its own class; empty for what is none."""

    @property
    def caption(self) -> str:
        """What it is, in a few words."""
        if self.kind == "tensor":
            return self.name
        return f"{self.name} {self.title}" if self.name and self.kind in ("layer", "block") else self.title


@dataclass(frozen=True, slots=True)
class Box:
    """One box: a step, a few that belong together as they follow one another, or a block with its own drawing."""

    rows: tuple[DrawnStep, ...]
    times: int = 1
    """How often it is repeated, each time with weights of its own."""
    inside: Scene | None = None

    @property
    def path(self) -> str:
        """The path of its first step: no other box has it."""
        return self.rows[0].path

    @property
    def kind(self) -> Kind:
        """That of its first step."""
        return self.rows[0].kind

    @property
    def title(self) -> str:
        """What its first line says."""
        return f"{self.rows[0].caption} {self.badge}".strip()

    @property
    def lines(self) -> tuple[str, ...]:
        """All that a box says that is only text."""
        captions = [self.title, *(row.caption for row in self.rows[1:])]
        pairs = zip(captions, (row.detail for row in self.rows), strict=True)
        return tuple(text for pair in pairs for text in pair if text)

    @property
    def badge(self) -> str:
        """As in ×12; empty for what stands once."""
        return f"×{self.times}" if self.times > 1 else ""


@dataclass(frozen=True, slots=True)
class Edge:
    """What flows from one box to another, by their paths."""

    source: str
    target: str
    shape: str
    label: str
    """The shape, where it is news; else empty."""
    outlet: int = 0
    """Which output of its source it is, where that is a block."""
    inlet: int = 0
    """Which input of its target."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One drawing: boxes in the order of flow. Its inputs and outputs are boxes, too."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]

    def box(self, path: str) -> Box:
        """The box of that path."""
        return next(box for box in self.boxes if box.path == path)

    def inputs(self) -> tuple[Box, ...]:
        """The boxes that stand for what flows in."""
        return tuple(box for box in self.boxes if box.kind == "input")

    def outputs(self) -> tuple[Box, ...]:
        """The boxes that stand for what flows out."""
        return tuple(box for box in self.boxes if box.kind == "output")

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Box]]:
        """Every box with the number of boxes around it, outer ones first."""
        for box in self.boxes:
            yield depth, box
            if box.inside is not None:
                yield from box.inside.walk(depth + 1)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A whole network."""

    name: str
    doc: str
    parameters: Size
    scene: Scene


def within(drawing: Drawing, path: str) -> Drawing | None:
    """The drawing of one block alone, by its path or its name in the spec; None where there is no such block."""
    for _, box in drawing.scene.walk():
        row = box.rows[0]
        if box.inside is not None and path in (row.path, _plain_path(row)):
            one = row.parameters // box.times if isinstance(row.parameters, int) else row.parameters
            return Drawing(row.title, drawing.doc, one, box.inside)
    return None


def _plain_path(row: DrawnStep) -> str:
    """The path up to the name that the spec gives: `h`, where the first of its repetitions is `h.0`."""
    head, _, last = row.path.rpartition(".")
    return head if last.isdigit() else row.path


def cut(scene: Scene, depth: int) -> Scene:
    """The scene with the blocks closed that more than `depth` others are around."""
    boxes = tuple(
        replace(box, inside=cut(box.inside, depth - 1) if depth > 0 else None) if box.inside is not None else box
        for box in scene.boxes
    )
    return Scene(boxes, scene.edges)


def suitable_depth(scene: Scene, most: int) -> int:
    """How many levels may be open for the drawing to have no more than `most` boxes."""
    depths = [depth for depth, box in scene.walk() if box.kind not in ("input", "output")]
    return max((depth for depth in set(depths) if sum(d <= depth for d in depths) <= most), default=0)


def flattened(scene: Scene) -> tuple[Edge, ...]:
    """The edges from step to step, through the frames of the blocks that are open."""
    ports = {port.path for _, box in scene.walk() if box.inside is not None for port in _ports(box.inside)}
    onwards: dict[str, list[Edge]] = {}
    for edge in _all_edges(scene):
        onwards.setdefault(edge.source, []).append(edge)

    def beyond(edge: Edge) -> Iterator[Edge]:
        if edge.target not in ports:
            yield edge
            return
        for after in onwards.get(edge.target, ()):
            yield from beyond(replace(edge, target=after.target, label=edge.label or after.label))

    starts = (edge for source, edges in onwards.items() if source not in ports for edge in edges)
    return tuple(found for edge in starts for found in beyond(edge))


def numbered(scene: Scene) -> dict[str, str]:
    """A name for every box of a scene and of all within it, by its path: of letters and digits alone."""
    return {box.path: f"n{number}" for number, (_, box) in enumerate(scene.walk())}


def is_inner_port(box: Box, depth: int) -> bool:
    """Whether a box stands for what flows into or out of an open block, and not of the network."""
    return depth > 0 and box.kind in ("input", "output")


def _ports(scene: Scene) -> tuple[Box, ...]:
    return (*scene.inputs(), *scene.outputs())


def _all_edges(scene: Scene) -> Iterator[Edge]:
    """The edges of every level; what ends at an open block ends at one of its ports."""
    inside = {box.path: box.inside for box in scene.boxes}
    for edge in scene.edges:
        source, target = inside[edge.source], inside[edge.target]
        yield replace(
            edge,
            source=edge.source if source is None else source.outputs()[edge.outlet].path,
            target=edge.target if target is None else target.inputs()[edge.inlet].path,
        )
    for box in scene.boxes:
        if box.inside is not None:
            yield from _all_edges(box.inside)
