"""Normalizations by statistics of the numbers themselves: each keeps the shape. Weights are tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from archspec.cuts import Passings
from archspec.cuts import broadcast as broadcast_axes
from archspec.dimensions import Size, equal, show
from archspec.functions._base import function, listed
from archspec.functions._dtypes import INEXACT, require_dtype
from archspec.functions._shapes import require_rank_from
from archspec.refusals import (
    counted,
    refuse_mixed,
    require,
    require_at_least,
    require_divides,
    require_equal,
    require_held,
    require_kernel,
)
from archspec.tensors import FLOATS, TensorType

Weight = TensorType | None


def _require_trailing(input: TensorType, normalized_shape: tuple[Size, ...]) -> None:
    """The input ends with the shape."""
    text = f"`normalized_shape` is {listed(normalized_shape)}"
    require(bool(normalized_shape), "AS404", f"{text}: no axes", argument="normalized_shape")
    require(len(normalized_shape) <= input.rank, "AS406", f"{text}, more axes than {input}", "", "normalized_shape")
    for size, there in zip(normalized_shape, input.shape[-len(normalized_shape) :], strict=True):
        message = f"{text}, but {input} does not end with it"
        require_equal(size, there, code="AS406", message=message, argument="normalized_shape")


def _require_weight(weight: Weight, shape: tuple[Size, ...], name: str) -> None:
    """The weight has that shape."""
    if weight is None:
        return
    message = f"`{name}` is {weight}, not {listed(shape)}"
    require(weight.rank == len(shape), "AS502", message, argument=name)
    for size, wanted in zip(weight.shape, shape, strict=True):
        require_equal(size, wanted, message=message, argument=name)


def _require_mixable(input: TensorType, **weights: Weight) -> None:
    """The weights are of the input's dtype; those of float32 also go with half precision."""
    require_dtype(input, FLOATS)
    dtypes = {weight.dtype for weight in weights.values() if weight is not None}
    fits = dtypes <= {input.dtype} or (dtypes == {"float32"} and input.dtype in ("float16", "bfloat16"))
    text = " and ".join(f"`{name}` {weight}" for name, weight in weights.items() if weight is not None)
    message = f"{text} of {', '.join(sorted(dtypes))} do not go with {input.dtype}"
    if not fits:
        refuse_mixed((input.dtype, *dtypes), message, argument=next(iter(weights)))


def _before_the_last(output: TensorType, given: Mapping[str, Any]) -> Passings:
    """A cut passes the axes that are not normalized over."""
    return {"input": broadcast_axes(output, output, range(-len(given["normalized_shape"]), 0))}


@function("F.layer_norm", cut=_before_the_last)
def layer_norm(
    input: TensorType,
    normalized_shape: tuple[Size, ...],
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes over the last axes, by mean and variance. Shape: [*] -> [*]"""
    _require_trailing(input, normalized_shape)
    _require_weight(weight, normalized_shape, "weight")
    _require_weight(bias, normalized_shape, "bias")
    _require_mixable(input, weight=weight, bias=bias)
    return input


@function("F.rms_norm", cut=_before_the_last)
def rms_norm(
    input: TensorType,
    normalized_shape: tuple[Size, ...],
    weight: TensorType | None = None,
    eps: float | None = None,
) -> TensorType:
    """Divides by the root of the mean square over the last axes. Shape: [*] -> [*]"""
    require_dtype(input, INEXACT)
    _require_trailing(input, normalized_shape)
    _require_weight(weight, normalized_shape, "weight")
    return input


@function("F.group_norm")
def group_norm(
    input: TensorType,
    num_groups: Size,
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes groups of channels of each example. Shape: [*] -> [*]"""
    require_rank_from(input, 2, "[N, C, *]")
    require_at_least(num_groups, 1, code="AS404", message=f"`num_groups` is {show(num_groups)}", argument="num_groups")
    message = f"`num_groups` {show(num_groups)} does not divide the {counted(input.shape[1])} channels"
    require_divides(num_groups, input.shape[1], message=message, argument="num_groups")
    count = input.shape[0] * input.shape[1] // num_groups * math.prod(input.shape[2:])
    require(not equal(count, 1), "AS504", f"a group of channels is a single value: {input}", "", "num_groups")
    for weights, name in ((weight, "weight"), (bias, "bias")):
        _require_weight(weights, input.shape[1:2], name)
    _require_mixable(input, weight=weight, bias=bias)
    return input


@function("F.batch_norm")
def batch_norm(
    input: TensorType,
    running_mean: TensorType | None,
    running_var: TensorType | None,
    weight: TensorType | None = None,
    bias: TensorType | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> TensorType:
    """Normalizes channels, by the batch while training, else by running statistics. Shape: [*] -> [*]"""
    require_rank_from(input, 2, "[N, C, *]")
    known = isinstance(training, bool)  # where it is the module's mode, either will be
    if not known or not training:
        for statistics, name in ((running_mean, "running_mean"), (running_var, "running_var")):
            require(statistics is not None, "AS403", f"`{name}` is required except in training", argument=name)
    if known and training:
        both = "`running_mean` and `running_var` are both given, or neither"
        require((running_mean is None) == (running_var is None), "AS404", both, argument="running_var")
        count = input.shape[0] * math.prod(input.shape[2:])
        require(not equal(count, 1), "AS504", f"a channel is a single value: {input}", argument="input")
    if not known or training:
        positive = not isinstance(eps, int | float) or eps > 0
        require(positive, "AS404", f"`eps` is {eps}: while training, it is above 0", argument="eps")
    weights = {"running_mean": running_mean, "running_var": running_var, "weight": weight, "bias": bias}
    for name, value in weights.items():
        _require_weight(value, input.shape[1:2], name)
    _require_mixable(input, **weights)
    return input


@function("F.local_response_norm")
def local_response_norm(
    input: TensorType, size: Size, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> TensorType:
    """Normalizes over neighbouring channels. Shape: [*] -> [*]"""
    require_rank_from(input, 3, "[N, C, *]")
    require_dtype(input, (*FLOATS, "int64"))
    if input.rank > 3:
        require_kernel(input.dtype, "avg_pool3d")
    require_at_least(size, 1, code="AS404", message=f"`size` is {show(size)}", argument="size")
    require_held(input.dtype if input.dtype != "int64" else "float32", alpha=alpha, beta=beta, k=k)
    return input.to("float32") if input.dtype == "int64" else input
