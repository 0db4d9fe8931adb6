"""Drawings: what they show of a network, whether each format is well-formed, and that text stays text."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pydot
import pytest
from forms import FORMS

import archspec
from archspec.cli import main
from archspec.graph import Class, Graph
from archspec.problems import Span
from archspec.views.diagram.column import tangled
from archspec.views.diagram.dot import write_dot
from archspec.views.diagram.facts import Formulas
from archspec.views.diagram.layout import HEADER, Layout, lay_out
from archspec.views.diagram.mermaid import write_mermaid
from archspec.views.diagram.model import Box, Drawing, DrawnStep, Edge, Scene, cut, flattened
from archspec.views.diagram.page import write_page
from archspec.views.diagram.scenes import draw
from archspec.views.diagram.style import DARK, LIGHT, Look, Palette
from archspec.views.diagram.svg import write_svg

ROOT = Path(__file__).parent.parent
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # pydot's, of pyparsing
ROUNDS = sorted(
    path
    for path in (ROOT / "tests" / "language").glob("*.yaml")
    if any(word in path.stem for word in ("each", "loop", "list", "collect", "shared"))
)
USUAL = ("tinyvgg", "resnet", "gpt2", "unet", "seq2seq")
FORMATS = ("svg", "mermaid", "dot", "html")

each_spec = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=() if path.stem in USUAL else pytest.mark.slow) for path in SPECS],
)


@cache
def spec_of(path: Path) -> archspec.Spec:
    return archspec.load(path)


@cache
def drawing_of(path: Path) -> Drawing:
    spec = spec_of(path)
    return draw(spec.graph(), Formulas(spec.symbolic()))


def parsed(text: str, name: str = "net.yaml") -> Drawing:
    spec = archspec.parse(text, name=name)
    return draw(spec.graph(), Formulas(spec.symbolic()))


def rows_of(scene: Scene) -> Iterator[tuple[int, DrawnStep]]:
    """Every row with how often it stands in the network."""
    for box in scene.boxes:
        if box.inside is None:
            yield from ((box.times, row) for row in box.rows)
        else:
            yield from ((box.times * times, row) for times, row in rows_of(box.inside))


def edges_of(scene: Scene) -> set[tuple[str, str, str]]:
    return {(edge.source, edge.target, edge.label) for edge in scene.edges}


# What is shown.


@each_spec
def test_every_layer_is_drawn_and_nothing_twice(path: Path) -> None:
    graph = spec_of(path).graph()
    drawing = drawing_of(path)
    rows = [(times, row) for times, row in rows_of(drawing.scene) if row.kind == "layer" and "again" not in row.detail]
    layers = [call for _, call, _ in graph.layers() if call.type_name != "Identity"]
    assert sum(times for times, _ in rows) == len(layers)
    assert drawing.parameters == archspec.summary(spec_of(path)).parameters
    paths = [row.path for _, box in drawing.scene.walk() for row in box.rows]
    assert len(paths) == len(set(paths))


def not_run(graph: Graph) -> tuple[str, ...]:
    """The paths of modules that are made and not called, each with a dot behind it."""
    classes = [("", graph.main)]
    classes += [
        (f"{name}.", item.layer) for name, item in graph.modules() if isinstance(getattr(item, "layer", 0), Class)
    ]
    return tuple(f"{prefix}{step.attribute}." for prefix, cls in classes for _, step in cls.idle)


@each_spec
def test_what_flows_is_drawn_from_its_maker_to_its_reader(path: Path) -> None:
    scene, idle = drawing_of(path).scene, not_run(spec_of(path).graph())
    read = {edge.target for edge in flattened(scene)}
    steps = [box for depth, box in scene.walk() if box.inside is None and (depth == 0 or box.kind != "input")]
    lost = [box.path for box in steps if box.rows[0].takes and box.kind not in ("input", "output")]
    assert [path for path in lost if path not in read and not f"{path}.".startswith(idle)] == []
    for depth in range(3):
        shown = cut(scene, depth)
        leaves = {box.path for _, box in shown.walk() if box.inside is None}
        ends = {end for edge in flattened(shown) for end in (edge.source, edge.target)}
        assert ends <= leaves


def test_a_skip_leads_from_the_input_of_its_block_to_the_sum() -> None:
    scene = drawing_of(ROOT / "specs" / "vision" / "resnet.yaml").scene
    stage = scene.box("layer1").inside
    assert stage is not None
    first, second = (box for box in stage.boxes if box.kind == "block")
    assert (first.times, second.times) == (1, 2)
    assert second.inside is not None
    assert ("layer1.1.in:x", "layer1.1.sum", "") in edges_of(second.inside)  # its downsample is an Identity
    assert second.inside.box("layer1.1.sum").rows[0].title == "+"
    stem = scene.box("conv1")
    assert [row.title for row in stem.rows] == ["Conv2d", "BatchNorm2d", "ReLU"]
    assert stem.rows[0].detail == "64, 7×7, stride 2, padding 3"


LOOPS = """
inputs: {x: [N, 8, 4, 4]}
layers:
  body:
    - for: i in range(5)
      layers: [{Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}, ReLU]
    - Conv2d: {out_channels: 8, kernel_size: 1}
    - Conv2d: {out_channels: 8, kernel_size: 1}
  widths:
    - {for: "w in [4, 4, 2]", Conv2d: {out_channels: w, kernel_size: 1}}
"""


def test_equal_repetitions_of_a_loop_are_one_box_and_equal_lines_are_not() -> None:
    scene = parsed(LOOPS).scene
    (body, widths) = (scene.box(name).inside for name in ("body", "widths"))
    assert body is not None
    assert widths is not None
    inner = [(box.times, box.rows[0].title) for box in body.boxes if box.kind in ("layer", "block")]
    assert inner == [(5, "repeated"), (1, "Conv2d"), (1, "Conv2d")]
    assert [box.times for box in widths.boxes if box.kind == "layer"] == [1, 1, 1]  # 8 → 4, 4 → 4, 4 → 2


def test_parts_of_what_a_block_gives_come_from_its_outputs() -> None:
    drawing = parsed("""
inputs: {x: [N, 8]}
layers:
  both: Both
  a, b: both
  sum: a * b
blocks:
  Both:
    inputs: {x: [N, C]}
    layers: {left: {Linear: 4}, right: {Linear: 4, from: x}}
    outputs: [left, right]
""")
    edges = flattened(drawing.scene)
    found = {(edge.source, edge.target) for edge in edges}
    assert {("both.left", "sum"), ("both.right", "sum"), ("in:x", "both.left"), ("in:x", "both.right")} <= found
    assert ("both", "sum") in {(edge.source, edge.target) for edge in flattened(cut(drawing.scene, 0))}


def test_what_has_no_value_is_drawn_as_it_stands() -> None:
    drawing = parsed("""
params: {n: int, wide: bool}
inputs: {x: [N, 8]}
layers:
  - {for: i in range(n), Linear: 8}
  - {when: wide, Linear: 16}
  - Flatten
""")
    titles = [box.rows[0].title for box in drawing.scene.boxes]
    assert "for i in range(n)" in titles
    assert "if wide" in titles


def test_facts_say_the_formula_and_the_numbers() -> None:
    rows = {row.path: row for _, row in rows_of(drawing_of(ROOT / "specs" / "tinyvgg.yaml").scene)}
    linear = rows["classifier.1"]
    assert dict(linear.facts)["in_features"] == "490 = hidden_units * 7 * 7"
    assert dict(linear.facts)["formula"] == "[N, output_shape]"
    text = archspec.diagram(ROOT / "specs" / "tinyvgg.yaml", "block_2")
    assert (
        "H_out: floor((H_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1) = floor((14 + 2 * 0" in text
    )
    assert (linear.takes, linear.gives, linear.parameters) == (("[N, 490]",), "[N, 10]", 4910)


# Where everything goes.


@each_spec
def test_nothing_overlaps_and_everything_is_within_its_frame(path: Path) -> None:
    scene = drawing_of(path).scene
    for opened in (True, False):
        check_plan(lay_out(scene, opened=opened))
    across = lay_out(scene, look=Look(direction="right", wrap=True))
    check_plan(across)
    assert across.width > across.height or path.stem not in USUAL


def check_plan(plan: Layout) -> None:
    boxes = plan.boxes
    for number, a in enumerate(boxes):
        assert a.x >= -1
        assert a.x + a.width <= plan.width + 1
        for b in boxes[number + 1 :]:
            apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
            assert apart, (a.box.path, b.box.path)
        if a.body is not None:
            if a.height > HEADER + a.body.height / 2:  # it is open
                assert a.width + 4 >= a.body.width  # dots sit on its border
            check_plan(a.body)
    places = {placed.box.path: placed for placed in boxes}
    for wire in plan.wires:
        ends = zip((wire.edge.source, wire.edge.target), (wire.points[0], wire.points[-1]), strict=True)
        for path, point in ends:
            box = places[path]
            assert box.x - 1 <= point.x <= box.x + box.width + 1
            assert box.y - 1 <= point.y <= box.y + box.height + 1
        assert (wire.label is None) == (wire.edge.label == "")


def test_lines_arrive_in_the_order_of_the_inputs_within() -> None:
    for direction in ("down", "right"):
        plan = lay_out(drawing_of(ROOT / "specs" / "vision" / "unet.yaml").scene, look=Look(direction=direction))
        ups = [placed for placed in plan.boxes if placed.body is not None and len(placed.box.inside.inputs()) == 2]
        assert len(ups) == 4
        for placed in ups:
            ends = {wire.edge.inlet: wire.points[-1] for wire in plan.wires if wire.edge.target == placed.box.path}
            x, skip = (one for one in placed.body.boxes if one.box.kind == "input")
            if direction == "down":
                assert (ends[0].x < ends[1].x) == (x.x < skip.x)
            else:
                assert (ends[0].y < ends[1].y) == (x.y < skip.y)


@pytest.mark.parametrize("form", ["residual", "outputs", "used_blocks"])
def test_what_the_engine_would_take_too_long_for_stands_in_a_column(form: str) -> None:
    small, large = (parsed(FORMS[form](count)).scene for count in (20, 240))
    assert not tangled(small)
    assert bool(tangled(large)) == (form != "used_blocks")  # long, and a chain
    plan = lay_out(large)
    check_plan(plan)
    assert len(plan.wires) == len(large.edges)
    if tangled(large):
        assert [placed.rank for placed in plan.boxes] == list(range(len(large.boxes)))
        beside = [wire.points[1].x for wire in plan.wires if wire.sides == ("right", "right")]
        assert beside
        assert all(wire.points[0].y < wire.points[-1].y for wire in plan.wires)


# Formats.


@each_spec
def test_each_format_is_well_formed_and_each_step_has_its_lines(path: Path) -> None:
    spec = spec_of(path)
    names = {value.name for value in spec.graph().main.inputs}
    texts = {form: archspec.diagram(spec, format=form) for form in FORMATS}
    root = ElementTree.fromstring(texts["svg"])
    assert names <= {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
    (dot,) = pydot.graph_from_dot_data(texts["dot"])
    assert dot.get_edges()
    assert texts["mermaid"].startswith("flowchart TB\n")
    opened, closed = (len(re.findall(rf"^ *{word}\b", texts["mermaid"], re.MULTILINE)) for word in ("subgraph", "end"))
    assert opened == closed
    page = Page(texts["html"])
    assert page.data["rows"].keys() == {row.path for _, box in drawing_of(path).scene.walk() for row in box.rows}
    lines = len(archspec.generate(spec).split("\n"))
    for step, row in page.data["rows"].items():
        assert row["spec"], step
        assert row["source"], step
        assert max(row["source"]) < lines


@pytest.mark.parametrize("path", ROUNDS, ids=[path.stem for path in ROUNDS])
def test_rounds_and_lists_are_drawn_in_every_format(path: Path) -> None:
    spec = spec_of(path)
    ElementTree.fromstring(archspec.diagram(spec, format="svg"))
    assert pydot.graph_from_dot_data(archspec.diagram(spec, format="dot"))[0].get_edges()
    assert archspec.diagram(spec, format="mermaid").startswith("flowchart TB\n")
    page = Page(archspec.diagram(spec, format="html"))
    assert page.data["rows"].keys() == {row.path for _, box in drawing_of(path).scene.walk() for row in box.rows}


HASHES = """
import sys, hashlib, archspec
for form in ("svg", "mermaid", "dot", "html"):
    print(hashlib.sha256(archspec.diagram(sys.argv[1], format=form).encode()).hexdigest())
"""


def test_equal_specs_give_equal_bytes() -> None:
    found = set()
    for seed in ("0", "1"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", HASHES, str(ROOT / "specs" / "vision" / "unet.yaml")]
        found.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_a_theme_colours_every_format(theme: Any) -> None:
    expected = {"light": {LIGHT.page}, "dark": {DARK.page}, "auto": {LIGHT.page, DARK.page}}[theme]
    svg = archspec.diagram(ROOT / "specs" / "tinyvgg.yaml", theme=theme)
    assert {page for page in (LIGHT.page, DARK.page) if f".page, .back {{ fill: {page}; }}" in svg} == expected
    assert ("prefers-color-scheme" in svg) == (theme == "auto")
    for form in ("dot", "mermaid"):
        paint = (DARK if theme == "dark" else LIGHT).families["convolution"]
        assert paint.fill in archspec.diagram(ROOT / "specs" / "tinyvgg.yaml", format=form, theme=theme)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_can_be_read_on_every_colour(palette: Palette) -> None:
    for paint in (palette.page, *(paint.fill for paint in palette.families.values())):
        assert contrast(palette.text, paint) >= 7
        assert contrast(palette.muted, paint) >= 4.5, paint
    for paint in palette.families.values():
        assert contrast(paint.stroke, palette.page) >= 1.8


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(part * weight for part, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


# Lines.


def test_each_step_leads_to_its_lines_of_spec_and_source() -> None:
    path = ROOT / "specs" / "tinyvgg.yaml"
    page = Page(archspec.diagram(path, format="html"))
    spec, source = path.read_text("utf-8").split("\n"), archspec.generate(path).split("\n")
    found = {
        step: [[lines[place].strip() for place in row[kind]] for kind, lines in (("spec", spec), ("source", source))]
        for step, row in page.data["rows"].items()
    }
    convolution = "Conv2d: {out_channels: hidden_units, kernel_size: 3, padding: 1}"
    run = "x = self.block_1(x)  # (N, hidden_units, 14, 14)"
    made = [
        f"nn.Conv2d({channels}, hidden_units, kernel_size=3, padding=1),"
        for channels in ("input_shape", "hidden_units")
    ]
    assert found["block_1.0"] == [[f"- {convolution}"], [made[0], run]]
    assert found["block_1.2"] == [[f"- {convolution}"], [made[1], run]]
    assert page.data["rows"]["block_1.0"]["spec"] != page.data["rows"]["block_1.2"]["spec"]
    assert found["classifier"][0] == [line.strip() for line in spec[24:27]]
    assert found["classifier"][1][0] == "self.classifier = nn.Sequential("
    assert found["in:x"] == [
        ["x: [N, input_shape, 28, 28]    # N is no parameter: a free dimension"],
        ["class TinyVGG(nn.Module):"],
    ]


# Text stays text.

HOSTILE = (
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]>",
    "&lt;b&gt; &amp; &#60;",
    "\"]; x[\"y' onload='alert(1)",
    '"; n0 -> n1; "\\',
    '\\N \\G \\l \\" \\',
    "`**bold**` #quot; #35; %%{init: {}}%% ;end",
    'click n0 href "javascript:alert(1)"\n  end\nsubgraph x',
    "- one",
    "1. one",
    "a\u2028b\u0085c\x1b[31m\x00\u202ed\ud800",
    "漢字 é 𝒳",
)


def hostile(text: str) -> Drawing:
    """A drawing that has the text wherever text can be, each path apart."""

    def row(path: str, kind: Any) -> DrawnStep:
        span = Span(text, 1, 1, 1, 2)
        facts = ((text, text),)
        return DrawnStep(
            f"{path}{text}", text, kind, "convolution", text, text, (text,), text, 1, facts, span, text, text, text
        )

    kinds = ("layer", "operation", "symbol", "tensor", "output")
    boxes = tuple(Box((row(kind, kind),)) for kind in kinds)
    ports = tuple(Box((row(f"inner {kind}", kind),)) for kind in ("input", "layer", "output"))
    between = tuple(Edge(a.path, b.path, text, text) for a, b in pairwise(ports))
    block = Box((row("block", "block"),), 3, Scene(ports, between))
    edges = tuple(Edge(block.path, box.path, text, text) for box in boxes)
    return Drawing(text, text, 5, Scene((block, *boxes), edges))


def written(drawing: Drawing, text: str) -> dict[str, str]:
    page = write_page(drawing, 1, "auto", {text: f"{text}\n{text}", "b": text}, None)
    return {
        "svg": write_svg(drawing, Look()),
        "dot": write_dot(drawing, Look()),
        "mermaid": write_mermaid(drawing, Look()),
        "html": page,
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_every_format(text: str) -> None:
    plain, texts = written(hostile("x"), "x"), written(hostile(text), text)
    for found in texts.values():
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]", found)
        found.encode("utf-8")
    assert shape_of(ElementTree.fromstring(texts["svg"])) == shape_of(ElementTree.fromstring(plain["svg"]))
    for form in ("dot", "mermaid"):
        one, other = (without_strings(found[form]) for found in (texts, plain))
        assert one == other
    (dot,) = pydot.graph_from_dot_data(texts["dot"])
    assert len(dot.get_edges()) == 5
    labels = re.findall(r'"([^"\n]*)"', texts["mermaid"])
    assert [label for label in labels if not re.fullmatch(r"([\w .,:\[\]()/=×·…]|#\d+;|<br/>)*", label)] == []
    page, other_page = Page(texts["html"]), Page(plain["html"])
    if "\n" not in text:  # each line of the spec is an element
        assert page.tags == other_page.tags
    assert [tag for tag, _ in page.tags if tag == "script"] == ["script", "script"]
    assert {name for _, names in page.tags for name in names} == {
        name for _, names in other_page.tags for name in names
    }


def shape_of(element: ElementTree.Element) -> Any:
    """The tree of elements with the names of their attributes, without any text."""
    return element.tag, sorted(element.attrib), [shape_of(child) for child in element]


def without_strings(text: str) -> str:
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


class Page(HTMLParser):
    """A page's elements with the names of their attributes, its policy, and its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[str]]] = []
        self.policy = ""
        self.data: dict[str, Any] = {}
        self._is_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attributes]))
        self._is_data = ("id", "data") in attributes
        if ("http-equiv", "Content-Security-Policy") in attributes:
            self.policy = dict(attributes)["content"] or ""

    def handle_data(self, text: str) -> None:
        if self._is_data:
            self.data = json.loads(text)
            self._is_data = False


def test_a_page_may_do_nothing_but_what_its_own_script_does() -> None:
    page = Page(archspec.diagram(ROOT / "specs" / "tinyvgg.yaml", format="html"))
    rules = dict(rule.strip().split(" ", 1) for rule in page.policy.split(";"))
    assert rules.pop("default-src") == "'none'"
    assert rules.pop("img-src") == "data:"
    assert {rules.pop("base-uri"), rules.pop("form-action")} == {"'none'"}
    assert rules.keys() == {"script-src", "style-src"}
    assert all(re.fullmatch(r"'sha256-[\w+/=]+'", rule) for rule in rules.values())
    assert not [name for _, names in page.tags for name in names if name.startswith("on") or name == "style"]


# The command.


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        status = main(["diagram", *arguments])
    except SystemExit as error:
        status = int(error.code or 0)
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.svg", "<svg "),
        ("a.mmd", "flowchart"),
        ("a.gv", "digraph"),
        ("a.html", "<!doctype html>"),
        ("b.SVG", "<svg "),
    ],
)
def test_what_the_file_ends_in_says_the_format(
    name: str, start: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, spec = tmp_path / name, str(ROOT / "specs" / "tinyvgg.yaml")
    assert run(spec, "-o", str(file), capsys=capsys)[:2] == (0, f"wrote {file}\n")
    assert file.read_text("utf-8").startswith(start)
    assert run(spec, "-o", str(file), capsys=capsys)[:2] == (0, f"unchanged {file}\n")


def test_the_command_says_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = str(ROOT / "specs" / "tinyvgg.yaml")
    assert run(spec, "-o", "net.jpg", capsys=capsys)[::2] == (
        2,
        "archspec diagram: `net.jpg` has none of the suffixes .svg, .mmd, .mermaid, .dot, .gv, .html, .htm, .png, "
        ".pdf; use --format\n",
    )
    assert "--depth `-1`" in run(spec, "--depth=-1", capsys=capsys)[2]
    link = tmp_path / "link.svg"
    link.symlink_to(tmp_path / "target.svg")
    status, _, errors = run(spec, "-o", str(link), capsys=capsys)
    assert (status, "symbolic link" in errors, link.is_symlink()) == (1, True, True)
    monkeypatch.setitem(sys.modules, "graphlay", None)
    status, out, errors = run(spec, capsys=capsys)
    assert (status, out) == (2, "")
    assert "pip install 'archspec-nn[diagram]'; --format mermaid and dot do without" in errors
    assert run(spec, "--format", "mermaid", capsys=capsys)[0] == 0
    (tmp_path / "wrong.yaml").write_text("inputs: {x: [N]}\nlayers: [Linaer]\n")
    assert run(str(tmp_path / "wrong.yaml"), capsys=capsys)[:2] == (1, "")


def test_a_long_picture_is_broken_into_columns_and_its_title_and_legend_are_left_out() -> None:
    spec = spec_of(ROOT / "specs" / "vision" / "pointnet.yaml")
    sizes = {}
    for wrap in (False, True):
        root = ElementTree.fromstring(archspec.diagram(spec, wrap=wrap, title=False, legend=False))
        sizes[wrap] = float(root.get("width", "0")), float(root.get("height", "0"))
    assert sizes[False][1] > 7 * sizes[False][0]
    assert sizes[True][1] < 2 * sizes[True][0]
    words = ("PointNet", "normalization")
    bare, whole = (
        archspec.diagram(spec, title=shown, legend=shown).partition("</style>")[2] for shown in (False, True)
    )
    assert [word in text for text in (bare, whole) for word in (f">{words[0]} ·", f">{words[1]}<")] == [False] * 2 + [
        True
    ] * 2
    assert "flowchart LR" in archspec.diagram(spec, format="mermaid", direction="right")
    assert "rankdir=LR" in archspec.diagram(spec, format="dot", direction="right")


def test_a_picture_is_a_file_of_its_format_and_no_larger_than_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cairosvg")
    spec = str(ROOT / "specs" / "lenet5.yaml")
    svg = ElementTree.fromstring(archspec.diagram(spec))
    for name, start in (("a.png", b"\x89PNG"), ("a.pdf", b"%PDF-")):
        assert run(spec, "-o", str(tmp_path / name), "--scale", "1.5", capsys=capsys)[0] == 0
        assert (tmp_path / name).read_bytes().startswith(start)
    size = struct.unpack(">II", (tmp_path / "a.png").read_bytes()[16:24])
    assert size == pytest.approx([1.5 * float(svg.get(side, "0")) for side in ("width", "height")], abs=1)
    for scale, message in (("50", "at most 100,000,000 are drawn"), ("-1", "a scale of -1"), ("nan", "a scale of nan")):
        status, _, errors = run(spec, "-o", str(tmp_path / "b.png"), f"--scale={scale}", capsys=capsys)
        assert (status, message in errors) == (2, True)


def test_a_picture_is_not_for_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    spec = str(ROOT / "specs" / "tinyvgg.yaml")
    for arguments, status in ((), 2), (("--format", "dot"), 0), (("-o", "-"), 0):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Terminal())
            assert main(["diagram", spec, *arguments]) == status
    assert "svg cannot be printed to a terminal" in capsys.readouterr().err


def test_depth_says_how_much_is_open() -> None:
    spec = archspec.load(ROOT / "specs" / "text" / "gpt2.yaml")
    clusters = [archspec.diagram(spec, format="dot", depth=depth).count("subgraph") for depth in range(5)]
    assert clusters == [0, 1, 2, 4, 4]


def test_a_block_can_be_drawn_alone(capsys: pytest.CaptureFixture[str]) -> None:
    spec = archspec.load(ROOT / "specs" / "text" / "gpt2.yaml")
    text = archspec.diagram(spec, "transformer.h", format="mermaid", depth=0)
    assert text == archspec.diagram(spec, "transformer.h.0", format="mermaid", depth=0)
    assert re.findall(r'"(.*?)"', text)[:3] == ["x", "ln_1 LayerNorm", "attn CausalSelfAttention"]
    assert '|"[B, T, 768]"|' in text  # what flows in, which is told outside of a block that is drawn within another
    assert "Block · 7,087,872 parameters" in archspec.diagram(spec, "transformer.h")
    status, _, errors = run(str(spec.path), "transformer.hh", capsys=capsys)
    assert (status, "no block is called `transformer.hh`; did you mean `transformer.h.0`?" in errors) == (2, True)


def test_sizes_and_parameters_are_those_that_are_given() -> None:
    text = archspec.diagram(
        ROOT / "specs" / "tinyvgg.yaml", format="dot", params={"hidden_units": 32}, inputs={"x": (4, 1, 28, 28)}
    )
    assert "[4, 32, 14, 14]" in text


# The pictures of the README.

PICTURES = {
    "tinyvgg.svg": ["specs/tinyvgg.yaml"],
    "resnet.svg": ["specs/vision/resnet.yaml", "--input", "x=1,3,224,224"],
    "bottleneck.svg": ["specs/vision/resnet.yaml", "layer1.0", "--input", "x=1,3,224,224"],
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_those_that_the_command_draws(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    committed, (spec, *arguments) = ROOT / "docs" / "images" / name, PICTURES[name]
    assert main(["diagram", str(ROOT / spec), *arguments, "-o", str(tmp_path / name)]) == 0
    if request.config.getoption("--overwrite"):
        committed.parent.mkdir(parents=True, exist_ok=True)
        committed.write_bytes((tmp_path / name).read_bytes())
    assert committed.read_text("utf-8") == (tmp_path / name).read_text("utf-8"), "pytest --overwrite draws it anew"
