"""A model made under observation: what each module was constructed with, and how each tensor came about."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from archspec.importer.nodes import Apply, ArgumentGroup, Scalar
from archspec.importer.operations import UnsayableError, convert, overwrites
from archspec.importer.replacing import replaced

_FILLING = frozenset("zero_ fill_ normal_ uniform_ exponential_ bernoulli_ random_ geometric_ cauchy_".split())
"""Methods that give a tensor new numbers."""
MADE = "_archspec_made"
"""The attribute under which a module keeps what it was made with while it is imported; copies of it keep it, too."""


class Made:
    """The arguments of a constructor; a copy of a module shares them."""

    def __init__(self, arguments: Mapping[str, Any], is_whole: bool = False) -> None:
        self.arguments = dict(arguments)
        self.is_whole = is_whole
        """Whether the arguments are numbers and words, and all that it was called with."""

    def __deepcopy__(self, memory: object) -> Made:
        return self

    def __reduce__(self) -> tuple[type[Made], tuple[dict[str, Any]]]:
        return Made, ({},)


class Origins(TorchFunctionMode):
    """How the tensors that a constructor makes came about: expressions, by the tensors' memory."""

    def __init__(self) -> None:
        super().__init__()
        self.by_identity: dict[int, Any] = {}
        self.by_memory: dict[tuple[int, tuple[int, ...]], Any] = {}
        self.kept: list[Any] = []

    def of(self, tensor: torch.Tensor) -> Any:
        """The expression that made a tensor; None where that is not known."""
        found = self.by_identity.get(id(tensor))
        if found is None and not tensor.is_meta:  # all of those have one address
            found = self.by_memory.get(_memory(tensor))
        return None if found is None or found[1] != tensor._version else found[0]

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        target = args[0] if args else None
        if isinstance(target, torch.Tensor) and getattr(func, "__name__", "") in _FILLING:
            return self._fill(func, target, args, kwargs)
        try:
            name, said, keywords = convert(func, args, kwargs, self._say)  # before it changes anything
        except UnsayableError:
            result = func(*args, **kwargs)
            if overwrites(func, kwargs):
                self._forget(target)
            return result
        result = func(*args, **kwargs)
        if name is None:
            return result
        if name in ("index_copy", "select_scatter") and isinstance(target, torch.Tensor):
            self._keep(target, Apply(name, tuple(said), tuple(keywords.items())))
        elif isinstance(result, torch.Tensor):
            self._keep(result, Apply(name, tuple(said), tuple(keywords.items())))
            if overwrites(func, kwargs) and result is not target:
                self._forget(target)
        return result

    def _fill(self, func: Any, target: torch.Tensor, args: Any, kwargs: Any) -> Any:
        """A call that gives a tensor numbers that do not depend on those that it had."""
        result = func(*args, **kwargs)
        self._forget(target)
        names = ("mean", "std") if func.__name__ == "normal_" else ("value",)
        given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
        sizes = ArgumentGroup("list", tuple(Scalar(one) for one in target.shape))
        dtype = () if target.dtype == torch.float32 else (("dtype", Scalar(target.dtype)),)
        made = _filled(func.__name__, given, sizes, dtype)
        if made is not None:
            self._keep(target, made)
        return result

    def _say(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            found = self.of(value)
            if found is None:
                raise UnsayableError
            return found
        return Scalar(value)

    def _keep(self, tensor: torch.Tensor, made: Any) -> None:
        self.kept.append(tensor)
        self.by_identity[id(tensor)] = made, tensor._version
        self.by_memory[_memory(tensor)] = made, tensor._version

    def _forget(self, tensor: Any) -> None:
        if isinstance(tensor, torch.Tensor):
            self.by_identity.pop(id(tensor), None)
            self.by_memory.pop(_memory(tensor), None)


def _filled(method: str, given: Mapping[str, Any], sizes: Any, dtype: Any) -> Any:
    """How an expression makes what a method fills a tensor with; None where none does."""
    if method == "zero_":
        return Apply("zeros", (sizes,), dtype)
    if method == "fill_" and isinstance(given.get("value"), int | float):
        return Apply("full", (sizes, Scalar(given["value"])), dtype)
    if method != "normal_" or given.get("mean", 0):
        return None
    drawn, std = Apply("randn", (sizes,), dtype), given.get("std", 1.0)
    return drawn if std == 1 else Apply("*", (drawn, Scalar(float(std))))


def _memory(tensor: torch.Tensor) -> tuple[int, tuple[int, ...]]:
    return tensor.data_ptr(), tuple(tensor.shape)


def make(factory: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> tuple[nn.Module, Origins]:
    """The model of a factory, each module with its arguments, and the origins of its tensors."""
    origins = Origins()
    with _observed(), origins:
        model = factory(**arguments)
    return model, origins


def made_with(module: nn.Module) -> dict[str, Any]:
    """What a module's constructor was called with, as far as that was seen."""
    made = module.__dict__.get(MADE)
    return {} if made is None else made.arguments


@contextmanager
def _observed() -> Iterator[None]:
    original = nn.Module.__init__

    def noting(self: nn.Module, *args: Any, **kwargs: Any) -> None:
        made = _made(self, sys._getframe(1))
        original(self, *args, **kwargs)
        self.__dict__[MADE] = made

    with replaced(nn.Module, "__init__", noting):
        yield


def is_made_of_words(module: nn.Module) -> bool:
    """Whether numbers and words were all that a module's constructor was called with."""
    made = module.__dict__.get(MADE)
    return made is not None and bool(made.is_whole)


def _made(module: nn.Module, frame: FrameType | None) -> Made:
    """The arguments of the outermost constructor of a module that is running."""
    found: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        first = code.co_varnames[0] if code.co_argcount else None
        if code.co_name == "__init__" and first is not None and frame.f_locals.get(first) is module:
            found = frame
        elif found is not None:
            break
        frame = frame.f_back
    if found is None:
        return Made({})
    values = inspect.getargvalues(found)
    arguments = _named(values)
    more = values.varargs is not None and bool(values.locals.get(values.varargs))
    return Made(_flat(arguments), not more and all(map(_is_plain, arguments.values())))


def _named(values: inspect.ArgInfo) -> dict[str, Any]:
    """A constructor's arguments by name."""
    arguments = {name: values.locals[name] for name in values.args[1:] if name in values.locals}
    if values.keywords:
        arguments.update(values.locals.get(values.keywords, {}))
    return arguments


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)


def _flat(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by name; those of a configuration object are its fields'."""
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, int | float | str | bool | type | tuple | list | None):
            found[name] = value
        elif hasattr(value, "__dict__") and not isinstance(value, nn.Module | torch.Tensor):
            plain = {key: held for key, held in vars(value).items() if isinstance(held, int | float | str | bool)}
            found = {**plain, **found}
    return found
