"""Tensors one after the other along an axis: what several families ask for."""

from __future__ import annotations

from archspec.dimensions import Size, show
from archspec.functions._dtypes import promote_all
from archspec.functions._shapes import axis, same_size, say_multiple
from archspec.refusals import refuse, require
from archspec.tensors import TensorType

Tensors = tuple[TensorType, ...]


def joined(tensors: Tensors, dim: int) -> TensorType:
    """The tensors one after the other along an axis; the other axes agree."""
    require(bool(tensors), "AS404", "`tensors` is empty", argument="tensors")
    first = tensors[0]
    place = axis(first, dim)
    shape: list[Size] = list(first.shape)
    shape[place : place + 1] = [0]
    for x in tensors:
        if x.rank == 0:
            refuse("AS501", f"a tensor without axes cannot be joined: {x}", "`stack` joins those", "tensors")
        if x.rank != first.rank:
            refuse("AS501", f"{first} and {x} differ in their number of axes", argument="tensors")
        for other, size in enumerate(x.shape):
            if other == place:
                shape[place] = shape[place] + size
            elif size != shape[other]:
                message = f"{first} and {x} differ at axis {other}: {show(first.shape[other])} and {show(size)}"
                hint = say_multiple(shape[other], size) or f"only axis {place} may differ"
                shape[other] = same_size(shape[other], size, message, hint, "tensors", (other - x.rank,))
    return TensorType(tuple(shape), promote_all(x.dtype for x in tensors))
