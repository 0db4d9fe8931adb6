"""Problems that mend themselves: the edits that they carry, applied to the text that they are of.

Whether a text got better is for a check to say, which the caller brings. Reads and writes no file.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from archspec.problems import Edit, Problem

Check = Callable[[str], list[Problem]]

_MOST_STEPS = 3
"""So many edits in a row may be needed until fewer problems are left."""
_MOST_CHECKS = 100
"""What one edit uncovers, the next ones mend; a text that needs more of them is left half mended, never worse."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A text after its problems have mended themselves."""

    text: str
    problems: list[Problem]
    """What is still wrong."""
    fixed: tuple[Problem, ...]
    """What was mended, in the order in which it was."""
    refused: tuple[Problem, ...]
    """What could have been mended, had fewer problems come of it."""


def fix(text: str, path: str, check: Check) -> Fixed:
    """The text of the file `path` with every edit made after which fewer problems are found; other files' are left."""
    return _Fixing(path, check).run(text)


class _Fixing:
    """Makes edits and checks what comes of them."""

    def __init__(self, path: str, check: Check) -> None:
        self.path, self.check = path, check
        self.left = _MOST_CHECKS

    def run(self, text: str) -> Fixed:
        problems = self.found(text)
        fixed: list[Problem] = []
        refused: list[Problem] = []
        most = len(problems)
        while self.left > 0:
            chosen = _apart([one for one in problems if self.applies(one) and one not in refused])[:most]
            if not chosen:
                break
            candidate = self.candidate(text, problems, chosen)
            if candidate is not None:
                text, problems, made = candidate
                fixed += made
            elif len(chosen) == 1:
                refused += chosen
            most = len(problems) if len(chosen) == 1 or candidate is not None else len(chosen) // 2
        return Fixed(text, problems, tuple(fixed), tuple(one for one in refused if one in problems))

    def candidate(
        self, text: str, problems: list[Problem], chosen: Sequence[Problem]
    ) -> tuple[str, list[Problem], list[Problem]] | None:
        """The text with the edits of those problems, what is then found, and what was fixed; None if it is no better.

        A single edit may need a second one, which it uncovers: `x && y` is `x and y`, and that is `logical_and(x, y)`.
        Where it uncovers the same mistake in another place, that one is corrected as well.
        """
        made: list[Problem] = []
        steps = _MOST_STEPS if len(chosen) == 1 else 1
        while steps > 0 and self.left > 0:
            changed = apply(text, (edit for one in chosen for edit in one.edits))
            found, made = self.found(changed), [*made, *chosen]
            if _is_better(found, problems, len(chosen)):
                return changed, found, made
            if _errors(found) > _errors(problems) or changed == text:
                return None
            again = [one for one in found if _is_again(one, chosen[0]) and one not in problems and self.applies(one)]
            on_line = [one for one in found if one.line == chosen[0].line and self.applies(one)]
            if len(again) != 1 and len(on_line) != 1:
                return None
            text, chosen, steps = changed, again or on_line, steps - (not again)
        return None

    def found(self, text: str) -> list[Problem]:
        self.left -= 1
        return self.check(text)

    def applies(self, problem: Problem) -> bool:
        return bool(problem.edits) and all(edit.span.path == self.path for edit in problem.edits)


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with those pieces replaced, which do not overlap; every other character stays as it is."""
    starts = _line_starts(text)
    pieces, at = [], 0
    for start, end, new in sorted((*_offsets(starts, edit), edit.text) for edit in edits):
        pieces += [text[at:start], new]
        at = end
    return "".join((*pieces, text[at:]))


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


def _is_better(after: Sequence[Problem], before: Sequence[Problem], edits: int) -> bool:
    """Whether each of so many edits leaves a problem less. What is no YAML hides all others: they are not new then."""
    unread = [any(one.code[2] == "1" and one.severity == "error" for one in problems) for problems in (before, after)]
    if unread[0] != unread[1]:
        return unread[0]
    fewer = _errors(before) - _errors(after)
    return fewer >= edits or (fewer == 0 and len(before) - len(after) >= edits)


def _is_again(one: Problem, other: Problem) -> bool:
    """Whether two problems are one mistake, made twice."""
    return (one.code, one.message) == (other.code, other.message)


def _errors(problems: Sequence[Problem]) -> int:
    return sum(one.severity == "error" for one in problems)


def _line_starts(text: str) -> list[int]:
    """Where each line begins; lines end as in `Source.place`."""
    return list(accumulate(map(len, io.StringIO(text, newline="")), initial=0))


def _offsets(starts: Sequence[int], edit: Edit) -> tuple[int, int]:
    (line, column), (end_line, end_column) = _start(edit), _end(edit)
    return starts[line - 1] + column - 1, starts[end_line - 1] + end_column - 1
