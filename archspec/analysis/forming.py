"""A tree of which parts are wrong -> the document that the rest of it is.

A step that cannot be read is set aside. Any other entry that cannot, such as a parameter, is what an earlier text said
of it, or else is left out. What could be wrong because of that alone is no problem of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archspec import document
from archspec.document import Document, FormError
from archspec.document.imports import Files, Sources, gather
from archspec.document.salvage import Missing, copied, scope_of, set_aside, step_of, words
from archspec.problems import Problem, SpecError
from archspec.source import Path, Source

_MOST_TRIES = 6
"""So often a document is read; each time with fewer of its parts."""
_LISTED_BELOW = ("params", "let", "inputs", "variants", "imports", "init", "ignore", "budget")
"""Keys below which each entry stands for itself."""


class Formed:
    """A document as far as its form is right."""

    def __init__(self, source: Source, earlier: Any) -> None:
        self.source, self.earlier = source, earlier
        self.data: Any = None  # the tree without what is wrong; None as long as nothing is
        self.spoiled = False  # whether lines of the text are missing from the tree
        self.missing = Missing(source)  # what the parts that are missing may have named
        self.problems: list[Problem] = []
        self.entries: set[int] = set()  # the lines of what is left out and is not a step
        self.document: Document | None = None
        self.sources: Sources | None = None

    def read(self, files: Files, spoiled: Iterable[int]) -> None:
        """Reads it; `spoiled` are lines that cannot be read as they are written."""
        lines = frozenset(spoiled)
        self.spoiled = bool(lines)
        for path in sorted(_on_lines(self.source, lines), key=len, reverse=True) if lines else ():
            self.leave_out(path)
        for _ in range(_MOST_TRIES):
            try:
                found = document.read(self.source, self.data)
            except FormError as error:
                self.problems += [one for one in error.problems if one.line not in lines and not self.causes(one)]
                left = [self.leave_out(path) for path in sorted(error.places, key=len, reverse=True)]
                if not all(left):
                    return
            except SpecError as error:
                self.problems += error.problems
                return
            else:
                self.sources, self.document = self.gathered(found, files)
                return

    def gathered(self, found: Document, files: Files) -> tuple[Sources, Document]:
        """The document with the blocks that it imports, or without all of them where one cannot be had."""
        try:
            return gather(self.source, found, files)
        except SpecError as error:
            self.problems += error.problems
            self.spoiled = True
            self.missing.add(found.imports)
            return gather(self.source, found.model_copy(update={"imports": {}}), files)

    def leave_out(self, path: Path) -> bool:
        """Leaves out the innermost part that a place is of; False where nothing would be left."""
        if self.data is None:
            self.data = copied(self.source.data)
        if (step := step_of(path)) is not None:
            self.missing.add(set_aside(self.data, step), scope_of(step))
            return True
        entry = _entry(path)
        if not entry or entry[-1] == "layers":
            return False
        self.entries.add(self.source.span(path, key=True).line)
        around = self.data
        for part in entry[:-1]:
            around = around.get(part) if isinstance(around, dict) else None
        if not isinstance(around, dict):
            return bool(path)
        before = _value(self.earlier, entry)
        self.missing.add(words(*map(str, entry[-1:])))
        if before is not None and around.get(entry[-1]) != before:
            around[str(entry[-1])] = before
            return True
        if entry[-1] not in around:
            return len(entry) > 2  # a block that lacks what it needs
        self.missing.add(words(str(around.pop(str(entry[-1])))))
        return True

    @property
    def incomplete(self) -> bool:
        """Whether parts of the text are left out."""
        return self.data is not None or self.spoiled

    def causes(self, problem: Problem) -> bool:
        """Whether a problem may come of what was left out: nothing else says then that something is missing."""
        if not self.incomplete:
            return False
        is_unknown = problem.code == "AS401" and any(f"`{name}`" in problem.message for name in self.missing)
        return is_unknown or problem.code == "AS203" or self.missing.causes(problem)


def _entry(path: Path) -> Path:
    """The entry of a document that a place outside of its steps is of."""
    base = 2 if path[:1] == ("blocks",) else 0
    if len(path) <= base:
        return path
    if path[base] in _LISTED_BELOW and len(path) > base + 1:
        return path[: base + 2]
    return path[:base] if base and path[base] in ("inputs", "layers") else path[: base + 1]


def _value(data: Any, path: Path) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _on_lines(source: Source, lines: frozenset[int]) -> Iterator[Path]:
    """The places of the tree whose key or value begins on one of some lines, the innermost of each branch."""
    found: list[Path] = []

    def visit(value: Any, path: Path) -> bool:
        pairs: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        inside = [visit(below, (*path, key)) for key, below in pairs]
        if any(inside):
            return True
        span = source.span(path, key=True)
        if not path or span.line not in lines:
            return False
        found.append(path)
        return True

    visit(source.data, ())
    return iter(found)
