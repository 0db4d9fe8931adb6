"""Receptive fields: how many places of the input along each axis one value of a feature map depends on.

Through a window of k places, s apart, and d between its elements, the field r and the step j between the fields of
neighbours become r + d * (k - 1) * j and j * s: Araujo, Norris and Sim, Computing Receptive Fields of Convolutional
Neural Networks, Distill 2019, doi 10.23915/distill.00021. Where two ways join, the larger field counts. Padding is
taken for a part of the input, and statistics over a whole map, as GroupNorm has them, for none of it.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from archspec.dimensions import Size
from archspec.layers import Layer, spread

Field: TypeAlias = tuple[tuple[Size, Size], ...]
"""Along each axis: how many places, and by how many those of a neighbour are further on."""

_KEEPING = ("activation", "normalization", "dropout", "padding")
_WINDOWS = ("Conv", "MaxPool", "AvgPool", "LPPool")
_TOGETHER = frozenset(
    "+ - * / add sub mul div cat concat concatenate where maximum minimum relu relu6 silu gelu elu celu selu mish "
    "sigmoid tanh softplus softsign hardtanh hardswish hardsigmoid leaky_relu dropout clamp exp abs square chunk "
    "split".split()
)
"""Functions that look at one place at a time."""


def seen_by(layer: Layer, inputs: list[Field | None]) -> Field | None:
    """The receptive field of what a layer makes; None where it is no feature map of the input."""
    field = inputs[0] if len(inputs) == 1 else None
    name = type(layer).__name__
    if field is None or layer.family in _KEEPING or name == "Identity":
        return field
    if not name.startswith(_WINDOWS) or name.startswith("ConvTranspose") or layer.spatial != len(field):
        return None
    values: Any = layer
    stride = values.kernel_size if values.stride is None else values.stride
    windows = (spread(one, layer.spatial) for one in (values.kernel_size, stride, getattr(values, "dilation", 1)))
    return tuple((r + d * (k - 1) * j, j * s) for (r, j), k, s, d in zip(field, *windows, strict=True))


def together(name: str, inputs: list[Field | None]) -> Field | None:
    """The receptive field of what a function makes of several values."""
    fields = [field for field in inputs if field is not None]
    if name not in _TOGETHER or not fields or len({len(field) for field in fields}) > 1:
        return None
    return max(fields, key=lambda field: [r if isinstance(r, int) else 0 for r, _ in field])
