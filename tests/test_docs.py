"""What the documentation shows is what the tool says now. `pytest --overwrite` puts the present output there."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from pages import ROOT, commands, present, renew

import archspec
from archspec.cli.arguments import COMMANDS
from archspec.views import schema

DOCS = ROOT / "docs"
FROM_CODE = ("codes.md", "reference/", "_build/")
PAGES = sorted(
    page for path in DOCS.rglob("*.md") if not (page := path.relative_to(DOCS).as_posix()).startswith(FROM_CODE)
)
"""The pages that people write; the others come from the code."""

NEEDED = {
    "cookbook/lightning.md": "lightning",
    "cookbook/trainer.md": "transformers accelerate",
    "cookbook/hydra.md": "hydra",
    "cookbook/optuna.md": "optuna",
    "cookbook/export.md": "onnx onnxruntime onnxscript",
}
"""The packages besides PyTorch that a page runs: `pip install '.[cookbook]'`."""

SLOW = {*NEEDED, "cookbook/train.md"}

WRONG = re.compile(r"\b(mistakes?|warnings?)\b")
"""How the line above a spec says that there is something wrong with it."""


@pytest.mark.parametrize("page", [pytest.param(page, marks=[pytest.mark.slow] * (page in SLOW)) for page in PAGES])
def test_every_block_is_real(
    page: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = [package for package in NEEDED.get(page, "").split() if importlib.util.find_spec(package) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed: pip install '.[cookbook]'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.syspath_prepend(str(tmp_path))  # where Python's prompt looks
    now = (DOCS / page).read_text("utf-8")
    renewed, blocks = renew(now)
    if request.config.getoption("--overwrite"):
        (DOCS / page).write_text(renewed, "utf-8")
    else:
        assert now == renewed
    assert len(re.findall(r"^\s*```\w", now, re.MULTILINE)) == len(blocks), "a block that is not looked at"
    for block in blocks:
        if block.kind in ("yaml", "toml", "python"):
            assert block.file, "a block that no line names"
        is_wrong = WRONG.search(block.note) is not None
        assert bool(block.problems) == is_wrong, (block.file, *block.problems)


def test_a_block_that_is_not_real_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = "`net.yaml`:\n\n```yaml\ninputs: {x: [N, 3]}\nlayers: [Linaer: 3]\n```\n"
    shown = "```console\n$ archspec check net.yaml\n1 spec checked, nothing wrong\n```\n"
    renewed, blocks = renew(page + shown)
    assert "error[AS401]" in blocks[0].problems[0]
    assert "did you mean `Linear`" in renewed
    assert "nothing wrong" not in renewed
    with pytest.raises(SystemExit):
        present("bash", None, "archspec chekc\n")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere_on_github_too(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    links = re.findall(r"\[([^\]]*)\]\(((?!https?:)[^)#\s]+)[^)]*\)", text)
    assert [to for shown, to in links if not shown or not (DOCS / page).parent.joinpath(to).exists()] == []


def test_every_command_that_a_page_names_is_one() -> None:
    texts = [(DOCS / page).read_text("utf-8") for page in PAGES]
    named = {name for text in texts for name in re.findall(r"`archspec ([a-z]+)\b[^`\n]*`", text)}
    assert named, "there are some"
    assert named - set(COMMANDS) == set()


def test_every_key_of_the_language_is_taught() -> None:
    text = "\n".join((DOCS / page).read_text("utf-8") for page in PAGES if page.startswith("language/"))
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    examples = "\n".join(re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    told = {word for span in re.findall(r"`([^`\n]+)`", prose) for word in re.findall(r"\w+", span)}
    shown = set(re.findall(r"\b(\w+):", examples))
    assert set(schema.DOCS) - shown - told == set()
    assert set(schema.DOCS) - shown == {"archspec", "choices"}, "no example has them"


def test_what_projects_are_told_to_copy_is_what_there_is() -> None:
    hooks = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}
    files = {}
    for page in PAGES:
        text = (DOCS / page).read_text("utf-8")
        files |= dict(re.findall(r"^`(\.[\w./-]+)`[^\n]*:\n\n```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    offered = yaml.safe_load(files.pop(".pre-commit-config.yaml"))["repos"]
    assert {hook["id"] for repo in offered for hook in repo["hooks"]} == hooks
    assert files, "workflows"
    for name, text in files.items():
        lines = [line for script in texts(yaml.safe_load(text)) for line in commands(script)]
        assert lines, name
        present("bash", None, "\n".join(lines))


def texts(node: object) -> Iterator[str]:
    """Every text in a YAML document."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for part in node.values() if isinstance(node, dict) else node:
            yield from texts(part)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="sphinx is not installed: pip install '.[docs]'")
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("_build", "reference"))
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for page in ("index", "tutorial/index", "language/index", "reference/commands", "reference/api"):
        assert (tmp_path / "site" / f"{page}.html").exists()
    text = (tmp_path / "site" / "llms.txt").read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert {*PAGES, "codes.md"} - {"index.md"} == {link.replace(".html", ".md") for link in links}
    assert [link for link in links if not (tmp_path / "site" / link).exists()] == []
    assert len(text) < 8000


TRANSLATED = {
    "x": "[N, 4, 8, 8]",
    "t": "[N, T, 16]",
    "ids": "{shape: [N, T], dtype: int64}",
    "mask": "{shape: [N, T], dtype: bool}",
}
"""What the tables of translations read, as they say above them."""


def translations() -> list[tuple[str, str]]:
    """The rows of the page for those who come from PyTorch that are assignments: PyTorch's text and ours."""
    text = (DOCS / "coming-from" / "pytorch.md").read_text("utf-8").partition("## Structure")[0]
    return re.findall(r"^\| `([^`]* = [^`]*)` \| `([^`]*)` \|$", text, re.MULTILINE)


@pytest.mark.parametrize(("theirs", "ours"), translations())
def test_translations_compute_the_same(theirs: str, ours: str) -> None:
    torch.manual_seed(0)
    values = {
        "x": torch.randn(2, 4, 8, 8),
        "t": torch.randn(2, 5, 16),
        "ids": torch.randint(4, (2, 5)),
        "mask": torch.rand(2, 5) > 0.5,
    }
    names = [name for name in TRANSLATED if re.search(rf"\b{name}\b", ours)] or [
        "t" if re.search(r"\bT\b", ours) else "x"
    ]
    inputs = "\n".join(f"  {name}: {TRANSLATED[name]}" for name in names)
    left, _, right = theirs.partition(" = ")
    outputs = "" if "nn." in theirs else f"outputs: [{left}]\n"
    model = archspec.build(archspec.parse(f"inputs:\n{inputs}\nlayers:\n  {ours}\n{outputs}")).eval()
    scope = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "self": model, "N": 2, "T": 5, **values}
    expected = eval(right, scope)
    if "nn." in theirs:
        assert repr(getattr(model, left.removeprefix("self."))) == repr(expected)
        return
    expected = expected if isinstance(expected, tuple) else (expected,)
    for got, wanted in zip(model(*(values[name] for name in names)), expected, strict=True):
        assert got.dtype == wanted.dtype
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)
