"""Windows that slide over the spatial axes: what convolutions, pooling and unfolding share."""

from __future__ import annotations

from archspec import dimensions
from archspec.dimensions import Size, show
from archspec.layers._base import Layer, Sizes, spread
from archspec.refusals import require_at_least
from archspec.tensors import TensorType

AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
"""How PyTorch's documentation names the spatial axes."""


class Windowed(Layer):
    """A layer that looks at windows of its spatial axes, the last ones."""

    def require_spatial(self, x: TensorType) -> None:
        """The input has channels and the spatial axes, and perhaps a batch."""
        axes = AXES[self.spatial]
        self.require_rank(x, self.spatial + 1, self.spatial + 2, layout=f"[N, C, {axes}] or [C, {axes}]")

    def slide(
        self, x: TensorType, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes = 1, ceil: bool = False
    ) -> tuple[Size, ...]:
        """How many windows there are along each spatial axis."""
        by_axis = (spread(value, self.spatial) for value in (kernel, stride, padding, dilation))
        counts = []
        for size, k, s, p, d in zip(x.shape[-self.spatial :], *by_axis, strict=True):
            needed, there = d * (k - 1) + 1, size + 2 * p
            room = "input" if p == 0 else "padded input"
            require_at_least(
                there + s - 1 if ceil else there,
                needed,
                message=f"the kernel spans {show(needed)}, but the {room} only {show(there)}: {x} flows in",
                help="use more padding, a smaller kernel, or one stride less before it",
                argument="kernel_size",
            )
            counts.append(windows(size, k, s, p, d, ceil))
        return tuple(counts)


def windows(size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size = 1, ceil: bool = False) -> Size:
    """How many windows fit: floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1.

    With `ceil` the last window may reach beyond the padding, but has to begin before it.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil:
        return room // stride + 1
    return dimensions.minimum((room + stride - 1) // stride, (size + padding - 1) // stride) + 1
