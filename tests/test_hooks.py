"""Where specs are checked without being asked: pre-commit's hooks, and the action for GitHub, as they are used."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ACTION = ROOT / ".github" / "actions" / "archspec" / "action.yml"
GOOD = "name: Net\ninputs: {x: [N, 8]}\nlayers: [Linear: 3]\n"
WRONG = GOOD.replace("Linear", "Linar")
PROJECT = '[tool.archspec]\nspecs = "configs/models"\ngenerated = "src/nets"\n'


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository of another layout than archspec's own, with a good spec and its module."""
    folder = tmp_path / "project"
    (folder / "configs" / "models").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "configs" / "models" / "net.yaml").write_text(GOOD)
    made = run(folder, sys.executable, "-m", "archspec", "generate", PYTHONPATH=str(ROOT))
    assert made.returncode == 0, made.stderr
    for command in ("init -q", "config user.email a@example.com", "config user.name A", "add -A", "commit -qm first"):
        assert run(folder, "git", *command.split()).returncode == 0
    return folder


@pytest.mark.slow
def test_the_hooks_of_pre_commit_find_specs_wherever_the_project_has_them(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("pre_commit")
    hooks = tmp_path / "archspec"
    assert run(tmp_path, "git", "clone", "-q", str(ROOT), str(hooks)).returncode == 0
    revision = run(hooks, "git", "rev-parse", "HEAD").stdout.strip()
    named = [{"id": "archspec-check"}, {"id": "archspec-generate"}]
    (project / ".pre-commit-config.yaml").write_text(
        yaml.safe_dump({"repos": [{"repo": str(hooks), "rev": revision, "hooks": named}]})
    )

    def outcome() -> tuple[int, str]:
        run(project, "git", "add", "-A")
        done = run(project, sys.executable, "-m", "pre_commit", "run", PRE_COMMIT_HOME=str(tmp_path / "home"))
        return done.returncode, done.stdout + done.stderr

    status, out = outcome()
    assert (status, out.count("Passed")) == (0, 2), out
    (project / "configs" / "models" / "net.yaml").write_text(GOOD + "# a comment\n")
    status, out = outcome()
    assert (status, "error[AS605]" in out, out.count("Passed")) == (1, True, 1), out
    (project / "configs" / "models" / "net.yaml").write_text(WRONG)
    status, out = outcome()
    assert (status, "error[AS401]" in out) == (1, True), out
    assert "net.yaml:3:10" in out
    (project / "configs" / "models" / "net.yaml").write_text(GOOD)
    with (project / "src" / "nets" / "net.py").open("a") as module:
        module.write("# edited by hand\n")
    status, out = outcome()
    assert (status, "error[AS601]" in out) == (1, True), out


def test_each_input_of_the_action_is_used_and_none_reaches_a_shell_as_text() -> None:
    action = yaml.safe_load(ACTION.read_text("utf-8"))
    steps = action["runs"]["steps"]
    used = set(re.findall(r"inputs\.([\w-]+)", str(steps)))
    assert used == set(action["inputs"])
    assert not any("${{" in step["run"] for step in steps), "an expression in a script could inject commands"


@pytest.mark.slow
def test_the_action_for_github_annotates_what_is_wrong(project: Path, tmp_path: Path) -> None:
    steps = yaml.safe_load(ACTION.read_text("utf-8"))["runs"]["steps"]
    inputs = {"specs": "", "strict": "true", "working-directory": "."}
    runner = {"RUNNER_TEMP": str(tmp_path), "GITHUB_ACTION_PATH": str(ACTION.parent)}

    def outcome(step: Mapping[str, Any]) -> tuple[int, str]:
        given = {name: inputs[text[len("${{ inputs.") : -len(" }}")]] for name, text in step.get("env", {}).items()}
        done = run(project, "bash", "-e", "-o", "pipefail", "-c", step["run"], **runner, **given)
        return done.returncode, done.stdout + done.stderr

    install, check, generate = steps
    assert outcome(install)[0] == 0
    assert outcome(check)[0] == outcome(generate)[0] == 0
    (project / "configs" / "models" / "net.yaml").write_text(WRONG)
    status, out = outcome(check)
    assert status == 1
    assert out.startswith("::error file=configs/models/net.yaml,line=3,col=10,"), out
    (project / "configs" / "models" / "net.yaml").write_text(GOOD.replace("3", "4"))
    assert outcome(check)[0] == 0
    status, out = outcome(generate)
    assert (status, "AS605" in out) == (1, True), out
