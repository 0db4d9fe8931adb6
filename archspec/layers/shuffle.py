"""Shuffle layers."""

from __future__ import annotations

from archspec.dimensions import Size, show
from archspec.layers._base import Layer, divisors, integer
from archspec.refusals import counted, require, require_divides
from archspec.tensors import TensorType


class ChannelShuffle(Layer):
    """Deals the channels out over `groups` groups, as ShuffleNet does; keeps its input's shape, [N, C, *]."""

    groups: Size = integer()

    def forward(self, x: TensorType) -> TensorType:
        require(x.rank >= 3, "AS501", f"ChannelShuffle takes at least 3 axes ([N, C, *]), but {x} flows in")
        channels = x.shape[1]
        message = f"`groups` {show(self.groups)} does not divide the {counted(channels)} channels"
        hint = f"groups that work: {divisors(channels)}" if isinstance(channels, int) else ""
        require_divides(self.groups, channels, message=message, help=hint, argument="groups")
        return x
