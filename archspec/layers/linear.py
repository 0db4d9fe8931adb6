"""Linear layers."""

from __future__ import annotations

from archspec.dimensions import Size
from archspec.layers._base import Layer, device, dtype, flag, inferred, integer
from archspec.tensors import TensorType


class Identity(Layer):
    """Returns its input unchanged."""

    def forward(self, x: TensorType) -> TensorType:
        return x


class Linear(Layer):
    """y = x A^T + b over the last axis.

    Shape: [*, in_features] -> [*, out_features]
    """

    in_features: Size = inferred()
    out_features: Size = integer()
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        self.require(x.rank >= 1, "AS501", f"Linear takes at least one axis, but {x} flows in")
        self.require_dtype(x, self.dtype or "float32")
        self.infer("in_features", x.shape[-1], "features")
        return x.resized(-1, self.out_features)

    def parameter_count(self) -> Size:
        return self.out_features * (self.in_features + int(self.bias))

    def macs(self, x: TensorType, y: TensorType) -> Size:
        return y.numel * self.in_features
