"""Windows that slide over the spatial axes: what convolutions, pooling and unfolding share."""

from __future__ import annotations

from archspec import windows
from archspec.dimensions import Size
from archspec.layers._base import Layer, Sizes, spread
from archspec.tensors import TensorType


class Windowed(Layer):
    """A layer that looks at windows of its spatial axes, the last ones."""

    def require_spatial(self, x: TensorType) -> None:
        """The input has channels and the spatial axes, and perhaps a batch."""
        axes = windows.AXES[self.spatial]
        self.require_rank(x, self.spatial + 1, self.spatial + 2, layout=f"[N, C, {axes}] or [C, {axes}]")

    def slide(
        self, x: TensorType, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes = 1, ceil: bool = False
    ) -> tuple[Size, ...]:
        """How many windows there are along each spatial axis."""
        by_axis = (spread(value, self.spatial) for value in (kernel, stride, padding, dilation))
        return windows.slide(x, *by_axis, ceil=ceil)
