"""Pooling layers."""

from __future__ import annotations

from typing import TypeAlias

from archspec.dimensions import Size, show
from archspec.layers._base import Layer, Sizes, flag, integer, number, numbers, per_axis, scaled, spread
from archspec.layers._windows import Windowed
from archspec.tensors import TensorType

Pooled: TypeAlias = TensorType | tuple[TensorType, TensorType]
"""What a layer with `return_indices` returns."""


def _with_indices(output: TensorType, wanted: bool) -> Pooled:
    return (output, TensorType(output.shape, "int64")) if wanted else output


class _Pool(Windowed):
    """The stride is the kernel's size where it is not given."""

    kernel_size: Sizes
    stride: Sizes | None
    ceil_mode: bool

    def pool(self, x: TensorType, padding: Sizes = 0, dilation: Sizes = 1) -> TensorType:
        """What flows out."""
        self.require_spatial(x)
        stride = self.kernel_size if self.stride is None else self.stride
        sizes = self.slide(x, self.kernel_size, stride, padding, dilation, self.ceil_mode)
        return x.reshaped(*x.shape[: -self.spatial], *sizes)

    def require_at_most_half(self, padding: Sizes, dilation: Sizes = 1) -> None:
        """No window may lie in the padding altogether."""
        by_axis = (spread(value, self.spatial) for value in (self.kernel_size, padding, dilation))
        for k, p, d in zip(*by_axis, strict=True):
            span = d * (k - 1) + 1
            self.require_at_least(
                span,
                2 * p,
                code="AS404",
                message=f"`padding` {show(p)} is more than half of the kernel, which spans {show(span)}",
                help="pad in a layer of its own before it: ConstantPad, ReplicationPad, …",
                argument="padding",
            )


class _MaxPool(_Pool):
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    padding: Sizes = per_axis(0, minimum=0)
    dilation: Sizes = per_axis(1)
    return_indices: bool = flag(False)
    ceil_mode: bool = flag(False)

    def forward(self, x: TensorType) -> Pooled:
        self.require_at_most_half(self.padding, self.dilation)
        return _with_indices(self.pool(x, self.padding, self.dilation), self.return_indices)


class MaxPool1d(_MaxPool):
    """The maximum of each window of the last axis.

    Shape: [N, C, L] -> [N, C, floor((L + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)]
    """

    spatial = 1


class MaxPool2d(_MaxPool):
    """The maximum of each window of the last two axes.

    Shape: [N, C, H, W] -> [N, C, H_out, W_out], where
    H_out = floor((H + 2 * padding[0] - dilation[0] * (kernel_size[0] - 1) - 1) / stride[0] + 1), W_out likewise
    """

    spatial = 2


class MaxPool3d(_MaxPool):
    """The maximum of each window of the last three axes.

    Shape: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out], each size as MaxPool2d's
    """

    spatial = 3


class _AvgPool(_Pool):
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    padding: Sizes = per_axis(0, minimum=0)
    ceil_mode: bool = flag(False)
    count_include_pad: bool = flag(True)

    def forward(self, x: TensorType) -> TensorType:
        self.require_at_most_half(self.padding)
        return self.pool(x, self.padding)


class AvgPool1d(_AvgPool):
    """The mean of each window of the last axis.

    Shape: [N, C, L] -> [N, C, floor((L + 2 * padding - kernel_size) / stride + 1)]
    """

    spatial = 1


class AvgPool2d(_AvgPool):
    """The mean of each window of the last two axes.

    Shape: [N, C, H, W] -> [N, C, H_out, W_out], where
    H_out = floor((H + 2 * padding[0] - kernel_size[0]) / stride[0] + 1), W_out likewise
    """

    spatial = 2
    divisor_override: int | None = integer(None)


class AvgPool3d(_AvgPool):
    """The mean of each window of the last three axes.

    Shape: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out], each size as AvgPool2d's
    """

    spatial = 3
    divisor_override: int | None = integer(None)


class _LPPool(_Pool):
    norm_type: float = number()
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    ceil_mode: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        return self.pool(x)


class LPPool1d(_LPPool):
    """The p-norm of each window of the last axis, p being `norm_type`.

    Shape: [N, C, L] -> [N, C, floor((L - kernel_size) / stride + 1)]
    """

    spatial = 1
    kernel_size: Size = integer()


class LPPool2d(_LPPool):
    """The p-norm of each window of the last two axes, p being `norm_type`.

    Shape: [N, C, H, W] -> [N, C, H_out, W_out], where H_out = floor((H - kernel_size[0]) / stride[0] + 1), W_out likewise
    """

    spatial = 2


class LPPool3d(_LPPool):
    """The p-norm of each window of the last three axes, p being `norm_type`.

    Shape: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out], each size as LPPool2d's
    """

    spatial = 3


class _AdaptivePool(Windowed):
    output_size: Sizes = per_axis(gaps=True)

    def pool(self, x: TensorType) -> TensorType:
        """What flows out: the wanted sizes; null keeps the input's."""
        self.require_spatial(x)
        wanted = zip(spread(self.output_size, self.spatial), x.shape[-self.spatial :], strict=True)
        return x.reshaped(*x.shape[: -self.spatial], *(there if size is None else size for size, there in wanted))


class _AdaptiveAvgPool(_AdaptivePool):
    def forward(self, x: TensorType) -> TensorType:
        return self.pool(x)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of as many windows as are wanted, whatever the input's size.

    Shape: [N, C, L] -> [N, C, output_size]
    """

    spatial = 1
    output_size: Sizes = per_axis()


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of as many windows as are wanted, whatever the input's size; null keeps a size.

    Shape: [N, C, H, W] -> [N, C, output_size[0], output_size[1]]
    """

    spatial = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of as many windows as are wanted, whatever the input's size; null keeps a size.

    Shape: [N, C, D, H, W] -> [N, C, output_size[0], output_size[1], output_size[2]]
    """

    spatial = 3


class _AdaptiveMaxPool(_AdaptivePool):
    return_indices: bool = flag(False)

    def forward(self, x: TensorType) -> Pooled:
        return _with_indices(self.pool(x), self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of as many windows as are wanted, whatever the input's size.

    Shape: [N, C, L] -> [N, C, output_size]
    """

    spatial = 1
    output_size: Sizes = per_axis()


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of as many windows as are wanted, whatever the input's size; null keeps a size.

    Shape: [N, C, H, W] -> [N, C, output_size[0], output_size[1]]
    """

    spatial = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of as many windows as are wanted, whatever the input's size; null keeps a size.

    Shape: [N, C, D, H, W] -> [N, C, output_size[0], output_size[1], output_size[2]]
    """

    spatial = 3


class _FractionalMaxPool(Windowed):
    kernel_size: Sizes = per_axis()
    output_size: Sizes | None = per_axis(None)
    output_ratio: float | tuple[float, ...] | None = numbers(None, count=0)
    return_indices: bool = flag(False)

    def forward(self, x: TensorType) -> Pooled:
        self.require(
            (self.output_size is None) != (self.output_ratio is None),
            "AS404",
            f"{type(self).__name__} takes either `output_size` or `output_ratio`",
        )
        self.require_spatial(x)
        there = x.shape[-self.spatial :]
        sizes = self._ratios_of(there) if self.output_size is None else spread(self.output_size, self.spatial)
        for size, out, kernel in zip(there, sizes, spread(self.kernel_size, self.spatial), strict=True):
            for amount, least in ((out, 1), (size - kernel + 1, out)):
                self.require_at_least(
                    amount,
                    least,
                    message=f"{show(out)} windows of {show(kernel)} do not fit into {show(size)}: {x} flows in",
                    help="the output's size is at least 1 and at most input - kernel_size + 1",
                    argument="output_ratio" if self.output_size is None else "output_size",
                )
        return _with_indices(x.reshaped(*x.shape[: -self.spatial], *sizes), self.return_indices)

    def _ratios_of(self, sizes: tuple[Size, ...]) -> list[Size]:
        ratios = spread(self.output_ratio, self.spatial)
        for ratio in ratios:
            between = not isinstance(ratio, int | float) or 0 < ratio < 1
            self.require(between, "AS404", f"`output_ratio` is between 0 and 1; this is {ratio}", "", "output_ratio")
        return [scaled(size, ratio) for size, ratio in zip(sizes, ratios, strict=True)]


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima of windows at random steps, as many as `output_size` or `output_ratio` say.

    Shape: [N, C, H, W] -> [N, C, output_size[0], output_size[1]] or [N, C, H * output_ratio[0], W * output_ratio[1]]
    """

    spatial = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maxima of windows at random steps, as many as `output_size` or `output_ratio` say.

    Shape: [N, C, D, H, W] -> [N, C, D_out, H_out, W_out], which are `output_size`, or sizes times `output_ratio`
    """

    spatial = 3
