"""What a text is made of, for a list beside it; and which of its lines fold away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from archspec.editor.places import Lines
from archspec.problems import Span
from archspec.source import Source
from archspec.source.tree import Extent

SymbolKind = Literal["section", "class", "parameter", "input", "step"]
_KINDS: dict[str, SymbolKind] = {"params": "parameter", "let": "parameter", "inputs": "input", "blocks": "class"}


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A part of a document: a section, a block, a step; with the parts in it."""

    name: str
    kind: SymbolKind
    detail: str
    whole: Span
    own: Span
    """The place of its name."""
    children: tuple[OutlineEntry, ...] = ()


def outline(source: Source) -> tuple[OutlineEntry, ...]:
    """The parts of a document; none where it is no mapping."""
    return tuple(_sections(source, source.data, source.root))


def _sections(source: Source, data: Any, node: Extent) -> Iterator[OutlineEntry]:
    """The sections of a document or block."""
    for key, value, below, place in _entries(source, data, node):
        if key == "layers":
            children = tuple(_steps(source, value, below))
        elif key == "blocks":
            inside = _entries(source, value, below)
            children = tuple(
                OutlineEntry(name, "class", "", _whole(source, at, one), at, tuple(_sections(source, block, one)))
                for name, block, one, at in inside
            )
        else:
            inside = _entries(source, value, below)
            kind = _KINDS.get(key, "parameter")
            children = tuple(
                OutlineEntry(name, kind, _text(one), _whole(source, at, n), at) for name, one, n, at in inside
            )
        yield OutlineEntry(key, "section", _text(value), _whole(source, place, below), place, children)


def _steps(source: Source, data: Any, node: Extent) -> Iterator[OutlineEntry]:
    if isinstance(data, list) and isinstance(node.children, list):
        for number, (value, below) in enumerate(zip(data, node.children, strict=False)):
            place = source.place(below.start, below.end)
            yield OutlineEntry(str(number), "step", _layer(value), place, place, tuple(_inside(source, value, below)))
    for key, value, below, place in _entries(source, data, node):
        whole = _whole(source, place, below)
        yield OutlineEntry(key or "?", "step", _layer(value), whole, place, tuple(_inside(source, value, below)))


def _inside(source: Source, value: Any, node: Extent) -> Iterator[OutlineEntry]:
    """The steps of a group."""
    if isinstance(value, list):
        yield from _steps(source, value, node)
    elif isinstance(value, dict) and "layers" in value and isinstance(node.children, dict):
        yield from _steps(source, value["layers"], node.children["layers"])


def _entries(source: Source, data: Any, node: Extent) -> Iterator[tuple[str, Any, Extent, Span]]:
    if isinstance(data, dict) and node.keys is not None and isinstance(node.children, dict):
        for key, value in data.items():
            if key in node.keys:
                yield key, value, node.children[key], source.place(*node.keys[key])


def _whole(source: Source, key: Span, node: Extent) -> Span:
    """A key with its value, which an alias may have elsewhere."""
    value = source.place(node.start, node.end)
    if (value.end_line, value.end_column) < (key.end_line, key.end_column):
        return key
    return Span(key.path, key.line, key.column, value.end_line, value.end_column, key.text)


def _layer(value: Any) -> str:
    """What a step is: its layer, its block, or its expression."""
    if isinstance(value, dict):
        return next((key for key in value if key[:1].isupper()), next(iter(value), ""))
    return _text(value)


def _text(value: Any) -> str:
    return str(value)[:80] if isinstance(value, str | int | float | bool) else ""


def folds(lines: Lines) -> Iterator[tuple[int, int]]:
    """The first and the last line, from 0, of what is indented further than the line above it."""
    open_lines: list[tuple[int, int]] = []
    last = 0
    for number in range(len(lines)):
        text = lines[number]
        if not text.strip():
            continue
        indent = len(text) - len(text.lstrip(" "))
        while open_lines and open_lines[-1][0] >= indent:
            _, first = open_lines.pop()
            if last > first:
                yield first, last
        open_lines.append((indent, number))
        last = number
    for _, first in reversed(open_lines):
        if last > first:
            yield first, last
