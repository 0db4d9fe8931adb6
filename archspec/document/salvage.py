"""What is wrong with a spec besides its form: steps that cannot be read are set aside, and the others are looked at.

A mistake in the form of one step says nothing of the others; without this they would show only when it is mended. What
could be wrong merely because a step was set aside is left out.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable
from typing import Any

from archspec.characters.lookalikes import plain
from archspec.document.checks import Aside
from archspec.document.imports import Files, Sources, gather
from archspec.document.model import Document
from archspec.document.reading import FormError, read
from archspec.problems import Problem, SpecError
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
    data, names = copied(source.data), set[str]()
    for step in sorted({step for step in steps if step is not None}, key=len, reverse=True):
        names |= set_aside(data, step)
    try:
        check(*gather(source, read(source, data), files))
    except SpecError as found:
        return [problem for problem in found.problems if not follows(problem, names)]
    return []


def step_of(path: Path) -> Path | None:
    """The innermost step that holds a place."""
    found = None
    for end in range(2, len(path) + 1):
        if path[end - 2] == "layers" or (found == path[: end - 1] and isinstance(path[end - 1], int)):
            found = path[:end]
    return found


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


def follows(problem: Problem, names: set[str]) -> bool:
    """Whether a problem may come of what was set aside: of a name that is missing, or a value that is not read."""
    blamed = problem.span.text[problem.span.column - 1 : problem.span.end_column - 1]
    return problem.code == "AS509" or (problem.code[2] == "3" and not names.isdisjoint(words(blamed)))


def words(*texts: object) -> Iterable[str]:
    """The names in texts, as a reader takes them: a character that is not seen parts no word."""
    return (word for text in texts for word in re.findall(r"[^\W\d]\w*", plain(str(text))))
