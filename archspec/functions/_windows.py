"""Windows that slide over the last axes: what convolutions, pooling and unfolding share."""

from __future__ import annotations

from typing import Any

from archspec import windows
from archspec.dimensions import show
from archspec.functions._base import Sizes
from archspec.functions._shapes import Shape, require_rank
from archspec.refusals import require, require_at_least
from archspec.tensors import TensorType


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
    axes = windows.AXES[spatial]
    require_rank(x, spatial + 1, spatial + 2, layout=f"[N, C, {axes}] or [C, {axes}]")


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
    steps, pads, gaps = (
        spread(value, axes, name, alone=alone)
        for value, name in ((stride, "stride"), (padding, "padding"), (dilation, "dilation"))
    )
    for value, name, least in (
        (steps, "stride", 1),
        (pads, "padding", 0),
        (gaps, "dilation", 1),
        (kernel, room_for, 1),
    ):
        for size in value:
            message = f"`{name}` is {show(size)}; it is at least {least}"
            require_at_least(size, least, code="AS404", message=message, argument=name)
    return windows.slide(x, kernel, steps, pads, gaps, ceil=ceil, argument=room_for)
