"""Every bad spec of tests/errors has the problems that are written in it, at those very lines, and no others.

A comment `# E: AS401 did you mean `Conv2d`?` expects a problem of that code on its line, whose message, help or related
places hold that text (several texts are joined by ` ... `); `# E-2:` expects it two lines above.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

import archspec
from archspec.problems import CODES, WARNINGS, Problem, render_text
from archspec.problems.formats import render_github, render_json

ERRORS = Path(__file__).parent / "errors"
SPECS = sorted(ERRORS.glob("*.yaml"))

_EXPECTED = re.compile(r"# E([+-]\d+)?: (AS\d+)[ \t]*(.*?)[ \t]*(?=# E[+-]?\d*: AS|$)", re.MULTILINE)

ELSEWHERE = {
    "AS107": "not about a text (tests/test_source.py)",
}
"""Codes below AS600 that no text alone meets in a check, and why."""


class Expected(NamedTuple):
    """A problem that a spec says it has."""

    line: int
    code: str
    texts: tuple[str, ...]

    def fits(self, problem: Problem) -> bool:
        said = "\n".join((problem.message, problem.help, *(related.message for related in problem.related)))
        return (problem.line, problem.code) == self[:2] and all(text in said for text in self.texts)


def expected(text: str) -> list[Expected]:
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        for match in _EXPECTED.finditer(line):
            texts = tuple(part for part in match[3].split(" ... ") if part)
            found.append(Expected(number + int(match[1] or 0), match[2], texts))
    return found


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_says_what_is_wrong(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    wanted = expected(text)
    assert wanted, "no problem is expected: write it on its line, as `# E: AS401 …`"
    problems = archspec.check(str(path))
    left = list(problems)
    missing = []
    for one in wanted:
        match = next((problem for problem in left if one.fits(problem)), None)
        if match is None:
            missing.append(one)
        else:
            left.remove(match)
    shown = f"missing: {missing}\nnot expected:\n{render_text(left)}\nall:\n{render_text(problems)}"
    assert (missing, left) == ([], []), shown
    for problem in problems:
        check_form(problem, text)
    check_rendering(problems)


def check_form(problem: Problem, text: str) -> None:
    """A problem says its cause and what to write instead, at a place within the text."""
    assert problem.code in CODES
    assert re.match(r"[a-z0-9`\"]|[A-Z]\w*[ :]", problem.message), "a message begins in lower case, or with a name"
    assert not problem.message.endswith("."), problem.message
    assert problem.help, f"no help: {problem}"
    assert problem.help != problem.message
    lines = text.split("\n")
    for span in (problem.span, *(related.span for related in problem.related)):
        assert 1 <= span.line <= span.end_line <= len(lines), span
        assert 1 <= span.column <= len(lines[span.line - 1]) + 1, span
        assert 1 <= span.end_column <= len(lines[span.end_line - 1]) + 1, span
        assert (span.line, span.column) <= (span.end_line, span.end_column)
        assert span.text == lines[span.line - 1]


def check_rendering(problems: list[Problem]) -> None:
    """What is written of problems acts on no terminal and no workflow."""
    plain = render_text(problems)
    assert all(c.isprintable() or c == "\n" for c in plain)
    assert all(c.isprintable() or c in "\n\x1b" for c in render_text(problems, color=True))
    data = json.loads(render_json(problems))
    assert [one["code"] for one in data] == [problem.code for problem in problems]
    annotations = render_github(problems).split("\n")
    assert len(annotations) == len(problems)
    for problem, line in zip(problems, annotations, strict=True):
        assert line.startswith(f"::{problem.severity} file=")
        assert line.isprintable()


def test_every_code_has_a_bad_spec() -> None:
    """Each code that a spec can meet is met by one."""
    met = {one.code for path in SPECS for one in expected(path.read_text(encoding="utf-8"))}
    of_specs = {code for code, what in CODES.items() if code < "AS6" or "budget" in what} | set(WARNINGS)
    assert met | ELSEWHERE.keys() == of_specs
    assert not met & ELSEWHERE.keys()
