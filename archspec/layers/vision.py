"""Vision layers."""

from __future__ import annotations

from archspec.dimensions import Size, quotient, show
from archspec.expressions import Symbolic
from archspec.layers._base import Layer, Sizes, flag, integer, integers, numbers, spread, word
from archspec.refusals import counted, require, require_at_least, require_divides
from archspec.tensors import FLOATS, TensorType
from archspec.windows import scaled

_RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
"""The numbers of axes that a mode works on; the other modes work on all of them."""


class PixelShuffle(Layer):
    """Turns channels into space: r * r channels become one with r times the height and width."""

    shape = "[*, C, H, W] -> [*, C / upscale_factor**2, H * upscale_factor, W * upscale_factor]"
    upscale_factor: Size = integer()

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 3, "AS501", f"PixelShuffle takes at least 3 axes ([C, H, W]), but {x} flows in")
        *batch, channels, height, width = x.shape
        factor = self.upscale_factor
        require_divides(
            factor * factor,
            channels,
            message=f"`upscale_factor` {show(factor)} takes {show(factor)} * {show(factor)} channels for one,"
            f" which does not divide the {counted(channels)} that flow in",
            argument="upscale_factor",
        )
        return x.reshaped(*batch, quotient(channels, factor * factor), height * factor, width * factor)


class PixelUnshuffle(Layer):
    """Turns space into channels: the inverse of PixelShuffle."""

    shape = "[*, C, H, W] -> [*, C * downscale_factor**2, H / downscale_factor, W / downscale_factor]"
    downscale_factor: Size = integer()

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 3, "AS501", f"PixelUnshuffle takes at least 3 axes ([C, H, W]), but {x} flows in")
        *batch, channels, height, width = x.shape
        factor = self.downscale_factor
        for size, axis in ((height, "height"), (width, "width")):
            require_divides(
                factor,
                size,
                message=f"`downscale_factor` {show(factor)} does not divide the {axis} {show(size)}",
                argument="downscale_factor",
            )
        return x.reshaped(*batch, channels * factor * factor, quotient(height, factor), quotient(width, factor))


class _Upsample(Layer):
    shape = """
        [N, C, *S_in] -> [N, C, *S_out]
        S_out = size or floor(S_in * scale_factor)
    """
    size: Sizes | None = integers(None)
    scale_factor: float | tuple[float, ...] | None = numbers(None)

    def resize(self, x: TensorType) -> TensorType:
        """What flows out, by `size` or by `scale_factor`."""
        require(
            (self.size is None) != (self.scale_factor is None),
            "AS404",
            f"{type(self).__name__} takes either `size` or `scale_factor`, but not both",
            "write `scale_factor: 2` to double the sizes",
            "scale_factor",
        )
        name = "scale_factor" if self.size is None else "size"
        given, axes = getattr(self, name), x.rank - 2
        if isinstance(given, tuple):
            require(
                len(given) == axes,
                "AS404",
                f"`{name}` lists {len(given)} axes, but {x}, which flows in, has {axes} after [N, C]",
                argument=name,
            )
        values = spread(given, axes)
        sizes = [scaled(*pair) for pair in zip(x.shape[2:], values, strict=True)] if self.size is None else values
        for size in sizes:
            require_at_least(size, 1, message=f"nothing would be left of {x}, which flows in", argument=name)
        return x.reshaped(*x.shape[:2], *sizes)


class Upsample(_Upsample):
    """Resizes by nearest neighbours or interpolation, to a `size` or by a `scale_factor`."""

    mode: str = word("nearest", "nearest", "nearest-exact", "area", *_RANKS)
    align_corners: bool | None = flag(None)
    recompute_scale_factor: bool | None = flag(None)

    def forward(self, x: TensorType) -> TensorType:
        ranks = _RANKS.get(self.mode, (3, 4, 5))
        require(
            x.rank in ranks,
            "AS501",
            f"Upsample in mode {self.mode} takes {' or '.join(map(str, ranks))} axes ([N, C, …]), but {x} flows in",
            _mode_for(x),
        )
        require(
            self.align_corners is None or self.mode in _RANKS or isinstance(self.mode, Symbolic),
            "AS404",
            f"`align_corners` goes with the modes {', '.join(_RANKS)}, not with {self.mode}",
            argument="align_corners",
        )
        require(
            self.size is None or not self.recompute_scale_factor,
            "AS404",
            "`recompute_scale_factor` goes with `scale_factor`, not with `size`",
            argument="recompute_scale_factor",
        )
        self.require_dtype(x, *FLOATS, *(() if self.mode in ("area", "linear", "trilinear") else ("uint8",)))
        return self.resize(x)


def _mode_for(x: TensorType) -> str:
    modes = [mode for mode, ranks in _RANKS.items() if x.rank in ranks]
    return f"modes for {x.rank} axes: {', '.join(['nearest', 'nearest-exact', 'area', *modes])}" if modes else ""


class UpsamplingNearest2d(_Upsample):
    """Resizes an image by nearest neighbours, to a `size` or by a `scale_factor`."""

    spatial = 2

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 4, layout="[N, C, H, W]")
        self.require_dtype(x, *FLOATS, "uint8")
        return self.resize(x)


class UpsamplingBilinear2d(_Upsample):
    """Resizes an image by bilinear interpolation with aligned corners, to a `size` or by a `scale_factor`."""

    spatial = 2

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 4, layout="[N, C, H, W]")
        self.require_dtype(x, *FLOATS, "uint8")
        return self.resize(x)
