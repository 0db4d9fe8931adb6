"""Windows that slide over the last axes: what convolutions, pooling and unfolding share."""

from __future__ import annotations

from typing import Any

from archspec import dimensions
from archspec.dimensions import Size, show
from archspec.functions._base import Sizes
from archspec.functions._shapes import Shape, require_rank
from archspec.refusals import refuse, require, require_at_least
from archspec.tensors import TensorType

AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
"""How PyTorch's documentation names the spatial axes."""


def spread(value: Any, count: int, name: str, *, alone: bool = True) -> tuple[Any, ...]:
    """One value for each of `count` axes; a list of one, `alone`, stands for all of them as well."""
    if not isinstance(value, tuple):
        return (value,) * count
    if len(value) == 1 and alone:
        return value * count
    message = f"`{name}` lists {len(value)} values, but there are {count} spatial axes"
    require(len(value) == count, "AS404", message, argument=name)
    return value


def require_spatial(x: TensorType, spatial: int) -> None:
    """The input has channels and the spatial axes, and perhaps a batch."""
    require_rank(x, spatial + 1, spatial + 2, layout=f"[N, C, {AXES[spatial]}] or [C, {AXES[spatial]}]")


def slide(
    x: TensorType,
    kernel: Shape,
    stride: Sizes,
    padding: Sizes,
    dilation: Sizes = 1,
    *,
    ceil: bool = False,
    room_for: str = "kernel_size",
    alone: bool = True,
) -> Shape:
    """How many windows there are along each spatial axis."""
    axes = len(kernel)
    counts: list[Size] = []
    steps, pads, gaps = (
        spread(value, axes, name, alone=alone)
        for value, name in ((stride, "stride"), (padding, "padding"), (dilation, "dilation"))
    )
    for value, name, least in ((steps, "stride", 1), (pads, "padding", 0), (gaps, "dilation", 1), (kernel, room_for, 1)):
        for size in value:
            message = f"`{name}` is {show(size)}; it is at least {least}"
            require_at_least(size, least, code="AS404", message=message, argument=name)
    for size, k, s, p, d in zip(x.shape[-axes:], kernel, steps, pads, gaps, strict=True):
        needed, there = d * (k - 1) + 1, size + 2 * p
        room = "input" if p == 0 else "padded input"
        require_at_least(
            there + s - 1 if ceil else there,
            needed,
            message=f"the kernel spans {show(needed)}, but the {room} only {show(there)}: {x}",
            help="use more padding, a smaller kernel, or one stride less before it",
            argument=room_for,
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


def require_at_most_half(padding: Sizes, kernel: Shape) -> None:
    """No window lies in the padding altogether."""
    for p, k in zip(spread(padding, len(kernel), "padding"), kernel, strict=True):
        if dimensions.at_least(k, 2 * p) is False:
            message = f"`padding` {show(p)} is more than half of the kernel's {show(k)}"
            refuse("AS404", message, "pad before it, with `pad`", "padding")
