"""The language server, by a client that speaks the protocol over its standard streams; and the rooms behind it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from language_server import Server

import archspec
from archspec.editor import actions, completion, hover, renaming, shapes, tokens
from archspec.editor.documents import Documents
from archspec.editor.places import Lines, Position, Range
from archspec.problems.fixing import apply

ROOT = Path(__file__).parent.parent
NET = (ROOT / "tests" / "test_analysis.py").read_text("utf-8").partition('NET = """\\\n')[2].partition('"""')[0]

GUARDED = """
import os, sys
REFUSED = "subprocess.Popen os.system os.exec os.posix_spawn os.fork socket.connect socket.bind os.remove os.mkdir"
def audit(event, arguments):
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    if event in REFUSED.split() or (writes and not isinstance(arguments[0], int)):
        os.write(2, f"{event} {arguments!r}".encode())
        os._exit(70)
sys.dont_write_bytecode = True
sys.addaudithook(audit)
from archspec.cli import main
sys.exit(main(["lsp"]))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("pygls")
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "pyproject.toml").write_text("")
    (folder / "torch.py").write_text("raise AssertionError('the workspace is imported')")
    with Server([sys.executable, "-c", GUARDED], folder) as running:
        yield running
        assert running.process.poll() is None, "it has stopped"


def labels(server: Server, name: str) -> dict[int, str]:
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 500, "character": 0}}
    document = {"uri": (server.folder / name).as_uri()}
    return {
        one["position"]["line"]: one["label"]
        for one in server.ask("textDocument/inlayHint", textDocument=document, range=whole)
    }


def test_shapes_and_problems_follow_the_text(server: Server) -> None:
    assert server.open("net.yaml", NET) == []
    assert labels(server, "net.yaml")[10] == "[N, 10]"
    assert labels(server, "net.yaml")[8] == "×2 [N, 8, 32, 32]"
    (found,) = server.change("net.yaml", NET.replace("Linear: classes", "Linear: clas"))
    assert (found["code"], found["range"]["start"]) == ("AS303", {"line": 10, "character": 17})
    assert labels(server, "net.yaml")[10] == "~ [N, 10]"
    assert server.change("net.yaml", NET) == []


def test_positions_are_utf_16_and_lines_may_end_in_two_characters(server: Server) -> None:
    text = "doc: 🙂\ninputs: {x: [N, 4]}\nlayers:\n  a: {Linear: 8}  # 🙂🙂\n  b: {Linear: '🙂', from: a}\n"
    for ending in ("\n", "\r\n"):
        (found,) = server.open("emoji.yaml", text.replace("\n", ending))
        assert found["range"]["start"]["line"] == 4
        assert found["range"]["end"] == {"line": 4, "character": 17}
        place = server.at("emoji.yaml", 4, 26)
        (definition,) = server.ask("textDocument/definition", **place)
        assert definition["range"] == {"start": {"line": 3, "character": 2}, "end": {"line": 3, "character": 3}}
        server.tell("textDocument/didClose", textDocument=place["textDocument"])
        assert server.found(place["textDocument"]["uri"]) == []


def test_what_is_open_stands_for_the_file_that_is_imported(server: Server) -> None:
    blocks = "blocks:\n  Block: {params: {width: int}, inputs: {x: [N, C]}, layers: {fc: {Linear: width}}}\n"
    user = "imports: {Block: ./blocks.yaml}\ninputs: {x: [N, 4]}\nlayers: [{Block: 8}]\n"
    (server.folder / "user.yaml").write_text(user)
    (found,) = server.open("user.yaml", user)
    assert "there is no file" in found["message"]
    (server.folder / "blocks.yaml").write_text(blocks)
    assert server.open("blocks.yaml", blocks) == []
    assert server.change("user.yaml", user) == []
    assert labels(server, "user.yaml") == {2: "[N, 8]"}
    (definition,) = server.ask("textDocument/definition", **server.at("user.yaml", 2, 11))
    assert definition["uri"].endswith("/blocks.yaml")
    assert definition["range"]["start"] == {"line": 1, "character": 2}
    places = server.ask(
        "textDocument/references", **server.at("blocks.yaml", 1, 4), context={"includeDeclaration": True}
    )
    assert {(one["uri"].rpartition("/")[2], one["range"]["start"]["line"]) for one in places} == {
        ("blocks.yaml", 1),
        ("user.yaml", 0),
        ("user.yaml", 2),
    }
    server.change("blocks.yaml", blocks.replace("Linear", "Linaer"))
    (found,) = server.found((server.folder / "user.yaml").as_uri())
    assert "blocks.yaml:2: unknown layer" in found["message"]


def test_the_rest_of_the_protocol(server: Server) -> None:
    server.open("rest.yaml", NET.replace("- ReLU", "- Relu"))
    document = {"uri": (server.folder / "rest.yaml").as_uri()}
    here = {"start": {"line": 7, "character": 7}, "end": {"line": 7, "character": 7}}
    (action,) = server.ask("textDocument/codeAction", textDocument=document, range=here, context={"diagnostics": []})
    (edit,) = action["edit"]["changes"][document["uri"]]
    assert (action["kind"], edit["newText"]) == ("quickfix", "ReLU")
    server.change("rest.yaml", NET)
    renamed = server.ask("textDocument/rename", **server.at("rest.yaml", 1, 10), newName="channels")
    assert [one["range"]["start"]["line"] for one in renamed["changes"][document["uri"]]] == [1, 6, 8]
    assert "error" in server.refused("textDocument/rename", **server.at("rest.yaml", 1, 10), newName="classes")
    assert server.ask("textDocument/prepareRename", **server.at("rest.yaml", 0, 0)) is None
    told = server.ask("textDocument/hover", **server.at("rest.yaml", 10, 12))["contents"]["value"]
    assert "in_features = 8" in told
    assert "docs.pytorch.org" in told
    names = {one["label"] for one in server.ask("textDocument/completion", **server.at("rest.yaml", 7, 6))["items"]}
    assert {"ReLU", "Conv2d", "Block"} <= names
    outline = server.ask("textDocument/documentSymbol", textDocument=document)
    assert [one["name"] for one in outline] == ["name", "params", "inputs", "layers", "blocks"]
    assert [one["name"] for one in outline[3]["children"]] == ["stem", "body", "pooled", "head"]
    assert {"startLine": 5, "endLine": 7} in server.ask("textDocument/foldingRange", textDocument=document)


def test_lenses_and_colours(server: Server) -> None:
    text = NET.replace("name: Net", "name: Net  # 🙂")
    server.open("lens.yaml", text)
    document = {"uri": (server.folder / "lens.yaml").as_uri()}
    found = server.ask("textDocument/codeLens", textDocument=document)
    summary = archspec.summary(archspec.parse(NET))
    told = {one["range"]["start"]["line"]: one["command"]["title"] for one in found}
    lines = text.split("\n")
    assert told[lines.index("layers:")].startswith(f"{summary.parameters / 1000:.2f} k parameters")
    assert told[lines.index("  Block:")].startswith("used 2×: ")
    data = server.ask("textDocument/semanticTokens/full", textDocument=document)["data"]
    line = column = 0
    words = {}
    for down, right, length, kind, modifier in zip(*(iter(data),) * 5, strict=True):
        line, column = line + down, right + (0 if down else column)
        words[line, lines[line][column : column + length]] = (tokens.TYPES[kind], modifier)
    at = next(number for number, one in enumerate(lines) if one.startswith("  head:"))
    assert words[at, "head"] == ("variable", 1)
    assert words[at, "Linear"] == ("class", 2)
    assert words[at, "classes"] == ("parameter", 0)
    assert words[at - 1, "pooled"] == ("variable", 1)
    assert [word for (number, word), _ in words.items() if number == at - 1][1:] == ["mean", "body"]
    assert words[lines.index("blocks:") + 1, "Block"] == ("class", 1)
    server.change("lens.yaml", text.replace("Linear: classes", "Linaer: classes"))
    assert server.ask("textDocument/codeLens", textDocument=document) == []
    assert server.ask("textDocument/semanticTokens/full", textDocument=document)["data"]


HOSTILE = (
    "",
    "\x00",
    "[" * 3000,
    "{" * 70,
    "a: &a [*a]",
    "\ud83d",
    "- " * 400,
    "layers: !!python/object/apply:os.system [ls]",
)


def test_hostile_texts_are_answered(server: Server) -> None:
    for text in HOSTILE:
        assert server.open("hostile.yaml", text)
        assert labels(server, "hostile.yaml") == {}
        for request in ("hover", "completion", "definition"):
            server.ask(f"textDocument/{request}", **server.at("hostile.yaml", 3, 99))
        for request in ("codeLens", "semanticTokens/full"):
            server.ask(f"textDocument/{request}", textDocument=server.at("hostile.yaml", 0, 0)["textDocument"])
    assert "not open" in server.refused("textDocument/hover", **server.at("never_opened.yaml", 0, 0))


def test_it_ends_with_its_client(tmp_path: Path) -> None:
    pytest.importorskip("pygls")
    server = Server([sys.executable, "-m", "archspec", "lsp"], tmp_path)
    server.open("net.yaml", NET)
    assert server.process.stdin is not None
    server.process.stdin.close()
    assert server.process.wait(600) == 0
    assert server.process.stdout is not None
    server.process.stdout.close()


# What is behind the protocol.


def completed(text: str) -> list[str]:
    """The proposals at the mark `|` of a text."""
    at = text.index("|")
    text = text.replace("|", "", 1)
    lines = Lines(text)
    line = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    before = archspec.analyse(NET, "net.yaml")
    return [
        one.label for one in completion.completions(archspec.analyse(text, "net.yaml", before), lines, line, column)
    ]


@pytest.mark.parametrize(
    ("old", "new", "first", "never"),
    [
        ("    - ReLU", "    - |", {"Conv2d", "ReLU", "Block"}, {"relu", "from"}),
        ("    - ReLU", "    - R|", {"ReLU", "Block"}, {"width"}),
        ("head: {Linear: classes}", "head: |", {"Linear", "relu", "pooled", "x"}, {"kernel_size", "act"}),
        ("head: {Linear: classes}", "head: {|", {"Linear", "Block", "layers", "again"}, {"kernel_size"}),
        ("head: {Linear: classes}", "head: {Linear: {|", {"out_features", "bias"}, {"ReLU"}),
        ("kernel_size: 3, padding: 1}\n    - ReLU", "|}\n    - ReLU", {"kernel_size", "padding"}, {"out_channels"}),
        ("padding: 1}\n    - ReLU", "padding_mode: |", {"reflect", "zeros"}, {"ReLU"}),
        ("padding: 1}\n    - ReLU", "bias: |", {"true", "false", "width"}, {"ReLU"}),
        ("head: {Linear: classes}", "head: {Linear: classes, from: |", {"pooled", "body", "stem"}, {"act", "ReLU"}),
        ("head: {Linear: classes}", "head: {Linear: |", {"classes", "width"}, {"ReLU", "C"}),
        ("head: {Linear: classes}", "head:\n    Linear: classes\n    |", {"from", "when", "for"}, {"ReLU"}),
        ("  body: {Block: {width}, repeat: 2}", "  body: {Block: {|", {"width"}, {"out_features"}),
        ("      act: ReLU", "      act: {ReLU: {inplace: |", {"true", "width"}, {"classes"}),
        ("name: Net", "name: Net\n|", {"outputs", "let", "imports"}, {"layers", "ReLU"}),
        ("    params: {width: int}", "    params: {width: |", {"int", "float"}, {"from"}),
        ("x: [N, C, H, W]", "x: {shape: [N], dtype: |", {"int64", "bool"}, {"ReLU"}),
        ("    params: {width: int}", "    |", {"params", "let"}, {"blocks", "name"}),
    ],
)
def test_completion_proposes_what_may_stand_there(old: str, new: str, first: set[str], never: set[str]) -> None:
    assert old in NET
    found = completed(NET.replace(old, new, 1))
    assert first <= set(found)
    assert never.isdisjoint(found)


def place_of(text: str, part: str) -> tuple[int, int]:
    at = text.index(part)
    return text.count("\n", 0, at), at - (text.rfind("\n", 0, at) + 1)


@pytest.mark.parametrize(
    ("part", "new", "becomes"),
    [
        ("classes: 10", "n", "  head: {Linear: n}"),
        ("width: 8", "channels", "  body: {Block: {width: channels}, repeat: 2}"),
        ("width: int", "planes", "  body: {Block: {planes: width}, repeat: 2}"),
        ("Block: {width}", "Residual", "  body: {Residual: {width}, repeat: 2}"),
        ("act: ReLU", "relu", "      out: x + relu"),
        ("stem:", "trunk", "  trunk:"),
        ("C, H, W]", "channels", "    inputs: {x: [N, channels, H, W]}"),
    ],
)
def test_a_name_is_renamed_wherever_it_stands(part: str, new: str, becomes: str) -> None:
    analysis = archspec.analyse(NET, "net.yaml")
    text = apply(NET, renaming.rename(analysis, *place_of(NET, part), new, Documents()))
    assert becomes in text.splitlines()
    assert not archspec.analyse(text, "net.yaml").problems


@pytest.mark.parametrize(
    ("part", "new"), [("act: ReLU", "conv"), ("classes: 10", "1x"), ("Block: {width}", "ReLU"), ("width: 8", "N")]
)
def test_a_name_that_would_mean_something_else_is_refused(part: str, new: str) -> None:
    with pytest.raises(renaming.RenamingError):
        renaming.rename(archspec.analyse(NET, "net.yaml"), *place_of(NET, part), new, Documents())


def changed(text: str, part: str) -> dict[str, str]:
    """The texts that the actions at a place lead to, by their titles."""
    line, column = place_of(text, part)
    here = Position(line, column)
    found = actions.actions(archspec.analyse(text, "net.yaml"), Lines(text), Range(here, here))
    return {one.title: apply(text, one.edits) for one in found}


def test_inferred_arguments_are_written_out_and_numbers_become_parameters() -> None:
    text = NET.replace("- ReLU", "- BatchNorm2d").replace("act: ReLU", "act: BatchNorm2d")
    for part, title, becomes in (
        ("Linear: classes", "Write `in_features: 8` out", "  head: {Linear: {in_features: 8, out_features: classes}}"),
        ("- BatchNorm2d", "Write `num_features: 8` out", "    - BatchNorm2d: {num_features: 8}"),
        ("act: BatchNorm2d", "Write `num_features: 8` out", "      act: {BatchNorm2d: {num_features: 8}}"),
        ("2}\n  pooled", "Make `2` the parameter `repeat`", "params: {width: 8, classes: 10, repeat: 2}"),
        ("1}}\n      act", "Make `1` the parameter `padding`", "    params: {width: int, padding: 1}"),
    ):
        after = changed(text, part)[title]
        assert becomes in after.splitlines()
        assert archspec.analyse(after, "net.yaml").sound
        assert archspec.shapes(archspec.parse(after)) == archspec.shapes(archspec.parse(text))


def extracted(text: str, first: str, last: str) -> tuple[str, str] | None:
    """The block that the steps from one line to another become, and the new text; None where none is offered."""
    lines = Lines(text)
    start, end = (next(n for n, line in enumerate(lines.lines) if part in line) for part in (first, last))
    selected = Range(Position(start, 0), Position(end + 1, 0))
    found = actions.actions(archspec.analyse(text, "net.yaml"), lines, selected)
    made = [(one.title.rpartition(" ")[2].strip("`"), apply(text, one.edits)) for one in found if "block" in one.title]
    return made[0] if made else None


@pytest.mark.parametrize(
    ("first", "last", "call", "block"),
    [
        ("body:", "head:", "  head: {Head: {width, classes}}", "    inputs: {stem: [N, C, H, W]}"),
        ("pooled:", "head:", "  head: {Head: {classes}, from: body}", "      pooled: mean(body, [2, 3])"),
        (
            "stem:",
            "body:",
            "  body: {Body: {width}}",
            "        - Conv2d: {out_channels: width, kernel_size: 3, padding: 1}",
        ),
        ("conv:", "act: ReLU", "      act: {Act: {width}}", "    params: {width: int}"),
        ("conv:", "out: x", "      out: {Out: {width}}", "      out: x + act"),
    ],
)
def test_steps_become_a_block_and_the_network_stays_what_it_was(first: str, last: str, call: str, block: str) -> None:
    torch = pytest.importorskip("torch")
    made = extracted(NET, first, last)
    assert made is not None
    name, text = made
    lines = text.splitlines()
    assert call in lines
    assert block in lines[lines.index(f"  {name}:") :]
    assert archspec.check(archspec.parse(text)) == []
    outputs = []
    for one in (NET, text):
        torch.manual_seed(0)
        model = archspec.build(archspec.parse(one), width=5)
        outputs.append(model(torch.ones(2, 3, 32, 32)))
    assert torch.equal(*outputs)
    assert sorted(archspec.weights(archspec.parse(text)).values()) == sorted(
        archspec.weights(archspec.parse(NET)).values()
    )


@pytest.mark.parametrize(
    ("old", "new", "first", "last"),
    [
        ("", "", "head:", "head:"),  # one step
        ("", "", "Conv2d", "- ReLU"),  # in a list
        ("", "", "width: 8", "stem:"),  # not steps alone
        ("  head:", "  more: sum(stem)\n  head:", "stem:", "body:"),  # a value in the midst is read elsewhere
        ("[2, 3])", "[2, 3]) * W", "pooled:", "head:"),  # a size of an input is read
        ("name: Net", "name: Net\ninit: {head: {weight: zeros_}}", "pooled:", "head:"),
        ("  pooled:", "  bias: {Parameter: zeros(8)}\n  pooled:", "bias:", "head:"),
        ("Linear: classes", "Linear: clas", "pooled:", "head:"),  # an error
    ],
)
def test_steps_that_cannot_be_a_block_are_left_alone(old: str, new: str, first: str, last: str) -> None:
    assert old in NET
    assert extracted(NET.replace(old, new, 1) if old else NET, first, last) is None


def test_several_values_flow_into_a_block_by_name() -> None:
    text = "inputs: {ids: {shape: [N, T], dtype: int64}, x: [N, T, 8]}\nlayers:\n"
    text += "  e: {Embedding: {num_embeddings: 50, embedding_dim: 8}, from: ids}\n"
    text += "  h: e + x\n  out: {Linear: 8}\n  y: out * h\n"
    made = extracted(text, "  out:", "  y:")
    assert made is not None
    ending = "    inputs: {h: [N, T, C]}\n    layers:\n      out: {Linear: 8}\n      y: out * h\n"
    assert made[1].endswith(f"  y: Y\nblocks:\n  Y:\n{ending}")
    made = extracted(text, "  e:", "  h:")
    assert made is not None
    assert "  h: {H: {}, from: [ids, x]}\n" in made[1]
    assert "    inputs: {ids: {shape: [N, T], dtype: int64}, x: [N, T, C]}\n" in made[1]


def test_hints_tell_uses_of_a_line_together() -> None:
    text = NET.replace("repeat: 2}", 'for: "i in [8, 16]"}').replace("Block: {width}", "Grow: {width: i}")
    text = text.replace("  Block:", "  Grow:").replace("      out: x + act\n", "")
    found = {one.line: one.label for one in shapes.hints(archspec.analyse(text, "net.yaml"), 1, 30)}
    assert found[9] == "×2 [N, 8, 32, 32] … [N, 16, 32, 32]"
    assert found[17] == "×2 [N, 8, 32, 32] … [N, 16, 32, 32]"
    assert 6 in found


def test_hover_tells_what_a_name_is() -> None:
    analysis = archspec.analyse(NET, "net.yaml")
    told: Any = hover.hover(analysis, Lines(NET), *place_of(NET, "classes}"))
    assert told.startswith("`classes`: a parameter\n\n```yaml\nparams: {width: 8, classes: 10}\n```")
