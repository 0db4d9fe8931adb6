"""The steps of a document, and the text that each of them is written in."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.document import Block, Document, Layers, Step
from archspec.imports import Sources
from archspec.problems import Span
from archspec.source import Path


def blocks(document: Document) -> Iterator[tuple[Path, Block]]:
    """The document and its blocks, each with its place."""
    yield (), document
    for name, block in document.blocks.items():
        yield ("blocks", name), block


def steps(document: Document) -> Iterator[tuple[Path, Step]]:
    """Every step with its place, outer ones before those in them."""
    for path, block in blocks(document):
        yield from _steps(block.layers, (*path, "layers"))


def _steps(layers: Layers, path: Path) -> Iterator[tuple[Path, Step]]:
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
    begin, end = (text.line, text.column), (text.end_line, text.end_column)
    return text.path == span.path and begin <= (span.line, span.column) < end
