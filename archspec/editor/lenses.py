"""What stands above the network and above each block: parameters, multiply-accumulates, and how often it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archspec.analysis import Analysis
from archspec.dimensions import Size
from archspec.views.summary import summarize
from archspec.views.summary.figures import human
from archspec.views.summary.rows import Row


@dataclass(frozen=True, slots=True)
class Lens:
    """What stands above a line, counted from 1."""

    line: int
    text: str


def lenses(analysis: Analysis) -> Iterator[Lens]:
    """The lenses of a text without errors. A large network takes as long as its summary."""
    if not analysis.sound or analysis.graph is None or analysis.sources is None:
        return
    found = summarize(analysis.graph)
    source = analysis.sources.main
    yield Lens(source.span(("layers",), key=True).line, _figures([found.rows]))
    blocks = source.value(("blocks",))
    for name in blocks if isinstance(blocks, dict) else ():
        uses = [list(_within(row, found.rows)) for row in found.rows if row.is_group and row.layer == name]
        line = source.span(("blocks", name), key=True).line
        yield Lens(line, f"used {len(uses)}×: {_figures(uses)}" if uses else "not used with the defaults")


def _within(row: Row, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of the steps within one."""
    return (one for one in rows if one.path.startswith(f"{row.path}."))


def _figures(uses: Sequence[Sequence[Row]]) -> str:
    """The parameters and multiply-accumulates of a network or of each use of a block: the least and the most."""
    parameters = [sum((row.parameters for row in rows), start=0) for rows in uses]
    macs = [sum((row.macs for row in rows), start=0) for rows in uses]
    told = f"{_range(parameters)} parameters"
    return told if "?" in (cost := _range(macs)) else f"{told}, {cost} MACs"


def _range(sizes: list[Size]) -> str:
    known = sorted(size for size in sizes if isinstance(size, int))
    if len(known) < len(sizes):
        return human(sizes[0]) if len(sizes) == 1 else "?"
    return human(known[0]) if known[0] == known[-1] else f"{human(known[0])} … {human(known[-1])}"
