"""Give a model weights that any machine can compute again, and describe what it then answers.

The figures under reference/ come from real models that were filled and fed like this; a network
that claims to be the same one, filled and fed the same way, must give the same figures.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def noise(numel: int, stream: int) -> Tensor:
    """`numel` values in [-1, 1), float64: an integer hash of place and stream, the same on every machine."""
    x = (torch.arange(1, numel + 1, dtype=torch.int64) * 0x9E3779B1 + stream * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return (x ^ (x >> 16)).double() / 2**31 - 1.0


def fill(model: nn.Module) -> None:
    """Overwrite every floating-point entry of the state_dict by a formula of its name and place among the entries."""
    state = model.state_dict()
    for position, (name, tensor) in enumerate(state.items()):
        if not tensor.is_floating_point():
            continue
        values = noise(tensor.numel(), position + 1).reshape(tensor.shape)
        leaf = name.rsplit(".", 1)[-1]
        if leaf == "running_var":
            values = 1.0 + 0.5 * values
        elif leaf in {"bias", "running_mean", "in_proj_bias"}:
            values = 0.1 * values
        elif tensor.dim() >= 2:
            values = values * math.sqrt(3.0 / (tensor.numel() / tensor.shape[0]))
        else:
            values = 1.0 + 0.1 * values
        state[name] = values.to(tensor.dtype)
    model.load_state_dict(state)


def example(shape: list[int]) -> Tensor:
    """A float32 input of that shape, values in [-1, 1)."""
    return noise(math.prod(shape), 0).reshape(shape).float()


def tokens(shape: list[int], vocabulary: int) -> Tensor:
    """An int64 input of that shape, values in [0, vocabulary)."""
    return ((noise(math.prod(shape), 0) + 1.0) / 2.0 * vocabulary).long().reshape(shape)


def figures(value: Tensor) -> dict:
    value = value.double()
    return {
        "shape": list(value.shape),
        "mean": value.mean().item(),
        "std": value.std().item(),
        "first": value.flatten()[:16].tolist(),
    }


def describe(model: nn.Module, *inputs: Tensor) -> dict:
    """Fill the model; its parameter count, its keys with their shapes, and figures of each output in eval mode."""
    fill(model)
    with torch.no_grad():
        output = model.eval()(*inputs)
    outputs = output if isinstance(output, tuple | list) else [output]
    return {
        "inputs": [{"shape": list(x.shape), "dtype": str(x.dtype).removeprefix("torch.")} for x in inputs],
        "parameters": sum(p.numel() for p in model.parameters()),
        "state_dict": {name: list(tensor.shape) for name, tensor in model.state_dict().items()},
        "outputs": [figures(value) for value in outputs],
    }
