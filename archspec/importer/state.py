"""What a model keeps between its calls besides parameters and buffers: a call that changes it is like no other.

Attributes of modules, of their classes and of the files that define these are looked at, and what is in them: lists,
sets, dictionaries, objects, the variables of closures, and mutable defaults of functions.
"""

from __future__ import annotations

import functools
import random
import sys
import types
from collections import deque
from collections.abc import Iterator, Mapping, Set
from typing import Any

import torch
from torch import nn

LENGTH = "len()"
"""The last part of the name under which the length of a collection stands."""
_DEPTH = 4
_ATOMS = (bool, int, float, complex, str, bytes)
_LARGE = 1000
"""How many items of a collection are looked at."""


def plain_state(module: nn.Module) -> dict[str, Any]:
    """The numbers and words that a model keeps, by the places where they stand."""
    walk = _Walk()
    for path, one in module.named_modules():
        walk.attributes(path or "the model", one, _DEPTH)
        for kind in type(one).__mro__:
            if not kind.__module__.startswith(("torch.", "builtins")):
                walk.attributes(kind.__qualname__, kind, _DEPTH)
                walk.attributes(kind.__module__, sys.modules.get(kind.__module__, object), 1)
    return walk.found


class _Walk:
    """Looks at each object once."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.seen: set[int] = set()

    def attributes(self, name: str, owner: object, depth: int) -> None:
        """The attributes of a module, a class or a file."""
        if id(owner) in self.seen:
            return
        self.seen.add(id(owner))
        for key, value in list(vars(owner).items()):
            if not key.startswith("__") and not (key in _OWN and isinstance(owner, nn.Module)):
                self.look(f"{name}.{key}", value, depth)

    def look(self, name: str, value: Any, depth: int) -> None:
        """A value and, down to a depth, those that it holds."""
        if value is None or isinstance(value, nn.Module | type | types.ModuleType):
            return
        if isinstance(value, _ATOMS):
            self.found[name] = value
            return
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        marked = _mark(value)
        if marked is not None:
            self.found[name] = marked
        if isinstance(value, Set):
            self.found[f"{name}.{LENGTH}"] = sorted(map(repr, value))[:_LARGE]
        elif isinstance(value, Mapping | list | deque):
            self.found[f"{name}.{LENGTH}"] = len(value)
        for part, one in _parts(value) if depth else ():
            self.look(f"{name}{part}", one, depth - 1)


_OWN = frozenset(
    "training _parameters _buffers _modules _non_persistent_buffers_set _backward_hooks _forward_hooks"
    " _forward_pre_hooks _state_dict_hooks _load_state_dict_pre_hooks _archspec_made".split()
)
"""What nn.Module holds itself, as far as a comparison of weights, buffers and outputs covers it."""


def _mark(value: Any) -> Any:
    """What changes as an object changes that holds no others."""
    if isinstance(value, torch.Tensor):
        if value.is_meta or value.numel() > 10**6:
            return None
        return str(value.dtype), tuple(value.shape), value.detach().cpu().flatten().tolist()[:_LARGE]
    if isinstance(value, torch.Generator):
        return value.get_state().sum().item()
    if isinstance(value, random.Random):
        return hash(value.getstate())
    if type(value).__module__ in ("itertools", "numpy"):
        return repr(value)
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, each with the text by which Python reaches it."""
    if isinstance(value, Mapping):
        yield from ((f"[{key!r}]", one) for key, one in list(value.items())[:_LARGE])
    elif isinstance(value, list | tuple | deque):
        yield from ((f"[{number}]", one) for number, one in enumerate(list(value)[:_LARGE]))
    elif isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif isinstance(value, types.MethodType):
        yield from ((".__self__", value.__self__), (".__func__", value.__func__))
    elif isinstance(value, types.FunctionType):
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
            try:
                yield f", `{name}`", cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        yield from ((f", default {number}", one) for number, one in enumerate(defaults))
    elif hasattr(value, "__dict__") and not isinstance(value, torch.Tensor):
        yield from ((f".{key}", one) for key, one in list(vars(value).items())[:_LARGE])
