"""Drawing -> Graphviz's language, for those who lay out and render with `dot`. Text alone: runs no program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archspec.characters import printable
from archspec.views.diagram.model import Drawing, Kind, Scene, flattened, is_inner_port, numbered
from archspec.views.diagram.style import DARK, LIGHT, Direction, Look, Palette

_SHAPES: dict[Kind, str] = {
    "layer": 'shape=box style="rounded,filled"',
    "block": 'shape=box style="rounded,filled" peripheries=2',
    "operation": 'shape=box style="rounded,filled"',
    "symbol": "shape=circle style=filled fixedsize=true width=0.35",
    "tensor": "shape=cds style=filled",
    "input": "shape=ellipse style=filled",
    "output": "shape=ellipse style=filled",
}


def write_dot(drawing: Drawing, look: Look) -> str:
    """The drawing as a directed graph, blocks as clusters."""
    return "\n".join(_lines(drawing, DARK if look.theme == "dark" else LIGHT, look.direction)) + "\n"


def _lines(drawing: Drawing, palette: Palette, direction: Direction) -> Iterator[str]:
    scene, names = drawing.scene, numbered(drawing.scene)
    yield f"digraph {_quoted([drawing.name])} {{"
    across = "" if direction == "down" else " rankdir=LR"
    yield f'  graph [bgcolor="{palette.page}" fontname="Helvetica" fontcolor="{palette.text}"{across}]'
    yield f'  node [fontname="Helvetica" fontsize=11 fontcolor="{palette.text}"]'
    yield f'  edge [fontname="Helvetica" fontsize=9 fontcolor="{palette.muted}" color="{palette.wire}"]'
    yield from _boxes(scene, names, palette, 1)
    for edge in flattened(scene):
        label = f" [label={_quoted([edge.label])}]" if edge.label else ""
        yield f"  {names[edge.source]} -> {names[edge.target]}{label}"
    yield "}"


def _boxes(scene: Scene, names: Mapping[str, str], palette: Palette, level: int) -> Iterator[str]:
    indent = "  " * level
    for box in scene.boxes:
        paint = palette.families[box.rows[0].family]
        colors = f'fillcolor="{paint.fill}" color="{paint.stroke}"'
        if box.inside is not None:
            yield f"{indent}subgraph cluster_{names[box.path]} {{"
            yield f'{indent}  graph [label={_quoted([box.title])} labeljust=l style="rounded,filled" {colors}]'
            yield from _boxes(box.inside, names, palette, level + 1)
            yield f"{indent}}}"
        elif not is_inner_port(box, level - 1):
            yield f"{indent}{names[box.path]} [label={_quoted(box.lines)} {_SHAPES[box.kind]} {colors}]"


def _quoted(lines: Sequence[str]) -> str:
    """A quoted string of some lines. A backslash would begin one of Graphviz's own escapes, an & one of HTML's."""
    texts = [printable(line).replace("\\", "\\\\").replace("&", "&amp;").replace('"', '\\"') for line in lines]
    return '"{}"'.format("\\n".join(texts))
