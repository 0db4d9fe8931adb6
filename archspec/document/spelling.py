"""Slips of the keyboard that YAML reads as text: look-alike characters, and a space that is missing after `:` or `-`.

Knows which keys hold words for people, and nothing else of documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archspec.characters.lookalikes import disguised
from archspec.problems import Edit, Problem, SpecError
from archspec.source import Path, Source
from archspec.source.hints import DASHED, NO_DASH, Told, disguise, glued, more_dashes, tuple_of, undashed
from archspec.source.tree import GLUED, Extent

__all__ = ["in_place", "refuse_disguised", "run_together", "tuple_of"]

_PROSE = ("doc", "ignore", "imports")
_STYLED = ("'", '"', "|", ">")


def refuse_disguised(source: Source) -> None:
    """SpecError where characters that look like others stand outside of quotes, and of what is prose."""
    problems = []
    for start, end in _plain_scalars(source.root, source.text):
        found = disguised(source.text[start:end])
        if found:
            told = [disguise(source.text, start + at) for at in found]
            edits = tuple(Edit(source.place(*place), getattr(advice, "new", "")) for _, place, advice in told)
            message, place, advice = told[0]
            problems.append(Problem("AS101", message, source.place(*place), str(advice), edits=edits))
    if problems:
        raise SpecError(problems[: source.limits.problems])


def _plain_scalars(root: Extent, text: str) -> Iterator[tuple[int, int]]:
    """Where keys and values stand that are not quoted, an anchor's once."""
    seen, ahead = set[int](), [root]
    while ahead:
        node = ahead.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.keys is not None:
            yield from (place for place in node.keys.values() if text[place[0]] not in _STYLED)
            ahead += [one for key, one in node.children.items() if key not in _PROSE]
        elif node.children is not None:
            ahead += node.children
        elif node.end > node.start and text[node.start] not in _STYLED:
            yield node.start, node.end


def run_together(text: str) -> Told | None:
    """Why a text where YAML should have found a key or an item is none: no space after its colon or dash."""
    if match := GLUED.match(text):
        return glued(match)
    return undashed(match) if (match := DASHED.match(text)) else None


def in_place(source: Source, path: Path, told: Told) -> Problem:
    """The problem of a value that begins so."""
    message, (start, end), advice = told
    span = source.span(path)
    edits: tuple[Edit, ...] = ()
    if span.text[span.column - 1 : span.column] not in _STYLED:
        span = replace(span, end_line=span.line, end_column=span.column + end - start)
        edits = (Edit(span, getattr(advice, "new", "")),)
        if message == NO_DASH:
            places = [source.offset(span), *more_dashes(source.text, source.offset(span))]
            edits = tuple(Edit(source.place(at, at + 1), "- ") for at in places)
    return Problem("AS101", message, span, str(advice), edits=edits)
