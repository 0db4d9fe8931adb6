"""Convolutions whose weights are tensors, and the windows that they look at."""

from __future__ import annotations

from typing import Any, Literal

from archspec.dimensions import Size, product, quotient, show
from archspec.functions._base import Function, Sizes, function
from archspec.functions._dtypes import INEXACT, require_dtype, require_same_dtype
from archspec.functions._shapes import Shape, require_rank, same_size
from archspec.functions._windows import require_spatial, slide, spread
from archspec.refusals import require_at_least, require_divides, require_equal
from archspec.tensors import TensorType
from archspec.windows import AXES, CONVOLVED, WIDENED


def _checked_channels(input: TensorType, weight: TensorType, bias: TensorType | None, groups: Size, out: Size) -> None:
    """The dtypes are one, and `groups` divides the channels that come out."""
    require_dtype(input, INEXACT)
    require_same_dtype(input, weight, *(() if bias is None else (bias,)))
    require_at_least(groups, 1, code="AS404", message=f"`groups` is {show(groups)}", argument="groups")
    message = f"`groups` {show(groups)} does not divide the {show(weight.shape[0])} of `weight` {weight}"
    require_divides(groups, weight.shape[0], message=message, argument="groups")
    if bias is not None:
        require_rank(bias, 1, name="bias")
        message = f"`bias` {bias} does not go with the {show(out)} channels of `weight` {weight}"
        same_size(bias.shape[0], out, message, argument="bias")


def _convolution(spatial: int) -> Function:
    def macs(output: TensorType, input: TensorType, weight: TensorType, *_: Any, **__: Any) -> Size:
        return product((output.numel, *weight.shape[1:]))

    def rule(
        input: TensorType,
        weight: TensorType,
        bias: TensorType | None = None,
        stride: Sizes = 1,
        padding: Sizes | Literal["same", "valid"] = 0,
        dilation: Sizes = 1,
        groups: Size = 1,
    ) -> TensorType:
        require_spatial(input, spatial)
        require_rank(weight, spatial + 2, name="weight", layout=f"[C_out, C_in / groups, {'k, ' * spatial}]")
        _checked_channels(input, weight, bias, groups, weight.shape[0])
        channels = input.shape[-1 - spatial]
        taken = weight.shape[1] * groups
        message = f"`weight` {weight} takes {show(taken)} channels (of all groups), not the {show(channels)} of {input}"
        require_equal(taken, channels, message=message, argument="weight")
        if padding == "same":
            for step in spread(stride, spatial, "stride"):
                message = f"`padding` same goes with stride 1 only; this is stride {show(step)}"
                require_equal(step, 1, code="AS404", message=message, argument="padding")
            for gap in spread(dilation, spatial, "dilation"):
                message = f"`dilation` is {show(gap)}; it is at least 1"
                require_at_least(gap, 1, code="AS404", message=message, argument="dilation")
            sizes = input.shape[-spatial:]
        else:
            pads = 0 if isinstance(padding, str) else padding
            sizes = slide(input, weight.shape[2:], stride, pads, dilation, room_for="weight")
        return input.reshaped(*input.shape[: -1 - spatial], weight.shape[0], *sizes)

    doc = f"Convolution. Shape: [N, C, {AXES[spatial]}], [C_out, C / groups, *kernel] -> [N, C_out, *windows]"
    formula = f"[N, C_in, *S_in], [C_out, C, *kernel_size] -> [N, C_out, *S_out] {CONVOLVED}"
    return Function(f"F.conv{spatial}d", rule, macs, doc, formula, spatial)


def _transposed(spatial: int) -> Function:
    def macs(output: TensorType, input: TensorType, weight: TensorType, *_: Any, **__: Any) -> Size:
        return product((input.numel, *weight.shape[1:]))

    def rule(
        input: TensorType,
        weight: TensorType,
        bias: TensorType | None = None,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: Size = 1,
        dilation: Sizes = 1,
    ) -> TensorType:
        require_spatial(input, spatial)
        require_rank(weight, spatial + 2, name="weight", layout=f"[C_in, C_out / groups, {'k, ' * spatial}]")
        out = weight.shape[1] * groups
        _checked_channels(input, weight, bias, groups, out)
        message = f"`weight` {weight} takes {show(weight.shape[0])} channels, not those of {input}"
        same_size(input.shape[-1 - spatial], weight.shape[0], message, argument="weight")
        sizes = _widened(input, weight.shape[2:], stride, padding, output_padding, dilation)
        return input.reshaped(*input.shape[: -1 - spatial], out, *sizes)

    doc = f"Transposed convolution. Shape: [N, C, {AXES[spatial]}], [C, C_out / groups, *kernel] -> [N, C_out, *sizes]"
    formula = f"[N, C_in, *S_in], [C, C_out, *kernel_size] -> [N, C_out * groups, *S_out] {WIDENED}"
    return Function(f"F.conv_transpose{spatial}d", rule, macs, doc, formula, spatial)


def _widened(x: TensorType, kernel: Shape, stride: Sizes, padding: Sizes, extra: Sizes, dilation: Sizes) -> Shape:
    names = ("stride", "padding", "output_padding", "dilation")
    values = (stride, padding, extra, dilation)
    by_axis = [spread(value, len(kernel), name) for value, name in zip(values, names, strict=True)]
    for entries, name, least in zip(by_axis, names, (1, 0, 0, 1), strict=True):
        for size in entries:
            message = f"`{name}` is {show(size)}; it is at least {least}"
            require_at_least(size, least, code="AS404", message=message, argument=name)
    sizes: list[Size] = []
    for size, k, s, p, e, d in zip(x.shape[-len(kernel) :], kernel, *by_axis, strict=True):
        message = f"`output_padding` {show(e)} is less than stride {show(s)} or dilation {show(d)}"
        if s == 1 or d == 1:
            require_at_least(s if d == 1 else d, e + 1, code="AS404", message=message, argument="output_padding")
        sizes.append((size - 1) * s - 2 * p + d * (k - 1) + e + 1)
        require_at_least(sizes[-1], 1, message=f"only padding would be left of {x}", argument="padding")
    return tuple(sizes)


CONVOLUTIONS = {f"conv{spatial}d": _convolution(spatial) for spatial in (1, 2, 3)} | {
    f"conv_transpose{spatial}d": _transposed(spatial) for spatial in (1, 2, 3)
}

_COLUMNS = (*INEXACT, "bool")  # the dtypes that PyTorch folds and unfolds


@function("F.unfold")
def unfold(
    input: TensorType, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> TensorType:
    """The windows of an image as columns. Shape: [N, C, H, W] -> [N, C * kernel's numbers, windows] in order"""
    require_spatial(input, 2)
    require_dtype(input, _COLUMNS)
    kernel = spread(kernel_size, 2, "kernel_size", alone=False)
    sizes = slide(input, kernel, stride, padding, dilation, alone=False)
    return input.reshaped(*input.shape[:-3], product((input.shape[-3], *kernel)), product(sizes))


@function("F.fold")
def fold(
    input: TensorType,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> TensorType:
    """Sums columns back into an image. Shape: [N, C * kernel's numbers, windows] -> [N, C, *output_size]"""
    require_rank(input, 2, 3, layout="[N, C * kernel's numbers, windows]")
    require_dtype(input, _COLUMNS)
    kernel, image = (
        spread(kernel_size, 2, "kernel_size", alone=False),
        spread(output_size, 2, "output_size", alone=False),
    )
    for size in kernel:
        message = f"`kernel_size` is {show(size)}; it is at least 1"
        require_at_least(size, 1, code="AS404", message=message, argument="kernel_size")
    taps = product(kernel)
    message = f"the {show(input.shape[-2])} rows of {input} are not a multiple of the kernel's {show(taps)} numbers"
    require_divides(taps, input.shape[-2], message=message, argument="kernel_size")
    there = TensorType((1, *image))
    count = product(slide(there, kernel, stride, padding, dilation, alone=False))
    message = f"{input} has {show(input.shape[-1])} columns, but an image of {there} has {show(count)} windows"
    require_equal(input.shape[-1], count, message=message, argument="output_size")
    return input.reshaped(*input.shape[:-2], quotient(input.shape[-2], taps), *image)
