"""Convolution layers."""

from __future__ import annotations

import math
from typing import TypeGuard

from archspec.dimensions import Size, plain, product, quotient, show
from archspec.expressions import Symbolic, choose, equals
from archspec.layers._base import (
    Sizes,
    Weight,
    device,
    divisors,
    dtype,
    flag,
    inferred,
    integer,
    per_axis,
    spread,
    word,
)
from archspec.layers._windows import Windowed
from archspec.refusals import counted, refuse, require_at_least, require_divides, require_equal
from archspec.tensors import COMPLEX, FLOATS, TensorType
from archspec.windows import CONVOLVED, WIDENED, require_paddable, windows

_COLUMNS = (*FLOATS, *COMPLEX, "bool")  # the dtypes that PyTorch folds and unfolds


class _Convolution(Windowed):
    """What convolutions and transposed convolutions share: channels, groups, and the count of their weights."""

    positional = 2
    nullable = frozenset(("bias",))
    in_channels: Size
    out_channels: Size
    kernel_size: Sizes
    groups: Size
    bias: bool
    dtype: str | None

    def take_channels(self, x: TensorType) -> None:
        """Checks the input's axes and dtype, infers `in_channels`, and checks `groups`."""
        self.require_spatial(x)
        self.require_dtype(x, self.dtype or self.floating)
        self.infer("in_channels", x.shape[-1 - self.spatial], "channels")
        if self.groups == 1:
            return
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            require_divides(
                self.groups,
                channels,
                message=f"`groups` {show(self.groups)} does not divide the {counted(channels)} `{name}`",
                help=_groups_that_work(self.in_channels, self.out_channels),
                argument="groups",
            )

    @property
    def taps(self) -> Size:
        """How many numbers one kernel has for each pair of channels."""
        return product(spread(self.kernel_size, self.spatial))

    def weights(self) -> tuple[Weight, ...]:
        weight = self.weight("weight", *self.kernels())
        return (weight, self.weight("bias", self.out_channels)) if self.bias else (weight,)

    def kernels(self) -> tuple[Size, ...]:
        """The shape of its weight."""
        per_group = quotient(self.in_channels, self.groups)
        return self.out_channels, per_group, *spread(self.kernel_size, self.spatial)


def _is_word(padding: object) -> TypeGuard[Symbolic]:
    """Whether it is `same` or `valid`, but a parameter says which."""
    return isinstance(padding, Symbolic) and padding.type == "str"


def _groups_that_work(in_channels: Size, out_channels: Size) -> str:
    if not isinstance(in_channels, int) or not isinstance(out_channels, int):
        return ""
    common = divisors(math.gcd(in_channels, out_channels))
    return f"groups that work for {in_channels} -> {out_channels} channels: {common}"


class _Conv(_Convolution):
    shape = f"[N, in_channels, *S_in] -> [N, out_channels, *S_out] {CONVOLVED}"
    in_channels: Size = inferred()
    out_channels: Size = integer()
    kernel_size: Sizes = per_axis()
    stride: Sizes = per_axis(1)
    padding: Sizes | str = per_axis(0, minimum=0, choices=("same", "valid"))
    dilation: Sizes = per_axis(1)
    groups: Size = integer(1)
    bias: bool = flag(True)
    padding_mode: str = word("zeros", "zeros", "reflect", "replicate", "circular")
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        self.take_channels(x)
        if self.padding == "same":
            self._require_unit_stride()
            sizes = x.shape[-self.spatial :]
        elif _is_word(self.padding):
            sizes = self._by_word(x, self.padding)
        else:
            sizes = self.slide(x, self.kernel_size, self.stride, self._padding(), self.dilation)
        if self.padding_mode != "zeros":
            self._require_paddable(x)
        return x.reshaped(*x.shape[: -1 - self.spatial], self.out_channels, *sizes)

    def _padding(self) -> Sizes:
        return 0 if isinstance(self.padding, str) or _is_word(self.padding) else self.padding

    def _by_word(self, x: TensorType, padding: Symbolic) -> tuple[Size, ...]:
        """The sizes where a parameter says which padding: `h if padding == "same" else h - 2`."""
        there = x.shape[-self.spatial :]
        by_axis = (spread(value, self.spatial) for value in (self.kernel_size, self.stride, 0, self.dilation))
        valid = tuple(windows(*values) for values in zip(there, *by_axis, strict=True))
        sizes: tuple[Size, ...] = choose(equals(padding, "same"), there, valid)
        return sizes

    def _require_unit_stride(self) -> None:
        for step in spread(self.stride, self.spatial):
            require_equal(
                step,
                1,
                code="AS404",
                message=f"`padding: same` goes with stride 1 only; this is stride {show(step)}",
                help="write the padding as a number, such as (kernel_size - 1) // 2",
                argument="padding",
            )

    def _require_paddable(self, x: TensorType) -> None:
        """`padding_mode` takes numbers of the input for padding: there must be enough of them."""
        values = (self.kernel_size, self.dilation, self._padding())
        by_axis = (spread(value, self.spatial) for value in values)
        for size, k, d, p in zip(x.shape[-self.spatial :], *by_axis, strict=True):
            span = d * (k - 1)
            before, after = (span // 2, span - span // 2) if self.padding == "same" else (p, p)
            require_paddable(self.padding_mode, x, size, before, after)

    def macs(self, output: TensorType, /, x: TensorType) -> Size:
        return product([output.numel, quotient(self.in_channels, self.groups), self.taps])


class Conv1d(_Conv):
    """Convolution over the last axis."""

    spatial = 1


class Conv2d(_Conv):
    """Convolution over the last two axes."""

    spatial = 2


class Conv3d(_Conv):
    """Convolution over the last three axes."""

    spatial = 3


class _ConvTranspose(_Convolution):
    shape = f"[N, in_channels, *S_in] -> [N, out_channels, *S_out] {WIDENED}"
    in_channels: Size = inferred()
    out_channels: Size = integer()
    kernel_size: Sizes = per_axis()
    stride: Sizes = per_axis(1)
    padding: Sizes = per_axis(0, minimum=0)
    output_padding: Sizes = per_axis(0, minimum=0)
    groups: Size = integer(1)
    bias: bool = flag(True)
    dilation: Sizes = per_axis(1)
    padding_mode: str = word("zeros", "zeros")
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        self.take_channels(x)
        names = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        by_axis = (spread(value, self.spatial) for value in names)
        sizes = []
        for size, k, s, p, extra, d in zip(x.shape[-self.spatial :], *by_axis, strict=True):
            self._require_small(extra, s, d)
            out = (size - 1) * s - 2 * p + d * (k - 1) + extra + 1
            require_at_least(
                out,
                1,
                message=f"padding {show(p)} on both sides removes the whole output: {x} flows in",
                help="use less padding",
                argument="padding",
            )
            sizes.append(out)
        return x.reshaped(*x.shape[: -1 - self.spatial], self.out_channels, *sizes)

    def kernels(self) -> tuple[Size, ...]:
        per_group = quotient(self.out_channels, self.groups)
        return self.in_channels, per_group, *spread(self.kernel_size, self.spatial)

    def _require_small(self, extra: Size, stride: Size, dilation: Size) -> None:
        for least in (stride, dilation):
            if not isinstance(extra, int) or not isinstance(least, int) or extra < least:
                return
        refuse(
            "AS404",
            f"`output_padding` {extra} must be smaller than the stride {show(stride)} or the dilation {show(dilation)}",
            "it must be at most stride - 1",
            "output_padding",
        )

    def macs(self, output: TensorType, /, x: TensorType) -> Size:
        return product([x.numel, quotient(self.out_channels, self.groups), self.taps])


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over the last axis: the gradient of Conv1d, often used to make it longer."""

    spatial = 1


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over the last two axes: the gradient of Conv2d, often used to enlarge."""

    spatial = 2


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over the last three axes: the gradient of Conv3d, often used to enlarge."""

    spatial = 3


class Unfold(Windowed):
    """Takes the windows of an image out, each as a column."""

    shape = """
        [N, C, *S_in] -> [N, C * prod(kernel_size), prod(S_out)]
        S_out = floor((S_in + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)
    """
    spatial = 2
    kernel_size: Sizes = per_axis()
    dilation: Sizes = per_axis(1)
    padding: Sizes = per_axis(0, minimum=0)
    stride: Sizes = per_axis(1)

    def forward(self, x: TensorType) -> TensorType:
        self.require_spatial(x)
        self.require_dtype(x, *_COLUMNS)
        counts = self.slide(x, self.kernel_size, self.stride, self.padding, self.dilation)
        column = product([x.shape[-3], *spread(self.kernel_size, 2)])
        return x.reshaped(*x.shape[:-3], column, product(counts))


class Fold(Windowed):
    """Adds columns of windows up to an image: where windows overlap, their sum."""

    shape = "[N, C_in, L] -> [N, C_in / prod(kernel_size), *output_size]"
    spatial = 2
    output_size: Sizes = per_axis()
    kernel_size: Sizes = per_axis()
    dilation: Sizes = per_axis(1)
    padding: Sizes = per_axis(0, minimum=0)
    stride: Sizes = per_axis(1)

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 2, 3, layout="[N, C * k, L] or [C * k, L]")
        self.require_dtype(x, *_COLUMNS)
        taps = product(spread(self.kernel_size, 2))
        require_divides(
            taps,
            x.shape[-2],
            message=f"a window of {show(taps)} numbers does not divide the {show(x.shape[-2])} rows that flow in",
            argument="kernel_size",
        )
        image = x.reshaped(*x.shape[:-2], quotient(x.shape[-2], taps), *spread(self.output_size, 2))
        columns = product(self.slide(image, self.kernel_size, self.stride, self.padding, self.dilation))
        require_equal(
            x.shape[-1],
            columns,
            message=f"an image of {show(image.shape[-2])} by {show(image.shape[-1])} has {show(plain(columns))}"
            f" windows, but {show(x.shape[-1])} columns flow in",
            help="the last axis must have one column per window: change `output_size`, or the kernel",
            argument="output_size",
        )
        return image
