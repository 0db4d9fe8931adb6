"""What README.md shows is what the tool says now. `pytest --overwrite` puts the present output there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from pages import ROOT, renew

README = ROOT / "README.md"


def test_every_command_and_output_is_real(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    now = README.read_text("utf-8")
    renewed, blocks = renew(now)
    if request.config.getoption("--overwrite"):
        README.write_text(renewed, "utf-8")
    else:
        assert now == renewed
    assert {block.kind for block in blocks} == {"yaml", "python", "bash", "console", "pycon"}
    assert now.count("```") == 2 * len(blocks), "a block that is not looked at"


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
    extras = {"cookbook", "dev", "diagram", "docs", "fuzz", "import-tests", "integrations", "torch"}
    extras |= {"lsp", "mcp", "notebook", "pictures", "release", "serve", "watch"}
    assert set(project["optional-dependencies"]) == extras
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
