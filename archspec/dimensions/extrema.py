"""The smallest and the largest of several sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from archspec.dimensions.atoms import Atom, Symbol, reason
from archspec.dimensions.comparing import at_least
from archspec.dimensions.printing import show
from archspec.dimensions.terms import Size, bounds, canonical, evaluate, of, parts, substitute, symbols

_MOST_COMPARED = 16


class Extremum(Atom):
    """The smallest or largest of several sizes."""

    __slots__ = ("function", "parts", "sizes", "why")

    def __init__(self, function: Literal["min", "max"], sizes: tuple[Size, ...]) -> None:
        sizes = tuple(map(canonical, sizes))
        super().__init__(f"{function}({', '.join(show(size) for size in sizes)})")
        self.function = function
        self.sizes = sizes
        self.parts = sum(map(parts, sizes))
        self.why = reason(*sizes)

    def symbols(self) -> frozenset[Symbol]:
        return frozenset().union(*map(symbols, self.sizes))

    def evaluate(self, values: Mapping[str, int]) -> int:
        choose = min if self.function == "min" else max
        return choose(evaluate(size, values) for size in self.sizes)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        return _extremum(self.function, [substitute(size, sizes) for size in self.sizes])

    def bounds(self) -> tuple[int | None, int | None]:
        lows, highs = zip(*map(bounds, self.sizes), strict=True)
        known_lows, known_highs = [x for x in lows if x is not None], [x for x in highs if x is not None]
        if self.function == "min":
            return min(lows) if len(known_lows) == len(lows) else None, min(known_highs, default=None)
        return max(known_lows, default=None), max(highs) if len(known_highs) == len(highs) else None


def minimum(*sizes: Size) -> Size:
    """The smallest of the sizes."""
    return _extremum("min", list(sizes))


def maximum(*sizes: Size) -> Size:
    """The largest of the sizes."""
    return _extremum("max", list(sizes))


def _extremum(function: Literal["min", "max"], sizes: list[Size]) -> Size:
    kept: list[Size] = []
    for number, size in enumerate(sizes):
        if len(kept) == _MOST_COMPARED:  # each with each: that is enough
            kept += sizes[number:]
            break
        if any((at_least(size, k) if function == "min" else at_least(k, size)) for k in kept):
            continue
        kept = [k for k in kept if not (at_least(k, size) if function == "min" else at_least(size, k))]
        kept.append(size)
    if len(kept) == 1:
        return kept[0]
    return of(Extremum(function, tuple(sorted(kept, key=show))))
