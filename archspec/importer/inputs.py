"""The inputs of a model: tensors out of what a caller gives, and the same in other sizes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

Axis = tuple[str, int]
Tensors = dict[str, torch.Tensor]
_ALIKE: tuple[type, ...] = (nn.ReLU, nn.GELU, nn.SiLU, nn.Tanh)
"""Layers of which any may stand in the place of another."""


def tensors_of(inputs: Mapping[str, Any]) -> Tensors:
    """Tensors as they are; for a shape, random numbers of that shape, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    found = {}
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor):
            found[name] = torch.zeros(value.shape, dtype=value.dtype) if value.is_meta else value
        elif isinstance(value, Sequence) and all(isinstance(one, int) for one in value):
            found[name] = torch.randn(tuple(value), generator=generator)
        else:
            raise TypeError(f"the input `{name}` is a {type(value).__name__}; give a tensor or a shape")
    return found


def resized(tensors: Tensors, sizes: Mapping[Axis, int]) -> Tensors:
    """The tensors with other sizes of some axes: rows are repeated, and floating-point numbers drawn anew."""
    generator = torch.Generator().manual_seed(sum(sizes.values()))
    found = dict(tensors)
    for (name, axis), size in sizes.items():
        rows = torch.arange(size) % found[name].shape[axis]
        found[name] = found[name].index_select(axis, rows)
    for name, tensor in found.items():
        if tensor.is_floating_point() and any(one == name for one, _ in sizes):
            found[name] = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype)
    return found


def defaults_of(factory: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a factory that have a default."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}


def others(value: Any) -> list[Any]:
    """Other values that an argument might take, likely ones first."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return []
    if isinstance(value, type):
        return [one for one in _ALIKE if one is not value] if value in _ALIKE else []
    if isinstance(value, int):
        return [one for one in (2 * value, value + 1, 3 * value, value // 2, value + 2) if one > 0 and one != value]
    if isinstance(value, float):
        near = (value / 2, value * 0.75, value * 0.25) if value else (0.125, 0.375, 0.25)
        return list(near)
    if isinstance(value, tuple | list) and value and all(type(one) is int for one in value):
        count = len(value)  # each entry changes in a way of its own
        first, second = ([one + 1 + (k + shift) % count for k, one in enumerate(value)] for shift in (0, 1))
        times = [[one * (2 + (k + shift) % count) for k, one in enumerate(value)] for shift in (0, 1)]
        return [[*second, second[-1] + count], first, second, *times]
    return []
