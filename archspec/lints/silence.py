"""What a spec says to ignore, and what of it silences nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from archspec.document import Block, Document, Step
from archspec.imports import Sources
from archspec.lints.places import blocks, lies_in, reach, steps
from archspec.problems import Problem, Span
from archspec.records import Record
from archspec.source import Path


class Silence(Record):
    """One code of one `ignore`: where it is written, and the piece of text that it holds for; None: all of it."""

    code: str
    span: Span
    reach: Span | None

    def covers(self, span: Span) -> bool:
        """Whether a place lies in the text that it holds for."""
        return self.reach is None or lies_in(span, self.reach)


def silences(document: Document, sources: Sources) -> list[Silence]:
    """All that a spec says to ignore; what holds for less stands first."""
    found: list[Silence] = []
    places: tuple[tuple[Path, Block | Step], ...] = (*blocks(document), *steps(document))
    for path, one in places:
        if one.ignore:
            found += _codes(one.ignore, path, reach(path, sources) if path else None, sources)
    return found[::-1]


def _codes(ignore: Mapping[str, str], path: Path, reach: Span | None, sources: Sources) -> Iterator[Silence]:
    written = sources.value((*path, "ignore"))
    for code in ignore:
        at = (*path, "ignore", written.index(code) if isinstance(written, list) else code)
        yield Silence(code, sources.span(at, key=True), reach)


def loud(problems: Iterable[Problem], silences: list[Silence]) -> tuple[list[Problem], list[Silence]]:
    """The problems that nothing silences, and what of the silences silences nothing."""
    used: set[Span] = set()
    heard = []
    for problem in problems:
        by = next((one for one in silences if one.code == problem.code and one.covers(problem.span)), None)
        if by is None:
            heard.append(problem)
        else:
            used.add(by.span)
    return heard, [one for one in silences if one.span not in used and one.code != "AS700"]
