"""Padding layers."""

from __future__ import annotations

from archspec.layers._base import Layer, Sizes, number, per_axis, spread
from archspec.refusals import refuse, require
from archspec.tensors import TensorType
from archspec.windows import padded, require_paddable


class _Pad(Layer):
    """The padding lists the last axis first: left, right, top, bottom, front, back."""

    shape = """
        [*, *S_in] -> [*, *S_out]
        S_out = padding[2 * i] + S_in + padding[2 * i + 1]
    """
    mode = "constant"
    padding: Sizes = per_axis(minimum=None, each=2)

    def forward(self, x: TensorType) -> TensorType:
        self._require_axes(x)
        if self.mode in ("reflect", "replicate") and x.dtype == "bool":
            refuse("AS505", f"{type(self).__name__} takes numbers, but {x} flows in")
        amounts = spread(self.padding, 2 * self.spatial)
        for axis in range(self.spatial):
            before, after = amounts[2 * axis : 2 * axis + 2]
            require_paddable(self.mode, x, x.shape[-1 - axis], before, after)
            x = padded(x, -1 - axis, before, after, mode=self.mode)
        return x

    def _require_axes(self, x: TensorType) -> None:
        if self.mode != "constant":
            self.require_rank(x, self.spatial + 1, self.spatial + 2)
        name, axes = type(self).__name__, self.spatial
        require(x.rank >= axes, "AS501", f"{name} pads the last {axes} axes, but {x} flows in")


class _ConstantPad(_Pad):
    value: float = number()

    def forward(self, x: TensorType) -> TensorType:
        self.require_fits(x, "value")
        return super().forward(x)


class ConstantPad1d(_ConstantPad):
    """Pads the last axis with a value; negative padding crops."""

    spatial = 1


class ConstantPad2d(_ConstantPad):
    """Pads the last two axes with a value; negative padding crops."""

    spatial = 2


class ConstantPad3d(_ConstantPad):
    """Pads the last three axes with a value; negative padding crops."""

    spatial = 3


class ZeroPad1d(_Pad):
    """Pads the last axis with zeros; negative padding crops."""

    spatial = 1


class ZeroPad2d(_Pad):
    """Pads the last two axes with zeros; negative padding crops."""

    spatial = 2


class ZeroPad3d(_Pad):
    """Pads the last three axes with zeros; negative padding crops."""

    spatial = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """Pads the last axis with the input's own numbers, mirrored at the edge."""

    spatial = 1


class ReflectionPad2d(_ReflectionPad):
    """Pads the last two axes with the input's own numbers, mirrored at the edge."""

    spatial = 2


class ReflectionPad3d(_ReflectionPad):
    """Pads the last three axes with the input's own numbers, mirrored at the edge."""

    spatial = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """Pads the last axis with the number at the edge."""

    spatial = 1


class ReplicationPad2d(_ReplicationPad):
    """Pads the last two axes with the number at the edge."""

    spatial = 2


class ReplicationPad3d(_ReplicationPad):
    """Pads the last three axes with the number at the edge."""

    spatial = 3


class _CircularPad(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPad):
    """Pads the last axis with the numbers of the other end."""

    spatial = 1


class CircularPad2d(_CircularPad):
    """Pads the last two axes with the numbers of the other end."""

    spatial = 2


class CircularPad3d(_CircularPad):
    """Pads the last three axes with the numbers of the other end."""

    spatial = 3
