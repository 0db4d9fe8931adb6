"""Non-linear activations."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from archspec.cuts import Passing, broadcast
from archspec.dimensions import Size, quotient, show
from archspec.layers._base import Layer, Weight, device, dtype, flag, integer, number, word
from archspec.refusals import counted, require, require_divides, require_equal
from archspec.tensors import INTEGERS, TensorType


class _Elementwise(Layer):
    """A function of each number by itself."""

    positional = 0
    kinds: ClassVar[tuple[str, ...]] = ("floating-point",)

    def forward(self, x: TensorType) -> TensorType:
        self.require_kind(x, *self.kinds)
        return x

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return (broadcast(inputs[0], inputs[0]),)


class _Floating(_Elementwise):
    """A function that makes floating-point numbers of integers."""

    kinds: ClassVar[tuple[str, ...]] = ("floating-point", "integer", "complex")

    def forward(self, x: TensorType) -> TensorType:
        x = super().forward(x)
        return x.to("float32") if x.dtype in (*INTEGERS, "bool") else x


class ReLU(_Elementwise):
    """max(0, x); keeps its input's shape."""

    kinds = ("floating-point", "integer")
    inplace: bool = flag(False)


class ReLU6(_Elementwise):
    """min(max(0, x), 6); keeps its input's shape."""

    kinds = ("floating-point", "integer")
    inplace: bool = flag(False)


class RReLU(_Elementwise):
    """x, or a * x below 0, with a random a in training; keeps its input's shape."""

    positional = 2
    lower: float = number(1 / 8)
    upper: float = number(1 / 3)
    inplace: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        lower, upper = self.lower, self.upper
        if isinstance(lower, int | float) and isinstance(upper, int | float):
            message = f"`lower` is {lower}, which is larger than `upper`, {upper}"
            require(lower <= upper, "AS404", message, argument="lower")
        for name, bound in (("lower", lower), ("upper", upper)):
            if isinstance(bound, float):
                require(math.isfinite(bound), "AS404", f"`{name}` is {bound}, which is not finite", argument=name)
        return super().forward(x)


class LeakyReLU(_Elementwise):
    """x, or negative_slope * x below 0; keeps its input's shape."""

    positional = 1
    negative_slope: float = number(0.01)
    inplace: bool = flag(False)


class PReLU(_Elementwise):
    """x, or a * x below 0, with a learnt a, one for all channels or one for each; keeps its input's shape."""

    positional = 1
    num_parameters: Size = integer(1)
    init: float = number(0.25)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        self.require_kind(x, "floating-point")
        self.require_dtype(x, self.dtype or self.floating)
        if self.num_parameters == 1 or not isinstance(self.num_parameters, int):
            return x
        given = f"`num_parameters` is {show(self.num_parameters)}"
        require(x.rank >= 2, "AS501", f"{given}, but {x} has no channels", "leave it out", "num_parameters")
        require_equal(
            self.num_parameters,
            x.shape[1],
            code="AS406",
            message=f"{given}, but {counted(x.shape[1])} channels flow in",
            help=f"write 1, for all channels, or {show(x.shape[1])}",
            argument="num_parameters",
        )
        return x

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return ({},)  # the gradient of `a` is a sum over all numbers

    def weights(self) -> tuple[Weight, ...]:
        return (self.weight("weight", self.num_parameters),)


class ELU(_Elementwise):
    """x, or alpha * (exp(x) - 1) below 0; keeps its input's shape."""

    positional = 1
    alpha: float = number(1.0)
    inplace: bool = flag(False)


class CELU(_Elementwise):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)); keeps its input's shape."""

    positional = 1
    alpha: float = number(1.0)
    inplace: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        require(self.alpha != 0, "AS404", "`alpha` is 0, and CELU divides by it", argument="alpha")
        return super().forward(x)


class SELU(_Elementwise):
    """scale * ELU(x), with constants that keep mean 0 and variance 1; keeps its input's shape."""

    inplace: bool = flag(False)


class GELU(_Elementwise):
    """x * Phi(x), with the normal distribution's Phi; keeps its input's shape."""

    approximate: str = word("none", "none", "tanh")


class SiLU(_Elementwise):
    """x * sigmoid(x), also known as Swish; keeps its input's shape."""

    kinds = ("floating-point", "complex")
    inplace: bool = flag(False)


class Mish(_Elementwise):
    """x * tanh(softplus(x)); keeps its input's shape."""

    inplace: bool = flag(False)


class Sigmoid(_Floating):
    """1 / (1 + exp(-x)); keeps its input's shape."""

    kinds = ("floating-point", "integer", "boolean", "complex")


class LogSigmoid(_Elementwise):
    """log(sigmoid(x)); keeps its input's shape."""


class Hardsigmoid(_Elementwise):
    """min(max(0, x / 6 + 1 / 2), 1); keeps its input's shape."""

    inplace: bool = flag(False)


class Hardswish(_Elementwise):
    """x * Hardsigmoid(x); keeps its input's shape."""

    inplace: bool = flag(False)


class Hardtanh(_Elementwise):
    """min(max(min_val, x), max_val); keeps its input's shape.

    PyTorch's `min_value` and `max_value`, deprecated names of the same, are left out.
    """

    positional = 2
    kinds = ("floating-point", "integer")
    min_val: float = number(-1.0)
    max_val: float = number(1.0)
    inplace: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        low, high = self.min_val, self.max_val
        if isinstance(low, int | float) and isinstance(high, int | float):
            message = f"`max_val` must be greater than `min_val`; they are {high} and {low}"
            require(low < high, "AS404", message, argument="max_val")
        self.require_fits(x, "min_val", "max_val")
        return super().forward(x)


class Hardshrink(_Elementwise):
    """x, or 0 where |x| <= lambd; keeps its input's shape."""

    positional = 1
    lambd: float = number(0.5)

    def forward(self, x: TensorType) -> TensorType:
        self.require_fits(x, "lambd")
        return super().forward(x)


class Softshrink(_Elementwise):
    """x moved towards 0 by lambd, and 0 where |x| <= lambd; keeps its input's shape."""

    positional = 1
    lambd: float = number(0.5, minimum=0)

    def forward(self, x: TensorType) -> TensorType:
        self.require_fits(x, "lambd")
        return super().forward(x)


class Softplus(_Elementwise):
    """log(1 + exp(beta * x)) / beta, and x where beta * x > threshold; keeps its input's shape."""

    beta: float = number(1.0)
    threshold: float = number(20.0)

    def forward(self, x: TensorType) -> TensorType:
        require(self.beta != 0, "AS407", "`beta` is 0, and Softplus divides by it", argument="beta")
        return super().forward(x)


class Softsign(_Floating):
    """x / (1 + |x|); keeps its input's shape."""


class Tanh(_Floating):
    """tanh(x); keeps its input's shape."""

    kinds = ("floating-point", "integer", "boolean", "complex")


class Tanhshrink(_Floating):
    """x - tanh(x); keeps its input's shape."""


class Threshold(_Elementwise):
    """x, or `value` where x <= threshold; keeps its input's shape."""

    positional = 2
    kinds = ("floating-point", "integer")
    threshold: float = number()
    value: float = number()
    inplace: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        self.require_fits(x, "threshold", "value")
        return super().forward(x)


class GLU(Layer):
    """a * sigmoid(b), with the input's two halves a and b."""

    shape = "[*, L, *] -> [*, L / 2, *] at dim"
    positional = 0
    dim: int = integer(-1, minimum=None)

    def forward(self, x: TensorType) -> TensorType:
        self.require_float(x)
        require(x.rank >= 1, "AS501", f"GLU takes at least one axis, but {x} flows in")
        axis = self.axis(x, "dim")
        size = x.shape[axis]
        message = f"GLU halves axis {axis}, which is {counted(size)}"
        require_divides(2, size, message=message, help="give the layer before it an even size", argument="dim")
        return x.resized(axis, quotient(size, 2))


class _Softmax(Layer):
    positional = 0
    dim: int | None = integer(None, minimum=None)

    def forward(self, x: TensorType) -> TensorType:
        name = type(self).__name__
        require(
            self.dim is not None,
            "AS407",
            f"{name} without `dim`: PyTorch guesses the axis from the number of axes, and warns",
            help="write `dim: -1` for the last axis, `dim: 1` for the channels",
            argument="dim",
        )
        if isinstance(self.dim, int):
            self.axis(x, "dim")
        self.require_float(x)
        return x

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return (broadcast(inputs[0], inputs[0], [self.axis(inputs[0], "dim")]),)


class Softmax(_Softmax):
    """exp(x) / sum(exp(x)) along the axis `dim`; keeps its input's shape."""


class Softmin(_Softmax):
    """Softmax of -x along the axis `dim`; keeps its input's shape."""


class LogSoftmax(_Softmax):
    """log(softmax(x)) along the axis `dim`; keeps its input's shape."""


class Softmax2d(Layer):
    """Softmax over the channels at each position; keeps its input's shape, [N, C, H, W] or [C, H, W]."""

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 3, 4, layout="[N, C, H, W] or [C, H, W]")
        self.require_float(x)
        return x
