"""What a model keeps between its calls besides parameters and buffers: a call that changes it is like no other.

Attributes of modules, of their parameters, of their classes and of the files that define these are looked at, the
global variables of every function that ran, and what is in them: lists, sets, dictionaries, objects, iterators, the
variables of closures, and the attributes and mutable defaults of functions.
"""

from __future__ import annotations

import functools
import random
import sys
import types
from collections import deque
from collections.abc import Iterator, Mapping, Set
from types import CodeType
from typing import Any

import torch
from torch import nn

from archspec.importer.foreign import is_users

LENGTH = "len()"
"""The last part of the name under which the length of a collection stands."""
_DEPTH = 4
_ATOMS = (bool, int, float, complex, str, bytes)
_LARGE = 1000
"""How many items of a collection are looked at."""


def plain_state(module: nn.Module, functions: Mapping[CodeType, Mapping[str, Any]]) -> dict[str, Any]:
    """The numbers and words that a model keeps, by the places where they stand; `functions` are those that it runs."""
    walk = _Walk()
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        for key, value in vars(tensor).items():
            walk.look(f"{name}.{key}", value, _DEPTH)
    for path, one in module.named_modules():
        walk.attributes(path or "the model", one, _DEPTH)
        for kind in type(one).__mro__:
            if not kind.__module__.startswith(("torch.", "builtins")):
                walk.attributes(kind.__qualname__, kind, _DEPTH)
                walk.attributes(kind.__module__, sys.modules.get(kind.__module__, object), 1)
    for code, variables in functions.items():
        for name in code.co_names:
            if name in variables:
                walk.variable(name, variables[name], code.co_names)
    return walk.found


class _Walk:
    """Looks at each object once, and once more where it may look deeper."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.seen: dict[int, int] = {}
        """How deep was looked, by the objects' identities."""

    def attributes(self, name: str, owner: object, depth: int) -> None:
        """The attributes of a module, a class or a file."""
        if self.seen.get(id(owner), -1) >= depth:
            return
        self.seen[id(owner)] = depth
        for key, value in list(vars(owner).items()):
            if not key.startswith("__") and not (key in _OWN and isinstance(owner, nn.Module)):
                self.look(f"{name}.{key}", value, depth)

    def variable(self, name: str, value: Any, read: tuple[str, ...]) -> None:
        """A global variable: of a module, the attributes that are read; of a class, those that are its own."""
        if isinstance(value, types.ModuleType):
            for key in read:
                held = vars(value).get(key)
                if not isinstance(held, types.ModuleType):
                    self.variable(f"{name}.{key}", held, ())
        elif isinstance(value, type):
            if is_users(str(getattr(sys.modules.get(value.__module__), "__file__", None) or "<")):
                self.attributes(name, value, _DEPTH)
        else:
            self.look(name, value, _DEPTH)

    def look(self, name: str, value: Any, depth: int) -> None:
        """A value and, down to a depth, those that it holds."""
        if value is None or isinstance(value, nn.Module | type | types.ModuleType):
            return
        if isinstance(value, _ATOMS):
            self.found[name] = value
            return
        if self.seen.get(id(value), -1) >= depth:
            return
        self.seen[id(value)] = depth
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
    if isinstance(value, types.GeneratorType):
        return value.gi_frame and value.gi_frame.f_lasti
    if isinstance(value, Iterator | bytearray) or type(value).__module__ in ("array", "itertools"):
        return repr(_reduced(value))
    if isinstance(tobytes := getattr(value, "tobytes", None), types.BuiltinMethodType):  # an array of NumPy
        return hash(tobytes())
    return None


def _reduced(value: Any) -> tuple[Any, ...]:
    """The state of an object that is not written in Python, as a copy of it gets it."""
    try:
        reduced = value.__reduce_ex__(4)
    except Exception:  # whatever an object of the user's raises
        return ()
    return tuple(reduced[1:]) if isinstance(reduced, tuple) else ()


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
        yield from ((f".{key}", one) for key, one in vars(value).items())
    elif isinstance(value, types.GeneratorType):
        yield from ((f", `{key}`", one) for key, one in (value.gi_frame.f_locals if value.gi_frame else {}).items())
    elif type(value).__module__.startswith("numpy.random"):
        source = getattr(value, "bit_generator", value)
        yield ".state", source.get_state() if hasattr(source, "get_state") else getattr(source, "state", None)
    elif not isinstance(value, torch.Tensor):
        names = [key for kind in type(value).__mro__ for key in _slots(kind)]
        yield from ((f".{key}", getattr(value, key)) for key in names if hasattr(value, key))
        if hasattr(value, "__dict__"):
            yield from ((f".{key}", one) for key, one in list(vars(value).items())[:_LARGE])


def _slots(kind: type) -> tuple[str, ...]:
    """The attributes that a class of the user's keeps without a dictionary."""
    found = vars(kind).get("__slots__", ())
    names = (found,) if isinstance(found, str) else tuple(found)
    return tuple(one for one in names if not one.startswith("__"))
