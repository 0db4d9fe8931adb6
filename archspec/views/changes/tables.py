"""What texts of changes and of checkpoints share: rows below one another, and several keys told as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from archspec.characters import printable

_MOST_VALUES = 4
_MOST_KEYS = 3

Line = tuple[str, ...]
"""Cells of a line, the first one its sign."""
Keys = TypeVar("Keys", bound=tuple[str, ...])


def keys(several: Sequence[tuple[str, ...]]) -> str:
    """Keys, or pairs of an old and a new one, those that differ in numbers alone together."""
    shown = [" -> ".join(paths(list(side)) for side in zip(*group, strict=True)) for group in alike(several)]
    return ", ".join(shown[:_MOST_KEYS]) + (", …" if len(shown) > _MOST_KEYS else "")


def alike(several: Iterable[Keys]) -> list[list[Keys]]:
    """Several keys of one weight each, those together that differ in numbers alone."""
    found: dict[object, list[Keys]] = {}
    for one in several:
        found.setdefault(tuple(re.sub(r"\d+", "", key) for key in one), []).append(one)
    return list(found.values())


def paths(several: Sequence[str]) -> str:
    """Several paths as one: `layer{1…4}.{0…5}.conv1`."""
    columns = [path.split(".") for path in several]
    if len({len(parts) for parts in columns}) > 1:
        return printable(f"{several[0]} … {several[-1]}")
    return printable(".".join(_names(list(dict.fromkeys(column))) for column in zip(*columns, strict=True)))


def _names(names: Sequence[str]) -> str:
    """Several names as one: `layer{1…4}`, `{keys, values}`."""
    if len(names) == 1:
        return names[0]
    numbered = [re.fullmatch(r"(\D*)(\d+)", name) for name in names]
    found = [(match[1], int(match[2])) for match in numbered if match]
    if len(found) == len(names) and len({stem for stem, _ in found}) == 1:
        numbers = sorted(number for _, number in found)
        if numbers == list(range(numbers[0], numbers[-1] + 1)):
            return f"{found[0][0]}{{{numbers[0]}…{numbers[-1]}}}"
        names = [str(number) for number in numbers] if not found[0][0] else names
    return f"{{{', '.join((*names[:_MOST_VALUES], *['…'][: len(names) > _MOST_VALUES]))}}}"


def table(rows: Sequence[Line], right: tuple[int, ...] = ()) -> list[str]:
    """Rows in columns, those of numbers to the right."""
    filled = _filled(rows)
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    cells = (
        [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))]
        for r in filled
    )
    return ["  ".join(cell for cell, width in zip(row, widths, strict=True) if width).rstrip() for row in cells]


def _filled(rows: Sequence[Line]) -> list[Line]:
    """Rows of one length."""
    width = max(map(len, rows))
    return [(*row, *[""] * (width - len(row))) for row in rows]


def markdown_table(rows: Sequence[Line], right: tuple[int, ...]) -> str:
    """The same as a table of Markdown, its first row being the head."""
    head, *others = _filled(rows)
    rule = ("--:" if place in right else "---" for place in range(len(head)))
    lines = (head, rule, *([code(cell) if cell else "" for cell in row] for row in others))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """A text as Markdown shows it as it is, also in a table."""
    text = printable(text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"
