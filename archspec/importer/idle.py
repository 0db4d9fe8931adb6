"""Modules that are kept and not run: their weights are keys of the state_dict, so the spec has them as well.

Such a module is reused here, behind the forward method of the module around it, on a value that it takes: the
language infers its sizes in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

from archspec.importer.nodes import Apply, ArgumentGroup, ModuleBody, Scalar

_TRIED = 12
"""On how many values of different shapes an idle module is tried."""
_CHANNELS = ("in_channels", "in_features", "num_features", "num_channels", "input_size", "embed_dim")
_RANKS = {"1d": (3,), "2d": (4,), "3d": (5,)}


def idle_modules(module: nn.Module, body: ModuleBody) -> Iterator[nn.Module]:
    """The modules below one that hold weights, and that its run did not call."""
    yield from _idle(module, "", [one.module for one in body.operations if one.module])


def _idle(module: nn.Module, prefix: str, ran: Sequence[str]) -> Iterator[nn.Module]:
    for name, child in module.named_children():
        path = f"{prefix}{name}"
        if path in ran or not holds(child):
            continue
        if isinstance(child, nn.ModuleList | nn.ModuleDict) or any(one.startswith(f"{path}.") for one in ran):
            yield from _idle(child, f"{path}.", ran)
        else:
            yield child


def holds(module: nn.Module) -> bool:
    """Whether a module has parameters or buffers."""
    return any(True for _ in (*module.parameters(), *module.buffers()))


def candidates(module: nn.Module, inputs: list[torch.Tensor], values: list[torch.Tensor]) -> list[torch.Tensor]:
    """What an idle module may take: inputs of the module around it, other values, and zeros for a single layer."""
    return [*_distinct(module, inputs), *_distinct(module, values), *_zeros(module)]


def zeros_like(value: torch.Tensor) -> Apply:
    """The expression that makes zeros of a value's shape."""
    sizes = ArgumentGroup("list", tuple(Scalar(one) for one in value.shape))
    dtype = () if value.dtype == torch.float32 else (("dtype", Scalar(value.dtype)),)
    return Apply("zeros", (sizes,), dtype)


def accepts(module: nn.Module, value: torch.Tensor) -> bool:
    """Whether a module runs on a value."""
    try:
        module(value)
    except Exception:
        return False
    return True


def _distinct(module: nn.Module, values: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Values of different shapes, the latest first, as far as the module's first layer may take them."""
    found: dict[Any, torch.Tensor] = {}
    for one in values:
        found.setdefault((one.shape, one.dtype), one)
    first = _first_layer(module)
    return [one for one in found.values() if first is None or _may_take(first, one)][:_TRIED]


def _first_layer(module: nn.Module) -> nn.Module | None:
    return next((one for one in module.modules() if _channels(one) is not None), None)


def _channels(module: nn.Module) -> int | None:
    return next((getattr(module, name) for name in _CHANNELS if isinstance(getattr(module, name, None), int)), None)


def _may_take(layer: nn.Module, value: torch.Tensor) -> bool:
    """Whether a value has the rank and the channels of a layer: what PyTorch takes beyond that, no spec does."""
    ranks = _RANKS.get(type(layer).__name__[-2:])
    if not value.is_floating_point() or (ranks is not None and value.dim() not in ranks):
        return False
    axis = 1 if ranks is not None or isinstance(layer, nn.GroupNorm) else -1
    return value.dim() > 1 and value.shape[axis] == _channels(layer)


def _zeros(module: nn.Module) -> Iterator[torch.Tensor]:
    """Values that a single layer takes."""
    channels = _channels(module)
    if isinstance(module, nn.Embedding):
        yield torch.zeros([1, 1], dtype=torch.int64)
    elif isinstance(module, nn.LayerNorm):
        yield torch.zeros([1, *module.normalized_shape])
    elif channels is not None:
        (rank,) = _RANKS.get(type(module).__name__[-2:], (2,))
        yield torch.zeros([1, channels, *_extent(module, rank - 2)])


def _extent(module: nn.Module, count: int) -> list[int]:
    """The sizes over which the kernel of a convolution reaches."""
    kernel, dilation = getattr(module, "kernel_size", (1,) * count), getattr(module, "dilation", (1,) * count)
    if not isinstance(kernel, tuple) or not isinstance(dilation, tuple):
        return [1] * count
    return [step * (size - 1) + 1 for size, step in zip(kernel, dilation, strict=False)][:count]
