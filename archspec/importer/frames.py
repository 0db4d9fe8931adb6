"""Where in the user's source a model is: frames, places, and the arguments of forward methods."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

from archspec.importer.gaps import Gap
from archspec.importer.nodes import SourceLine

_TORCH = str(Path(torch.__file__).parent)
_OURS = str(Path(__file__).parent)


def caller_of(frame: FrameType | None) -> FrameType | None:
    """The frame of the user's code."""
    fallback = None
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_OURS) and not name.startswith("<"):
            if not name.startswith(_TORCH):
                return frame
            fallback = fallback or frame
        elif name.endswith("importer/recording.py") and frame.f_code.co_name == "run":
            break
        frame = frame.f_back
    return fallback


def place_of(frame: FrameType | None) -> SourceLine | None:
    """Where a frame is."""
    return None if frame is None else SourceLine(frame.f_code.co_filename, frame.f_lineno)


@lru_cache
def defined_at(kind: type) -> SourceLine | None:
    """Where a class is defined."""
    try:
        return SourceLine(inspect.getsourcefile(kind) or "", inspect.getsourcelines(kind)[1])
    except (OSError, TypeError):
        return None


def gap_at(message: str, place: SourceLine | None, remedy: str = "") -> Gap:
    """A gap at a place."""
    return Gap(message, "" if place is None else place.path, 0 if place is None else place.line, remedy)


def tensors_by_path(value: Any, path: tuple[int | str, ...] = ()) -> list[tuple[tuple[int | str, ...], torch.Tensor]]:
    """The tensors of a result, each with the way to it."""
    if isinstance(value, torch.Tensor):
        return [(path, value)]
    if isinstance(value, Mapping):
        return [found for key, one in value.items() for found in tensors_by_path(one, (*path, str(key)))]
    if isinstance(value, tuple | list):
        return [found for index, one in enumerate(value) for found in tensors_by_path(one, (*path, index))]
    return []


def bound_tensors(module: nn.Module, args: Any, kwargs: Any) -> list[tuple[str, torch.Tensor]]:
    """The tensors that a module is called with, by the names of its forward method's arguments."""
    try:
        arguments = inspect.signature(module.forward).bind(*args, **kwargs).arguments
    except TypeError:
        arguments = {"x": args, **kwargs}
    found = []
    for name, value in arguments.items():
        for path, tensor in tensors_by_path(value):
            named = [str(one) for one in path]
            plain = isinstance(value, Mapping) and len(named) == 1
            found.append((named[0] if plain else "_".join([name, *named]), tensor))
    return found


def named_where_needed(module: nn.Module, args: Any, kwargs: Any) -> tuple[Any, dict[str, Any]]:
    """The arguments of a call by name, where they are not tensors by position alone."""
    if not kwargs and all(isinstance(one, torch.Tensor) for one in args):
        return args, {}
    try:
        return (), dict(inspect.signature(module.forward).bind(*args, **kwargs).arguments)
    except (TypeError, ValueError):
        return args, dict(kwargs)
