"""Problems that mend themselves: the edits that they carry, applied to the text that they are of.

Whether a text got better is for a check to say, which the caller brings. Reads and writes no file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from archspec.problems import Edit, Problem
from archspec.records import Record

Check = Callable[[str], list[Problem]]

_MOST_CHECKS = 100
"""What one edit uncovers, the next ones mend; a text that needs more of them is left half mended, never worse."""


class Fixed(Record):
    """A text after its problems have mended themselves."""

    text: str
    problems: list[Problem]
    """What is still wrong."""
    fixed: tuple[Problem, ...]
    """What was mended, in the order in which it was."""
    refused: tuple[Problem, ...]
    """What could have been mended, had not more errors come of it."""


def fix(text: str, path: str, check: Check) -> Fixed:
    """The text of the file `path` with every edit made that leaves it no worse; other files' edits are none of it."""
    problems = check(text)
    fixed: list[Problem] = []
    refused: list[Problem] = []
    most = len(problems)
    for _ in range(_MOST_CHECKS):
        chosen = _apart([one for one in problems if _applies(one, path) and one not in refused])[:most]
        if not chosen:
            break
        candidate = apply(text, (edit for one in chosen for edit in one.edits))
        found = check(candidate)
        if _is_no_worse(found, problems):
            text, problems, fixed = candidate, found, [*fixed, *chosen]
        elif len(chosen) == 1:
            refused += chosen
        most = len(problems) if len(chosen) == 1 or problems is found else len(chosen) // 2
    return Fixed(text, problems, tuple(fixed), tuple(one for one in refused if one in problems))


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with those pieces replaced, which do not overlap; every other character stays as it is."""
    starts = _line_starts(text)
    pieces, at = [], 0
    for start, end, new in sorted((*_offsets(starts, edit), edit.text) for edit in edits):
        pieces += [text[at:start], new]
        at = end
    return "".join((*pieces, text[at:]))


def _applies(problem: Problem, path: str) -> bool:
    return bool(problem.edits) and all(edit.span.path == path for edit in problem.edits)


def _apart(problems: Sequence[Problem]) -> list[Problem]:
    """Those of the problems, first come first served, whose edits touch no other's."""
    chosen: list[Problem] = []
    taken: list[Edit] = []
    for problem in problems:
        if not any(_touch(edit, other) for edit in problem.edits for other in taken):
            chosen.append(problem)
            taken += problem.edits
    return chosen


def _touch(a: Edit, b: Edit) -> bool:
    return _start(a) <= _end(b) and _start(b) <= _end(a)


def _start(edit: Edit) -> tuple[int, int]:
    return edit.span.line, edit.span.column


def _end(edit: Edit) -> tuple[int, int]:
    return edit.span.end_line, edit.span.end_column


def _is_no_worse(after: Sequence[Problem], before: Sequence[Problem]) -> bool:
    """Whether no error came of it. What is no YAML hides all other errors: they are not new when it can be read."""
    unread = [any(one.code[2] == "1" and one.severity == "error" for one in problems) for problems in (before, after)]
    if unread[0] != unread[1]:
        return unread[0]
    errors = [sum(one.severity == "error" for one in problems) for problems in (before, after)]
    return errors[1] <= errors[0]


def _line_starts(text: str) -> list[int]:
    """Where each line begins; lines end as in `Source.place`."""
    return list(accumulate(map(len, io.StringIO(text, newline="")), initial=0))


def _offsets(starts: Sequence[int], edit: Edit) -> tuple[int, int]:
    (line, column), (end_line, end_column) = _start(edit), _end(edit)
    return starts[line - 1] + column - 1, starts[end_line - 1] + end_column - 1
