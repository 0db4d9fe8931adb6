"""The page of a spec as its file is now. Reads the file and what it imports; writes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence

import archspec
from archspec import source
from archspec.analysis import Analysis
from archspec.editor import shapes
from archspec.problems import Problem, SpecError
from archspec.views.diagram import following_page
from archspec.views.diagram.following import Following
from archspec.views.markdown import as_html

_Mark = tuple[int, int, int] | None
"""What tells whether a file has changed; None where there is none."""


class Live:
    """A spec's file, looked at again and again, with the page that shows it."""

    def __init__(self, path: str, allow: Sequence[str] = ()) -> None:
        self.path, self.allow = path, tuple(allow)
        self.version = 0
        self._seen: dict[str, _Mark] = {}
        self._text = ""
        self._analysis: Analysis | None = None
        self._spec: archspec.Spec | None = None  # the last one without errors
        self._made: tuple[int, str] = (-1, "")

    def look(self) -> bool:
        """Whether the spec's file, or one that it imports, has changed since the last look."""
        now = {path: _mark(path) for path in self._seen or [self.path]}
        if now == self._seen:
            return False
        self._seen = now
        self.version += 1
        return True

    def page(self) -> str:
        """The page of the version that was seen last."""
        version = self.version
        if self._made[0] != version:
            self._made = version, self._page(str(version))
        return self._made[1]

    def _page(self, version: str) -> str:
        unread: tuple[Problem, ...] = ()
        try:
            self._text = source.read(self.path)
        except SpecError as error:
            unread = error.problems
        found = self._analysis = archspec.analyse(self._text, self.path, self._analysis, allow=self.allow)
        fresh, problems = self._read(found)
        if found.sources is not None:
            self._seen |= {path: _mark(path) for path in found.sources.texts if path not in self._seen}
        lines = range(1, self._text.count("\n") + 2)
        beside = {one.line: one.label for one in shapes.hints(found, lines[0], lines[-1])}
        stale = not fresh and self._spec is not None
        return self._drawn(Following(version, unread or problems, beside, self._table(), stale))

    def _read(self, found: Analysis) -> tuple[bool, tuple[Problem, ...]]:
        """Takes the text as the spec to draw if it has no errors; whether it has none, and what is wrong."""
        try:
            self._spec = archspec.parse(self._text, self.path, allow=self.allow)
        except SpecError as error:
            return False, found.problems if not found.sound else error.problems
        return True, found.problems

    def _table(self) -> str:
        if self._spec is None:
            return ""
        table = as_html(archspec.summary(self._spec).markdown())
        return table.replace(' style="text-align: right"', ' class="right"')  # the page allows its own style alone

    def _drawn(self, following: Following) -> str:
        files = self._spec.source.files if self._spec is not None else {}
        graphs = (self._spec.graph(), self._spec.symbolic()) if self._spec is not None else None
        return following_page(graphs, {**files, self.path: self._text}, following)


def _mark(path: str) -> _Mark:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
