"""What a spec says to ignore, and what of it silences nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from archspec.document import Block, Document, StepEntry
from archspec.document.imports import Sources
from archspec.lints.places import NestedTexts, blocks, reach, steps
from archspec.problems import Problem, Span
from archspec.source import Path


@dataclass(frozen=True, slots=True)
class Silence:
    """One code of one `ignore`: where it is written, and the piece of text that it holds for; None: all of it."""

    code: str
    span: Span
    reach: Span | None


def silences(document: Document, sources: Sources) -> list[Silence]:
    """All that a spec says to ignore."""
    found: list[Silence] = []
    places: tuple[tuple[Path, Block | StepEntry], ...] = (*blocks(document), *steps(document))
    for path, one in places:
        if one.ignore:
            found += _codes(one.ignore, path, reach(path, sources) if path else None, sources)
    return found


def _codes(ignore: Mapping[str, str], path: Path, reach: Span | None, sources: Sources) -> Iterator[Silence]:
    written = sources.value((*path, "ignore"))
    for code in ignore:
        at = (*path, "ignore", written.index(code) if isinstance(written, list) else code)
        yield Silence(code, sources.span(at, key=True), reach)


def loud(problems: Iterable[Problem], silences: list[Silence]) -> tuple[list[Problem], list[Silence]]:
    """The problems that nothing silences, and what of the silences silences nothing."""
    used: set[Span] = set()
    heard = []
    texts = NestedTexts((one.reach, one) for one in silences if one.reach is not None)
    everywhere = [one for one in silences if one.reach is None]
    for problem in problems:
        nearest = chain(texts.around(problem.span), everywhere)
        by = next((one for one in nearest if one.code == problem.code), None)
        if by is None:
            heard.append(problem)
        else:
            used.add(by.span)
    return heard, [one for one in silences if one.span not in used and one.code != "AS700"]
