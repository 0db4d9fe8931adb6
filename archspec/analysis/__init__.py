"""What an editor has to know of a text while it is typed: problems, shapes, names. Reads what is half written.

Each room imports only those before it: records, moved, recovery, forming, steps, names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from archspec import lints, overwriting
from archspec.analysis.forming import Formed
from archspec.analysis.moved import Moved, lines_of, moved
from archspec.analysis.names import names_of
from archspec.analysis.records import Analysis, Later, Name, Step
from archspec.analysis.recovery import Recovered, recover
from archspec.analysis.steps import steps_of, with_stale
from archspec.document import Document, is_library, is_plan, read_plan
from archspec.document.imports import Files, Sources, gather
from archspec.graph import Graph
from archspec.lower import Settings, check_library, lower_partly, mixed_dtypes
from archspec.problems import Problem, SpecError, in_file_order
from archspec.source import Source, parse
from archspec.spec import blocks_alone, packages, without_collection

__all__ = ["Analysis", "Name", "Step", "analyse"]


def analyse(
    text: str,
    name: str = "<text>",
    previous: Analysis | None = None,
    *,
    files: Files | None = None,
    allow: Iterable[str] = (),
) -> Analysis:
    """What is known of a text, which may be half written."""
    if previous is not None and (previous.text, previous.name) == (text, name):
        return previous
    with without_collection():
        if previous is not None and previous.graph is not None and (same := _with_other_comments(previous, text, name)):
            return same
        return _TextReader(text, name, previous, files or Files(), packages(allow)).run()


class _TextReader:
    """Reads one text."""

    def __init__(self, text: str, name: str, previous: Analysis | None, files: Files, allow: tuple[str, ...]) -> None:
        self.text, self.name, self.previous = text, name, previous
        self.files, self.allow = files, allow
        self.problems: list[Problem] = []
        self.later: Later | None = None  # what else there is to find, where nothing is wrong so far
        self.moved = moved(previous.text, text) if previous is not None else Moved(0, 0, 0, 0)

    def run(self) -> Analysis:
        kept = self.kept()
        recovered = recover(self.text, self.name, self.moved.changed if self.previous is not None else (), kept)
        self.problems += recovered.problems
        formed = None
        if recovered.source is not None and is_library(recovered.source):
            self.check_blocks(recovered.source, recovered)
        elif recovered.source is not None and is_plan(recovered.source):
            self.check_plan(recovered.source)
        elif recovered.source is not None:
            formed = self.form(recovered.source, recovered)
            if kept is not None and kept[0] in formed.entries:
                formed = self.with_line(formed, recovered, *kept)
        graph = self.lower(formed, recovered) if formed is not None else None
        fresh = steps_of(graph, formed.source) if graph is not None and formed is not None else []
        fresh = [replace(one, stale=True) if one.line in recovered.restored else one for one in fresh]
        problems = in_file_order(self.problems)
        sound = graph is not None and all(one.severity == "warning" for one in problems)
        steps = tuple(fresh)
        if self.previous is not None:
            steps = with_stale(fresh, self.previous.steps, self.moved, self.name, sound=sound)
        names = names_of(recovered.source)
        return Analysis(
            self.text,
            self.name,
            tuple(problems),
            steps,
            names,
            frozenset(recovered.passed | recovered.mended),
            self.withdrawn(names, kept),
            kept,
            self.known(kept),
            formed.document if formed is not None else None,
            formed.sources if formed is not None else None,
            graph,
            self.later,
        )

    def kept(self) -> tuple[int, str] | None:
        """The one line that is being changed, and what it said before that; None where several lines change."""
        moved, previous = self.moved, self.previous
        line = moved.above + 1
        if previous is None or moved.old != moved.new or list(moved.changed) != [line]:
            return None
        if previous.kept is not None and previous.kept[0] == line:
            return previous.kept
        return line, lines_of(previous.text)[line - 1]

    def known(self, kept: tuple[int, str] | None) -> frozenset[tuple[str, str]]:
        """The problems before the one line was changed that is being changed."""
        if kept is None or self.previous is None:
            return frozenset()
        if kept == self.previous.kept:
            return self.previous.known
        return frozenset((one.code, one.message) for one in self.previous.read)

    def withdrawn(self, names: tuple[Name, ...], kept: tuple[int, str] | None) -> frozenset[tuple[str, str]]:
        """The names that were defined on the lines that change, now or when the same line was changed before."""
        if self.previous is None:
            return frozenset()
        below = self.moved.old - self.moved.below
        lines = range(self.moved.above + 1, below + 1)
        before = {(one.scope, one.name) for one in self.previous.names if one.definition.line in lines}
        if kept is not None and kept == self.previous.kept:
            before |= self.previous.withdrawn
        return frozenset(before - {(one.scope, one.name) for one in names})

    def check_blocks(self, source: Source, recovered: Recovered) -> None:
        """What is wrong with a file that holds blocks alone."""
        try:
            check_library(*gather(source, blocks_alone(source), self.files), allow=self.allow)
        except SpecError as error:
            self.problems += [one for one in error.problems if not self.is_told(one, recovered)]

    def check_plan(self, source: Source) -> None:
        """What is wrong with the form of a plan's file."""
        try:
            read_plan(source)
        except SpecError as error:
            self.problems += error.problems

    def with_line(self, formed: Formed, recovered: Recovered, line: int, before: str) -> Formed:
        """The document with what the line said before it was changed: what is there now is no entry of its section.

        It stays as it was formed where that is no better.
        """
        lines = re.split(r"(\r\n|\r|\n)", self.text)
        lines[2 * line - 2] = before
        try:
            again = Formed(parse("".join(lines), self.name), formed.earlier)
        except SpecError:
            return formed
        again.read(self.files, ())
        if again.problems or again.document is None:
            return formed
        recovered.mended.add(line)
        recovered.restored.add(line)
        return again

    def form(self, source: Source, recovered: Recovered) -> Formed:
        """The document that a tree is."""
        earlier = self.previous.sources if self.previous is not None else None
        formed = Formed(source, earlier.main.data if earlier is not None else None)
        lost = {one.line for one in recovered.problems} - recovered.mended
        formed.read(self.files, recovered.passed | lost)
        self.problems += [one for one in formed.problems if not self.is_told(one, recovered)]
        return formed

    def lower(self, formed: Formed, recovered: Recovered) -> Graph | None:
        """The network that a document is, as far as it can be read; what is wrong with it is told."""
        if formed.document is None or formed.sources is None:
            return None
        graph, found = lower_partly(formed.sources, formed.document, allow=self.allow, incomplete=formed.incomplete)
        told = [one for one in found if not self.is_told(one, recovered) and not formed.causes(one)]
        if graph is not None and not found and not self.problems:
            self.later = Later(partial(beyond, graph, formed.sources, formed.document, self.allow))
        self.problems += told
        return graph

    def is_told(self, problem: Problem, recovered: Recovered) -> bool:
        """Whether a line has a problem already that this one may come of."""
        return problem.path == self.name and problem.line in recovered.mended | recovered.passed


def beyond(graph: Graph, sources: Sources, document: Document, allow: tuple[str, ...]) -> list[Problem]:
    """What is wrong with a network whose steps are right, or else what is hardly as it is meant."""
    with without_collection():
        in_place = overwriting.problems(graph)
        if errors := [one for one in in_place if one.severity == "error"]:
            return errors
        mixed = mixed_dtypes(sources, document, graph, Settings(allow=allow))
        more = lints.Beyond(tuple(in_place), mixed, graph.doubts, graph.idle)
        return lints.warnings(graph, document, sources, more)


def _with_other_comments(previous: Analysis, text: str, name: str) -> Analysis | None:
    """The analysis of the text before, where only comments have changed, and no line has moved."""
    change = moved(previous.text, text)
    if name != previous.name or previous.read or previous.sources is None or change.old != change.new:
        return None
    before, after = lines_of(previous.text), lines_of(text)
    if any(_without_comment(before[at - 1]) != _without_comment(after[at - 1]) for at in change.changed):
        return None
    try:
        if parse(text, name).data != previous.sources.main.data:  # it was no comment
            return None
    except SpecError:
        return None
    return replace(previous, text=text, withdrawn=frozenset(), kept=None, known=frozenset())


def _without_comment(line: str) -> str:
    return "" if line.lstrip().startswith("#") else line.partition(" #")[0].rstrip()
