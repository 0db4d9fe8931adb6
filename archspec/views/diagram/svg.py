"""Drawing -> SVG. A page adds what its script needs to move things: `interactive` marks every box and line."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from archspec.dimensions import Size
from archspec.views.diagram.layout import (
    HEADER,
    Layout,
    Placed,
    Point,
    Wire,
    below,
    head_width,
    is_dot,
    lay_out,
    row_height,
)
from archspec.views.diagram.model import Box, Drawing, DrawnStep, Family, Scene
from archspec.views.diagram.style import DETAIL, LABEL, TITLE, Look, css
from archspec.views.diagram.text import escape, width

_MARGIN = 20.0
_HEADING = 26.0
_LEGEND = 26.0
BEND = 9.0
_PLAIN: tuple[Family, ...] = ("block", "operation", "tensor", "terminal")
"""Families that the legend does not name: their shape says what they are."""


def write_svg(drawing: Drawing, look: Look) -> str:
    """The drawing as an SVG document that stands alone. ImportError where the layout engine is not installed."""
    plan = lay_out(drawing.scene, look=look)
    heading = f"{drawing.name} · {count(drawing.parameters)} parameters"
    wide = max(plan.width, width(heading, TITLE, bold=True) if look.title else 0.0)
    chips = list(_legend(drawing.scene, wide)) if look.legend else []
    rows = 1 + max((row for row, *_ in chips), default=-1)
    top = _MARGIN + (_HEADING if look.title else 0.0)
    wide, high = wide + 2 * _MARGIN, top + plan.height + _MARGIN + rows * _LEGEND
    left = (wide - plan.width) / 2
    body = "\n".join(scene_lines(plan, drawing.scene, interactive=False))
    legend = "\n".join(_chip(row, x, text, family, plan.height + top) for row, x, text, family in chips)
    title = f'<text class="title" x="{_n(_MARGIN)}" y="{_n(_MARGIN + 6)}">{escape(heading)}</text>'
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{_n(wide)}" height="{_n(high)}" viewBox="0 0 {_n(wide)} {_n(high)}" \
role="img" aria-label="{escape(heading)}">
<style>
{css(look.theme)}
</style>
{TIP}
<rect class="page" width="100%" height="100%" rx="8"/>
<g class="head">{title if look.title else ""}</g>
<g transform="translate({_n(left)} {_n(top)})">
{body}
</g>
<g class="head">
{legend}
</g>
</svg>
"""


TIP = """\
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path class="tip" d="M0 0.5 8 4 0 7.5Z"/></marker></defs>"""
"""The head of an arrow."""


def _legend(scene: Scene, wide: float) -> Iterator[tuple[int, float, str, Family]]:
    """The families in use, in rows: each with its row and place."""
    used = dict.fromkeys(row.family for _, box in scene.walk() for row in box.rows if row.family not in _PLAIN)
    line, x = 0, 0.0
    for family in used if len(used) > 1 else ():
        step = width(family, DETAIL) + 32
        if x > 0 and x + step > wide:
            line, x = line + 1, 0.0
        yield line, x, family, family
        x += step


def _chip(line: int, x: float, text: str, family: Family, top: float) -> str:
    x, y = x + _MARGIN, top + line * _LEGEND + 10
    square = f'<rect class="f-{family}" x="{_n(x)}" y="{_n(y)}" width="12" height="12" rx="3"/>'
    return f'{square}<text x="{_n(x + 18)}" y="{_n(y + 10)}">{escape(text)}</text>'


# Scenes.


def scene_lines(plan: Layout, scene: Scene, *, interactive: bool) -> Iterator[str]:
    """The lines of one scene: what flows below, then the boxes, then what is written on the lines."""
    dots = {placed.box.path for placed in plan.boxes if _is_small_dot(placed, scene)}
    yield from (_wire(wire, dots, interactive) for wire in plan.wires)
    for placed in plan.boxes:
        yield from _box(placed, scene, interactive)
    yield from (_label(number, wire, interactive) for number, wire in enumerate(plan.wires) if wire.label is not None)


def _wire(wire: Wire, dots: Collection[str], interactive: bool) -> str:
    edge = wire.edge
    marked = ""
    if interactive:
        points = " ".join(f"{_n(point.x)},{_n(point.y)}" for point in wire.points)
        ends = f'data-source="{escape(edge.source)}" data-target="{escape(edge.target)}"'
        marked = f' data-points="{points}" data-sides="{" ".join(wire.sides)}" {ends}'
    tip = "" if edge.target in dots else ' marker-end="url(#tip)"'
    path = f'<path class="wire" d="{_path(wire.points)}"{tip}{marked}>'
    return f"{path}<title>{escape(edge.shape)}</title></path>"


def _path(points: tuple[Point, ...]) -> str:
    """A line whose corners are round."""
    start, *others = points
    text = f"M{_n(start.x)} {_n(start.y)}"
    for number, corner in enumerate(others[:-1]):
        before, after = points[number], others[number + 1]
        radius = min(BEND, _distance(before, corner) / 2, _distance(corner, after) / 2)
        enter, leave = _towards(corner, before, radius), _towards(corner, after, radius)
        text += f"L{_n(enter.x)} {_n(enter.y)}Q{_n(corner.x)} {_n(corner.y)} {_n(leave.x)} {_n(leave.y)}"
    return f"{text}L{_n(others[-1].x)} {_n(others[-1].y)}"


def _distance(a: Point, b: Point) -> float:
    return abs(a.x - b.x) + abs(a.y - b.y)


def _towards(start: Point, end: Point, by: float) -> Point:
    share = by / (_distance(start, end) or 1.0)
    return Point(start.x + (end.x - start.x) * share, start.y + (end.y - start.y) * share)


def _label(number: int, wire: Wire, interactive: bool) -> str:
    assert wire.label is not None, "only those with a label are asked for"
    marked = f' data-wire="{number}"' if interactive else ""
    text, wide, high = wire.edge.label, width(wire.edge.label, LABEL) + 4, LABEL + 3
    back = f'<rect class="back" x="{_n(-wide / 2)}" y="{_n(-high / 2)}" width="{_n(wide)}" height="{_n(high)}"/>'
    place = f'transform="translate({_n(wire.label.x)} {_n(wire.label.y)})"'
    return f'<g class="label" {place}{marked}>{back}<text y="{_n(LABEL / 3)}">{escape(text)}</text></g>'


# Boxes.


def _box(placed: Placed, scene: Scene, interactive: bool) -> Iterator[str]:
    box = placed.box
    marked = ""
    if interactive:
        base = (placed.x, placed.y, placed.width, placed.height, placed.rank)
        marked = f' data-box="{escape(box.path)}" data-base="{" ".join(map(_n, base))}"'
        marked += ' data-entry=""' if box.kind == "input" else ""
    yield f'<g class="box" transform="translate({_n(placed.x)} {_n(placed.y)})"{marked}>'
    if interactive or placed.body is None:
        yield from _closed(placed, scene, interactive)
    if placed.body is not None:
        yield from _opened(placed, placed.body, interactive)
    yield "</g>"


def _closed(placed: Placed, scene: Scene, interactive: bool) -> Iterator[str]:
    box, wide, high = placed.box, placed.width, placed.height
    yield '<g class="closed">'
    if box.times > 1:
        yield f'<rect class="f-{box.rows[0].family}" x="5" y="5" width="{_n(wide)}" height="{_n(high)}" rx="6"/>'
    if box.kind in ("layer", "block"):
        y = 0.0
        for row in box.rows:
            yield from _row(row, box, y, wide, interactive)
            y += row_height(row)
    else:
        yield from _small(placed, scene, interactive)
    yield "</g>"


def _small(placed: Placed, scene: Scene, interactive: bool) -> Iterator[str]:
    """What is no layer: an operation, a sign, a tensor, an input or an output."""
    box, wide, high = placed.box, placed.width, placed.height
    (row,) = box.rows
    yield _row_start(row, interactive)
    if _is_small_dot(placed, scene):
        yield f'<circle class="tip" cx="{_n(wide / 2)}" cy="{_n(high / 2)}" r="3"/>'
    elif box.kind == "symbol":
        yield f'<circle class="f-{row.family}" cx="{_n(wide / 2)}" cy="{_n(high / 2)}" r="{_n(wide / 2)}"/>'
        yield _text(row.title, "title", wide / 2, high / 2 + TITLE / 3)
    else:
        round_ = 6 if box.kind == "tensor" else high / 2
        yield f'<rect class="f-{row.family}" width="{_n(wide)}" height="{_n(high)}" rx="{_n(round_)}"/>'
        yield _text(row.caption, "name" if box.kind == "operation" else "title", wide / 2, high / 2 + TITLE / 3)
    yield "</g>"


def _is_small_dot(placed: Placed, scene: Scene) -> bool:
    return placed.width < LABEL and is_dot(placed.box, scene)


def _row(row: DrawnStep, box: Box, y: float, wide: float, interactive: bool) -> Iterator[str]:
    """One layer or closed block; those of a stack have a hair between them."""
    high = row_height(row) - (2 if row is not box.rows[-1] else 0)
    yield _row_start(row, interactive)
    yield f'<rect class="f-{row.family}" y="{_n(y)}" width="{_n(wide)}" height="{_n(high)}" rx="6"/>'
    yield from _named(row, wide / 2, y + (17 if row.detail else high / 2 + TITLE / 3))
    if row.detail:
        yield _text(row.detail, "detail", wide / 2, y + 33)
    if box.badge:
        yield _badge(box.badge, wide, y + 14)
    yield "</g>"


def _opened(placed: Placed, body: Layout, interactive: bool) -> Iterator[str]:
    """A block with what is within it."""
    box, wide, high = placed.box, placed.width, placed.height
    (row,) = box.rows
    least = f'data-least="{_n(head_width(row, box.badge))} {_n(below(box))}"'
    yield f'<g class="open" display="none" {least}>' if interactive else '<g class="open">'
    if box.times > 1:
        yield f'<rect class="frame f-block" x="5" y="5" width="{_n(wide)}" height="{_n(high)}" rx="10"/>'
    yield _row_start(row, interactive)
    yield f'<rect class="frame f-block" width="{_n(wide)}" height="{_n(high)}" rx="10"/>'
    yield from _named(row, None, 20)
    if box.badge:
        yield _badge(box.badge, wide, 16)
    yield "</g>"
    size = f' data-plan="{_n(body.width)} {_n(body.height)}"' if interactive else ""
    yield f'<g class="body" transform="translate({_n((wide - body.width) / 2)} {_n(HEADER)})"{size}>'
    assert box.inside is not None, "an open block holds a drawing"
    yield from scene_lines(body, box.inside, interactive=interactive)
    yield "</g></g>"


def _named(row: DrawnStep, middle: float | None, y: float) -> Iterator[str]:
    """A step's name and what it is, around the middle of its box or from the left; not as one text, as programs that
    convert SVG place its parts each in its own way.
    """
    name, gap = (width(row.name, TITLE), 8.0) if row.name else (0.0, 0.0)
    title = width(row.title, TITLE, bold=True)
    left = 12.0 if middle is None else middle - (name + gap + title) / 2
    if row.name:
        yield f'<text class="name end" x="{_n(left + name)}" y="{_n(y)}">{escape(row.name)}</text>'
    if middle is not None and not row.name:
        yield _text(row.title, "title", middle, y)
    else:
        yield f'<text class="title start" x="{_n(left + name + gap)}" y="{_n(y)}">{escape(row.title)}</text>'


def _badge(text: str, wide: float, middle: float) -> str:
    size = width(text, DETAIL, bold=True) + 12
    place = f'x="{_n(wide - size - 6)}" y="{_n(middle - 9)}" width="{_n(size)}" height="18" rx="9"'
    words = _text(text, "times", wide - size / 2 - 6, middle + 4)
    return f'<g class="badge"><rect class="f-terminal" {place}/>{words}</g>'


def _row_start(row: DrawnStep, interactive: bool) -> str:
    if not interactive:
        return f'<g class="row"><title>{escape(hover(row))}</title>'
    return f'<g class="row" data-row="{escape(row.path)}">'


def _text(text: str, style: str, x: float, y: float) -> str:
    return f'<text class="{style}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'


def hover(row: DrawnStep) -> str:
    """What is told of a step where the pointer rests on it."""
    return "\n".join(f"{name}: {text}" if name else text for name, text in told(row))


def told(row: DrawnStep) -> Iterator[tuple[str, str]]:
    """All there is to tell of a step: its place, its shapes, its formula and arguments, its parameters."""
    yield "", f"{row.path}  {row.title}" if row.kind not in ("input", "output") else row.name
    if row.takes:
        yield "in", ", ".join(row.takes)
    yield "out" if row.takes else "shape", row.gives
    yield from row.facts
    if row.kind in ("layer", "block", "tensor"):
        yield "parameters", count(row.parameters)
    yield "line", str(row.span.line)


def count(size: Size) -> str:
    """A number of parameters as people write it."""
    return f"{size:,}" if isinstance(size, int) else str(size)


def _n(number: float) -> str:
    """A coordinate, to a tenth of a pixel."""
    return f"{round(number, 1) + 0.0:g}" if abs(number) < 1e5 else f"{number:.0f}"
