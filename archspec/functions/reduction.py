"""Functions over some axes: sums, extremes, statistics, norms, and what runs along an axis."""

from __future__ import annotations

from typing import Literal

from archspec.cuts import along_dim, reduced
from archspec.dimensions import Size, show
from archspec.functions._base import ABSENT, Axes, Dtype, Function, function
from archspec.functions._dtypes import (
    INEXACT,
    NUMBERS,
    REAL,
    REAL_OR_BOOL,
    floating,
    promote,
    real,
    require_dtype,
    require_same_dtype,
    result_type,
    summed,
)
from archspec.functions._joined import joined
from archspec.functions._shapes import axes, axis, broadcast, require_rank_from, same_size, without
from archspec.refusals import refuse, require, require_at_least, require_held, require_kernel
from archspec.tensors import DTYPES, FLOATS, TensorType

Pair = tuple[TensorType, TensorType]

_REDUCED = "Shape: [*] -> [*] without the axes `dim` (1 in their place with `keepdim`), or [] where `dim` is left out"
_ALONG = "Shape: [*] -> [*]"


def _reduced(input: TensorType, dim: Axes | None, keepdim: bool, dtype: str) -> TensorType:
    if dim is ABSENT and keepdim is not ABSENT:
        refuse("AS403", "`keepdim` goes with `dim`", "name the axes: dim=(-2, -1)", "dim")
    return TensorType(without(input, axes(input, None if dim is ABSENT else dim), keepdim), dtype)


def _sum(name: str, doc: str) -> Function:
    def rule(
        input: TensorType, dim: Axes | None = ABSENT, keepdim: bool = ABSENT, *, dtype: Dtype | None = None
    ) -> TensorType:
        if name == "mean":
            require_dtype(TensorType(input.shape, dtype or input.dtype), INEXACT)
        return _reduced(input, dim, keepdim, dtype or summed(input.dtype))

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_REDUCED}", cut=reduced)


SUMS = {
    name: _sum(name, doc)
    for name, doc in {
        "sum": "The sum; integers add up in int64",
        "mean": "The mean of floating-point or complex numbers",
    }.items()
}


@function("torch.nansum")
def nansum(
    input: TensorType, dim: Axes | None = None, keepdim: bool = False, *, dtype: Dtype | None = None
) -> TensorType:
    """The sum of all that are numbers. Shape: [*] -> [*] without the axes `dim`, or []"""
    require_dtype(input, REAL_OR_BOOL)
    result = TensorType(without(input, axes(input, dim), keepdim), dtype or summed(input.dtype))
    if input.dtype in FLOATS:
        require_dtype(result, REAL_OR_BOOL, "dtype")
    return result


@function("torch.prod")
def prod(input: TensorType, dim: int = ABSENT, keepdim: bool = ABSENT, *, dtype: Dtype | None = None) -> TensorType:
    """The product; integers multiply in int64. Shape: [*] -> [*] without the axis `dim`, or [] if it is left out"""
    return _reduced(input, dim, keepdim, dtype or summed(input.dtype))


def _extreme(name: str) -> Function:
    def rule(input: TensorType, dim: Axes = (), keepdim: bool = False) -> TensorType:
        require_dtype(input, REAL_OR_BOOL)
        return TensorType(without(input, axes(input, dim), keepdim), input.dtype)

    doc = f"The {'largest' if name == 'amax' else 'smallest'} number over some axes. {_REDUCED}"
    return Function(f"torch.{name}", rule, doc=doc, cut=reduced)


EXTREMES = {name: _extreme(name) for name in ("amax", "amin")}


def _extreme_with_indices(name: str, takes: tuple[str, ...], doc: str) -> Function:
    def rule(input: TensorType, dim: int = ABSENT, keepdim: bool = ABSENT) -> TensorType | Pair:
        require_dtype(input, takes)
        values = _reduced(input, dim, keepdim, input.dtype)
        return values if dim is ABSENT else (values, values.to("int64"))

    shape = "Shape: [*] -> [], or with `dim` two: the values and their indices, [*] without the axis"
    return Function(f"torch.{name}", rule, doc=f"{doc}. {shape}")


WITH_INDICES = {
    "max": _extreme_with_indices("max", REAL_OR_BOOL, "The largest number (of two tensors: `maximum`)"),
    "min": _extreme_with_indices("min", REAL_OR_BOOL, "The smallest number (of two tensors: `minimum`)"),
    "median": _extreme_with_indices("median", REAL, "The number in the middle, the lower one of two"),
}


def _extreme_index(name: str) -> Function:
    def rule(input: TensorType, dim: int | None = None, keepdim: bool = False) -> TensorType:
        require_dtype(input, REAL)
        return TensorType(without(input, axes(input, dim), keepdim), "int64")

    doc = f"Where the {'largest' if name == 'argmax' else 'smallest'} number is; of all, counted row by row. {_REDUCED}"
    return Function(f"torch.{name}", rule, doc=doc)


EXTREME_INDICES = {name: _extreme_index(name) for name in ("argmax", "argmin")}


def _quantifier(name: str) -> Function:
    def rule(input: TensorType, dim: Axes | None = None, keepdim: bool = False) -> TensorType:
        reduced = axes(input, dim) if dim != () else []
        return TensorType(without(input, reduced, keepdim), "uint8" if input.dtype == "uint8" else "bool")

    return Function(f"torch.{name}", rule, doc=f"Whether {name} of the numbers are not zero. {_REDUCED}")


QUANTIFIERS = {name: _quantifier(name) for name in ("all", "any")}


def _spread(name: str, doc: str) -> Function:
    def rule(
        input: TensorType, dim: Axes | None = None, *, correction: float | None = 1, keepdim: bool = False
    ) -> TensorType | Pair:
        require_dtype(input, INEXACT)
        shape = without(input, axes(input, dim), keepdim)
        spread = TensorType(shape, real(input.dtype))
        return (spread, TensorType(shape, input.dtype)) if name.endswith("mean") else spread

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_REDUCED}", cut=reduced)


SPREADS = {
    name: _spread(name, doc)
    for name, doc in {
        "std": "The standard deviation, dividing by the count less `correction`",
        "var": "The variance, dividing by the count less `correction`",
        "std_mean": "Two tensors: the standard deviation and the mean",
        "var_mean": "Two tensors: the variance and the mean",
    }.items()
}


@function("torch.count_nonzero")
def count_nonzero(input: TensorType, dim: Axes | None = None) -> TensorType:
    """How many numbers are not zero. Shape: [*] -> [*] without the axes `dim`, or [] where it is left out"""
    return TensorType(without(input, axes(input, dim), False), "int64")


@function("torch.logsumexp")
def logsumexp(input: TensorType, dim: Axes, keepdim: bool = False) -> TensorType:
    """log(sum(exp(x))), without overflow. Shape: [*] -> [*] without the axes `dim`"""
    if dim == () and input.rank and not keepdim:
        refuse("AS404", "`dim` names no axis, which PyTorch takes only with `keepdim`", "name the axes", "dim")
    return TensorType(without(input, axes(input, dim), keepdim), floating(input.dtype))


@function("torch.norm")
def norm(
    input: TensorType,
    p: float | Literal["fro"] | None = "fro",
    dim: Axes | None = None,
    keepdim: bool = False,
    *,
    dtype: Literal["float32", "float64"] | None = None,
) -> TensorType:
    """The p-norm over some axes, or of all numbers. Shape: [*] -> [*] without the axes `dim`"""
    require_dtype(input, INEXACT)
    require(dtype is None or input.dtype in FLOATS, "AS505", f"`dtype` goes with real numbers: {input}", "", "dtype")
    result = real(input.dtype) if dtype is None else dtype
    require(promote(result, real(input.dtype)) == result, "AS505", f"{result} is narrower than {input.dtype}")
    return TensorType(without(input, axes(input, dim), keepdim), result)


def _running(name: str, doc: str) -> Function:
    def rule(input: TensorType, dim: int, *, dtype: Dtype | None = None) -> TensorType:
        axis(input, dim)
        require(dtype != "bool", "AS505", "bool tensors have no sum or product", argument="dtype")
        return TensorType(input.shape, dtype or summed(input.dtype))

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_ALONG}")


def _running_extreme(name: str, doc: str) -> Function:
    def rule(input: TensorType, dim: int) -> Pair:
        require_dtype(input, REAL_OR_BOOL)
        axis(input, dim)
        return input, TensorType(input.shape, "int64")

    return Function(f"torch.{name}", rule, doc=f"{doc}, and where it is. Shape: [*] -> [*], [*] int64")


RUNNING = {
    "cumsum": _running("cumsum", "Sums of all numbers so far along an axis"),
    "cumprod": _running("cumprod", "Products of all numbers so far along an axis"),
    "cummax": _running_extreme("cummax", "The largest number so far along an axis"),
    "cummin": _running_extreme("cummin", "The smallest number so far along an axis"),
}


@function("torch.logcumsumexp")
def logcumsumexp(input: TensorType, dim: int) -> TensorType:
    """log of the sums of exp(x) so far along an axis. Shape: [*] -> [*]"""
    require_dtype(input, INEXACT)
    axis(input, dim)
    return input


@function("torch.topk")
def topk(input: TensorType, k: Size, dim: int = -1, largest: bool = True, sorted: bool = True) -> Pair:
    """The k largest (or smallest) numbers along an axis, and where they are. Shape: [*, L, *] -> 2 x [*, k, *]"""
    require_dtype(input, REAL)
    place = axis(input, dim)
    length = input.shape[place] if input.shape else 1
    message = f"`k` is {show(k)}, but axis {dim} of {input} has {show(length)}"
    require_at_least(k, 0, code="AS404", message=f"`k` is {show(k)}", argument="k")
    require_at_least(length, k, message=message, argument="k")
    values = input.resized(place, k) if input.shape else input
    return values, values.to("int64")


@function("torch.sort")
def sort(input: TensorType, dim: int = -1, descending: bool = False) -> Pair:
    """The numbers in order along an axis, and where they were. Shape: [*] -> [*], [*] int64"""
    require_dtype(input, REAL_OR_BOOL)
    axis(input, dim)
    return input, TensorType(input.shape, "int64")


@function("torch.argsort")
def argsort(input: TensorType, dim: int = -1, descending: bool = False) -> TensorType:
    """Where the numbers in order along an axis are. Shape: [*] -> [*] int64"""
    require_dtype(input, REAL_OR_BOOL)
    axis(input, dim)
    return TensorType(input.shape, "int64")


def _softmax(name: str, takes: tuple[str, ...], doc: str, converts: tuple[str, ...] = DTYPES) -> Function:
    def rule(input: TensorType, dim: int, *, dtype: Dtype | None = None) -> TensorType:
        result = TensorType(input.shape, dtype or input.dtype)
        require_dtype(result, takes)
        require_dtype(input, converts)
        axis(input, dim)
        return result

    return Function(f"F.{name}", rule, doc=f"{doc}. {_ALONG}", cut=along_dim)


SOFTMAXES = {
    "softmax": _softmax("softmax", FLOATS, "exp(x), divided by its sum along an axis"),
    "softmin": _softmax("softmin", FLOATS, "exp(-x), divided by its sum along an axis", NUMBERS),  # negated as it is
    "log_softmax": _softmax("log_softmax", FLOATS, "x - log(sum(exp(x))) along an axis"),
}


@function("F.gumbel_softmax")
def gumbel_softmax(
    logits: TensorType, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> TensorType:
    """Samples from the distribution that softmax gives, differentiably. Shape: [*] -> [*]"""
    require_dtype(logits, FLOATS, "logits")
    axis(logits, dim)
    return logits


@function("F.normalize")
def normalize(input: TensorType, p: float = 2.0, dim: Axes = 1, eps: float = 1e-12) -> TensorType:
    """Divides by the p-norm over an axis. Shape: [*] -> [*]"""
    require_dtype(input, INEXACT)
    require_held(real(input.dtype), eps=eps)
    axes(input, dim)
    return input


@function("F.cosine_similarity")
def cosine_similarity(x1: TensorType, x2: TensorType, dim: int = 1, eps: float = 1e-8) -> TensorType:
    """The cosine of the angle between vectors along an axis. Shape: [*], [*] that broadcast -> [*] without it"""
    dtype = result_type(x1, x2)
    require_dtype(TensorType((), dtype), FLOATS, "x1")
    require(not isinstance(eps, int | float) or eps >= 0, "AS404", f"`eps` is {eps}, below 0", argument="eps")
    both = TensorType(broadcast(x1.shape, x2.shape), dtype)
    return TensorType(without(both, [axis(both, dim)], False), dtype)


@function("F.pairwise_distance")
def pairwise_distance(
    x1: TensorType, x2: TensorType, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> TensorType:
    """The p-norm of the difference of vectors. Shape: [*, D], [*, D] that broadcast -> [*], or [*, 1]"""
    dtype = result_type(x1, x2)
    require(dtype != "bool" and "bool" not in (x1.dtype, x2.dtype), "AS505", "bool tensors cannot be subtracted")
    both = TensorType(broadcast(x1.shape, x2.shape))
    return TensorType(without(both, [axis(both, -1)], keepdim), real(floating(dtype)))


@function("torch.cdist")
def cdist(x1: TensorType, x2: TensorType, p: float = 2.0) -> TensorType:
    """Distances between all vectors of one tensor and of another. Shape: [*, P, D], [*, R, D] -> [*, P, R]"""
    for x, name in ((x1, "x1"), (x2, "x2")):
        require_rank_from(x, 2, "[*, P, D]", name)
        require_dtype(x, FLOATS, name)
        require_kernel(x.dtype, "cdist")
    require(not isinstance(p, int | float) or p >= 0, "AS404", f"`p` is {p}, below 0", argument="p")
    require_same_dtype(x1, x2)
    same_size(x1.shape[-1], x2.shape[-1], f"the vectors of {x1} and {x2} have different lengths")
    batch = broadcast(x1.shape[:-2], x2.shape[:-2])
    return TensorType((*batch, x1.shape[-2], x2.shape[-2]), x1.dtype)


@function("torch.diff")
def diff(
    input: TensorType,
    n: int = 1,
    dim: int = -1,
    prepend: TensorType | None = None,
    append: TensorType | None = None,
) -> TensorType:
    """Differences between neighbours along an axis, n times; `prepend` and `append` are joined to the input first.
    Shape: [*, L, *] -> [*, L - n, *] at dim if prepend is None and append is None
    """
    require_rank_from(input, 1)
    require(n >= 0, "AS404", f"`n` is {n}", argument="n")
    parts = tuple(x for x in (prepend, input, append) if x is not None)
    if n == 0 and parts == (input,):
        return input  # PyTorch does not look at `dim` then
    place, whole = axis(input, dim), joined(parts, dim)
    if n == 0:
        return input
    return whole.resized(place, whole.shape[place] - n)
