"""Windows that slide over the last axes, and what surrounds them: the rules that layers and functions share.

Convolutions, pooling, unfolding and padding ask here, whether they are modules or functions. Knows of neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from archspec import dimensions
from archspec.dimensions import Dimension, Size, show
from archspec.expressions import Symbolic
from archspec.refusals import require_at_least
from archspec.tensors import TensorType

AXES = {1: "L", 2: "H, W", 3: "D, H, W"}
"""How PyTorch's documentation names the spatial axes."""


CONVOLVED = """
    S_out = S_in if padding == same
    S_out = floor((S_in - dilation * (kernel_size - 1) - 1) / stride + 1) if padding == valid
    S_out = floor((S_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)
"""
"""How many windows a convolution looks at, along each spatial axis: a formula for people, as `formulas` reads it."""

WIDENED = """
    S_out = (S_in - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
"""
"""The size that a transposed convolution makes."""

POOLED = """
    S_out = min(ceil((S_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride), \
        floor((S_in + padding - 1) / stride)) + 1 if ceil_mode
    S_out = floor((S_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)
    stride = stride or kernel_size
"""
"""How many windows a maximum is taken of; with `ceil_mode` the last one may reach beyond the padding."""

AVERAGED = """
    S_out = min(ceil((S_in + 2 * padding - kernel_size) / stride), floor((S_in + padding - 1) / stride)) \
        + 1 if ceil_mode
    S_out = floor((S_in + 2 * padding - kernel_size) / stride + 1)
    stride = stride or kernel_size
"""
"""The same for means."""

UNPADDED = """
    S_out = min(ceil((S_in - kernel_size) / stride), floor((S_in - 1) / stride)) + 1 if ceil_mode
    S_out = floor((S_in - kernel_size) / stride + 1)
    stride = stride or kernel_size
"""
"""The same for norms, which have no padding."""


def windows(size: Size, kernel: Size, stride: Size, padding: Size, dilation: Size = 1, ceil: bool = False) -> Size:
    """How many windows fit: floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1.

    With `ceil` the last window may reach beyond the padding, but has to begin before it.
    """
    room = size + (2 * padding - dilation * (kernel - 1) - 1)
    if not ceil:
        return room // stride + 1
    return dimensions.minimum((room + stride - 1) // stride, (size + padding - 1) // stride) + 1


def slide(
    x: TensorType,
    kernel: Iterable[Size],
    stride: Iterable[Size],
    padding: Iterable[Size],
    dilation: Iterable[Size],
    *,
    ceil: bool = False,
    argument: str = "kernel_size",
) -> tuple[Size, ...]:
    """How many windows there are along each of the last axes, one entry of every list for each of them."""
    by_axis = list(zip(kernel, stride, padding, dilation, strict=True))
    counts = []
    for size, (k, s, p, d) in zip(x.shape[-len(by_axis) :], by_axis, strict=True):
        needed, there = d * (k - 1) + 1, size + 2 * p
        enough = there + s - 1 if ceil else there
        if not (isinstance(enough, int) and isinstance(needed, int) and enough >= needed):
            room = "input" if p == 0 else "padded input"
            message = f"the kernel spans {show(needed)}, but the {room} only {show(there)}: {x} flows in"
            advice = "use more padding, a smaller kernel, or one stride less before it"
            require_at_least(enough, needed, message=message, help=advice, argument=argument)
        counts.append(windows(size, k, s, p, d, ceil))
    return tuple(counts)


def require_within(x: TensorType, kernel: Iterable[Size]) -> None:
    """The kernel is no larger than the unpadded input: of PyTorch's means, the one over three axes wants it so."""
    kernel = tuple(kernel)
    for size, k in zip(x.shape[-len(kernel) :], kernel, strict=True):
        require_at_least(
            size,
            k,
            message=f"the kernel spans {show(k)}, but the input only {show(size)}: {x} flows in",
            help="use a smaller kernel, or one stride less before it",
            argument="kernel_size",
        )


def require_at_most_half(padding: Iterable[Size], kernel: Iterable[Size], help: str) -> None:
    """No window lies in the padding altogether."""
    for p, k in zip(padding, kernel, strict=True):
        message = f"`padding` {show(p)} is more than half of the kernel's {show(k)}"
        require_at_least(k, 2 * p, code="AS404", message=message, help=help, argument="padding")


def require_paddable(
    mode: str, x: TensorType, size: Size, before: Size, after: Size, argument: str = "padding"
) -> None:
    """`reflect` and `circular` padding take the numbers of the input itself: there must be enough of them."""
    if mode not in ("reflect", "circular"):
        return
    spare = 1 if mode == "reflect" else 0
    for amount in (before, after):
        require_at_least(
            size,
            amount + spare,
            message=f"{mode} padding of {show(amount)} needs at least {show(amount + spare)} numbers,"
            f" the axis has {show(size)}: {x} flows in",
            help="use less padding, or pad with zeros",
            argument=argument,
        )


def padded(
    x: TensorType, axis: int, before: Size, after: Size, argument: str = "padding", mode: str = "constant"
) -> TensorType:
    """The tensor with more, or (for negative numbers) less, at both ends of an axis."""
    size = x.shape[axis]
    if mode in ("constant", "circular"):  # these cut before they add; the others look up each number's place
        kept = size + dimensions.minimum(before, 0) + dimensions.minimum(after, 0)
        message = f"padding {show(before)} and {show(after)} cuts more than the {show(size)} of the axis: {x} flows in"
        require_at_least(kept, 0, message=message, argument=argument)
    require_at_least(
        size + before + after,
        1,
        message=f"padding {show(before)} and {show(after)} leaves nothing of an axis of {show(size)}: {x} flows in",
        help="take less away: negative padding cuts off",
        argument=argument,
    )
    return x.resized(axis, size + before + after)


def scaled(size: Size, factor: Size | float | Symbolic) -> Size:
    """floor(size * factor), as PyTorch computes it: in floating-point numbers."""
    if isinstance(factor, int | Dimension):
        return size * factor
    if isinstance(factor, float):
        if isinstance(size, int):
            return math.floor(max(-(2.0**64), min(size * factor, 2.0**64)))  # beyond 64 bits, it is too much anyway
        numerator, denominator = factor.as_integer_ratio()
        if max(numerator, denominator) <= 2**20:  # small enough for the product to be exact
            return numerator * size // denominator
    return dimensions.of(dimensions.Unknown(f"floor({show(size)} * {factor})"))
