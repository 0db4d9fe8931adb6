"""The steps of a document, and the text that each of them is written in."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from archspec.document import Block, Document, Layers, StepEntry
from archspec.document.imports import Sources
from archspec.problems import Span
from archspec.source import Path


def blocks(document: Document) -> Iterator[tuple[Path, Block]]:
    """The document and its blocks, each with its place."""
    yield (), document
    for name, block in document.blocks.items():
        yield ("blocks", name), block


def steps(document: Document) -> Iterator[tuple[Path, StepEntry]]:
    """Every step with its place, outer ones before those in them."""
    for path, block in blocks(document):
        yield from _steps(block.layers, (*path, "layers"))


def _steps(layers: Layers, path: Path) -> Iterator[tuple[Path, StepEntry]]:
    for key, step in layers.items() if isinstance(layers, dict) else enumerate(layers):
        here: Path = (*path, key)
        yield here, step
        if step.layers is not None:
            yield from _steps(step.layers, (*here, "layers"))
        elif step.nested is not None:
            yield from _steps(step.nested, here)


def reach(path: Path, sources: Sources) -> Span:
    """The text of a step or block, its name included."""
    key, value = sources.span(path, key=True), sources.span(path)
    return Span(value.path, key.line, key.column, value.end_line, value.end_column)


def lies_in(span: Span, text: Span) -> bool:
    """Whether a place begins within a piece of text."""
    return text.path == span.path and _begin(text) <= _begin(span) < (text.end_line, text.end_column)


def _begin(span: Span) -> tuple[int, int]:
    return span.line, span.column


_Of = TypeVar("_Of")


class NestedTexts(Generic[_Of]):
    """Pieces of text that lie within or beside one another, as steps do, and something of each."""

    def __init__(self, pieces: Iterable[tuple[Span, _Of]]) -> None:
        self._files: defaultdict[str, list[tuple[Span, int, _Of]]] = defaultdict(list)
        """By file, in order: each piece, and the number of the one around it, -1 where there is none."""
        for span, one in sorted(pieces, key=lambda piece: (_begin(piece[0]), -piece[0].end_line, -piece[0].end_column)):
            found = self._files[span.path]
            outer = len(found) - 1
            while outer >= 0 and not lies_in(span, found[outer][0]):
                outer = found[outer][1]
            found.append((span, outer, one))

    def around(self, place: Span) -> Iterator[_Of]:
        """What is of the pieces in which a place begins, of the smallest one first."""
        found = self._files.get(place.path, [])
        at = bisect_right(found, _begin(place), key=lambda piece: _begin(piece[0])) - 1
        while at >= 0:
            span, outer, one = found[at]
            if lies_in(place, span):
                yield one
            at = outer
