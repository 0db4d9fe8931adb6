"""Functions that draw random numbers. Equal seeds give equal numbers."""

from __future__ import annotations

from archspec.dimensions import Size, show
from archspec.functions._base import ABSENT, Dtype, Sizes, function
from archspec.functions._dtypes import REAL, require_dtype
from archspec.functions._shapes import require_rank
from archspec.functions.creation import made
from archspec.refusals import require, require_at_least, require_held
from archspec.tensors import FLOATS, TensorType


def _require_range(low: Size, high: Size) -> None:
    message = f"there is no integer from {show(low)} up to, but not including {show(high)}"
    require_at_least(high, low + 1, code="AS404", message=message, argument="high")


@function("torch.randint")
def randint(*bounds: Sizes, dtype: Dtype = "int64") -> TensorType:
    """Random integers from `low` on that are below `high`. Shape: size

    It takes `high, size`, or `low, high, size`.
    """
    message = f"it takes high and size, or low, high and size; {len(bounds)} values are given"
    require(len(bounds) in (2, 3), "AS402", message)
    *ends, size = bounds
    require(isinstance(size, tuple), "AS404", "`size` is a list: randint(0, 10, [4, 4])", argument="bounds")
    numbers = [end for end in ends if not isinstance(end, tuple)]
    require(len(numbers) == len(ends), "AS404", "`low` and `high` are numbers", argument="bounds")
    _require_range(numbers[0] if len(numbers) == 2 else 0, numbers[-1])
    require_dtype(TensorType((), dtype), REAL, "dtype")
    require_held(dtype, bounds=numbers[-1])
    assert isinstance(size, tuple)
    return made(size, dtype)


@function("torch.randint_like")
def randint_like(input: TensorType, *bounds: Size, dtype: Dtype | None = None) -> TensorType:
    """Random integers, as many as the input has, below `high`, or from `low` on. Shape: [*] -> [*]

    It takes `input, high`, or `input, low, high`.
    """
    require(len(bounds) in (1, 2), "AS402", f"it takes input and high, or input, low and high; not {len(bounds) + 1}")
    _require_range(bounds[0] if len(bounds) == 2 else 0, bounds[-1])
    result = TensorType(input.shape, dtype or input.dtype)
    require_dtype(result, REAL, "input" if dtype is None else "dtype")
    require_held(result.dtype, bounds=bounds[-1])
    return result


@function("torch.normal")
def normal(mean: float, std: float, size: tuple[Size, ...], *, dtype: Dtype | None = None) -> TensorType:
    """Random numbers of a normal distribution. Shape: size

    Around a tensor they are `mean + std * randn_like(mean)`.
    """
    negative = isinstance(std, int | float) and std < 0
    require(not negative, "AS404", f"`std` is {std}, below 0", argument="std")
    result = made(size, dtype or "float32")
    require_dtype(result, (*FLOATS, "complex64", "complex128"), "dtype")
    require_held(result.dtype, mean=mean, std=std)
    return result


@function("torch.bernoulli")
def bernoulli(input: TensorType, p: float = ABSENT) -> TensorType:
    """1 with the probability that a number is, else 0; with `p`, of as many numbers. Shape: [*] -> [*]"""
    if p is ABSENT:
        require_dtype(input, FLOATS)
    else:
        wrong = isinstance(p, int | float) and not 0 <= p <= 1
        require(not wrong, "AS404", f"`p` is {p}, no probability", argument="p")
        require_dtype(input, (*REAL, "bool"))
    return input


@function("torch.poisson")
def poisson(input: TensorType) -> TensorType:
    """Random counts, each of a Poisson distribution with that rate. Shape: [*] -> [*]"""
    require_dtype(input, FLOATS)
    return input


@function("torch.multinomial")
def multinomial(input: TensorType, num_samples: Size, replacement: bool = False) -> TensorType:
    """Random indices, each as probable as its number is large. Shape: [L] or [N, L] -> [*, num_samples] int64"""
    require_rank(input, 1, 2)
    require_dtype(input, FLOATS)
    message = f"`num_samples` is {show(num_samples)}"
    require_at_least(num_samples, 1, code="AS404", message=message, argument="num_samples")
    if not replacement:
        message = f"{input} has fewer numbers than `num_samples`, {show(num_samples)}"
        require_at_least(input.shape[-1], num_samples, message=message, argument="num_samples")
    return TensorType((*input.shape[:-1], num_samples), "int64")
