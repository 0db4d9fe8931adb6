"""Problems as programs read them: valid against the schemas of their formats, and with nothing lost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Log

import archspec
from archspec.cli import main
from archspec.problems import Edit, Problem, Related, Span
from archspec.problems.formats import JSON_SCHEMA, render_json, render_sarif

BAD = Path(__file__).parent / "errors"
FOUND = [problem for path in sorted(BAD.glob("*.yaml")) for problem in archspec.check(path)]

HOSTILE = Span("a dir/né%20:t\u202e.yaml", 1, 2, 3, 4, "\x1b[31m")
STRANGE = [
    Problem("AS401", "\u2028::error::x", HOSTILE, "", "warning", (Related("\ud800", HOSTILE),), (Edit(HOSTILE, "\n"),)),
    Problem("AS107", "no such file", Span("/elsewhere/net.yaml", 1, 1, 1, 1)),
    Problem("AS101", "not closed", Span("<stdin>", 1, 1, 1, 1)),
]


@pytest.mark.parametrize("problems", [[], FOUND, STRANGE], ids=["none", "found", "strange"])
def test_json_is_what_its_schema_says(problems: list[Problem]) -> None:
    data = json.loads(render_json(problems))
    jsonschema.Draft202012Validator.check_schema(JSON_SCHEMA)
    jsonschema.Draft202012Validator(JSON_SCHEMA).validate(data)
    for one, problem in zip(data, problems, strict=True):
        assert [one[name] for name in ("path", "line", "end_column")] == [
            getattr(problem, name) for name in ("path", "line", "end_column")
        ]
        assert [edit["text"] for edit in one["edits"]] == [edit.text for edit in problem.edits]


@pytest.mark.parametrize("problems", [[], FOUND, STRANGE], ids=["none", "found", "strange"])
def test_sarif_is_sarif(problems: list[Problem]) -> None:
    text = render_sarif(problems)
    assert text.isascii()
    Log.model_validate_json(text)  # made from the standard's own schema, which forbids what it does not know
    log = json.loads(text)
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({problem.code for problem in problems})
    for result, problem in zip(run["results"], problems, strict=True):
        assert (rules[result["ruleIndex"]], result["level"]) == (problem.code, problem.severity)
        assert len(result.get("relatedLocations", [])) == len(problem.related)
        assert ("fixes" in result) == bool(problem.edits)


def test_places_are_relative_to_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "specs").mkdir()
    monkeypatch.chdir(tmp_path / "specs")
    places = {
        "net one.yaml": {"uri": "net%20one.yaml", "uriBaseId": "%SRCROOT%"},
        os.path.join("a", "b.yaml"): {"uri": "a/b.yaml", "uriBaseId": "%SRCROOT%"},
        str(tmp_path / "specs" / "a.yaml"): {"uri": "a.yaml", "uriBaseId": "%SRCROOT%"},
        os.path.join("..", "a.yaml"): {"uri": (tmp_path / "a.yaml").as_uri()},
    }
    problems = [Problem("AS107", "not there", Span(path, 1, 1, 1, 1)) for path in places]
    results = json.loads(render_sarif(problems))["runs"][0]["results"]
    found = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in results]
    assert found == list(places.values())


def test_a_program_finds_what_it_can_read_also_where_nothing_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text("inputs: {x: [N, 8]}\nlayers: [ReLU]\n")
    for form, empty in (("json", []), ("sarif", json.loads(render_sarif([])))):
        assert main(["check", "net.yaml", "--format", form]) == 0
        assert json.loads(capsys.readouterr().out) == empty
    assert main(["check", "net.yaml", "--format", "github"]) == 0
    assert capsys.readouterr() == ("", "")
