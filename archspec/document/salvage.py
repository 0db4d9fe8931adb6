"""What is wrong with a spec besides its form: steps that cannot be read are set aside, and the others are looked at.

A mistake in the form of one step says nothing of the others; without this they would show only when it is mended. What
could be wrong merely because a step was set aside is left out.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from archspec.characters.lookalikes import plain
from archspec.document.checks import Aside
from archspec.document.imports import Files, Sources, gather
from archspec.document.model import Document
from archspec.document.reading import FormError, read
from archspec.problems import Problem, Span, SpecError
from archspec.source import Entries, Path, Source


def besides(
    source: Source, error: FormError, files: Files, check: Callable[[Sources, Document], object]
) -> list[Problem]:
    """The problems of a document whose form has those of `error`, other than these.

    `check` raises SpecError with what is wrong in the meaning of a document.
    """
    steps = [step_of(path) for path in error.places]
    if any(step is None for step in steps):
        return []  # what the steps stand on is not known
    data, missing = copied(source.data), Missing(source)
    for step in sorted({step for step in steps if step is not None}, key=len, reverse=True):
        missing.add(set_aside(data, step), scope_of(step))
    try:
        check(*gather(source, read(source, data), files))
    except SpecError as found:
        return [problem for problem in found.problems if not missing.causes(problem)]
    return []


def step_of(path: Path) -> Path | None:
    """The innermost step that holds a place."""
    found = None
    for end in range(2, len(path) + 1):
        if path[end - 2] == "layers" or (found == path[: end - 1] and isinstance(path[end - 1], int)):
            found = path[:end]
    return found


def scope_of(step: Path) -> Path:
    """The document, block or group whose steps may read what a step gives by its name alone."""
    return step[: max(place for place, part in enumerate(step) if part == "layers")]


def copied(data: Any) -> Any:
    """The tree anew; what an alias stands for is no longer one with its anchor."""
    if isinstance(data, dict):
        entries = {key: copied(value) for key, value in data.items()}
        return Entries(entries, data.bare) if isinstance(data, Entries) else entries
    return list(map(copied, data)) if isinstance(data, list) else data


def set_aside(data: Any, path: Path) -> set[str]:
    """Puts a mark in the place of a step; the names that it would have given."""
    *above, last = path
    for part in above:
        data = data[part]
    around: Any = data
    if not isinstance(data, dict | list) or (isinstance(data, dict) and last not in data):
        return set()  # within a step that was set aside before
    shape = around[last].get("shape") if isinstance(around[last], dict) else None
    if isinstance(data, dict):
        steps = [(Aside(key), Aside()) if key == last else (key, value) for key, value in data.items()]
        data.clear()
        data.update(steps)
    else:
        around[last] = Aside()
    return set(words(str(last), *(shape if isinstance(shape, list) else ()))) - set(keyword.kwlist)


class Missing:
    """The names of what was set aside, each with where it may be read."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.names: dict[Path | None, set[str]] = {}

    def add(self, names: Iterable[str], scope: Path | None = None) -> None:
        """Names that the steps of one document, block or group may read, or without `scope` all steps."""
        self.names.setdefault(scope, set()).update(names)

    def __iter__(self) -> Iterator[str]:
        return (name for some in self.names.values() for name in some)

    def causes(self, problem: Problem) -> bool:
        """Whether a problem may come of what is missing: a name, or a step that reads a value."""
        if problem.code == "AS509":
            return True
        if problem.code[2] != "3":
            return False
        blamed = problem.span.text[problem.span.column - 1 : problem.span.end_column - 1]
        found, inner = set(words(blamed)), set(re.findall(r"\.(\w+)", blamed))
        return any(
            inner & some or (found & some and self.reaches(scope, problem)) for scope, some in self.names.items()
        )

    def reaches(self, scope: Path | None, problem: Problem) -> bool:
        """Whether the names of a scope may be read where a problem is."""
        if scope is None or problem.span.path != self.source.path:
            return scope is None
        at = (problem.span.line, problem.span.column)
        if scope:
            return _holds(self.source.entry(scope) if isinstance(scope[-1], str) else self.source.span(scope), at)
        return "blocks" not in self.source.data or not _holds(self.source.span(("blocks",)), at)


def _holds(span: Span, at: tuple[int, int]) -> bool:
    return (span.line, span.column) <= at < (span.end_line, span.end_column)


def words(*texts: object) -> Iterable[str]:
    """The names in texts, as a reader takes them: a character that is not seen parts no word."""
    return (word for text in texts for word in re.findall(r"[^\W\d]\w*", plain(str(text))))
