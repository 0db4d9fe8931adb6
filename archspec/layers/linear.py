"""Linear layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from archspec.cuts import Passing, broadcast
from archspec.dimensions import Size, equal, plain, product, show
from archspec.layers._base import Layer, Weight, device, dtype, flag, inferred, integer
from archspec.layers._inputs import SeveralInputs
from archspec.refusals import require, require_equal
from archspec.tensors import TensorType


class Identity(Layer):
    """The input itself."""

    def forward(self, x: TensorType) -> TensorType:
        return x

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return (broadcast(inputs[0], inputs[0]),)


class Linear(Layer):
    """y = x A^T + b over the last axis."""

    shape = "[*, in_features] -> [*, out_features]"
    columns: ClassVar[Mapping[str, int]] = {"weight": 0, "bias": 0}
    rows: ClassVar[Mapping[str, int]] = {"weight": 1}
    in_features: Size = inferred()
    out_features: Size = integer()
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 1, "AS501", f"Linear takes at least one axis, but {x} flows in")
        self.require_dtype(x, self.dtype or self.floating)
        last, flat = x.shape[-1], product(x.shape[1:])
        if x.rank > 2 and "in_features" in self.given and not equal(last, flat) and equal(self.in_features, flat):
            message = f"`in_features` is {show(self.in_features)}, but the last axis of {x} is {show(last)}"
            advice = f"put `Flatten` before it: {show(plain(flat))} features"
            require_equal(last, self.in_features, code="AS406", message=message, help=advice, argument="in_features")
        channels = x.shape[1] if x.rank > 3 else last
        if "in_features" in self.given and not equal(last, channels) and equal(self.in_features, channels):
            message = f"`in_features` is {show(channels)}, the channels of {x}, but Linear reads its last axis"
            whole = f": in_features would be {show(plain(flat))}" if isinstance(flat, int) else ""
            advice = f"put `Flatten` before it{whole}; or `AdaptiveAvgPool2d: 1` and `Flatten`: {show(channels)}"
            require_equal(last, channels, code="AS406", message=message, help=advice, argument="in_features")
        self.infer("in_features", last, "features")
        return x.resized(-1, self.out_features)

    def weights(self) -> tuple[Weight, ...]:
        weight = self.weight("weight", self.out_features, self.in_features)
        return (weight, self.weight("bias", self.out_features)) if self.bias else (weight,)

    def macs(self, output: TensorType, /, x: TensorType) -> Size:
        return output.numel * self.in_features


class Bilinear(SeveralInputs):
    """y = x1 A x2 + b over the last axes, a matrix A for each feature that comes out."""

    shape = "[*, in1_features], [*, in2_features] -> [*, out_features]"
    inputs = ("input1", "input2")
    in1_features: Size = inferred()
    in2_features: Size = inferred()
    out_features: Size = integer()
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, input1: TensorType, input2: TensorType) -> TensorType:
        self.require_tensors(input1=input1, input2=input2)
        message = f"Bilinear takes two tensors that differ in their last axis alone, but {input1} and {input2} flow in"
        require(input1.rank == input2.rank >= 1, "AS501", message)
        for x in (input1, input2):
            self.require_dtype(x, self.dtype or self.floating)
        for a, b in zip(input1.shape[:-1], input2.shape[:-1], strict=True):
            require_equal(a, b, message=message)
        self.infer("in1_features", input1.shape[-1], "features")
        self.infer("in2_features", input2.shape[-1], "features")
        return input1.resized(-1, self.out_features)

    def weights(self) -> tuple[Weight, ...]:
        weight = self.weight("weight", self.out_features, self.in1_features, self.in2_features)
        return (weight, self.weight("bias", self.out_features)) if self.bias else (weight,)
