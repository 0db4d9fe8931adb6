"""Normalization layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from archspec.cuts import Passing, broadcast
from archspec.dimensions import Size, equal, product, show
from archspec.expressions import Symbolic
from archspec.layers._base import (
    Layer,
    Sizes,
    Weight,
    device,
    divisors,
    dtype,
    flag,
    inferred,
    integer,
    integers,
    number,
    spread,
)
from archspec.problems import Advice
from archspec.refusals import counted, refuse, require, require_divides, require_equal, require_kernel
from archspec.tensors import FLOATS, TensorType


class _Normalization(Layer):
    """What normalizations share: the dtypes they take."""

    dtype: str | None

    def require_mixable(self, x: TensorType, weighted: bool) -> None:
        """The input is of the weights' dtype; weights of float32 also take float16 and bfloat16."""
        self.require_float(x)
        if not weighted:
            return
        weights = self.float_weights()
        self.require_dtype(x, *(("float32", "float16", "bfloat16") if weights == "float32" else (weights,)))

    def scales(self, weight: bool, bias: bool, *shape: Size) -> tuple[Weight, ...]:
        """What it multiplies by, and what it adds; the latter never alone."""
        if not weight:
            return ()
        scale = self.weight("weight", *shape)
        return (scale, self.weight("bias", *shape)) if bias else (scale,)


class _ChannelNormalization(_Normalization):
    """Statistics for each channel, over the batch or for each example."""

    num_features: Size = inferred()
    eps: float = number(1e-5, minimum=0)
    momentum: float | None = number(0.1)
    affine: bool = flag(True)
    track_running_stats: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()
    bias: bool = flag(True)

    def weights(self) -> tuple[Weight, ...]:
        learnt = self.scales(self.affine, self.bias, self.num_features)
        return (*learnt, *self._statistics()) if self.track_running_stats else learnt

    def _statistics(self) -> Iterator[Weight]:
        for name in ("running_mean", "running_var"):
            yield replace(self.weight(name, self.num_features), learnable=False)
        yield Weight("num_batches_tracked", (), "int64", learnable=False)

    def require_several(self, sizes: tuple[Size, ...], x: TensorType, of: str) -> None:
        """Statistics of the input itself are of more than one value."""
        if self.track_running_stats is False and equal(product(sizes), 1):
            message = f"{type(self).__name__} normalizes over {of}, which is a single value: {x} flows in"
            refuse("AS504", message, "put it before the pooling, or remove it")


class _BatchNorm(_ChannelNormalization):
    shape = "[N, num_features, *] -> [N, num_features, *]"
    momentum: float | None = number(0.1, optional=True)

    def forward(self, x: TensorType) -> TensorType:
        self.require_axes(x)
        require(self.eps != 0, "AS404", "`eps` is 0, which fails in training", argument="eps")
        self.infer("num_features", x.shape[1], "channels")
        self.require_mixable(x, self.affine is True or self.track_running_stats is True)
        self.require_several((x.shape[0], *x.shape[2:]), x, "the batch and all positions")
        return x

    def require_axes(self, x: TensorType) -> None:
        """The input's axes are [N, C, *], with as many as the class says."""
        axes = ", ".join("DHW"[3 - self.spatial :])
        self.require_rank(x, self.spatial + 2, layout=f"[N, C, {axes}]")


class BatchNorm1d(_BatchNorm):
    """Normalizes each channel over the batch; keeps its input's shape, [N, C, L] or [N, C]."""

    spatial = 1

    def require_axes(self, x: TensorType) -> None:
        self.require_rank(x, 2, 3, layout="[N, C] or [N, C, L]")


class BatchNorm2d(_BatchNorm):
    """Normalizes each channel over the batch; keeps its input's shape, [N, C, H, W]."""

    spatial = 2


class BatchNorm3d(_BatchNorm):
    """Normalizes each channel over the batch; keeps its input's shape, [N, C, D, H, W]."""

    spatial = 3


class SyncBatchNorm(_BatchNorm):
    """BatchNorm over the batches of all processes; keeps its input's shape, [N, C, *].

    PyTorch's `process_group`, an object that no spec can hold, is left out.
    """

    def require_axes(self, x: TensorType) -> None:
        require(x.rank >= 2, "AS501", f"SyncBatchNorm takes at least 2 axes ([N, C, *]), but {x} flows in")


class _InstanceNorm(_ChannelNormalization):
    shape = "[N, num_features, *S_in] -> [N, num_features, *S_in]"
    affine: bool = flag(False)
    track_running_stats: bool = flag(False)

    def forward(self, x: TensorType) -> TensorType:
        axes = ", ".join("DHW"[3 - self.spatial :] if self.spatial > 1 else "L")
        self.require_rank(x, self.spatial + 1, self.spatial + 2, layout=f"[N, C, {axes}] or [C, {axes}]")
        self.infer("num_features", x.shape[-1 - self.spatial], "channels")
        self.require_mixable(x, self.affine is True)
        self.require_several(x.shape[-self.spatial :], x, "the positions of a channel")
        return x


class InstanceNorm1d(_InstanceNorm):
    """Normalizes each channel of each example; keeps its input's shape, [N, C, L] or [C, L]."""

    spatial = 1


class InstanceNorm2d(_InstanceNorm):
    """Normalizes each channel of each example; keeps its input's shape, [N, C, H, W] or [C, H, W]."""

    spatial = 2


class InstanceNorm3d(_InstanceNorm):
    """Normalizes each channel of each example; keeps its input's shape, [N, C, D, H, W] or [C, D, H, W]."""

    spatial = 3


class GroupNorm(_Normalization):
    """Normalizes groups of channels of each example; keeps its input's shape, [N, C, *]."""

    shape = "[N, num_channels, *] -> [N, num_channels, *]"
    num_groups: Size = integer()
    num_channels: Size = inferred()
    eps: float = number(1e-5, minimum=0)
    affine: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()
    bias: bool = flag(True)

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 2, "AS501", f"GroupNorm takes at least 2 axes ([N, C, *]), but {x} flows in")
        self.infer("num_channels", x.shape[1], "channels")
        groups, channels = self.num_groups, self.num_channels
        message = f"`num_groups` {show(groups)} does not divide the {counted(channels)} channels"
        hint = f"groups that work: {divisors(channels)}" if isinstance(channels, int) else ""
        require_divides(groups, channels, message=message, help=hint, argument="num_groups")
        self.require_mixable(x, self.affine is True)
        count = x.shape[0] * x.shape[1] // groups * math.prod(x.shape[2:])
        message = f"GroupNorm normalizes over a group of channels, which is a single value: {x} flows in"
        require(not equal(count, 1), "AS504", message, "use fewer groups", "num_groups")
        return x

    def weights(self) -> tuple[Weight, ...]:
        return self.scales(self.affine, self.bias, self.num_channels)


class _TrailingNormalization(_Normalization):
    """Statistics over the last axes."""

    shape = "[*, normalized_shape] -> [*, normalized_shape]"
    normalized_shape: Sizes = integers(inferred=True)
    eps: float | None
    elementwise_affine: bool

    def take_shape(self, x: TensorType) -> None:
        """Infers `normalized_shape`, the last axis; a given one has to be the input's last axes."""
        name = type(self).__name__
        require(x.rank >= 1, "AS501", f"{name} takes at least one axis, but {x} flows in")
        given = self.__dict__.setdefault("normalized_shape", x.shape[-1])
        if isinstance(given, Symbolic):
            return
        shape = given if isinstance(given, tuple) else (given,)
        text = f"`normalized_shape` is [{', '.join(map(show, shape))}]"
        require(len(shape) > 0, "AS404", f"{text}: no axes", argument="normalized_shape")
        require(len(shape) <= x.rank, "AS406", f"{text}, but {x} has fewer axes", argument="normalized_shape")
        message = f"{text}, but {x} does not end with it"
        hint = Advice("for the last axis, leave it out: it is inferred", "")
        for a, b in zip(shape, x.shape[-len(shape) :], strict=True):
            require_equal(a, b, code="AS406", message=message, help=hint, argument="normalized_shape")

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        if self.elementwise_affine:
            return ({},)  # the gradients of its weights are sums over all other axes
        return (self.sequenced(inputs[0]),)

    def sequenced(self, x: TensorType) -> Passing:
        return broadcast(x, x, range(-len(self.normalized), 0))

    @property
    def normalized(self) -> tuple[Size, ...]:
        """The axes that are normalized together."""
        return spread(self.normalized_shape, 1)


class LayerNorm(_TrailingNormalization):
    """Normalizes over the last axes, by mean and variance; keeps its input's shape, [*, normalized_shape]."""

    eps: float = number(1e-5, minimum=0)
    elementwise_affine: bool = flag(True)
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        self.take_shape(x)
        self.require_mixable(x, self.elementwise_affine is True)
        return x

    def weights(self) -> tuple[Weight, ...]:
        return self.scales(self.elementwise_affine, self.bias, *self.normalized)


class RMSNorm(_TrailingNormalization):
    """Divides by the root of the mean square over the last axes; keeps its input's shape, [*, normalized_shape]."""

    eps: float | None = number(None, minimum=0)
    elementwise_affine: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        self.take_shape(x)
        self.require_kind(x, "floating-point", "complex")
        return x

    def weights(self) -> tuple[Weight, ...]:
        return self.scales(self.elementwise_affine, False, *self.normalized)


class LocalResponseNorm(Layer):
    """Normalizes over neighbouring channels; keeps its input's shape, [N, C, *]."""

    positional = 1
    size: Size = integer()
    alpha: float = number(1e-4)
    beta: float = number(0.75)
    k: float = number(1.0)

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 3, "AS501", f"LocalResponseNorm takes at least 3 axes ([N, C, *]), but {x} flows in")
        self.require_dtype(x, *FLOATS, "int64")
        if x.rank > 3:
            require_kernel(x.dtype, "avg_pool3d")
        return x.to("float32") if x.dtype == "int64" else x


class CrossMapLRN2d(Layer):
    """Normalizes over neighbouring channels; keeps its input's shape, [N, C, H, W]."""

    positional = 1
    size: Size = integer()
    alpha: float = number(1e-4)
    beta: float = number(0.75)
    k: float = number(1)

    def forward(self, x: TensorType) -> TensorType:
        self.require_rank(x, 4, layout="[N, C, H, W]")
        self.require_kind(x, "floating-point", "complex")
        return x
