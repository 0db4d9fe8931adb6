"""What PyTorch calls in a forward method, as the language says it: a function's name, and its arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch.overrides import resolve_name

from archspec.functions import FUNCTIONS
from archspec.importer.nodes import Apply, ArgumentGroup, Scalar

OPERATORS = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "pow": "**",
    "matmul": "@",
    "remainder": "%",
    "floor_divide": "//",
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
    "eq": "==",
    "ne": "!=",
    "bitwise_and": "&",
    "bitwise_or": "|",
    "bitwise_xor": "^",
    "__and__": "&",
    "__or__": "|",
    "__xor__": "^",
    "__floordiv__": "//",
    "__eq__": "==",
    "__ne__": "!=",
    "true_divide": "/",
    "multiply": "*",
    "subtract": "-",
    "divide": "/",
    "__mod__": "%",
    "__iadd__": "+",
    "__isub__": "-",
    "__imul__": "*",
    "__itruediv__": "/",
    "__idiv__": "/",
    "__ior__": "|",
    "__iand__": "&",
}
_REVERSED = {
    "__rsub__": "-",
    "__rdiv__": "/",
    "__rtruediv__": "/",
    "__rpow__": "**",
    "__rfloordiv__": "//",
    "__rmatmul__": "@",
    "__radd__": "+",
    "__rmul__": "*",
    "__rmod__": "%",
}
_READING = frozenset(
    "size dim stride is_contiguous numel nelement __len__ __hash__ is_floating_point is_complex"
    " storage_offset data_ptr element_size type ndimension"
    " is_tensor get_device requires_grad_ retain_grad broadcast_shapes is_same_size"
    " cpu result_type promote_types can_cast is_inference is_grad_enabled _set_grad_enabled".split()
)
"""What asks a tensor for what shapes and dtypes say."""
_VALUES = frozenset(
    "__bool__ item tolist __int__ __float__ __index__ __contains__ numpy __array__ equal allclose"
    " is_nonzero __complex__ nonzero unique unique_consecutive __repr__ __format__ untyped_storage".split()
)
"""What turns the values of a tensor into Python's."""
FILLING = frozenset("zeros_like ones_like full_like new_zeros new_ones new_full".split())
"""Functions that ask a tensor for its shape and dtype alone."""
_SIZES = frozenset(
    "view reshape expand permute repeat tile zeros ones rand randn empty new_zeros new_ones new_empty"
    " broadcast_to flip squeeze_ roll movedim".split()
)
"""Functions that take a list of numbers as one argument, or as many."""
_UNSAID = frozenset(
    "device layout pin_memory out inplace generator non_blocking memory_format requires_grad names"
    " _stacklevel sparse scale_grad_by_freq".split()
)
"""Arguments that no spec has."""
_AS_MATRIX = {"T": "t", "mT": "adjoint", "H": "adjoint"}


class UnsayableError(Exception):
    """A call that the language has no word for; the text says what it is."""


def reads_numbers(func: Any) -> bool:
    """Whether a call turns a tensor's numbers into Python's."""
    return getattr(func, "__name__", "") in _VALUES


def overwrites(func: Any, keywords: Mapping[str, Any]) -> bool:
    """Whether a call changes its first argument."""
    name = getattr(func, "__name__", "")
    inplace = name.endswith("_") and not name.startswith("__")
    return inplace or name == "__setitem__" or bool(keywords.get("inplace")) or name in _IN_PLACE


def overwritten(func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
    """What a call changes in place; None where it changes nothing."""
    if keywords.get("out") is not None:
        return keywords["out"]
    return args[0] if args and overwrites(func, keywords) else None


_IN_PLACE = frozenset("__iadd__ __isub__ __imul__ __itruediv__ __idiv__ __ior__ __iand__".split())

Say = Callable[[Any], Any]
Converted = tuple[str | None, list[Any], dict[str, Any]]


def convert(func: Any, args: tuple[Any, ...], keywords: Mapping[str, Any], say: Say) -> Converted:
    """A call as the language has it: function or operator, arguments, keywords; no name for what only asks for shapes.

    `say` says what a tensor, number or text is. Raises UnsayableError.
    """
    name = getattr(func, "__name__", "") or ""
    full = str(resolve_name(func) or name)
    if name in ("__get__", "__set__"):
        return _attribute(name, full, args, say)
    if name in _READING:
        return None, [], {}
    if name == "__getitem__":
        return "[]", [_say(args[0], say), _index(args[1], say)], {}
    if name == "__setitem__":
        return _assigned(args, say)
    if name in _REVERSED:
        return _REVERSED[name], [_say(args[1], say), _say(args[0], say)], {}
    plain = name[:-1] if name.endswith("_") and not name.startswith("__") else name
    if plain in OPERATORS and len(args) == 2 and not _asked(keywords):
        return OPERATORS[plain], [_say(one, say) for one in args], {}
    if plain in ("neg", "__neg__", "negative"):
        return "neg", [_say(args[0], say)], {}
    if plain in ("__invert__", "bitwise_not"):
        return "~", [_say(args[0], say)], {}
    if plain == "to":
        return _converted((*args, *keywords.values()), say)
    if plain in ("min", "max") and len(args) == 2 and isinstance(args[1], torch.Tensor):
        plain = f"{plain}imum"
    return _call(_known(plain, full), args, keywords, say)


def _converted(values: tuple[Any, ...], say: Say) -> Converted:
    """`x.to(…)` with a dtype, or like another tensor; a device alone changes nothing that a spec says."""
    target, *more = values
    for one in more:
        if isinstance(one, torch.Tensor):
            return "type_as", [_say(target, say), _say(one, say)], {}
        if isinstance(one, torch.dtype):
            return "to", [_say(target, say), Scalar(one)], {}
    return None, [], {}


def _attribute(name: str, full: str, args: tuple[Any, ...], say: Say) -> Converted:
    attribute = full.split(".")[-2] if full.endswith(("__get__", "__set__")) else full
    if name == "__set__":
        raise UnsayableError(f"assigns to `{attribute}` of a tensor")
    if attribute in ("T", "mT"):
        return "transpose", [_say(args[0], say), Scalar(-2), Scalar(-1)], {}
    if attribute == "data":
        return "detach", [_say(args[0], say)], {}
    if attribute in ("real", "imag"):
        return attribute, [_say(args[0], say)], {}
    return None, [], {}


def _known(plain: str, full: str) -> str:
    """The name under which the catalogue has a function."""
    tail = full.removeprefix("torch.").removeprefix("nn.functional.").removeprefix("Tensor.").removeprefix("_C._nn.")
    for namespace in ("fft", "linalg", "special"):
        if f"_{namespace}." in tail or tail.startswith(f"{namespace}."):
            dotted = f"{namespace}.{plain.removeprefix(namespace + '_')}"
            if dotted in FUNCTIONS:
                return dotted
    plain = {"_softmax": "softmax", "avg_pool2d": "avg_pool2d", "absolute": "abs"}.get(plain, plain)
    if plain in FUNCTIONS:
        return plain
    raise UnsayableError(f"calls `{full}`, which the language does not have")


@cache
def _signature(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(FUNCTIONS[name].rule).parameters)


def default_of(name: str, key: str) -> Scalar:
    """What a function takes for an argument that a call does not have."""
    parameter = _signature(name).get(key) if name in FUNCTIONS else None
    absent = parameter is None or parameter.default is inspect.Parameter.empty
    return Scalar(None if absent or parameter is None else parameter.default)


def _call(name: str, args: tuple[Any, ...], keywords: Mapping[str, Any], say: Say) -> Converted:
    parameters = _signature(name)
    if name in _SIZES and len(args) > 1:
        offset = 0 if name in ("zeros", "ones", "rand", "randn", "empty") else 1
        sizes = args[offset:]
        if all(isinstance(one, int) for one in sizes):
            args = (*args[:offset], tuple(sizes))
    if name == "einsum" and len(args) == 2 and isinstance(args[1], list | tuple):
        args = (args[0], *args[1])
    said = [_say(one, say) for one in args if not isinstance(one, torch.device)]
    asked: dict[str, Any] = {}
    for key, value in _asked(keywords).items():
        known = {"axis": "dim", "keepdims": "keepdim", "split_size_or_sections": "split_size_or_sections"}.get(key, key)
        if known not in parameters and not _varied(parameters):
            if value is None or value is False:
                continue
            raise UnsayableError(f"calls `{name}` with `{key}`, which the language does not have")
        default = parameters[known].default if known in parameters else inspect.Parameter.empty
        if not isinstance(value, torch.Tensor) and _same(value, default):
            continue
        asked[known] = _say(value, say)
    return name, said, asked


def _varied(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _asked(keywords: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keywords.items() if key not in _UNSAID}


def _index(index: Any, say: Say) -> Any:
    items = index if isinstance(index, tuple) else (index,)
    return ArgumentGroup("index", tuple(_say(item, say) for item in items))


def _say(value: Any, say: Say) -> Any:
    if isinstance(value, torch.Size):
        value = tuple(value)
    if isinstance(value, tuple | list):
        return ArgumentGroup("list", tuple(_say(one, say) for one in value))
    if isinstance(value, slice):
        return ArgumentGroup("slice", tuple(_say(one, say) for one in (value.start, value.stop, value.step)))
    if isinstance(value, torch.dtype):
        return Scalar(value)
    if isinstance(value, torch.Tensor):
        return say(value)
    if value is None or value is Ellipsis or isinstance(value, bool | int | float | str):
        return say(value)
    raise UnsayableError(f"passes a {type(value).__name__} to a function of tensors")


def _assigned(args: tuple[Any, ...], say: Say) -> Converted:
    """`x[…] = y` as a function that returns the changed tensor: one axis may be cut."""
    target, index, value = args
    items = index if isinstance(index, tuple) else (index,)
    if Ellipsis in [one for one in items if not isinstance(one, torch.Tensor)]:
        position = items.index(Ellipsis)
        rest = target.dim() - len(items) + 1
        items = (*items[:position], *(slice(None),) * rest, *items[position + 1 :])
    cut = [axis for axis, one in enumerate(items) if one != slice(None)]
    if len(cut) != 1 or not isinstance(items[cut[0]], int | slice):
        raise UnsayableError("assigns to a part of a tensor that no function of the language fills")
    axis, one = cut[0], items[cut[0]]
    shape = list(target.shape)
    if isinstance(one, int):
        del shape[axis]
        filled = _filled(value, shape, say, target)
        return "select_scatter", [_say(target, say), filled, Scalar(axis), say(one)], {}
    start, stop, step = one.indices(target.shape[axis])
    shape[axis] = len(range(start, stop, step))
    filled = _filled(value, shape, say, target)
    numbers = Apply("arange", (say(start), say(stop), say(step)) if step != 1 else (say(start), say(stop)))
    return "index_copy", [_say(target, say), Scalar(axis), numbers, filled], {}


def _filled(value: Any, shape: list[int], say: Say, target: torch.Tensor) -> Any:
    sizes = ArgumentGroup("list", tuple(say(one) for one in shape))
    if not isinstance(value, torch.Tensor):
        dtype = () if target.dtype == torch.float32 else (("dtype", Scalar(target.dtype)),)
        number = float(value) if target.dtype.is_floating_point else value
        return Apply("full", (sizes, say(number)), dtype)
    said = _say(value, say)
    if value.dtype != target.dtype:
        said = Apply("to", (said, Scalar(target.dtype)))
    return said if list(value.shape) == shape else Apply("expand", (said, sizes))
