"""The arguments of a layer of torch.nn, read from a module."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from archspec.importer.gaps import Gap, GapError
from archspec.importer.nodes import SourceLine
from archspec.layers import LAYERS


def layer_of(kind: type) -> str | None:
    """The name of a class in the catalogue; None for any other class."""
    name = kind.__name__
    return name if name in LAYERS and getattr(nn, name, None) is kind else None


def settings_of(module: nn.Module, made: Mapping[str, Any], place: SourceLine | None = None) -> dict[str, Any]:
    """The constructor's arguments of a layer that the catalogue has: what the module says, else what it was given."""
    kind = next(one for one in type(module).__mro__ if layer_of(one) is not None)
    found = {}
    given = made if kind is type(module) else {}
    for name, argument in LAYERS[kind.__name__].arguments.items():
        if argument.kind in ("device", "dtype"):
            continue
        value = _value(module, name, given, argument.default)
        if isinstance(value, tuple | list | torch.Size):
            value = _shortest(tuple(value), argument.default, name)
        if value is not None and not isinstance(value, bool | int | float | str | tuple):
            value = _word(value, argument, place)
        if isinstance(value, str) and argument.choices and value not in argument.choices:
            value = next((one for one in argument.choices if one == value.lower()), value)
        found[name] = value
    if "kernel_size" in found and found.get("stride") == found["kernel_size"]:
        default = LAYERS[kind.__name__].arguments["stride"].default
        found["stride"] = default if default is None else found["stride"]
    return found


def is_plain(layer: str, settings: Mapping[str, Any]) -> bool:
    """Whether a layer has no arguments but those that are inferred or defaults."""
    return all(is_left_out(layer, name, value) for name, value in settings.items())


def is_left_out(layer: str, name: str, value: Any) -> bool:
    """Whether a step need not say an argument of a layer: it is inferred, a default, or not a matter of the network."""
    argument = LAYERS[layer].arguments[name]
    same = type(value) is type(argument.default) and bool(value == argument.default)
    return is_inferred(layer, name) or name == "inplace" or (not argument.without_default and same)


def is_inferred(layer: str, name: str) -> bool:
    """Whether the value that flows in says an argument of a layer."""
    return bool(LAYERS[layer].arguments[name].inferred)


def _value(module: nn.Module, name: str, given: Mapping[str, Any], default: Any) -> Any:
    held = _HELD.get((type(module).__name__, name))
    if held is not None:
        return held(module)
    if name in ("bias", "elementwise_affine", "affine"):
        weight = {"elementwise_affine": "weight", "affine": "weight"}.get(name, name)
        if hasattr(module, weight) or f"{weight}_ih_l0" in module._parameters:
            value = getattr(module, weight, None)
            return value if isinstance(value, bool) else value is not None
    if name == "num_parameters" and isinstance(slopes := getattr(module, "weight", None), torch.Tensor):
        return slopes.numel()
    if (
        hasattr(module, name)
        and not isinstance(getattr(module, name), nn.Module | torch.Tensor)
        and not callable(getattr(module, name))
    ):
        return getattr(module, name)
    return given.get(name, default)


_OF_TRANSFORMERS: dict[str, Callable[[Any], Any]] = {
    "d_model": lambda one: one.linear1.in_features,
    "nhead": lambda one: one.self_attn.num_heads,
    "dim_feedforward": lambda one: one.linear1.out_features,
    "dropout": lambda one: one.dropout.p,
    "activation": lambda one: one.activation,
    "layer_norm_eps": lambda one: one.norm1.eps,
    "batch_first": lambda one: one.self_attn.batch_first,
    "bias": lambda one: one.linear1.bias is not None,
}
_HELD: dict[tuple[str, str], Callable[[Any], Any]] = {
    **{
        (f"Transformer{kind}Layer", name): held
        for kind in ("Encoder", "Decoder")
        for name, held in _OF_TRANSFORMERS.items()
    },
    ("MultiheadAttention", "bias"): lambda one: one.in_proj_bias is not None,
    ("MultiheadAttention", "add_bias_kv"): lambda one: one.bias_k is not None,
    ("MultiheadAttention", "kdim"): lambda one: None if one.kdim == one.embed_dim else one.kdim,
    ("MultiheadAttention", "vdim"): lambda one: None if one.vdim == one.embed_dim else one.vdim,
    ("Upsample", "scale_factor"): lambda one: _whole(one.scale_factor),
}
"""What modules hold under other names than those of their arguments."""


def _whole(value: Any) -> Any:
    """A factor as people write it."""
    if isinstance(value, tuple):
        return tuple(map(_whole, value))
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shortest(value: tuple[Any, ...], default: Any, name: str) -> Any:
    """One number where all entries are the same."""
    plain = all(isinstance(one, int | float) for one in value)
    if name in ("normalized_shape", "unflattened_size") or not value or not plain:
        return value[0] if name == "normalized_shape" and len(value) == 1 else value
    return value[0] if len(set(value)) == 1 and not isinstance(default, tuple) else value


def _word(value: Any, argument: Any, place: SourceLine | None) -> Any:
    name = getattr(value, "__name__", type(value).__name__).lower()
    if name in argument.choices:
        return name
    message = f"makes a layer with `{argument.name}` = {name}, which is neither a number nor a string"
    raise GapError(Gap(message, "" if place is None else place.path, 0 if place is None else place.line))


@cache
def defaults_of(layer: str) -> dict[str, Any]:
    """PyTorch's defaults of a layer's arguments, by name."""
    return {
        name: one.default
        for name, one in inspect.signature(getattr(nn, layer).__init__).parameters.items()
        if one.default is not inspect.Parameter.empty
    }
