"""Dropout layers."""

from __future__ import annotations

from typing import Any

from archspec.cuts import Passing, broadcast
from archspec.layers._base import Layer, flag, number
from archspec.refusals import refuse, require
from archspec.tensors import TensorType


class _Dropout(Layer):
    p: float = number(0.5, minimum=0, maximum=1)
    inplace: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        # In evaluation PyTorch passes anything through; what training refuses, we refuse.
        self.require_float(x)
        return x

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        return (broadcast(inputs[0], inputs[0]),)


class Dropout(_Dropout):
    """Sets numbers to 0 at random, in training; keeps its input's shape."""

    def sequenced(self, x: TensorType) -> Passing:
        return broadcast(x, x)


class Dropout1d(_Dropout):
    """Sets channels to 0 at random, in training; keeps its input's shape, [N, C, L] or [C, L]."""

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 2, 3, layout="[N, C, L] or [C, L]")
        return super().forward(x)


class Dropout2d(_Dropout):
    """Sets channels to 0 at random, in training; keeps its input's shape, [N, C, H, W]."""

    def forward(self, x: TensorType) -> TensorType:
        if x.rank == 3:
            message = f"Dropout2d reads {x} as [N, C, L] today, but will read it as [C, H, W]"
            refuse("AS407", message, help="write `Dropout1d`, or add a batch axis")
        self.require_rank(x, 4, layout="[N, C, H, W]")
        return super().forward(x)


class Dropout3d(_Dropout):
    """Sets channels to 0 at random, in training; keeps its input's shape, [N, C, D, H, W] or [C, D, H, W]."""

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 4, 5, layout="[N, C, D, H, W] or [C, D, H, W]")
        return super().forward(x)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance, for SELU networks; keeps its input's shape."""


class FeatureAlphaDropout(_Dropout):
    """AlphaDropout of whole channels; keeps its input's shape, [N, C, *]."""

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 2, "AS501", f"FeatureAlphaDropout takes at least 2 axes ([N, C, *]), but {x} flows in")
        return super().forward(x)
