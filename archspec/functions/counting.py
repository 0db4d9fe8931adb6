"""Functions that put numbers into bins, count them and find them."""

from __future__ import annotations

import math
from typing import Literal

from archspec.dimensions import Size, Unknown, of, show
from archspec.functions._base import Operand, Scalar, function
from archspec.functions._dtypes import REAL, require_dtype, require_same_dtype
from archspec.functions._shapes import axis, broadcast, require_rank, require_rank_from, same_size
from archspec.functions.indexing import INDICES, require_indices, require_source
from archspec.functions.splitting import require_within
from archspec.refusals import require, require_at_least, require_equal, require_held, require_stored
from archspec.tensors import FLOATS, INTEGERS, TensorType


@function("torch.bucketize")
def bucketize(
    input: TensorType | Scalar, boundaries: TensorType, *, out_int32: bool = False, right: bool = False
) -> TensorType:
    """Between which boundaries, which are in order, each number falls. Shape: [*], [n] -> [*] int64"""
    require_rank(boundaries, 1, name="boundaries")
    _require_ordered(input, boundaries, "boundaries")
    shape = input.shape if isinstance(input, TensorType) else ()
    return TensorType(shape, "int32" if out_int32 else "int64")


@function("torch.searchsorted")
def searchsorted(
    sorted_sequence: TensorType, input: TensorType | Scalar, *, out_int32: bool = False, right: bool = False
) -> TensorType:
    """Where numbers go into rows that are in order. Shape: [*, n], [*, m] -> [*, m] int64, or [n], [*] -> [*]"""
    require_rank_from(sorted_sequence, 1, name="sorted_sequence")
    _require_ordered(input, sorted_sequence, "sorted_sequence")
    if not isinstance(input, TensorType):
        message = f"a single number goes into one row; `sorted_sequence` is {sorted_sequence}"
        require(sorted_sequence.rank == 1, "AS501", message, argument="input")
        return TensorType((), "int32" if out_int32 else "int64")
    if sorted_sequence.rank > 1:
        message = f"`input` {input} and `sorted_sequence` {sorted_sequence} differ before the last axis"
        require(sorted_sequence.rank == input.rank, "AS501", message, argument="input")
        for a, b in zip(sorted_sequence.shape[:-1], input.shape[:-1], strict=True):
            same_size(a, b, message, argument="input")
    return TensorType(input.shape, "int32" if out_int32 else "int64")


def _require_ordered(input: TensorType | Scalar, boundaries: TensorType, name: str) -> None:
    require_dtype(boundaries, REAL, name)
    if isinstance(input, TensorType):
        require_dtype(input, REAL)


@function("torch.histc")
def histc(input: TensorType, bins: Size = 100, min: Scalar = 0, max: Scalar = 0) -> TensorType:
    """How many numbers fall into each of so many bins. Shape: [*] -> [bins]"""
    require_dtype(input, FLOATS)
    require_at_least(bins, 1, code="AS404", message=f"`bins` is {show(bins)}", argument="bins")
    for name, bound in (("min", min), ("max", max)):
        finite = not isinstance(bound, float) or math.isfinite(bound)
        require(finite, "AS404", f"`{name}` is {bound}; the range of the bins is finite", argument=name)
    require_held(input.dtype, min=min, max=max)
    if isinstance(min, int | float) and isinstance(max, int | float):
        require(min <= max, "AS404", f"`min` {min} is larger than `max` {max}", argument="min")
    return TensorType((bins,), input.dtype)


@function("torch.bincount")
def bincount(input: TensorType, weights: TensorType | None = None, minlength: Size = 0) -> TensorType:
    """How often each integer from 0 on occurs, or the sums of weights. Shape: [n] -> [max(input.max() + 1, minlength)]

    How long it is depends on the numbers; `[:k]` of it has `k`, if `minlength` is at least that.
    """
    require_rank(input, 1)
    require_dtype(input, INTEGERS)
    require_at_least(minlength, 0, code="AS404", message=f"`minlength` is {show(minlength)}", argument="minlength")
    if weights is not None:
        require_rank(weights, 1, name="weights")
        message = f"`weights` {weights} does not go with {input}"
        same_size(input.shape[0], weights.shape[0], message, argument="weights")
    dtype = "int64" if weights is None else weights.dtype if weights.dtype == "float32" else "float64"
    return TensorType((of(Unknown(f"the largest number of {input}, plus 1")),), dtype)


@function("torch.isin")
def isin(
    elements: TensorType, test_elements: TensorType, *, assume_unique: bool = False, invert: bool = False
) -> TensorType:
    """Whether each number is one of those of another tensor. Shape: [*], [*] -> that of the first, bool"""
    require_dtype(elements, REAL, "elements")
    require_dtype(test_elements, REAL, "test_elements")
    return TensorType(elements.shape, "bool")


@function("torch.masked_select")
def masked_select(input: TensorType, mask: TensorType) -> TensorType:
    """The numbers where a mask is true, in one row. Shape: [*], [*] that broadcast -> [as many as are true]"""
    require_dtype(mask, ("bool",), "mask")
    broadcast(input.shape, mask.shape)
    return TensorType((of(Unknown(f"how many of {mask} are true")),), input.dtype)


@function("torch.argwhere")
def argwhere(input: TensorType) -> TensorType:
    """Where the numbers are that are not zero. Shape: [*] -> [as many as there are, rank] int64"""
    require_rank_from(input, 1)
    return TensorType((of(Unknown(f"how many of {input} are not zero")), input.rank), "int64")


@function("torch.take")
def take(input: TensorType, index: TensorType) -> TensorType:
    """Numbers by their places in one row of all. Shape: [*], [*S] int64 -> [*S]"""
    require_dtype(index, ("int64",), "index")
    return TensorType(index.shape, input.dtype)


@function("torch.masked_scatter")
def masked_scatter(input: TensorType, mask: TensorType, source: TensorType) -> TensorType:
    """Numbers of `source`, one after the other, where the mask is true. Shape: [*], [*] that broadcast -> [*]"""
    require_dtype(mask, ("bool",), "mask")
    require_same_dtype(input, source)
    return TensorType(broadcast(input.shape, mask.shape), input.dtype)


def _require_rows(input: TensorType, dim: int, index: TensorType, source: TensorType, name: str) -> None:
    """As many entries of an axis come as are indexed, and the other axes agree."""
    require_dtype(index, INDICES, "index")
    require(index.rank <= 1, "AS501", f"`index` takes one axis; this is {index}", argument="index")
    place = axis(input, dim)
    require_same_dtype(input, source)
    message = f"`{name}` {source} does not go with {input}"
    require(source.rank == input.rank, "AS501", message, argument=name)
    count = index.shape[0] if index.rank else 1
    if not input.rank:
        require_equal(count, 1, message=f"`index` {index} has more than the one number of {input}", argument="index")
    for other, (size, there) in enumerate(zip(source.shape, input.shape, strict=True)):
        wanted = count if other == place else there
        message = f"`{name}` {source} has {show(size)} at axis {other}, not {show(wanted)}"
        require_equal(size, wanted, message=message, argument=name)


@function("torch.index_add")
def index_add(input: TensorType, dim: int, index: TensorType, source: TensorType, *, alpha: Scalar = 1) -> TensorType:
    """The input with entries of `source` added at indices. Shape: [*S], [n] int64, [*J] -> [*S]"""
    _require_rows(input, dim, index, source, "source")
    require_held(input.dtype, alpha=alpha)
    return input


@function("torch.index_copy")
def index_copy(input: TensorType, dim: int, index: TensorType, source: TensorType) -> TensorType:
    """The input with entries of `source` put at indices. Shape: [*S], [n] int64, [*J] -> [*S]"""
    require_dtype(index, ("int64",), "index")
    _require_rows(input, dim, index, source, "source")
    return input


@function("torch.index_fill")
def index_fill(input: TensorType, dim: int, index: TensorType, value: Operand) -> TensorType:
    """The input with one value at the indices of an axis. Shape: [*S], [n] int64 -> [*S]"""
    require_dtype(index, ("int64",), "index")
    require(index.rank <= 1, "AS501", f"`index` takes one axis; this is {index}", argument="index")
    axis(input, dim)
    if isinstance(value, TensorType):
        require(value.rank == 0, "AS501", f"`value` is one number; this is {value}", argument="value")
    require_stored(input.dtype, value=value)
    return input


@function("torch.scatter_reduce")
def scatter_reduce(
    input: TensorType,
    dim: int,
    index: TensorType,
    src: TensorType,
    reduce: Literal["sum", "prod", "mean", "amax", "amin"],
    *,
    include_self: bool = True,
) -> TensorType:
    """The input with numbers of `src` gathered at indices. Shape: [*S], [*I] int64, [*J] -> [*S]"""
    require_indices(input, dim, index)
    require_source(input, index, src)
    return input


@function("torch.select_scatter")
def select_scatter(input: TensorType, src: TensorType, dim: int, index: Size) -> TensorType:
    """The input with `src` as one entry of an axis. Shape: [*S], [*J] -> [*S]"""
    require_rank_from(input, 1)
    place = axis(input, dim)
    require_within(input, place, index, "index", input.shape[place] - 1)
    rest = (*input.shape[:place], *input.shape[place + 1 :])
    message = f"`src` {src} is not {input} without axis {place}"
    require(src.rank == len(rest), "AS501", message, argument="src")
    for a, b in zip(src.shape, rest, strict=True):
        require_equal(a, b, message=message, argument="src")
    return input
