"""Each code has a page whose examples are true, and what is generated from the pages is what they say now."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import archspec
from archspec.cli import main
from archspec.problems import CODES, Problem
from archspec.problems import explanations as codes
from archspec.problems.formats import JSON_SCHEMA

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

WITHOUT_EXAMPLE = {code for code in CODES if code.startswith(("AS6", "AS8"))} | {"AS107"}
"""Codes that no text alone meets: their pages show a command."""

WITHOUT_REMEDY = {"AS408"}
"""Codes that only a caller can mend."""


def problems(text: str, code: str) -> list[Problem]:
    """What is wrong with a spec, also where that shows only when it is generated."""
    try:
        spec = archspec.parse(text, name=f"{code}.yaml")
        archspec.generate(spec)
    except archspec.SpecError as error:
        return list(error.problems)
    return archspec.check(spec)


@pytest.mark.parametrize("code", CODES)
def test_a_page_shows_the_mistake_and_how_to_write_it_right(code: str) -> None:
    text = codes.explanation(code)
    assert text.startswith(f"# {code}: {CODES[code]}\n\n"), (
        f"write a section `## {code}` in archspec/problems/explanations"
    )
    assert len(text.split("```")[0].split()) > 15, "it says what the mistake is, and why it is one"
    examples = codes.examples(code)
    if code in WITHOUT_EXAMPLE:
        assert examples == []
        assert "```console" in text
        return
    assert len(examples) == (1 if code in WITHOUT_REMEDY else 2)
    assert {problem.code for problem in problems(examples[0], code)} == {code}
    assert [str(problem) for example in examples[1:] for problem in problems(example, code)] == []


def test_every_page_is_of_a_code_and_of_its_hundred() -> None:
    for path in (ROOT / "archspec" / "problems" / "explanations").glob("*.md"):
        found = re.findall(r"^## (\S+)$", path.read_text("utf-8"), re.MULTILINE)
        assert found == sorted(found)
        assert set(found) <= set(CODES)
        assert {code[2] for code in found} == {path.name[0]}
        assert path.name[0] in codes.HUNDREDS


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("codes.md", codes.handbook()),
        ("problems.schema.json", json.dumps(JSON_SCHEMA, indent=2) + "\n"),
    ],
)
def test_what_is_generated_is_current(name: str, text: str, request: pytest.FixtureRequest) -> None:
    path = DOCS / name
    if request.config.getoption("--overwrite"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert path.exists(), f"pytest --overwrite writes {path}"
    assert path.read_text("utf-8") == text, f"pytest --overwrite rewrites {path}"


def test_the_command_prints_a_page_the_list_and_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["codes", "as502"]) == 0
    assert capsys.readouterr().out == codes.explanation("AS502")
    assert main(["codes"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{code}  {title}" for code, title in CODES.items()]
    assert main(["codes", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == JSON_SCHEMA
    assert main(["codes", "AS520"]) == 2
    assert "there is no code `AS520`" in capsys.readouterr().err
    assert main(["codes", "AS502", "--schema"]) == 2
