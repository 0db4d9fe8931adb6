"""Checkpoints that `torch.save` wrote, loaded with `weights_only=True`: nothing that a file says is run."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from archspec.checkpoints.storage import NAMES, Archive, Stored, refuse
from archspec.problems import echo

_DTYPES = {getattr(torch, name): dtype for dtype, name in NAMES.items() if hasattr(torch, name)}
_KNOWN = ("state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "weights", "params")
"""Under which keys training loops put the weights, the most usual ones first."""
_MOST_LEVELS = 4
_SMALL = 1 << 20
"""Bytes that a tensor may have whose elements the file repeats, as `expand` makes it."""


def read(path: str, *, mapped: bool) -> Archive:
    """The tensors of a file; `mapped` ones are read when they are needed. SpecError where the file is refused."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formats that PyTorch will give up
            if mapped and not path.endswith(".safetensors"):
                content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            else:  # of a path, PyTorch would believe the suffix
                with open(path, "rb") as stream:
                    content = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged file makes of unpickling
        message, advice = _reason(error)
        refuse(path, message, advice)
    tensors, beside = _weights(path, content)
    return Archive(path, {key: _stored(path, key, value) for key, value in tensors.items()}, beside=beside)


def _reason(error: Exception) -> tuple[str, str]:
    text = str(error).strip().split("\n")[0]
    if "weights_only" in str(error) or "Unsupported" in text:
        advice = "save the weights alone: torch.save(model.state_dict(), path)"
        return "the file contains objects other than tensors, which could run code; it was not loaded", advice
    return f"PyTorch cannot load the file: {echo(text or type(error).__name__, 120)}", "is the file complete?"


def _weights(path: str, content: object, levels: int = _MOST_LEVELS) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The weights among all that a file holds, and the names of what else there is."""
    if not isinstance(content, Mapping) or not levels:
        refuse(path, f"the file contains {echo(type(content).__name__)}, not a state_dict")
    tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
    inner = {key: value for key, value in content.items() if isinstance(key, str) and _is_state(value)}
    if tensors and not (inner.keys() & set(_KNOWN)):
        return tensors, tuple(str(key) for key in content if key not in tensors)
    name = _name_of_weights(path, list(inner))
    found, more = _weights(path, inner[name], levels - 1)
    return found, (*(str(key) for key in content if key != name), *more)


def _name_of_weights(path: str, names: list[str]) -> str:
    """Which of several mappings that hold tensors has the weights."""
    found = next((name for name in _KNOWN if name in names), None)
    if found is not None:
        return found
    if not names:
        refuse(path, "the file contains no tensors with string keys")
    if len(names) > 1:
        several = ", ".join(echo(name) for name in names[:5])
        refuse(
            path, f"the file contains several state_dicts: {several}", "save the one that you need in a separate file"
        )
    return names[0]


def _is_state(value: object, levels: int = 2) -> bool:
    """Whether a value is a state_dict, or holds one; the states of an optimizer are none."""
    if not isinstance(value, Mapping) or "param_groups" in value or not levels:
        return False
    return any(
        isinstance(key, str) and (isinstance(one, Tensor) or _is_state(one, levels - 1)) for key, one in value.items()
    )


def _stored(path: str, key: str, tensor: Tensor) -> Stored:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype not in _DTYPES:
        kind = "quantized" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        refuse(path, f"{echo(key)} is a {kind} tensor of {tensor.dtype}; only dense tensors can be copied")
    if tensor.nbytes > max(tensor.untyped_storage().nbytes(), _SMALL):
        refuse(path, f"{echo(key)} has {tensor.nbytes:,} bytes, more than the file contains")
    return Stored(tuple(tensor.shape), _DTYPES[tensor.dtype], partial(content, tensor))


def content(tensor: Tensor) -> bytes:
    """A tensor's elements, row by row."""
    tensor = tensor.detach().cpu().contiguous()
    return ctypes.string_at(tensor.data_ptr(), tensor.nbytes) if tensor.numel() else b""


def stored(tensor: Tensor) -> Stored:
    """A tensor in memory, as one of a checkpoint."""
    return Stored(tuple(tensor.shape), _DTYPES[tensor.dtype], partial(content, tensor))


def tensor_of(one: Stored) -> Tensor:
    """A tensor of a checkpoint in memory."""
    dtype = getattr(torch, NAMES.get(one.dtype, ""), None)
    if dtype is None:
        raise ValueError(f"PyTorch has no dtype for {one.dtype}")
    data = bytearray(one.read())
    return torch.frombuffer(data, dtype=dtype).reshape(one.shape) if data else torch.empty(one.shape, dtype=dtype)


def named(items: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a state_dict; what a module keeps beside them (`get_extra_state`) is left out."""
    return ((key, value) for key, value in items.items() if isinstance(value, Tensor))
