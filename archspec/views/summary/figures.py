"""Sizes as figures: with numbers in the place of names, as briefly as can be, and in units that people read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size, Unknown
from archspec.graph import Flow
from archspec.tensors import BYTES, TensorType

LONGEST = 28
"""Characters of a formula in a table."""

_UNITS = ("", "k", "M", "G", "T", "P", "E")


def above(path: str) -> Iterator[str]:
    """The modules that a dotted path lies in, the innermost first: `a.b` and `a` of `a.b.c`."""
    while path := path.rpartition(".")[0]:
        yield path


def at(size: Size, sizes: Mapping[str, int]) -> Size:
    """The size with those numbers in it."""
    try:
        return plain(dimensions.substitute(size, sizes))
    except ZeroDivisionError:  # an input of 64 // (N - 1) channels
        return unknown("there is no such size")


def plain(size: Size) -> Size:
    """As briefly as can be: `576 * h * w`, and not the `4 * h * w * 16 * 3 * 3` that it was multiplied from."""
    if isinstance(size, int):
        return int(size)
    known = math.prod(factor for factor in size.factors if isinstance(factor, int))
    folded = dimensions.product([known, *(factor for factor in size.factors if not isinstance(factor, int))])
    return min(Dimension(size.terms), folded, key=lambda form: len(str(form))) if size.factors else size


def unknown(why: str) -> Size:
    """A figure that nothing says."""
    return dimensions.of(Unknown(why))


def bytes_each(dtype: str) -> int:
    """The bytes of one number."""
    return BYTES.get(dtype, 1)


def tensors(flow: Flow | None) -> Iterator[TensorType]:
    """Every tensor of what flows."""
    if isinstance(flow, TensorType):
        yield flow
    elif isinstance(flow, tuple):
        for part in flow:
            yield from tensors(part)


# For programs.


def data(size: Size) -> int | str:
    """A known size as an integer, any other as its formula, `?` where there is none."""
    if isinstance(size, int):
        return int(size)
    return "?" if "?" in str(size) else str(size)


def flow_data(flow: Flow | None) -> Any:
    """A type as JSON."""
    if isinstance(flow, TensorType):
        return {"shape": list(map(data, flow.shape)), "dtype": flow.dtype}
    return list(map(flow_data, flow)) if isinstance(flow, tuple) else None


# For people.


def aligned(cells: Sequence[Sequence[str]], gap: str, left: int) -> list[str]:
    """A line for each row of a table, all of one length; the first `left` columns are left-aligned."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        gap.join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def human(size: Size, unit: str = "") -> str:
    """Three digits and a decimal prefix: `244 MB`."""
    if not isinstance(size, int):
        text = figure(size, LONGEST)
        return text if text == "?" else f"{text} {unit}".rstrip()
    rounded = int(float(f"{size:.3g}"))
    power = min((len(str(rounded)) - 1) // 3, len(_UNITS) - 1)
    digits = 2 - (len(str(rounded)) - 1) % 3 if power else 0
    return f"{rounded / 1000**power:.{max(0, digits)}f} {_UNITS[power]}{unit}".rstrip()


def figure(size: Size, longest: int) -> str:
    """Every digit, or a formula of no more than so many characters; `-` for nothing."""
    if isinstance(size, int):
        return f"{size:,}" if size else "-"
    text = re.sub(r"\b\d{4,}\b", lambda match: f"{int(match[0]):,}", str(size))
    return text if len(text) <= longest and "?" not in text else "?"


def flow_text(flow: Flow | None) -> str:
    """A type as tables have it: the dtype only where it is not the usual one."""
    if isinstance(flow, TensorType):
        text = f"[{', '.join(str(data(axis)) for axis in flow.shape)}]"
        return text if flow.dtype == "float32" else f"{text} {flow.dtype}"
    if flow is None:
        return "?"
    if isinstance(flow, tuple):
        return f"({', '.join('null' if part is None else flow_text(part) for part in flow)})"
    return str(flow).lower()  # `need_weights: false`
