"""Rows as a tree, cut at a depth, with equal repetitions side by side as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archspec.dimensions import Size
from archspec.views.summary.rows import Row

_LONGEST = 16
"""Most steps that are repeated as one: what stands in the body of a loop."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a table: a row, how many equal ones it stands for, and its figures or those of all that is below."""

    row: Row
    depth: int
    name: str
    times: int
    """How many repetitions it stands for, those of the groups around it multiplied."""
    is_open: bool
    """Whether the steps below have lines of their own."""
    parameters: Size
    macs: Size
    output_bytes: Size


class _RowNode:
    """A row with those below it; `form` is what equal steps have in common."""

    __slots__ = ("below", "form", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.below: list[_RowNode] = []
        self.form: int = 0


def lines(rows: tuple[Row, ...], depth: int | None = None) -> Iterator[Line]:
    """The lines of a table. `depth` is how many levels of modules are shown, None for all."""
    roots = _tree(rows)
    forms: dict[object, int] = {}
    for node in roots:
        _number(node, forms)
    yield from _folded(roots, 1, depth)


def _tree(rows: tuple[Row, ...]) -> list[_RowNode]:
    roots: list[_RowNode] = []
    above: list[_RowNode] = []
    for row in rows:
        node = _RowNode(row)
        (above[row.depth - 1].below if row.depth else roots).append(node)
        above[row.depth :] = [node]
    return roots


def _number(node: _RowNode, forms: dict[object, int]) -> None:
    """Gives equal steps the same number, from the innermost outwards."""
    for child in node.below:
        _number(child, forms)
    row = node.row
    figures = row.parameters, row.macs, row.output_bytes
    inner = tuple((child.row.name, child.form) for child in node.below)
    key = (row.layer, str(row.inputs), str(row.output), *map(str, figures), row.text, row.is_group, inner)
    node.form = forms.setdefault(key, len(forms))


def _folded(nodes: list[_RowNode], times: int, depth: int | None) -> Iterator[Line]:
    forms, names = [node.form for node in nodes], [node.row.name for node in nodes]
    place = 0
    while place < len(nodes):
        period, count = _repetition(forms, place) if names[place].isdecimal() else (1, 1)
        for one in range(period):
            node = nodes[place + one]
            name = node.row.name
            if count > 1:
                name = _span(names[place + one : place + period * count : period], period)
            yield from _lines(node, name, times * count, depth)
        place += period * count


def _repetition(forms: list[int], start: int) -> tuple[int, int]:
    """How many steps from there on are repeated, and how often; (1, 1) where none are."""
    for period in range(1, min(_LONGEST, (len(forms) - start) // 2) + 1):
        first = forms[start : start + period]
        count = 1
        while forms[start + count * period : start + (count + 1) * period] == first:
            count += 1
        if count > (1 if period == 1 else 2):
            return period, count
    return 1, 1


def _span(names: list[str], period: int) -> str:
    """The names of equal steps: `1-5`, or `0, 3, ..., 9` where others stand between them."""
    if period == 1:
        return f"{names[0]}-{names[-1]}"
    return ", ".join(names if len(names) <= 3 else [*names[:2], "...", names[-1]])


def _lines(node: _RowNode, name: str, times: int, depth: int | None) -> Iterator[Line]:
    row = node.row
    is_open = bool(node.below) and (depth is None or row.depth + 1 < depth)
    if depth is not None and row.depth >= depth:
        return
    shown = [row] if is_open else list(_all(node))
    sums = [sum((getattr(one, key) for one in shown), start=0) for key in ("parameters", "macs", "output_bytes")]
    yield Line(row, row.depth, name, times, is_open, *sums)
    if is_open:
        yield from _folded(node.below, times, depth)


def _all(node: _RowNode) -> Iterator[Row]:
    yield node.row
    for child in node.below:
        yield from _all(child)
