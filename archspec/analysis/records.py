"""What is known of a text: its problems, the shapes of its steps, and what each name in it stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from archspec.document import Document
from archspec.document.imports import Sources
from archspec.graph import Graph
from archspec.problems import Problem, Span, in_file_order

Kind = Literal["parameter", "computed", "size", "input", "step", "loop", "block", "import", "variant"]
"""What a name is: `computed` by `let`, a `size` of an input, bound by a `loop`."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the network: where it stands, and what it gives."""

    path: str
    """Its dotted path, as in `shapes`."""
    line: int
    """The line on which it begins, counted from 1, and the last one of it in `end_line`."""
    end_line: int
    shape: Any
    """As `shapes` gives it: sizes, or several such tuples; None where it is not known."""
    dtype: Any
    """The dtype of its value, or of each of several; None where it is not known."""
    stale: bool = False
    """Whether this is what an earlier text said, which the text cannot say now."""
    file: str = ""
    """The file in which it stands: the text's own, or one that it imports."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the text: what it is, where it is defined, and where it is read."""

    name: str
    kind: Kind
    scope: str
    """The block that it belongs to, and the groups and loops within, as a dotted path; empty for the document."""
    definition: Span
    uses: tuple[Span, ...] = ()


class Later:
    """Problems of a network as a whole, which take as long to find as its steps do; looked for when they are asked."""

    __slots__ = ("_find", "_found")

    def __init__(self, find: Callable[[], list[Problem]]) -> None:
        self._find = find
        self._found: tuple[Problem, ...] | None = None

    def found(self) -> tuple[Problem, ...]:
        """The problems; they are looked for once."""
        if self._found is None:
            self._found = tuple(in_file_order(self._find()))
        return self._found


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What `analyse` has found in a text. `str()` of it counts that."""

    text: str
    name: str
    """What problems call the text."""
    read: tuple[Problem, ...]
    """What is wrong with the text and its steps: errors. What is found of a network as a whole is in `problems`."""
    steps: tuple[Step, ...]
    """The steps in the order of flow. A block that is used several times has its steps once for each use."""
    names: tuple[Name, ...]
    spoiled: frozenset[int] = frozenset()
    """Lines that could not be read as they are written."""
    withdrawn: frozenset[tuple[str, str]] = frozenset()
    """Scopes and names that an earlier text defined on the lines that are being changed, and that are gone now."""
    kept: tuple[int, str] | None = None
    """The number of the one line that is being changed, and what it said before."""
    known: frozenset[tuple[str, str]] = frozenset()
    """Codes and messages of the problems that there were before that line was changed."""
    document: Document | None = field(default=None, repr=False)
    sources: Sources | None = field(default=None, repr=False)
    graph: Graph | None = field(default=None, repr=False)
    """The network as far as it can be read, with its parameters at their defaults."""

    later: Later | None = field(default=None, repr=False)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong, in file order: errors, or else warnings. Those of files that it imports are in it, too."""
        return self.read if self.later is None else self.later.found()

    def __str__(self) -> str:
        counts = ((len(self.problems), "problems"), (len(self.steps), "steps"), (len(self.names), "names"))
        return f"{self.name}: " + ", ".join(f"{count} {what}" for count, what in counts)

    def __repr__(self) -> str:
        return f"Analysis({str(self)!r})"

    @property
    def sound(self) -> bool:
        """Whether the text is a spec without errors."""
        return all(problem.severity == "warning" for problem in self.problems)

    def at(self, line: int) -> Iterator[Step]:
        """The steps of the text itself that begin on a line, counted from 1."""
        return (step for step in self.steps if step.line == line and step.file == self.name)

    def while_typing(self, line: int) -> list[Problem]:
        """The problems without those that may be gone once a person has finished a line, counted from 1.

        These are warnings, layers in place that overwrite what is needed, values and blocks that nothing reads yet,
        what is still missing, and what lacks a name that the line had before.
        """
        waiting = (_may_wait, self._lacks_a_name, self._lacks_a_value, self._lacks_the_line)
        return [one for one in self.read if not any(waits(one, line) for waits in waiting)]

    def _lacks_the_line(self, problem: Problem, line: int) -> bool:
        """Whether a problem elsewhere came when the line was taken out, which is empty now."""
        lines = self.text.splitlines()
        empty = 0 < line <= len(lines) and not lines[line - 1].strip(" -")
        is_new = (problem.code, problem.message) not in self.known
        return empty and is_new and problem.line != line and self.kept is not None and self.kept[0] == line

    def _lacks_a_value(self, problem: Problem, line: int) -> bool:
        """Whether a problem is of a key above the line, below which nothing stands yet."""
        lines = self.text.splitlines()
        if problem.code not in _EMPTY or not problem.line < line <= len(lines) + 1:
            return False
        key, *below = lines[problem.line - 1 : line]
        indent = len(key) - len(key.lstrip())
        return all(not one.strip() or len(one) - len(one.lstrip()) > indent for one in below)

    def _lacks_a_name(self, problem: Problem, line: int) -> bool:
        """Whether a problem elsewhere is of a name that was taken out."""
        if not self.withdrawn or problem.line == line:
            return False
        blamed = problem.span.text[problem.span.column - 1 : problem.span.end_column - 1]
        return not {name for _, name in self.withdrawn}.isdisjoint(_WORD.findall(f"{problem.message} {blamed}"))


_MISSING = ("AS403",)
"""Codes of an argument that is missing."""
_EMPTY = ("AS202", "AS206")
"""Codes of a key below which nothing stands, among others."""
_WORD = re.compile(r"[^\W\d]\w*")
_UNFINISHED = ("AS203", "AS509")
"""Codes of what is not there yet, or what nothing reads yet."""


def _may_wait(problem: Problem, line: int) -> bool:
    if problem.severity == "warning" or problem.code in _UNFINISHED:
        return True
    return problem.code in _MISSING and problem.line == line
