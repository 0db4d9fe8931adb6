"""The tools for assistants: what they answer, and the server, by the SDK's own client over stdio."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import archspec
from archspec.assistant import tools
from archspec.assistant.bounds import LEAST, LIMIT, bounded

ROOT = Path(__file__).parent.parent
RESNET = (ROOT / "specs" / "vision" / "resnet.yaml").read_text("utf-8")
NET = "inputs: {x: [N, 3]}\nlayers:\n  fc: {Linear: 4}\n  act: ReLU\n  out: {Linear: 2}\n"

GUARDED = """
import os, sys
REFUSED = "subprocess.Popen os.system os.exec os.posix_spawn os.fork socket.connect socket.bind os.remove os.mkdir"
WORKSPACE = os.path.realpath(os.getcwd())
def audit(event, arguments):
    opens = event == "open" and isinstance(arguments[0], (str, bytes))
    writes = opens and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    null = opens and arguments[0] == os.devnull  # what the SDK puts in the place of the standard streams
    inside = opens and os.path.realpath(os.fsdecode(arguments[0])).startswith(WORKSPACE + os.sep)
    if event in REFUSED.split() or inside or (writes and not null):
        os.write(2, f"{event} {arguments!r}".encode())
        os._exit(70)
sys.dont_write_bytecode = True
sys.addaudithook(audit)
from archspec.cli import main
sys.exit(main(["mcp"]))
"""


def test_tools_answer_as_the_commands_do() -> None:
    assert tools.check(NET) == "nothing wrong\n"
    wrong = NET.replace("Linear: 4", "Linaer: 4")
    assert tools.check(wrong).startswith("1 error; `fix` corrects 1\n\n<text>:3:8: error[AS401]")
    assert tools.fix(wrong).endswith(f"nothing is wrong any more\n\n```yaml\n{NET}```\n")
    assert "-  fc: {Linaer: 4}\n+  fc: {Linear: 4}" in tools.fix(wrong + "# filled\n" * 600)
    assert "not fixed" in tools.fix(wrong.replace("Linaer: 4", "Linaer: [4, 5, 6]"))
    assert "in_features = 3, inferred" in tools.explain(NET, "fc")
    assert tools.explain(NET, "fc", uses=True).startswith("fc is read by\n  act  ReLU")
    assert tools.explain("", "as502").startswith("# AS502: ")
    assert tools.summary(NET, limit=100_000) == archspec.summary(archspec.parse(NET)).text()
    assert "out_features 4 -> 5" in tools.diff(NET, NET.replace("4", "5"))
    assert tools.layers("pooling").startswith("layers: AdaptiveAvgPool1d")
    assert "Conv2d" in tools.layers()
    assert "scaled_dot_product_attention" in tools.layers(limit=100_000)
    assert json.loads(tools.schema("Conv2d")) == archspec.schema()["$defs"]["Conv2d"]
    assert "inputs: " in tools.schema()
    assert tools.generate(RESNET, limit=100_000) == archspec.generate(archspec.parse(RESNET))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: tools.summary("["), "error[AS1"),
        (lambda: tools.generate(NET.replace("ReLU", "Relu")), "error[AS401]"),
        (lambda: tools.explain(NET, "fcc"), "did you mean `fc`"),
        (lambda: tools.explain(NET, uses=True), "name it in `step`"),
        (lambda: tools.explain("", "AS999"), "there is no code"),
        (lambda: tools.layers("Conv2D"), "did you mean `Conv2d`"),
        (lambda: tools.schema("nothing"), "no part `nothing`"),
        (lambda: tools.summary(NET, params={"width": 3}), "AS208"),
        (lambda: tools.summary(NET, variant="wide"), "AS208"),
        (lambda: tools.summary(NET, inputs={"x": [-1, 3]}), "does not fit"),
        (lambda: tools.summary("imports: {A: ./a.yaml}\ninputs: {x: [N]}\nlayers: [A]\n"), "AS107"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(made: Any, message: str) -> None:
    with pytest.raises(tools.RefusedError) as caught:
        made()
    assert message in str(caught.value)


def test_answers_are_short_unless_more_is_asked_for() -> None:
    many = NET + "".join(f"  a{n}: {{Linaer: {n}}}\n" for n in range(1, 200))
    answers = [tools.check(many), tools.fix(many), tools.explain(RESNET), tools.summary(RESNET), tools.layers()]
    answers += [tools.schema(), tools.schema("all"), tools.generate(RESNET)]
    assert all(1000 < len(answer.encode()) <= LIMIT for answer in answers)
    assert "Parameters   25,557,032" in answers[3], "of a table fewer levels are shown, and all totals"
    found = re.search(r"`limit: (\d+)` gives all of it\]$", answers[-1])
    assert found is not None
    assert "[cut:" not in tools.generate(RESNET, limit=int(found[1]))
    with pytest.raises(tools.RefusedError) as caught:
        tools.summary(many, limit=LEAST)
    assert len(str(caught.value).encode()) <= LEAST
    for text in ("ä" * 5000, "\ud83d" * 2000, "x\n" * 5000):
        assert len(bounded(text, LEAST).encode()) <= LEAST


def test_every_tool_says_what_it_takes() -> None:
    names = [tool.__name__ for tool in tools.TOOLS]
    assert names == "check fix explain summary diff layers schema generate".split()
    for tool in tools.TOOLS:
        assert tool.__doc__
        hints = inspect.get_annotations(tool, eval_str=True)
        assert {"limit", *inspect.signature(tool).parameters} == hints.keys() - {"return"}


@pytest.mark.slow
def test_the_sdks_own_client_calls_the_tools(tmp_path: Path) -> None:
    """Over stdio, in a process that may not open a file of the workspace, start one of its own, or connect."""
    sdk = pytest.importorskip("mcp")
    stdio = pytest.importorskip("mcp.client.stdio")
    for module in ("torch.py", "yaml.py", "jinja2.py"):
        (tmp_path / module).write_text("raise AssertionError('the workspace is imported')")
    (tmp_path / "blocks.yaml").write_text("blocks: {Block: {inputs: {x: [N, C]}, layers: [ReLU]}}\n")
    (tmp_path / "<text>").write_text(NET)
    launch = f"import sys; sys.path[:] = [{str(ROOT)!r}, *filter(None, sys.path)]\n{GUARDED}"
    parameters = sdk.StdioServerParameters(command=sys.executable, args=["-c", launch], cwd=tmp_path)
    importing = "imports: {Block: ./blocks.yaml}\ninputs: {x: [N, 3]}\nlayers: [Block]\n"
    hostile = ("", "\x00", "[" * 3000, "a: &a [*a]", "layers: !!python/object/apply:os.system [ls]", importing)

    async def talk() -> None:
        async with sdk.Client(stdio.stdio_client(parameters)) as client:

            async def call(name: str, **arguments: Any) -> tuple[bool, str]:
                result = await client.call_tool(name, arguments)
                assert result.structured_content is None
                return result.is_error, "".join(part.text for part in result.content)

            offered = (await client.list_tools()).tools
            assert [tool.name for tool in offered] == [tool.__name__ for tool in tools.TOOLS]
            assert all(tool.annotations.read_only_hint for tool in offered)
            assert "limit" in offered[0].input_schema["properties"]
            assert await call("check", text=NET) == (False, "nothing wrong\n")
            assert await call("generate", text=NET) == (False, tools.generate(NET))
            assert await call("explain", text=NET, step="fc") == (False, tools.explain(NET, "fc"))
            refused, why = await call("summary", text=NET, params={"n": 1})
            assert refused
            assert "AS208" in why
            refused, why = await call("summary", text=NET, params={"n": {}})
            assert refused
            for text in hostile:
                for tool in ("check", "fix"):
                    refused, why = await call(tool, text=text)
                    assert not refused
                    assert "error[" in why
                for tool in ("explain", "summary", "generate"):
                    refused, why = await call(tool, text=text)
                    assert refused
                    assert "error[" in why
            assert await call("check", text=NET) == (False, "nothing wrong\n")

    asyncio.run(talk())
