"""Activations: each keeps the shape. And dropout, which leaves numbers out at random while training."""

from __future__ import annotations

from typing import Literal

from archspec.cuts import along_dim, elementwise
from archspec.dimensions import quotient, show
from archspec.functions._base import Function, function
from archspec.functions._dtypes import INEXACT, NUMBERS, REAL, computed, floating, require_dtype
from archspec.functions._shapes import axis, require_rank_from
from archspec.refusals import refuse, refuse_mixed, require, require_divides, require_equal, require_held
from archspec.tensors import FLOATS, TensorType

_PLAIN: dict[str, tuple[tuple[str, ...], str]] = {
    "hardsigmoid": (FLOATS, "clamp(x / 6 + 0.5, 0, 1)"),
    "hardswish": (FLOATS, "x * hardsigmoid(x)"),
    "logsigmoid": (FLOATS, "log(sigmoid(x))"),
    "mish": (FLOATS, "x * tanh(softplus(x))"),
    "relu": (REAL, "max(x, 0)"),
    "relu6": (REAL, "min(max(x, 0), 6)"),
    "selu": (FLOATS, "1.0507 * elu(x, 1.6733)"),
    "silu": (INEXACT, "x * sigmoid(x)"),
}
"""Those without arguments, by name: the dtypes they take, and what they compute."""


def _plain(name: str, takes: tuple[str, ...], doc: str) -> Function:
    def rule(input: TensorType) -> TensorType:
        require_dtype(input, takes)
        return input

    return Function(f"F.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]", cut=elementwise)


PLAIN = {name: _plain(name, *entry) for name, entry in _PLAIN.items()}


def _raising(name: str, doc: str) -> Function:
    def rule(input: TensorType) -> TensorType:
        require_dtype(input, NUMBERS)
        return TensorType(input.shape, floating(input.dtype))

    return Function(f"F.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]", cut=elementwise)


RAISING = {
    name: _raising(name, doc) for name, doc in {"softsign": "x / (1 + abs(x))", "tanhshrink": "x - tanh(x)"}.items()
}


def _with_alpha(name: str, doc: str) -> Function:
    def rule(input: TensorType, alpha: float = 1.0) -> TensorType:
        require_dtype(input, FLOATS)
        zero = name == "celu" and isinstance(alpha, int | float) and alpha == 0
        require(not zero, "AS404", "`alpha` is 0, and it is divided by", argument="alpha")
        require_held(computed(input.dtype), alpha=alpha)
        return input

    return Function(f"F.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]", cut=elementwise)


WITH_ALPHA = {
    "celu": _with_alpha("celu", "max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))"),
    "elu": _with_alpha("elu", "x above 0, alpha * (exp(x) - 1) below"),
}


def _shrinking(name: str, doc: str) -> Function:
    def rule(input: TensorType, lambd: float = 0.5) -> TensorType:
        require_dtype(input, FLOATS)
        negative = name == "softshrink" and isinstance(lambd, int | float) and lambd < 0
        require(not negative, "AS404", f"`lambd` is {lambd}, below 0", argument="lambd")
        require_held(input.dtype, lambd=lambd)
        return input

    return Function(f"F.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]", cut=elementwise)


SHRINKING = {
    "hardshrink": _shrinking("hardshrink", "x, and 0 between -lambd and lambd"),
    "softshrink": _shrinking("softshrink", "x moved towards 0 by lambd"),
}


@function("F.gelu", cut=elementwise)
def gelu(input: TensorType, *, approximate: Literal["none", "tanh"] = "none") -> TensorType:
    """x times the normal distribution's share below x, or its `tanh` approximation. Shape: [*] -> [*]"""
    require_dtype(input, FLOATS)
    return input


@function("F.leaky_relu", cut=elementwise)
def leaky_relu(input: TensorType, negative_slope: float = 0.01) -> TensorType:
    """x above 0, negative_slope * x below. Shape: [*] -> [*]"""
    require_dtype(input, FLOATS)
    require_held(computed(input.dtype), negative_slope=negative_slope)
    return input


@function("F.softplus", cut=elementwise)
def softplus(input: TensorType, beta: float = 1, threshold: float = 20) -> TensorType:
    """log(1 + exp(beta * x)) / beta. Shape: [*] -> [*]"""
    require_dtype(input, FLOATS)
    require_held(computed(input.dtype), beta=beta, threshold=threshold)
    return input


@function("F.hardtanh", cut=elementwise)
def hardtanh(input: TensorType, min_val: float = -1.0, max_val: float = 1.0) -> TensorType:
    """x held between min_val and max_val. Shape: [*] -> [*]"""
    require_dtype(input, REAL)
    known = isinstance(min_val, int | float) and isinstance(max_val, int | float)
    if known:
        message = f"`min_val` is {min_val}, `max_val` {max_val}"
        require(min_val <= max_val, "AS404", message, argument="min_val")
        negative = input.dtype == "uint8" and min(min_val, max_val) < 0
        require(not negative, "AS505", f"uint8 has no negative numbers, but {message}", argument="min_val")
    require_held(input.dtype, min_val=min_val, max_val=max_val)
    return input


@function("F.threshold", cut=elementwise)
def threshold(input: TensorType, threshold: float, value: float) -> TensorType:
    """x above the threshold, `value` elsewhere. Shape: [*] -> [*]"""
    require_dtype(input, REAL)
    require_held(input.dtype, threshold=threshold, value=value)
    return input


@function("F.prelu")
def prelu(input: TensorType, weight: TensorType) -> TensorType:
    """x above 0, weight * x below; one weight, or one a channel. Shape: [N, C, *], [C] or [] -> [N, C, *]"""
    require_dtype(input, FLOATS)
    require(weight.rank < 2, "AS501", f"`weight` is [C] or []; this is {weight}", argument="weight")
    if weight.dtype != input.dtype:
        message = f"`weight` is {weight.dtype}, the input {input.dtype}"
        refuse_mixed((weight.dtype, input.dtype), message, argument="weight")
    if weight.rank and weight.shape[0] != 1:
        require_rank_from(input, 1)
        channels = input.shape[1] if input.rank > 1 else 1
        message = f"`weight` has {show(weight.shape[0])} numbers, but {input} has {show(channels)} channels"
        require_equal(weight.shape[0], channels, message=message, argument="weight")
    return input


@function("F.glu", cut=along_dim)
def glu(input: TensorType, dim: int = -1) -> TensorType:
    """Half of the numbers of an axis, times the sigmoid of the other half. Shape: [*, L, *] -> [*, L / 2, *] at dim"""
    require_dtype(input, FLOATS)
    require_rank_from(input, 1)
    place = axis(input, dim)
    message = f"axis {dim} of {input} has no two halves"
    require_divides(2, input.shape[place], message=message, argument="dim")
    return input.resized(place, quotient(input.shape[place], 2))


_DROPOUTS = {
    "dropout": "Zeroes numbers at random while training, and scales the others",
    "alpha_dropout": "Dropout that keeps mean and variance, for selu",
    "feature_alpha_dropout": "alpha_dropout of whole channels",
    "dropout1d": "Zeroes channels at random while training",
    "dropout2d": "Zeroes channels at random while training",
    "dropout3d": "Zeroes channels at random while training",
}


def _dropout(name: str, doc: str) -> Function:
    spatial = int(name[-2]) if name.endswith("d") else 0

    def check(input: TensorType, p: float) -> TensorType:
        require_dtype(input, FLOATS)
        known = isinstance(p, int | float)
        require(not known or 0 <= p <= 1, "AS404", f"`p` is a probability, 0 to 1; this is {p}", argument="p")
        if spatial and input.rank not in (spatial + 1, spatial + 2):
            text = f"`input` takes {spatial + 1} or {spatial + 2} axes, with channels; this is {input}"
            refuse("AS501", text, argument="input")
        channels = name[0] != "f" or input.rank > 1
        require(channels, "AS501", f"`input` takes channels, [N, C, *]; this is {input}", argument="input")
        return input

    def by_default(input: TensorType, p: float = 0.5, training: bool = True) -> TensorType:
        return check(input, p)

    def if_told(input: TensorType, p: float = 0.5, training: bool = False) -> TensorType:
        return check(input, p)

    rule = if_told if "alpha" in name else by_default
    doc = f"{doc}; `training` is the module's mode. Shape: [*] -> [*]"
    return Function(f"F.{name}", rule, doc=doc, cut=elementwise)


DROPOUTS = {name: _dropout(name, doc) for name, doc in _DROPOUTS.items()}
