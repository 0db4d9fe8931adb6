"""Problems for programs: as JSON, as annotations of a GitHub workflow, as SARIF.

Knows nothing of what the problems are about.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any

from archspec.characters import printable
from archspec.problems.codes import CODES
from archspec.problems.explanations import explanation
from archspec.problems.problem import Edit, Problem, Related, Span

_PLACE: dict[str, Any] = {
    "path": {"type": "string", "description": "the file, as the caller named it; <stdin> for standard input"},
    "line": {"type": "integer", "minimum": 1, "description": "counted from 1"},
    "column": {"type": "integer", "minimum": 1, "description": "counted from 1, in characters"},
    "end_line": {"type": "integer", "minimum": 1},
    "end_column": {"type": "integer", "minimum": 1, "description": "exclusive: the column after the last character"},
}


def _object(**properties: Any) -> dict[str, Any]:
    fields = properties | _PLACE
    return {"type": "object", "properties": fields, "required": [*fields], "additionalProperties": False}


JSON_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The problems that `archspec --format json` writes",
    "description": "In file order. Further properties may be added; none will be taken away.",
    "type": "array",
    "items": _object(
        code={"type": "string", "pattern": "^AS[0-9]{3}$", "description": "what kind of mistake it is"},
        severity={"enum": ["error", "warning"]},
        message={"type": "string", "description": "the cause"},
        help={"type": "string", "description": "what to write instead; may be empty"},
        related={
            "type": "array",
            "description": "other places that explain the problem",
            "items": _object(message={"type": "string"}),
        },
        edits={
            "type": "array",
            "description": "the only correction: all replacements together; empty if there is none",
            "items": _object(text={"type": "string", "description": "what to write there"}),
        },
    ),
}
"""What `render_json` writes, as a JSON Schema."""


def json_text(data: object) -> str:
    """Data as JSON, in which no line is a command for the runner of a workflow."""
    return json.dumps(data, indent=2).replace("##", "\\u0023#")


def problem_data(problem: Problem) -> dict[str, Any]:
    """A problem as JSON has it: an item of what `JSON_SCHEMA` describes."""

    def place(span: Span) -> dict[str, Any]:
        return {name: getattr(span, name) for name in _PLACE}

    told = {"code": problem.code, "severity": problem.severity, "message": problem.message, "help": problem.help}
    related = [{"message": one.message} | place(one.span) for one in problem.related]
    edits = [{"text": edit.text} | place(edit.span) for edit in problem.edits]
    return told | place(problem.span) | {"related": related} | {"edits": edits}


def render_json(problems: Iterable[Problem]) -> str:
    """Problems as a JSON list, one object a problem; `JSON_SCHEMA` says what it holds."""
    return json_text(list(map(problem_data, problems)))


def render_github(problems: Iterable[Problem]) -> str:
    """Problems as annotations of a GitHub workflow."""

    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(printable(text)).replace(":", "%3A").replace(",", "%2C")

    return "\n".join(
        f"::{p.severity} file={value(p.path)},line={p.line},col={p.column},endLine={p.end_line},"
        f"endColumn={p.end_column},title={p.code}::"
        + data(printable(p.message) + (f"\nhelp: {printable(p.help)}" if p.help else ""))
        for p in problems
    )


def render_sarif(problems: Sequence[Problem]) -> str:
    """Problems as a log of SARIF 2.1.0, with the rules that they break."""
    codes = sorted({problem.code for problem in problems})
    run = {
        "tool": {"driver": {"name": "archspec", "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, codes.index(problem.code)) for problem in problems],
    }
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return json_text(log)


def _rule(code: str) -> dict[str, Any]:
    text = explanation(code)
    return {"id": code, "shortDescription": {"text": CODES[code]}, "help": {"text": text, "markdown": text}}


def _result(problem: Problem, rule: int) -> dict[str, Any]:
    text = printable(problem.message) + (f"\nhelp: {printable(problem.help)}" if problem.help else "")
    result: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": _location(problem.span)}],
    }
    if problem.related:
        result["relatedLocations"] = [_related(number, one) for number, one in enumerate(problem.related, 1)]
    if problem.edits:
        result["fixes"] = [
            {"description": {"text": printable(problem.help)}, "artifactChanges": _changes(problem.edits)}
        ]
    return result


def _related(number: int, related: Related) -> dict[str, Any]:
    message = {"text": printable(related.message)}
    return {"id": number, "physicalLocation": _location(related.span), "message": message}


def _changes(edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """The pieces of one edit by the file that they are of."""
    replacements: dict[str, list[Any]] = {}
    for edit in edits:
        piece = {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.text}}
        replacements.setdefault(edit.span.path, []).append(piece)
    return [{"artifactLocation": _artifact(path), "replacements": pieces} for path, pieces in replacements.items()]


def _location(span: Span) -> dict[str, Any]:
    return {"artifactLocation": _artifact(span.path), "region": _region(span)}


def _artifact(path: str) -> dict[str, str]:
    """Where a file is, relative to the current folder, as code hosts want it; absolute where it is outside."""
    from pathlib import PurePath  # here: only this format needs it
    from urllib.parse import quote  # here: as above

    try:
        relative = os.path.relpath(path)
    except ValueError:  # Windows: on another drive
        relative = os.pardir
    if relative.startswith(os.pardir):
        return {"uri": PurePath(os.path.abspath(path)).as_uri()}
    return {"uri": quote(PurePath(relative).as_posix()), "uriBaseId": "%SRCROOT%"}


def _region(span: Span) -> dict[str, int]:
    places = {"startLine": span.line, "startColumn": span.column}
    return places | {"endLine": span.end_line, "endColumn": span.end_column}
