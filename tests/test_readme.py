"""What README.md shows is what the tool says now. `pytest --overwrite` puts the present output there."""

from __future__ import annotations

import code
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

BLOCK = re.compile(
    r"(?:^`(?P<file>[\w./]+)`[^\n]*:\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
"""A block of code, with the file that the line above names."""


def shell(command: str) -> str:
    """What a command prints, on both streams."""
    words = shlex.split(command)
    assert words[0] == "archspec"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    process = [sys.executable, "-m", *words]
    done = subprocess.run(process, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return f"$ {command}\n{done.stdout}"


def session(statements: list[str]) -> str:
    """What Python's prompt shows for these statements."""
    console = code.InteractiveConsole()
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        for statement in statements:
            print(f">>> {statement}")
            assert not console.push(statement), "a statement is one line"
    return shown.getvalue()


def present(kind: str, file: str | None, text: str) -> str:
    """A block as it should be; files that it names are laid out for the blocks below it."""
    if kind == "console":
        return shell(text.partition("\n")[0].removeprefix("$ "))
    if kind == "pycon":
        return session(re.findall(r"^>>> (.*)$", text, re.MULTILINE))
    if file is None:
        return text
    if kind == "python":
        shell(f"archspec generate specs/{Path(file).stem}.yaml")
        return Path(file).read_text("utf-8")
    if (ROOT / file).exists():
        text = (ROOT / file).read_text("utf-8")
    Path(file).parent.mkdir(exist_ok=True)
    Path(file).write_text(text, "utf-8")
    return text


def test_every_command_and_output_is_real(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kinds = []

    def renew(match: re.Match[str]) -> str:
        kinds.append(match["kind"])
        text = present(match["kind"], match["file"], match["text"])
        start, end = match.start("text") - match.start(), match.end("text") - match.start()
        return match[0][:start] + text + match[0][end:]

    now = README.read_text("utf-8")
    renewed = BLOCK.sub(renew, now)
    if request.config.getoption("--overwrite"):
        README.write_text(renewed, "utf-8")
    else:
        assert now == renewed
    assert set(kinds) == {"yaml", "python", "bash", "console", "pycon"}
    assert now.count("```") == 2 * len(kinds), "a block that is not looked at"


@pytest.mark.parametrize("file", ["README.md", "archspec/README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert [link for link in links if not (ROOT / file).parent.joinpath(link).exists()] == []


def test_the_commands_to_try_and_to_test_are_those_of_the_project() -> None:
    text = README.read_text("utf-8")
    commands = {
        heading: re.search(rf"^## {heading}$.*?^```bash\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
        for heading in ("Try it", "Test it")
    }
    found = {heading: match and match[1] for heading, match in commands.items()}
    assert found == {
        "Try it": "pip install . && archspec generate specs/tinyvgg.yaml",
        "Test it": 'pip install -e ".[dev]" && pytest -n auto',
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(project["optional-dependencies"]) == {"dev", "diagram", "fuzz", "torch"}
    assert f"Python {project['requires-python'].removeprefix('>=')}" in text


def test_the_map_of_the_code_shows_every_room() -> None:
    text = (ROOT / "archspec" / "README.md").read_text("utf-8")
    shown = set(re.findall(r"`([\w/]+(?:\.py|/))`", text.partition("## What always holds")[0]))
    package = ROOT / "archspec"
    rooms = {path.relative_to(package).as_posix() for path in [*package.glob("*.py"), *package.glob("emit/*.py")]}
    rooms |= {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert rooms - {"__main__.py", "emit/", "emit/__init__.py"} == shown - {"templates/"}
    named = {f"{name}.py" for name in re.findall(r"`(test_\w+)`", text)}
    assert {name for name in named if not (ROOT / "tests" / name).exists()} == set()
