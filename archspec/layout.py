"""How the values of a tensor lie in memory: strides, in symbols, and which shapes are a view of which.

None stands for strides that nothing here says; what depends on them may be a view.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from archspec import dimensions
from archspec.dimensions import Size, product

Strides: TypeAlias = tuple[Size, ...] | None
"""How far apart in memory the numbers along each axis lie."""


def contiguous(shape: Sequence[Size]) -> Strides:
    """The strides of a tensor whose numbers lie row by row, as operations make it."""
    strides: list[Size] = [1] if shape else []
    for size in reversed(shape[1:]):
        strides.append(product((size, strides[-1])))
    return tuple(reversed(strides))


def expanded(shape: Sequence[Size], strides: Strides, wanted: Sequence[Size]) -> Strides:
    """Those of the shape that an axis of size 1 is stretched to: its numbers are one."""
    if strides is None:
        return None
    new = len(wanted) - len(shape)
    kept = zip(shape, strides, wanted[new:], strict=True)
    return (0,) * new + tuple(stride if _same(size, into) else 0 for size, stride, into in kept)


def overlaps(shape: Sequence[Size], strides: Strides) -> bool:
    """Whether several elements are one number in memory."""
    return strides is not None and any(
        _same(stride, 0) and not _same(size, 1) for size, stride in zip(shape, strides, strict=True)
    )


def reshaped(shape: Sequence[Size], strides: Strides, wanted: Sequence[Size]) -> Strides | bool:
    """The strides of the same numbers in another shape; False where they have to be copied for it.

    Axes that lie one behind the other in memory are one axis; each of them has to be made of whole axes of the new
    shape.
    """
    if strides is None:
        return None
    left = list(wanted)
    found: list[Size] = []
    for numbers, step in _runs(shape, strides):
        taken: Size = 1
        while left and not _same(taken, numbers):
            found.append(product((step, taken)))
            taken = product((taken, left.pop()))
        if not _same(taken, numbers):
            return False
    if not all(_same(size, 1) for size in left):
        return False
    found += [1] * len(left)
    return tuple(reversed(found))


def _runs(shape: Sequence[Size], strides: Sequence[Size]) -> list[tuple[Size, Size]]:
    """Axes that lie one behind the other as one: how many numbers, how far apart; the last ones first."""
    runs: list[tuple[Size, Size]] = []
    for size, stride in reversed([pair for pair in zip(shape, strides, strict=True) if not _same(pair[0], 1)]):
        if runs and _same(stride, product(runs[-1])):
            runs[-1] = product((runs[-1][0], size)), runs[-1][1]
        else:
            runs.append((size, stride))
    return runs


def _same(one: Size, other: Size) -> bool:
    return dimensions.equal(one, other) is True
