"""Drawing -> one HTML page: blocks open and close, and the picture, the spec and the source lead to one another.

The page asks the network for nothing and may not: its policy allows its own script and style, by their hashes, and
nothing else. Python draws and lays out everything, each block by itself; the script only moves and shows it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archspec.views.diagram.following import Following
from archspec.views.diagram.layout import HEADER, MOST_ROOM, PADDING, lay_out
from archspec.views.diagram.lines import SourceLines, SpecLines
from archspec.views.diagram.model import Drawing, DrawnStep, Scene
from archspec.views.diagram.style import COMMON, DARK, LIGHT, Theme, rules
from archspec.views.diagram.svg import BEND, TIP, count, scene_lines, told
from archspec.views.diagram.text import escape, visible

_HERE = Path(__file__).parent


def write_page(
    drawing: Drawing,
    depth: int,
    theme: Theme,
    files: Mapping[str, str],
    source: SourceLines | None,
    following: Following | None = None,
) -> str:
    """The page, with `depth` levels open at first. `files` are the texts of the spec by path, its own file first.

    `source` is None where there is no source to show. `following` is for a page that follows the spec's own file.
    ImportError where the layout engine is not installed.
    """
    svg = _scene(drawing.scene)
    rows = [row for _, box in drawing.scene.walk() for row in box.rows]
    starts = _starts(files)
    # Where the picture is of an earlier text, its steps stand on other lines.
    linked = {} if following is not None and following.stale else starts
    data = {
        "depth": depth,
        "theme": theme,
        "layout": {"header": HEADER, "padding": PADDING, "bend": BEND, "room": MOST_ROOM},
        "rows": _rows(rows, files, linked, source),
        "version": following.version if following is not None else None,
    }
    style = "\n".join([_read("page.css"), COMMON, *rules(LIGHT), *rules(DARK, '[data-theme="dark"] ')])
    script = _read("page.js")
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'"
    policy += "; connect-src 'self'" if following is not None else ""
    name, shown = escape(drawing.name), "" if source is not None else " hidden"
    return f"""\
<!doctype html>
<html lang="en" data-theme="light">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<header>
<h1>{name}</h1>
<p>{count(drawing.parameters)} parameters</p>
<input id="search" type="search" placeholder="Search a step (/)" aria-label="Search a step">
<span id="found" role="status"></span>
<button id="open" title="o">Open all</button>
<button id="close" title="c">Close all</button>
<button id="smaller" title="-" aria-label="Smaller">−</button>
<button id="larger" title="+" aria-label="Larger">+</button>
<button id="theme" title="t">Dark</button>{'<span id="state" role="status"></span>' if following is not None else ""}
</header>
<main{' class="following"' if following is not None else ""}>
<section id="picture" aria-label="Picture">{following.note if following is not None else ""}
<svg xmlns="http://www.w3.org/2000/svg" role="tree" aria-label="{name}">
{TIP}
{chr(10).join(svg)}
</svg>
</section>
{_table(following)}<aside>
<section id="about" aria-label="Selected step">{_about(drawing)}</section>
{following.panel(starts) if following is not None else ""}\
<section id="spec" class="pane"><h2>Spec</h2><div class="code" tabindex="0" role="region" aria-label="Spec">\
{"".join(_files(files, following))}</div></section>
<section id="source" class="pane"{shown}><h2>Generated source</h2>\
<div class="code" tabindex="0" role="region" aria-label="Generated source">\
{_code(source.text) if source is not None else ""}</div></section>
</aside>
</main>
<div id="hover" hidden></div>
<script type="application/json" id="data">{_json(data)}</script>
<script>{script}</script>
</body>
</html>
"""


def _about(drawing: Drawing) -> str:
    text = drawing.doc.strip() or "Click a step, or a line of the spec or the source. Arrow keys move, Enter opens."
    return f"<p>{escape(text.split(chr(10) * 2)[0])}</p>"


def _scene(scene: Scene) -> list[str]:
    """The lines of the drawing."""
    if not scene.boxes:
        return ['<g id="scene" data-plan="0 0"></g>']
    plan = lay_out(scene, opened=False)
    head = f'<g id="scene" data-plan="{plan.width:g} {plan.height:g}">'
    return [head, *scene_lines(plan, scene, interactive=True), "</g>"]


def _table(following: Following | None) -> str:
    if following is None:
        return ""
    return f'<section id="table" aria-label="Summary" tabindex="0">{following.table}</section>\n'


def _starts(files: Mapping[str, str]) -> dict[str, int]:
    """Where the lines of each file, counted from 1, begin in the pane of all files, counted from 0."""
    starts, total = {}, 0
    for path, text in files.items():
        starts[path] = total - 1
        total += len(_split(text))
    return starts


def _rows(
    rows: Iterable[DrawnStep], files: Mapping[str, str], starts: Mapping[str, int], source: SourceLines | None
) -> dict[str, Any]:
    """By path: what is told of a step, and its lines in the panes, counted from 0."""
    spec = SpecLines(files)
    return {
        visible(row.path): {
            "told": list(told(row)),
            "spec": [starts[row.span.path] + line for line in spec.of(row.span)] if row.span.path in starts else [],
            "source": [line - 1 for line in sorted(source.of(row))] if source is not None else [],
        }
        for row in rows
    }


Beside = tuple[Mapping[int, str], Mapping[int, str]]
"""By line: the class of the line, and what stands beside it."""


def _beside(following: Following | None, path: str, files: Mapping[str, str]) -> Beside:
    if following is None:
        return {}, {}
    return following.marks(path), following.shapes if path == next(iter(files)) else {}


def _files(files: Mapping[str, str], following: Following | None) -> Iterator[str]:
    for path, text in files.items():
        yield _file(path, text, len(files) > 1, _beside(following, path, files))


def _file(path: str, text: str, named: bool, beside: Beside) -> str:
    return (f"<h3>{escape(path)}</h3>" if named else "") + _code(text, beside)


def _code(text: str, beside: Beside = ({}, {})) -> str:
    marks, notes = beside
    return "".join(
        f'<div data-line="{n}"{_class(marks.get(n))}>{escape(line)}{_note(notes.get(n))}</div>'
        for n, line in enumerate(_split(text), 1)
    )


def _class(name: str | None) -> str:
    return f' class="{name}"' if name else ""


def _note(text: str | None) -> str:
    return f'<span class="note">{escape(text)}</span>' if text else ""


def _split(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n")


def _read(name: str) -> str:
    return (_HERE / name).read_text("utf-8")


def _hash(text: str) -> str:
    """How a policy names a script or a style that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(data: object) -> str:
    """JSON that ends no script element, whatever it holds."""
    text = json.dumps(data, separators=(",", ":"))  # ASCII alone
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
