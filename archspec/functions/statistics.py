"""Statistics over some axes beyond sums and extremes, and what runs along an axis."""

from __future__ import annotations

from typing import Literal

from archspec.dimensions import Size, show
from archspec.functions._base import Axes, Function, function
from archspec.functions._dtypes import (
    INEXACT,
    REAL,
    REAL_OR_BOOL,
    require_dtype,
    require_same_dtype,
)
from archspec.functions._shapes import axes, axis, require_rank_from, without
from archspec.refusals import require, require_at_least
from archspec.tensors import FLOATS, TensorType

Pair = tuple[TensorType, TensorType]

_REDUCED = "Shape: [*] -> [*] without the axes `dim` (1 in their place with `keepdim`), or [] where `dim` is left out"


@function("torch.nanmean")
def nanmean(
    input: TensorType,
    dim: Axes | None = None,
    keepdim: bool = False,
    *,
    dtype: Literal["float32", "float64", "float16", "bfloat16"] | None = None,
) -> TensorType:
    """The mean of all that are numbers. Shape: [*] -> [*] without the axes `dim`, or []"""
    require_dtype(input, FLOATS)
    return TensorType(without(input, axes(input, dim), keepdim), dtype or input.dtype)


@function("torch.aminmax")
def aminmax(input: TensorType, *, dim: int | None = None, keepdim: bool = False) -> Pair:
    """The smallest and the largest number, along an axis or of all. Shape: [*] -> 2 x [*] without the axis `dim`"""
    require_dtype(input, REAL_OR_BOOL)
    result = TensorType(without(input, axes(input, dim), keepdim), input.dtype)
    return result, result


def _quantile(name: str, doc: str) -> Function:
    def rule(
        input: TensorType,
        q: TensorType | float,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: Literal["linear", "lower", "higher", "midpoint", "nearest"] = "linear",
    ) -> TensorType:
        require_dtype(input, ("float32", "float64"))
        rest = without(input, axes(input, dim), keepdim)
        if not isinstance(q, TensorType):
            wrong = isinstance(q, int | float) and not 0 <= q <= 1
            require(not wrong, "AS404", f"`q` is {q}, not between 0 and 1", argument="q")
            return TensorType(rest, input.dtype)
        require_same_dtype(input, q)
        require(q.rank <= 1, "AS501", f"`q` takes at most one axis; this is {q}", argument="q")
        return TensorType((*q.shape, *rest), input.dtype)

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_REDUCED}; an axis of `q` stands before them")


QUANTILES = {
    "quantile": _quantile("quantile", "The numbers below which a share `q` of all is"),
    "nanquantile": _quantile("nanquantile", "The numbers below which a share `q` of all that are numbers is"),
}


@function("torch.kthvalue")
def kthvalue(input: TensorType, k: Size, dim: int = -1, keepdim: bool = False) -> Pair:
    """The k-th smallest number along an axis, and where it is. Shape: [*] -> 2 x [*] without the axis `dim`"""
    require_dtype(input, REAL)
    place = axis(input, dim)
    length = input.shape[place] if input.shape else 1
    require_at_least(k, 1, code="AS404", message=f"`k` is {show(k)}", argument="k")
    message = f"`k` is {show(k)}, but axis {dim} of {input} has {show(length)}"
    require_at_least(length, k, message=message, argument="k")
    values = TensorType(without(input, [place], keepdim), input.dtype)
    return values, values.to("int64")


@function("torch.mode")
def mode(input: TensorType, dim: int = -1, keepdim: bool = False) -> Pair:
    """The number that occurs most often along an axis, and where it is. Shape: [*] -> 2 x [*] without the axis `dim`"""
    require_dtype(input, REAL_OR_BOOL)
    values = TensorType(without(input, [axis(input, dim)], keepdim), input.dtype)
    return values, values.to("int64")


@function("torch.msort")
def msort(input: TensorType) -> TensorType:
    """The numbers in order along the first axis. Shape: [*] -> [*]"""
    require_dtype(input, REAL_OR_BOOL)
    return input


@function("torch.renorm")
def renorm(input: TensorType, p: float, dim: int, maxnorm: float) -> TensorType:
    """Entries of an axis scaled down to a p-norm of at most `maxnorm`. Shape: [*] -> [*]"""
    require_dtype(input, INEXACT)
    require_rank_from(input, 2)
    axis(input, dim)
    require(not isinstance(p, int | float) or p > 0, "AS404", f"`p` is {p}; it is above 0", argument="p")
    negative = isinstance(maxnorm, int | float) and maxnorm < 0
    require(not negative, "AS404", f"`maxnorm` is {maxnorm}, below 0", argument="maxnorm")
    return input


@function("F.pdist")
def pdist(input: TensorType, p: float = 2) -> TensorType:
    """Distances between all pairs of rows. Shape: [N, D] -> [N * (N - 1) / 2]"""
    require(input.rank == 2, "AS501", f"`input` takes 2 axes; this is {input}", argument="input")
    require_dtype(input, ("float32", "float64"))
    require(not isinstance(p, int | float) or p >= 0, "AS404", f"`p` is {p}, below 0", argument="p")
    rows = input.shape[0]
    return TensorType((rows * (rows - 1) // 2,), input.dtype)
