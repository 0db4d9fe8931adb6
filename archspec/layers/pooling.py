"""Pooling layers."""

from __future__ import annotations

from typing import Any, TypeAlias

from archspec.dimensions import Dimension, Size, show
from archspec.expressions import Symbolic, UndecidedError
from archspec.layers._base import Sizes, flag, integer, number, numbers, per_axis, spread
from archspec.layers._inputs import SeveralInputs
from archspec.layers._windows import Windowed
from archspec.refusals import require, require_at_least, require_held, require_kernel
from archspec.tensors import FLOATS, INTEGERS, TensorType
from archspec.windows import AVERAGED, POOLED, UNPADDED, require_at_most_half, require_within, scaled

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

    def average(self, x: TensorType, padding: Sizes = 0) -> TensorType:
        """What flows out. PyTorch's mean over three axes takes no kernel that is larger than the unpadded input."""
        y = self.pool(x, padding)
        if self.spatial == 3:
            require_within(x, spread(self.kernel_size, 3))
        return y

    def require_at_most_half(self, padding: Sizes) -> None:
        """No window may lie in the padding altogether."""
        kernel, advice = self.kernel_size, "add a padding layer before it: ConstantPad, ReplicationPad, …"
        require_at_most_half(spread(padding, self.spatial), spread(kernel, self.spatial), advice)


class _MaxPool(_Pool):
    shape = f"""
        [N, C, *S_in] -> [N, C, *S_out], [N, C, *S_out] if return_indices
        [N, C, *S_in] -> [N, C, *S_out]
        {POOLED}
    """
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    padding: Sizes = per_axis(0, minimum=0)
    dilation: Sizes = per_axis(1)
    return_indices: bool = flag(False)
    ceil_mode: bool = flag(False)

    def forward(self, x: TensorType) -> Pooled:
        one_by_one = self.spatial == 1 and not self.return_indices  # a kernel of its own, without integers
        self.require_dtype(x, *FLOATS, *(() if one_by_one else INTEGERS))
        self.require_at_most_half(self.padding)
        return _with_indices(self.pool(x, self.padding, self.dilation), self.return_indices)


class MaxPool1d(_MaxPool):
    """The maximum of each window of the last axis."""

    spatial = 1


class MaxPool2d(_MaxPool):
    """The maximum of each window of the last two axes."""

    spatial = 2


class MaxPool3d(_MaxPool):
    """The maximum of each window of the last three axes."""

    spatial = 3


class _AvgPool(_Pool):
    shape = f"[N, C, *S_in] -> [N, C, *S_out] {AVERAGED}"
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    padding: Sizes = per_axis(0, minimum=0)
    ceil_mode: bool = flag(False)
    count_include_pad: bool = flag(True)

    def forward(self, x: TensorType) -> TensorType:
        self.require_dtype(x, *FLOATS, "int64")
        if self.spatial == 3:
            require_kernel(x.dtype, "avg_pool3d")
        self.require_at_most_half(self.padding)
        return self.average(x, self.padding)


class AvgPool1d(_AvgPool):
    """The mean of each window of the last axis."""

    spatial = 1


class AvgPool2d(_AvgPool):
    """The mean of each window of the last two axes."""

    spatial = 2
    divisor_override: int | None = integer(None)


class AvgPool3d(_AvgPool):
    """The mean of each window of the last three axes."""

    spatial = 3
    divisor_override: int | None = integer(None)


class _LPPool(_Pool):
    shape = f"[N, C, *S_in] -> [N, C, *S_out] {UNPADDED}"
    norm_type: float = number()
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    ceil_mode: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        require(self.norm_type != 0, "AS404", "`norm_type` 0 is not a norm", argument="norm_type")
        require_held(x.dtype, "AS406", norm_type=self.norm_type)
        self.require_dtype(x, *FLOATS, *INTEGERS, "bool")
        if self.spatial == 3:
            require_kernel(x.dtype, "avg_pool3d")
        y = self.average(x)
        return y if x.dtype in FLOATS else TensorType(y.shape, "float32")


class LPPool1d(_LPPool):
    """The p-norm of each window of the last axis, p being `norm_type`."""

    spatial = 1
    kernel_size: Size = integer()


class LPPool2d(_LPPool):
    """The p-norm of each window of the last two axes, p being `norm_type`."""

    spatial = 2


class LPPool3d(_LPPool):
    """The p-norm of each window of the last three axes, p being `norm_type`."""

    spatial = 3


class _AdaptivePool(Windowed):
    shape = """
        [N, C, *S_in] -> [N, C, *S_out], [N, C, *S_out] if return_indices
        [N, C, *S_in] -> [N, C, *S_out]
        S_out = output_size or S_in
    """
    output_size: Sizes = per_axis(gaps=True)

    def pool(self, x: TensorType) -> TensorType:
        """What flows out: the wanted sizes; null keeps the input's."""
        self.require_spatial(x)
        self.require_float(x)
        wanted = zip(spread(self.output_size, self.spatial), x.shape[-self.spatial :], strict=True)
        return x.reshaped(*x.shape[: -self.spatial], *(there if size is None else size for size, there in wanted))


class _AdaptiveAvgPool(_AdaptivePool):
    def forward(self, x: TensorType) -> TensorType:
        return self.pool(x)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of as many windows as are wanted, whatever the input's size."""

    spatial = 1
    output_size: Sizes = per_axis()


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of as many windows as are wanted, whatever the input's size; null keeps a size."""

    spatial = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of as many windows as are wanted, whatever the input's size; null keeps a size."""

    spatial = 3


class _AdaptiveMaxPool(_AdaptivePool):
    return_indices: bool = flag(False)

    def forward(self, x: TensorType) -> Pooled:
        return _with_indices(self.pool(x), self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maxima of as many windows as are wanted, whatever the input's size."""

    spatial = 1
    output_size: Sizes = per_axis()


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maxima of as many windows as are wanted, whatever the input's size; null keeps a size."""

    spatial = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maxima of as many windows as are wanted, whatever the input's size; null keeps a size."""

    spatial = 3


class _FractionalMaxPool(Windowed):
    shape = """
        [N, C, *S_in] -> [N, C, *S_out], [N, C, *S_out] if return_indices
        [N, C, *S_in] -> [N, C, *S_out]
        S_out = output_size or floor(S_in * output_ratio)
    """
    kernel_size: Sizes = per_axis()
    output_size: Sizes | None = per_axis(None)
    output_ratio: float | tuple[float, ...] | None = numbers(None, count=0)
    return_indices: bool = flag(False)

    def forward(self, x: TensorType) -> Pooled:
        require(
            (self.output_size is None) != (self.output_ratio is None),
            "AS404",
            f"{type(self).__name__} takes either `output_size` or `output_ratio`, but not both",
            "write `output_ratio: 0.7` for seven tenths of the sizes",
        )
        self.require_spatial(x)
        self.require_float(x)
        there = x.shape[-self.spatial :]
        sizes = self._ratios_of(there) if self.output_size is None else spread(self.output_size, self.spatial)
        for size, out, kernel in zip(there, sizes, spread(self.kernel_size, self.spatial), strict=True):
            most = size - kernel + 1 if self.spatial == 2 else size - kernel
            for amount, least in ((out, 1), (most, out)):
                require_at_least(
                    amount,
                    least,
                    message=f"{show(out)} windows of {show(kernel)} do not fit into {show(size)}: {x} flows in",
                    help=f"the output's size is at least 1 and at most {show(most)}",
                    argument="output_ratio" if self.output_size is None else "output_size",
                )
        return _with_indices(x.reshaped(*x.shape[: -self.spatial], *sizes), self.return_indices)

    def _ratios_of(self, sizes: tuple[Size, ...]) -> list[Size]:
        ratios = spread(self.output_ratio, self.spatial)
        for ratio in ratios:
            between = not isinstance(ratio, int | float) or 0 < ratio < 1
            hint = "write a part of the size, such as 0.5"
            require(between, "AS404", f"`output_ratio` is between 0 and 1; this is {ratio}", hint, "output_ratio")
        return [scaled(size, ratio) for size, ratio in zip(sizes, ratios, strict=True)]


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maxima of windows at random steps, as many as `output_size` or `output_ratio` say."""

    spatial = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maxima of windows at random steps, as many as `output_size` or `output_ratio` say."""

    spatial = 3


class _MaxUnpool(Windowed, SeveralInputs):
    shape = """
        [N, C, *S_in], [N, C, *S_in] -> [N, C, *S_out]
        S_out = output_size or (S_in - 1) * stride - 2 * padding + kernel_size
        stride = stride or kernel_size
    """
    inputs = ("input", "indices", "output_size")
    kernel_size: Sizes = per_axis()
    stride: Sizes | None = per_axis(None)
    padding: Sizes = per_axis(0, minimum=0)

    def forward(self, input: TensorType, indices: TensorType, output_size: Any = None) -> TensorType:
        self.require_tensors(input=input, indices=indices)
        self.require_spatial(input)
        self.require_dtype(input, *FLOATS)
        self.require_dtype(indices, "int64")
        self.require_shape("indices", indices, input.shape)
        wanted = self._wanted(output_size)
        stride = self.kernel_size if self.stride is None else self.stride
        by_axis = (spread(value, self.spatial) for value in (self.kernel_size, stride, self.padding))
        sizes = []
        for size, k, s, p, out in zip(input.shape[-self.spatial :], *by_axis, wanted, strict=True):
            unpooled = (size - 1) * s + k - 2 * p
            sizes.append(unpooled if out is None else out)
            message = f"{type(self).__name__} makes {show(unpooled)} of {show(size)}"
            require_at_least(sizes[-1], 1, message=message, help="use less padding", argument="padding")
            for least, most in ((unpooled - s + 1, sizes[-1]), (sizes[-1], unpooled + s - 1)):
                require_at_least(
                    most,
                    least,
                    code="AS502",
                    message=f"{message}, which `output_size` {show(sizes[-1])} is too far from",
                    help=f"a stride of {show(s)} allows {show(unpooled - s + 1)} to {show(unpooled + s - 1)}",
                )
        return input.reshaped(*input.shape[: -self.spatial], *sizes)

    def _wanted(self, output_size: Any) -> tuple[Size | None, ...]:
        """The sizes that are wanted, without those of batch and channels."""
        if output_size is None:
            return (None,) * self.spatial
        if isinstance(output_size, Symbolic):
            raise UndecidedError("`output_size`, a number of axes")
        known = isinstance(output_size, tuple) and all(isinstance(size, int | Dimension) for size in output_size)
        right = known and len(output_size) in (self.spatial, self.spatial + 2)
        message = f"`output_size` of {type(self).__name__} takes a list of {self.spatial} or {self.spatial + 2} sizes"
        require(right, "AS502", message)
        return tuple(output_size[-self.spatial :])


class MaxUnpool1d(_MaxUnpool):
    """Puts maxima back to where MaxPool1d with `return_indices` found them, and 0 elsewhere."""

    spatial = 1


class MaxUnpool2d(_MaxUnpool):
    """Puts maxima back to where MaxPool2d with `return_indices` found them, and 0 elsewhere."""

    spatial = 2


class MaxUnpool3d(_MaxUnpool):
    """Puts maxima back to where MaxPool3d with `return_indices` found them, and 0 elsewhere."""

    spatial = 3
