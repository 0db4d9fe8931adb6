"""What the documentation shows is what the tool says now. `pytest --overwrite` puts the present output there."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pages import ROOT, commands, present, renew

from archspec.arguments import COMMANDS
from archspec.views import schema

DOCS = ROOT / "docs"
PAGES = sorted(
    path.relative_to(DOCS).as_posix()
    for path in [DOCS / "index.md", *DOCS.glob("tutorial/*.md"), *DOCS.glob("language/*.md")]
)
"""The pages that people write; the others come from the code."""

WRONG = re.compile(r"\b(mistakes?|warnings?)\b")
"""How the line above a spec says that there is something wrong with it."""


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_real(
    page: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_every_command_that_a_page_names_is_one() -> None:
    texts = [(DOCS / page).read_text("utf-8") for page in PAGES]
    named = {name for text in texts for name in re.findall(r"\barchspec ([a-z]+)\b[^`\n]*`", text)}
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
    for workflow in files.values():
        steps = [step for job in yaml.safe_load(workflow)["jobs"].values() for step in job["steps"]]
        lines = [line for step in steps for line in commands(step.get("run", ""))]
        assert lines
        present("bash", None, "\n".join(lines))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="sphinx is not installed: pip install '.[docs]'")
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("_build", "reference"))
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", "site"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for page in ("index", "tutorial/index", "language/index", "reference/commands", "reference/api"):
        assert (tmp_path / "site" / f"{page}.html").exists()
