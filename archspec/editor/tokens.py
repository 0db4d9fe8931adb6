"""What each word of a text is, for its colour: a layer, a function, an argument, a parameter, a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archspec.analysis import Analysis
from archspec.analysis.records import Kind
from archspec.document.names import MODIFIERS, SPECIAL
from archspec.functions import FUNCTIONS
from archspec.layers import LAYERS
from archspec.problems import Span
from archspec.source import Source
from archspec.source.tree import Extent

TYPES = ("class", "function", "parameter", "variable", "property", "keyword")
MODIFIED = ("declaration", "defaultLibrary")
"""The modifiers that a token may have."""

_NAMES: dict[Kind, str] = {"parameter": "parameter", "computed": "parameter", "block": "class", "import": "class"}
_CALLED = re.compile(r"(?<![\w.])[a-z_][\w.]*(?=\()")


@dataclass(frozen=True, slots=True)
class SemanticToken:
    """A word on one line."""

    span: Span
    type: str
    modifier: str | None = None


def tokens(analysis: Analysis) -> list[SemanticToken]:
    """The words of a text in order, none of which overlap; as far as it can be read."""
    found = [*_named(analysis)]
    if analysis.sources is not None:
        found += _layers(analysis.sources.main)
    known: dict[tuple[int, int], SemanticToken] = {}
    for one in found:
        span = one.span
        if span.path == analysis.name and span.line == span.end_line and span.column < span.end_column:
            known.setdefault((span.line, span.column), one)
    ordered: list[SemanticToken] = []
    for _, one in sorted(known.items()):
        above = ordered[-1].span if ordered else None
        if above is None or (above.line, above.end_column) <= (one.span.line, one.span.column):
            ordered.append(one)
    return ordered


def _named(analysis: Analysis) -> Iterator[SemanticToken]:
    for name in analysis.names:
        kind = _NAMES.get(name.kind, "variable")
        yield SemanticToken(name.definition, kind, "declaration")
        yield from (SemanticToken(span, kind) for span in name.uses)


def _layers(source: Source) -> Iterator[SemanticToken]:
    """The words of all steps, of the document and of its blocks."""
    blocks = source.value(("blocks",))
    bases: list[tuple[str, ...]] = [(), *(("blocks", name) for name in (blocks if isinstance(blocks, dict) else ()))]
    for base in bases:
        node = _at(source.root, (*base, "layers"))
        if node is not None:
            yield from _steps(source, source.value((*base, "layers")), node)


def _at(node: Extent, path: tuple[str, ...]) -> Extent | None:
    for part in path:
        below = node.children
        if not isinstance(below, dict) or part not in below:
            return None
        node = below[part]
    return node


def _steps(source: Source, value: Any, node: Extent) -> Iterator[SemanticToken]:
    below = node.children
    if isinstance(value, list) and isinstance(below, list):
        for step, place in zip(value, below, strict=False):
            yield from _step(source, step, place)
    elif isinstance(value, dict) and isinstance(below, dict):
        for name, step in value.items():
            if name in below:
                yield from _step(source, step, below[name])


def _step(source: Source, value: Any, node: Extent) -> Iterator[SemanticToken]:
    if isinstance(value, list):
        yield from _steps(source, value, node)
    elif not isinstance(value, dict):
        yield from _scalar(source, value, node)
    elif node.keys is not None and isinstance(node.children, dict):
        for key, inside in value.items():
            if key in node.keys and key in node.children:
                yield from _entry(source, key, inside, node)


def _entry(source: Source, key: str, value: Any, node: Extent) -> Iterator[SemanticToken]:
    """A key of a step, with what stands below it."""
    below, keys = node.children[key], node.keys or {}
    if key in MODIFIERS or key in SPECIAL:
        yield SemanticToken(source.place(*keys[key]), "keyword")
    elif key in LAYERS:
        yield SemanticToken(source.place(*keys[key]), "class", "defaultLibrary")
    if key == "layers":
        yield from _steps(source, value, below)
    elif isinstance(value, dict) and below.keys is not None:
        for name, argument in value.items():
            if name in below.keys and name in below.children:
                yield SemanticToken(source.place(*below.keys[name]), "property")
                yield from _scalar(source, argument, below.children[name])
    else:
        yield from _scalar(source, value, below)


def _scalar(source: Source, value: Any, node: Extent) -> Iterator[SemanticToken]:
    """The layer that a value names, or the functions that its expression calls."""
    if not isinstance(value, str):
        return
    if value in LAYERS:
        yield SemanticToken(source.place(node.start, node.end), "class", "defaultLibrary")
        return
    for call in _CALLED.finditer(source.text, node.start, node.end):
        if call[0] in FUNCTIONS:
            yield SemanticToken(source.place(*call.span()), "function", "defaultLibrary")
