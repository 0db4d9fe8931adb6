"""Drawing -> Mermaid, which GitHub and others draw in Markdown. Text alone: needs no layout engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec.characters import printable
from archspec.views.diagram.model import Drawing, Kind, Scene, flattened, is_inner_port, numbered
from archspec.views.diagram.style import DARK, LIGHT, Direction, Look, Palette

_SHAPES: dict[Kind, tuple[str, str]] = {
    "layer": ("[", "]"),
    "block": ("[[", "]]"),
    "operation": ("([", "])"),
    "symbol": ("((", "))"),
    "tensor": ("[/", "/]"),
    "input": ("([", "])"),
    "output": ("([", "])"),
}
"""What stands around the text of a box, by its kind."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:_[]()/=×·…")


def write_mermaid(drawing: Drawing, look: Look) -> str:
    """The drawing as a Mermaid flowchart. Each box has a text colour of its own, so that any page suits it."""
    return "\n".join(_lines(drawing.scene, DARK if look.theme == "dark" else LIGHT, look.direction)) + "\n"


def _lines(scene: Scene, palette: Palette, direction: Direction) -> Iterator[str]:
    names = numbered(scene)
    yield "flowchart TB" if direction == "down" else "flowchart LR"
    yield from _boxes(scene, names, 1)
    for edge in flattened(scene):
        label = f'|"{_text(edge.label)}"|' if edge.label else ""
        yield f"  {names[edge.source]} -->{label} {names[edge.target]}"
    shown = [(depth, box) for depth, box in scene.walk() if not is_inner_port(box, depth)]
    for family, paint in palette.families.items():
        members = [names[box.path] for _, box in shown if box.rows[0].family == family]
        if members:
            yield f"  classDef {family} fill:{paint.fill},stroke:{paint.stroke},color:{palette.text}"
            yield f"  class {','.join(members)} {family}"


def _boxes(scene: Scene, names: Mapping[str, str], level: int) -> Iterator[str]:
    indent = "  " * level
    for box in scene.boxes:
        name = names[box.path]
        if box.inside is not None:
            yield f'{indent}subgraph {name}["{_text(box.title)}"]'
            yield from _boxes(box.inside, names, level + 1)
            yield f"{indent}end"
        elif not is_inner_port(box, level - 1):
            start, end = _SHAPES[box.kind]
            text = "<br/>".join(map(_text, box.lines))
            yield f'{indent}{name}{start}"{text}"{end}'


def _text(text: str) -> str:
    """Every character that could mean something to Mermaid, or to the page that it stands in, as a number."""
    return "".join(c if c in _PLAIN else f"#{ord(c)};" for c in printable(text))
