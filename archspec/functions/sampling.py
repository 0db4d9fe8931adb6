"""Functions over the positions of images and sequences: resizing, padding, sampling, shuffling."""

from __future__ import annotations

from typing import Literal

from archspec.dimensions import Size, quotient, show
from archspec.functions._base import function, listed
from archspec.functions._dtypes import NUMBERS, require_dtype, require_same_dtype
from archspec.functions._shapes import require_rank, require_rank_from, same_size
from archspec.functions._windows import spread
from archspec.refusals import (
    counted,
    require,
    require_at_least,
    require_divides,
    require_equal,
    require_kernel,
    require_stored,
)
from archspec.tensors import DTYPES, FLOATS, TensorType
from archspec.windows import padded, require_paddable, scaled

_RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
"""The numbers of axes that a mode works on; the other modes work on all of them."""


@function("F.interpolate")
def interpolate(
    input: TensorType,
    size: Size | tuple[Size, ...] | None = None,
    scale_factor: float | tuple[float, ...] | None = None,
    mode: Literal["nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear"] = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> TensorType:
    """Resizes, to a `size` or by a `scale_factor`. Shape: [N, C, *] -> [N, C, *size], or floor(scale_factor * size)"""
    require_rank(input, *_RANKS.get(mode, (3, 4, 5)), layout="[N, C, …]")
    require((size is None) != (scale_factor is None), "AS404", "it takes either `size` or `scale_factor`", "", "size")
    message = f"`align_corners` goes with the modes {', '.join(_RANKS)}, not with {mode}"
    require(align_corners is None or mode in _RANKS, "AS404", message, argument="align_corners")
    message = "`recompute_scale_factor` goes with `scale_factor`"
    require(size is None or not recompute_scale_factor, "AS404", message, argument="recompute_scale_factor")
    if antialias:
        fits = mode in ("bilinear", "bicubic") and input.rank == 4
        require(fits, "AS404", "`antialias` goes with bilinear and bicubic", argument="antialias")
    require_dtype(input, FLOATS if mode in ("area", "linear", "trilinear") else (*FLOATS, "uint8"))
    given, name = (scale_factor, "scale_factor") if size is None else (size, "size")
    message = f"`{name}` lists other axes than {input} has after [N, C]"
    require(not isinstance(given, tuple) or len(given) == input.rank - 2, "AS404", message, argument=name)
    values = spread(given, input.rank - 2, name)
    sizes = [scaled(*pair) for pair in zip(input.shape[2:], values, strict=True)] if size is None else values
    for result in sizes:
        require_at_least(result, 1, message=f"nothing would be left of {input}", argument=name)
    return input.reshaped(*input.shape[:2], *sizes)


@function("F.pad")
def pad(
    input: TensorType,
    pad: tuple[Size, ...],
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant",
    value: float | None = None,
) -> TensorType:
    """Adds numbers around the last axes, the last one first. Shape: [*, L] -> [*, pad[0] + L + pad[1]] for two"""
    count = len(pad) // 2
    text = f"`pad` has {len(pad)} entries"
    require(len(pad) % 2 == 0, "AS404", f"{text}; there are two for each axis, before and after it", argument="pad")
    require(count <= input.rank, "AS404", f"{text}, more than two for each axis of {input}", argument="pad")
    if mode != "constant":
        require_dtype(input, DTYPES if mode == "circular" else NUMBERS)
        known = isinstance(value, int | float) and value != 0
        require(not known, "AS404", "`value` goes with the mode constant", argument="value")
        hint = "such padding is for the last axes of [N, C, L], [N, C, H, W] or [N, C, D, H, W]"
        require(
            count in (1, 2, 3) and input.rank - count in (1, 2), "AS501", f"{text}, the input is {input}", hint, "pad"
        )
    require_stored(input.dtype, value=value)
    output = input
    for place in range(count):
        before, after = pad[2 * place : 2 * place + 2]
        require_paddable(mode, input, input.shape[-1 - place], before, after, "pad")
        output = padded(output, -1 - place, before, after, "pad", mode)
    return output


@function("F.grid_sample")
def grid_sample(
    input: TensorType,
    grid: TensorType,
    mode: Literal["bilinear", "nearest", "bicubic"] = "bilinear",
    padding_mode: Literal["zeros", "border", "reflection"] = "zeros",
    align_corners: bool | None = None,
) -> TensorType:
    """The image at the places that a grid says. Shape: [N, C, H, W], [N, P, Q, 2] -> [N, C, P, Q]"""
    require_rank(input, 4, 5, layout="[N, C, H, W] or [N, C, D, H, W]")
    require_rank(grid, input.rank, name="grid")
    require_dtype(input, FLOATS)
    require_same_dtype(input, grid)
    require(mode != "bicubic" or input.rank == 4, "AS404", "bicubic is for [N, C, H, W]", argument="mode")
    message = f"the last axis of `grid` {grid} holds the {input.rank - 2} coordinates of a place"
    require_equal(grid.shape[-1], input.rank - 2, message=message, argument="grid")
    message = f"{input} and `grid` {grid} have different batch sizes"
    batch = same_size(input.shape[0], grid.shape[0], message, "", "grid")
    return input.reshaped(batch, input.shape[1], *grid.shape[1:-1])


@function("F.affine_grid")
def affine_grid(theta: TensorType, size: tuple[Size, ...], align_corners: bool | None = None) -> TensorType:
    """The places of an affine map, for grid_sample. Shape: [N, 2, 3], size [N, C, H, W] -> [N, H, W, 2]"""
    require_dtype(theta, FLOATS, "theta")
    require_kernel(theta.dtype, "affine_grid")
    spatial = len(size) - 2
    message = f"`size` is [N, C, H, W] or [N, C, D, H, W]; this is {listed(size)}"
    require(spatial in (2, 3), "AS404", message, argument="size")
    require_rank(theta, 3, layout=f"[N, {spatial}, {spatial + 1}]", name="theta")
    wanted = (size[0], spatial, spatial + 1)
    for there, n in zip(theta.shape, wanted, strict=True):
        require_equal(there, n, message=f"`theta` is {theta}, not {listed(wanted)}", argument="theta")
    for n in size:
        require_at_least(n, 1, code="AS404", message=f"`size` is {listed(size)}", argument="size")
    return theta.reshaped(size[0], *size[2:], spatial)


@function("F.pixel_shuffle")
def pixel_shuffle(input: TensorType, upscale_factor: Size) -> TensorType:
    """Turns channels into space. Shape: [*, C, H, W] ->
    [*, C / upscale_factor**2, H * upscale_factor, W * upscale_factor]
    """
    require_rank_from(input, 3, "[*, C, H, W]")
    *batch, channels, height, width = input.shape
    _require_positive(upscale_factor, "upscale_factor")
    square = upscale_factor * upscale_factor
    message = f"`upscale_factor` {show(upscale_factor)} takes {show(square)} channels for one, of {show(channels)}"
    require_divides(square, channels, message=message, argument="upscale_factor")
    return input.reshaped(*batch, quotient(channels, square), height * upscale_factor, width * upscale_factor)


@function("F.pixel_unshuffle")
def pixel_unshuffle(input: TensorType, downscale_factor: Size) -> TensorType:
    """Turns space into channels. Shape: [*, C, H, W] ->
    [*, C * downscale_factor**2, H / downscale_factor, W / downscale_factor]
    """
    require_rank_from(input, 3, "[*, C, H, W]")
    *batch, channels, height, width = input.shape
    factor = downscale_factor
    _require_positive(factor, "downscale_factor")
    for size in (height, width):
        message = f"`downscale_factor` {show(factor)} does not divide {show(size)}"
        require_divides(factor, size, message=message, argument="downscale_factor")
    return input.reshaped(*batch, channels * factor * factor, quotient(height, factor), quotient(width, factor))


@function("F.channel_shuffle")
def channel_shuffle(input: TensorType, groups: Size) -> TensorType:
    """Mixes the channels of groups. Shape: [N, C, *] -> [N, C, *]"""
    require_rank_from(input, 3, "[N, C, *]")
    _require_positive(groups, "groups")
    message = f"`groups` {show(groups)} does not divide the {counted(input.shape[1])} channels"
    require_divides(groups, input.shape[1], message=message, argument="groups")
    return input


def _require_positive(factor: Size, name: str) -> None:
    require_at_least(factor, 1, code="AS404", message=f"`{name}` is {show(factor)}", argument=name)
