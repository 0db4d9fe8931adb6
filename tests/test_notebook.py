"""What a notebook shows: tables and pictures in place of `repr`, and `%%archspec`."""

from __future__ import annotations

import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.notebook import CellError, Warned, archspec_cell, load_ipython_extension
from archspec.views.markdown import as_html

NET = """\
inputs: {x: [N, 3, 8, 8]}
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - Flatten

  - Linear: 10
"""


class Tags(HTMLParser):
    """The tags of a fragment, each closed where it was opened; and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_views_show_themselves() -> None:
    pytest.importorskip("graphlay")
    spec = archspec.parse(NET, "net.yaml")
    wider = archspec.parse(NET.replace("4,", "6,"), "wider.yaml")
    shown = (spec, archspec.summary(spec), archspec.explain(spec, "0"), archspec.diff(spec, wider))
    for one in shown:
        assert len(repr(one)) < 100
        assert "\n" not in repr(one)
        assert one._repr_markdown_()
        tags = Tags(one._repr_html_())
        assert "Conv2d" in tags.text
        assert "script" not in tags.seen
    assert "table" in Tags(shown[1]._repr_html_()).seen
    assert spec._repr_svg_() == archspec.diagram(spec)


def test_what_a_text_says_stays_text() -> None:
    hostile = '<script>alert(1)</script> ![x](http://y) <img src=x onerror="a()"> | `</code><b>` **<i>** &lt;'
    for form in (
        "{}",
        "# {}",
        "- {}",
        "| {} |\n| --- |\n| {} |",
        "```\n{}\n```",
        "    {}",
        "<details><summary>{}</summary>",
    ):
        tags = Tags(as_html(form.replace("{}", hostile)))
        assert tags.seen <= {
            "p",
            "h2",
            "ul",
            "li",
            "table",
            "thead",
            "tbody",
            "tr",
            "td",
            "th",
            "pre",
            "code",
            "strong",
        }
        assert "<script>" in tags.text


def test_markdown_becomes_the_same_as_html() -> None:
    text = "## A `b|c`\n\npara\ngraph\n\n- one\n  - two \\[x\\]\n- three\n\n"
    text += "| a | b |\n| --- | --: |\n| 1 | **2** |\n\n```x\n<y>\n```\n"
    assert as_html(text).split("\n") == [
        "<h3>A <code>b|c</code></h3>",
        "<p>para graph</p>",
        "<ul><li>one<ul><li>two [x]</li></ul></li><li>three</li></ul>",
        '<table><thead><tr><th>a</th><th style="text-align: right">b</th></tr></thead>'
        '<tbody><tr><td>1</td><td style="text-align: right"><strong>2</strong></td></tr></tbody></table>',
        "<pre>&lt;y&gt;</pre>",
    ]


def test_escaped_punctuation_is_shown_as_it_is() -> None:
    spec = archspec.parse("inputs: {x_1: [N, 4]}\nlayers:\n  fc_1: {Linear: 4}\n  y: fc_1 * x_1", "net.yaml")
    for one in (archspec.summary(spec), archspec.explain(spec, "fc_1"), archspec.diff(spec, spec)):
        assert "\\" not in Tags(one._repr_html_()).text
    assert "fc_1" in Tags(archspec.summary(spec)._repr_html_()).text


def test_a_cell_binds_its_spec_and_its_model() -> None:
    names: dict[str, Any] = {}
    assert archspec_cell("net", NET, names) is names["net"]
    with pytest.raises(CellError) as caught:
        archspec_cell("other", NET.replace("Linear", "Linaer"), names)
    assert caught.value._render_traceback_()[0].startswith("<cell>:6:5: error[AS401]")
    assert set(names) == {"net"}
    with pytest.raises(ValueError, match="is not one name"):
        archspec_cell("a b c", NET, names)
    warned = archspec_cell("net", NET.replace("  - Flatten", "  - BatchNorm2d\n  - Flatten"), names)
    assert isinstance(warned, Warned)
    assert "AS703" in warned._repr_html_()
    torch = pytest.importorskip("torch")
    archspec_cell("net model", NET, names)
    assert names["model"](torch.zeros(1, 3, 8, 8)).shape == (1, 10)


@pytest.mark.slow
def test_ipython_runs_the_cell() -> None:
    interactive = pytest.importorskip("IPython.core.interactiveshell")
    shell = interactive.InteractiveShell()
    load_ipython_extension(shell)
    result = shell.run_cell(f"%%archspec net\n{NET}")
    assert result.result is shell.user_ns["net"]
    assert isinstance(shell.run_cell(f"%%archspec net\n{NET.replace('Linear', 'Linaer')}").error_in_exec, CellError)


@pytest.mark.slow
def test_a_notebook_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By nbclient, in a kernel of its own: cells show HTML, and a wrong spec is told without a traceback."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("graphlay")
    pytest.importorskip("torch")
    root = Path(__file__).parent.parent
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    wrong = NET.replace("Linear", "Linaer")
    cells = [
        "%load_ext archspec.notebook",
        f"%%archspec net model\n{NET}",
        "import archspec, torch\nprint(tuple(model(torch.zeros(2, 3, 8, 8)).shape))",
        "archspec.summary(net)",
        f"%%archspec other\n{wrong}",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the client are not ours
        nbclient.NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute(cwd=str(tmp_path))
    _, spec, shape, summary, refused = (cell["outputs"] for cell in notebook["cells"])
    assert spec[0]["data"]["text/html"].startswith("<svg")
    assert spec[0]["data"]["image/svg+xml"]
    assert shape[0]["text"] == "(2, 10)\n"
    assert "table" in Tags(summary[0]["data"]["text/html"]).seen
    assert refused[0]["ename"] == "CellError"
    assert refused[0]["traceback"][0].startswith("<cell>:6:5: error[AS401]")
