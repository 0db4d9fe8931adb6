"""Parts of a tensor, and tensors joined to one: moved as bytes, which takes no PyTorch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from archspec.checkpoints.storage import BITS, Stored


def part(stored: Stored, axis: int, begin: int, end: int) -> Stored:
    """What a tensor has between two places along an axis, as `stored[begin:end]` for axis 0."""
    shape = (*stored.shape[:axis], end - begin, *stored.shape[axis + 1 :])
    return replace(stored, shape=shape, read=partial(_cut, stored, axis, begin, end))


def joined(several: Sequence[Stored], axis: int) -> Stored:
    """Tensors one after the other along an axis, as `torch.cat` joins them; their dtypes are equal."""
    first = several[0]
    size = sum(one.shape[axis] for one in several)
    shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
    return replace(first, shape=shape, read=partial(_join, several, axis))


def _cut(stored: Stored, axis: int, begin: int, end: int) -> bytes:
    step = _run(stored, axis + 1)
    row = step * stored.shape[axis]
    data = memoryview(stored.read())
    starts = range(0, math.prod(stored.shape[:axis]) * row, row) if row else ()
    return b"".join(data[at + begin * step : at + end * step] for at in starts)


def _join(several: Sequence[Stored], axis: int) -> bytes:
    sources = [(memoryview(one.read()), _run(one, axis)) for one in several]
    rows = range(math.prod(several[0].shape[:axis]))
    return b"".join(data[row * run : (row + 1) * run] for row in rows for data, run in sources)


def _run(stored: Stored, axis: int) -> int:
    """How many bytes the axes from one on take together."""
    return math.prod(stored.shape[axis:]) * BITS[stored.dtype] // 8
