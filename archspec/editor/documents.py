"""The documents that an editor has open, each with its analysis. What one imports is read as the editor has it."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

import archspec
from archspec.analysis import Analysis, analyse
from archspec.document.imports import Files
from archspec.editor.places import Lines
from archspec.problems import Problem, SpecError
from archspec.source import LIMITS, Limits
from archspec.spec import Spec


def path_of(uri: str) -> str:
    """The file that a URI names; what is no file is a name for messages alone."""
    parts = urlsplit(uri)
    if parts.scheme != "file":
        return f"<{uri[:200]}>"
    path = unquote(parts.path)
    if len(path) > 2 and path[2] == ":" and path[1].isalpha():  # Windows: /c:/folder
        path = path[1:]
    return f"//{parts.netloc}{path}" if parts.netloc else path


class OpenDocument:
    """A document that is open."""

    def __init__(self, uri: str, text: str, version: int | None) -> None:
        self.uri, self.text, self.version = uri, text, version
        self.path = path_of(uri)
        self.lines = Lines(text)
        self.analysis: Analysis | None = None
        self.fresh = False  # whether the analysis is of this text, and of what it imports as that is now
        self.typed: int | None = None  # the line that was changed last, counted from 1, while a person types there

    @property
    def shown(self) -> list[Problem]:
        """The problems to show now."""
        if self.analysis is None:
            return []
        return list(self.analysis.problems) if self.typed is None else self.analysis.while_typing(self.typed)


class Documents(Files):
    """All documents that are open; their texts stand for those of the files."""

    def __init__(self) -> None:
        self.open: dict[str, OpenDocument] = {}

    def exists(self, path: str) -> bool:
        return self._at(path) is not None or super().exists(path)

    def read(self, path: str, limits: Limits = LIMITS) -> str:
        found = self._at(path)
        return found.text if found is not None else super().read(path, limits)

    def _at(self, path: str) -> OpenDocument | None:
        return next((one for one in self.open.values() if os.path.realpath(one.path) == path), None)

    def put(self, uri: str, text: str, version: int | None = None) -> OpenDocument:
        """Opens a document, or changes its text."""
        before = self.open.get(uri)
        document = self.open[uri] = OpenDocument(uri, text, version)
        if before is not None:
            document.analysis = before.analysis
        for other in self.open.values():
            other.fresh = other.fresh and not _reads(other, document)
        return document

    def close(self, uri: str) -> None:
        """Forgets a document."""
        self.open.pop(uri, None)

    def importers(self, document: OpenDocument) -> list[OpenDocument]:
        """The open documents that read another one."""
        return [other for other in self.open.values() if other is not document and _reads(other, document)]

    def analysed(self, document: OpenDocument) -> Analysis:
        """The analysis of a document as it is now."""
        if document.analysis is None or not document.fresh:
            same = document.analysis is not None and document.analysis.text == document.text
            before = document.analysis
            if same and before is not None:  # what it imports has changed: the text says the same
                fresh = analyse(document.text, document.path, files=self)
            else:
                fresh = analyse(document.text, document.path, before, files=self)
            document.analysis, document.fresh = fresh, True
        return document.analysis

    def spec(self, document: OpenDocument) -> Spec | None:
        """The spec that a document is; None where it has errors."""
        try:
            return Spec(document.text, document.path, files=self)
        except SpecError:
            return None

    def checked(self, document: OpenDocument) -> list[Problem]:
        """All that `archspec check` finds, variants, budgets and sizes that no expression says included."""
        try:
            spec = Spec(document.text, document.path, files=self)
        except SpecError as error:
            return list(error.problems)
        return archspec.check(spec)


def _reads(document: OpenDocument, other: OpenDocument) -> bool:
    """Whether a document imports from another one, as far as it was read."""
    sources = document.analysis.sources if document.analysis is not None else None
    return sources is not None and os.path.realpath(other.path) in sources.texts
