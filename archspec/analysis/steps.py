"""The steps of a graph as records, and of an earlier text where the graph does not know them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from archspec.analysis.moved import Moved
from archspec.analysis.records import Step
from archspec.dimensions import Size
from archspec.graph import Graph, part, ran
from archspec.source import Path, Source
from archspec.tensors import TensorType


def steps_of(graph: Graph, source: Source) -> list[Step]:
    """The steps of a network, each with the lines on which it stands."""
    places = Places(source)
    found = []
    for path, step in ran(graph):
        if path.rpartition(".")[2] == "*" and step.output is None:
            continue  # in place of one that cannot be read
        span = step.span
        lines = places.lines(span.line, span.column) if span.path == source.path else (span.line, span.end_line)
        shape, dtype = part(step.output, shape_of), part(step.output, lambda tensor: tensor.dtype)
        found.append(Step(path, *lines, shape, dtype, file=span.path))
    return found


def shape_of(tensor: TensorType) -> tuple[Any, ...]:
    """The sizes of a tensor as people use them."""
    return tuple(map(_plain, tensor.shape))


def _plain(size: Size) -> Any:
    return int(size) if isinstance(size, int) else size  # an int may remember its factors, which is ours alone


def with_stale(fresh: list[Step], before: Iterable[Step], moved: Moved, name: str, *, sound: bool) -> tuple[Step, ...]:
    """The steps with what an earlier text said of those that are not known; of a sound text none are missing."""
    if sound:
        return tuple(fresh)
    earlier: dict[int, list[Step]] = {}
    kept = []
    for step in before:
        line = moved.line(step.line) if step.file == name else step.line
        if line is None:
            continue
        end = moved.line(step.end_line) if step.file == name else step.end_line
        kept.append(replace(step, line=line, end_line=max(line, end or line), stale=True))
        if step.file == name:
            earlier.setdefault(line, []).append(kept[-1])
    lines = {step.line for step in fresh if step.file == name}
    found = [step if step.shape is not None else _known(step, earlier.get(step.line, ())) for step in fresh]
    known = {step.path: step.shape for step in fresh}
    behind: dict[str, list[Step]] = {}  # what is missing, by the step in front of it
    above = ""
    for one in kept:
        if one.path in known:
            above = one.path
        elif one.line not in lines or _is_within_lost(one, known):
            behind.setdefault(above, []).append(one)
    return tuple(chain(behind.get("", ()), *((step, *behind.get(step.path, ())) for step in found)))


def _is_within_lost(step: Step, known: dict[str, Any]) -> bool:
    """Whether a step is within one whose shape is not known: its rounds were not read to the end then."""
    above = step.path
    while above := above.rpartition(".")[0]:
        if above in known:
            return known[above] is None
    return False


def _known(step: Step, earlier: Iterable[Step]) -> Step:
    """A step whose shape is not known with that of the same line of an earlier text."""
    known = [one for one in earlier if one.shape is not None]
    same = next((one for one in known if one.path == step.path), known[0] if known else None)
    return replace(step, shape=same.shape, dtype=same.dtype, stale=True) if same is not None else step


class Places:
    """The steps of a text by their places."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.starts: list[tuple[int, int]] = []  # of each stretch of the text, the line and column where it begins
        self.within: list[tuple[int, int] | None] = []  # and the lines of the innermost step that it is of
        events = sorted(_ranges(source, source.data, ()), key=lambda one: (one[0], [-part for part in one[1]]))
        open_steps: list[tuple[tuple[int, int], tuple[int, int]]] = []
        for start, end in [*events, ((1 << 60, 0), (1 << 60, 0))]:
            while open_steps and open_steps[-1][1] <= start:
                self.starts.append(open_steps.pop()[1])
                self.within.append(_lines(open_steps[-1]) if open_steps else None)
            open_steps.append((start, end))
            self.starts.append(start)
            self.within.append(_lines(open_steps[-1]))

    def lines(self, line: int, column: int) -> tuple[int, int]:
        """The first and the last line of the innermost step at a place."""
        at = bisect_right(self.starts, (line, column)) - 1
        found = self.within[at] if at >= 0 else None
        return found if found is not None else (line, line)


def _lines(step: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    (start, _), (end, column) = step
    return start, max(start, end if column > 1 else end - 1)


def _ranges(source: Source, value: Any, path: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where each step begins and ends, as lines and columns."""
    for key, below in _entries(value):
        here = (*path, key)
        if path[-1:] == ("layers",) or (isinstance(key, int) and _is_step(source, path)):
            first, last = source.span(here, key=True), source.span(here)
            end = max((first.end_line, first.end_column), (last.end_line, last.end_column))
            yield (first.line, first.column), end
        yield from _ranges(source, below, here)


def _is_step(source: Source, path: Path) -> bool:
    """Whether a list is one of steps: the item of such a list."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    return path[-1:] == ("layers",) or (len(path) > 1 and path[-2] == "layers" and isinstance(path[-1], str))


def _entries(value: Any) -> Iterable[tuple[str | int, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
