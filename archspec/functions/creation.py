"""Functions that make tensors, on the device of the inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import FunctionCall, Symbolic, UndecidedError, as_size, item_type, typed
from archspec.functions._base import ABSENT, Dtype, Function, Scalar, Sizes, describe, function, listed
from archspec.functions._dtypes import INEXACT, REAL, number_kind, require_dtype, result_type
from archspec.functions._shapes import one_list
from archspec.refusals import refuse, require, require_at_least, require_held, require_stored
from archspec.tensors import DTYPES, TensorType


def made(shape: tuple[Size, ...], dtype: str, name: str = "size") -> TensorType:
    """A new tensor: each of its sizes is at least 1."""
    for size in shape:
        message = f"`{name}` is {listed(shape)}; a size is at least 1"
        require_at_least(size, 1, message=message, argument=name)
    return TensorType(shape, dtype)


def _filled(name: str, takes: tuple[str, ...], doc: str) -> Function:
    def rule(*size: Sizes, dtype: Dtype | None = None) -> TensorType:
        result = made(one_list(size, "size"), dtype or "float32")
        require_dtype(result, takes, "dtype")
        return result

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: size")


FILLED = {
    "zeros": _filled("zeros", DTYPES, "Zeros"),
    "ones": _filled("ones", DTYPES, "Ones"),
    "empty": _filled("empty", DTYPES, "A tensor whose numbers are still to be written"),
    "rand": _filled("rand", INEXACT, "Random numbers between 0 and 1"),
    "randn": _filled("randn", INEXACT, "Random numbers of the standard normal distribution"),
}


def _like(name: str, takes: tuple[str, ...], doc: str) -> Function:
    def rule(input: TensorType, *, dtype: Dtype | None = None) -> TensorType:
        result = TensorType(input.shape, dtype or input.dtype)
        require_dtype(result, takes, "input" if dtype is None else "dtype")
        return result

    return Function(f"torch.{name}", rule, doc=f"{doc}, as many as the input has. Shape: [*] -> [*]")


LIKE = {
    "zeros_like": _like("zeros_like", DTYPES, "Zeros"),
    "ones_like": _like("ones_like", DTYPES, "Ones"),
    "empty_like": _like("empty_like", DTYPES, "Numbers that are still to be written"),
    "rand_like": _like("rand_like", INEXACT, "Random numbers between 0 and 1"),
    "randn_like": _like("randn_like", INEXACT, "Random numbers of the standard normal distribution"),
}


@function("torch.full")
def full(size: tuple[Size, ...], fill_value: Scalar, *, dtype: Dtype | None = None) -> TensorType:
    """One number everywhere; its dtype is the number's. Shape: size"""
    filled = dtype or result_type(fill_value)
    require_stored(filled, fill_value=fill_value)
    return made(size, filled)


@function("torch.full_like")
def full_like(input: TensorType, fill_value: Scalar, *, dtype: Dtype | None = None) -> TensorType:
    """One number everywhere, of the input's dtype. Shape: [*] -> [*]"""
    result = TensorType(input.shape, dtype or input.dtype)
    require_stored(result.dtype, fill_value=fill_value)
    return result


def _new(name: str, doc: str) -> Function:
    def rule(input: TensorType, /, *size: Sizes, dtype: Dtype | None = None) -> TensorType:
        shape = one_list(size, "size")
        return made(shape, dtype or input.dtype)

    return Function(f"Tensor.{name}", rule, doc=f"{doc}, of the dtype and on the device of the input. Shape: size")


NEW = {
    "new_zeros": _new("new_zeros", "Zeros"),
    "new_ones": _new("new_ones", "Ones"),
    "new_empty": _new("new_empty", "A tensor whose numbers are still to be written"),
}


@function("Tensor.new_full")
def new_full(
    input: TensorType, /, size: tuple[Size, ...], fill_value: Scalar, *, dtype: Dtype | None = None
) -> TensorType:
    """One number everywhere, of the dtype and on the device of the input. Shape: size"""
    result = made(size, dtype or input.dtype)
    require_stored(result.dtype, fill_value=fill_value)
    return result


def _require_steps(dtype: Dtype | None, steps: Size) -> None:
    """Truth values have no steps; PyTorch makes a single one."""
    single = dimensions.equal(steps, 1) is not False
    require(dtype != "bool" or single, "AS505", "bool has no steps", argument="dtype")


@function("torch.logspace")
def logspace(start: float, end: float, steps: Size, base: float = 10.0, *, dtype: Dtype | None = None) -> TensorType:
    """Powers of `base` whose exponents are at equal steps, both ends included. Shape: [steps]"""
    _require_steps(dtype, steps)
    require_held(dtype or "float32", start=start, end=end, base=base)
    return made((steps,), dtype or "float32", "steps")


@function("torch.arange")
def arange(*bounds: Scalar, step: Scalar = ABSENT, dtype: Dtype | None = None) -> TensorType:
    """Numbers below `end`, or from `start` on, in steps. Shape: [ceil((end - start) / step)]

    It takes `end`, or `start, end`, or `start, end, step`.
    """
    values = bounds if step is ABSENT else (*bounds, step)
    require(bool(bounds), "AS403", "`end` is required: how many numbers there are")
    least = 1 if step is ABSENT else 3
    message = f"it takes end, or start and end, or start, end and step; {len(values)} values are given"
    require(least <= len(values) <= 3, "AS402", message, argument="step" if least == 3 else None)
    for value in values:
        culprit = "step" if value is step else "bounds"
        require(not isinstance(value, bool), "AS404", "its values must be numbers, not bool", argument=culprit)
    for value in (*values[:1], *values[2:]) if len(values) > 1 else ():  # the end is none of the numbers
        require_stored(dtype or "float32", **{"step" if value is step else "bounds": value})
    if dtype == "int64":  # PyTorch cuts them before it counts
        values = tuple(int(value) if isinstance(value, float) else value for value in values)
    start, end, by = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    require(dtype in (None, *REAL), "AS505", f"there are no steps of {dtype}", argument="dtype")
    _require_range(dtype or "float32", start, end, by)
    kind = "float32" if any(number_kind(value) == "float" for value in values) else "int64"
    text = f"there are no numbers from {start} to {end} in steps of {by}"
    return made((_count(start, end, by, text),), dtype or kind, "end")


def _require_range(dtype: str, start: Scalar, end: Scalar, step: Scalar) -> None:
    """The dtype holds the first and the last number of a range."""
    if not isinstance(start, int | float) or not isinstance(end, int | float) or not isinstance(step, int | float):
        return
    if step != 0:
        last = start + step * max(math.ceil((end - start) / step) - 1, 0)
        require_held(dtype, bounds=start)
        require_held(dtype, bounds=last)


def _count(start: Scalar, end: Scalar, step: Scalar, text: str) -> Size:
    """How many steps fit: ceil((end - start) / step)."""
    if step == 0:
        refuse("AS404", "`step` is 0", argument="step")
    if isinstance(start, int | float) and isinstance(end, int | float) and isinstance(step, int | float):
        known = math.ceil((end - start) / step)
        require(known >= 0, "AS404", text, argument="end")
        return known
    if not all(isinstance(value, int | Dimension) for value in (start, end, step)):
        return dimensions.of(dimensions.Unknown(f"arange({start}, {end}, {step})"))
    first, last, by = (as_size(value) for value in (start, end, step))
    if dimensions.at_least(by, 0) is False:
        first, last, by = last, first, -by
    count = (last - first + by - 1) // by
    require_at_least(count, 0, code="AS404", message=text, argument="end")
    return count


@function("torch.linspace")
def linspace(start: float, end: float, steps: Size, *, dtype: Dtype | None = None) -> TensorType:
    """So many numbers at equal steps, both ends included. Shape: [steps]"""
    _require_steps(dtype, steps)
    require_held(dtype or "float32", start=start, end=end)
    return made((steps,), dtype or "float32", "steps")


@function("torch.eye")
def eye(n: Size, m: Size = ABSENT, *, dtype: Dtype | None = None) -> TensorType:
    """Ones on the diagonal, zeros elsewhere. Shape: [n, m], or [n, n]"""
    return made((n, n if m is ABSENT else m), dtype or "float32", "n")


def _triangle(name: str, doc: str, *, lower: bool) -> Function:
    def rule(row: Size, col: Size, offset: int = 0, *, dtype: Dtype = "int64") -> TensorType:
        require(dtype in ("int64", "int32"), "AS505", f"indices are int64 or int32, not {dtype}", "", "dtype")
        for size, argument in ((row, "row"), (col, "col")):
            message = f"`{argument}` is {dimensions.show(size)}"
            require_at_least(size, 1, code="AS404", message=message, argument=argument)
        below = _below(row, col, offset if lower else offset - 1)
        return TensorType((2, below if lower else row * col - below), dtype)

    return Function(f"torch.{name}", rule, doc=f"{doc} Shape: [2, as many as they are] int64")


TRIANGLES = {
    "tril_indices": _triangle("tril_indices", "Rows and columns of the numbers on and below a diagonal.", lower=True),
    "triu_indices": _triangle("triu_indices", "Rows and columns of the numbers on and above a diagonal.", lower=False),
}


def _below(rows: Size, columns: Size, offset: int) -> Size:
    """How many numbers of a matrix stand on and below a diagonal."""
    if isinstance(rows, int) and isinstance(columns, int):
        return sum(min(max(row + offset + 1, 0), columns) for row in range(rows))
    if rows == columns and offset in (-1, 0):
        return rows * (rows + 1 + 2 * offset) // 2
    return dimensions.of(dimensions.Unknown(f"tril_indices({rows}, {columns}, {offset})"))


@function("torch.randperm")
def randperm(n: Size, *, dtype: Dtype = "int64") -> TensorType:
    """The numbers from 0 to n - 1 in random order. Shape: [n] int64"""
    require(dtype != "bool" and dtype not in ("complex64", "complex128"), "AS505", f"no order of {dtype}", "", "dtype")
    return made((n,), dtype, "n")


@function("torch.tensor")
def tensor(data: Any, *, dtype: Dtype | None = None) -> TensorType:
    """A tensor of the numbers in nested lists. Shape: that of the lists"""
    if isinstance(data, TensorType):
        refuse("AS404", f"`data` takes numbers; this is {describe(data)}", "`as_tensor` converts one", "data")
    shape, kinds = _nested(data)
    kind = max(kinds, key=("bool", "int", "float").index)
    result = TensorType(shape, dtype or {"bool": "bool", "int": "int64", "float": "float32"}[kind])
    for number in _known(data):
        require_stored(result.dtype, data=number)
    return result


def _known(data: Any) -> Iterator[Any]:
    """The numbers in nested lists, as far as they are known."""
    if isinstance(data, tuple | list):
        for part in data:
            yield from _known(part)
    elif isinstance(data, int | float):
        yield data


def _nested(data: Any) -> tuple[tuple[Size, ...], set[str]]:
    """The shape of nested lists, and the kinds of numbers in them."""
    if isinstance(data, Symbolic) and data.type.startswith("list["):
        shape, held = _nested(typed(data.node, item_type(data.type)))
        return (as_size(typed(FunctionCall("len", (data.node,)), "int")), *shape), held
    if isinstance(data, Symbolic) and data.type not in ("float", "bool", "int"):
        raise UndecidedError(f"`data`, which is {data}")
    if isinstance(data, int | float | Dimension | Symbolic):
        number: Any = data
        return (), {number_kind(number)}
    if not isinstance(data, tuple | list) or not data:
        refuse("AS404", f"`data` takes numbers, or lists of them; this is {describe(data)}", "", "data")
    shapes, kinds = zip(*map(_nested, data), strict=True)
    for shape in shapes[1:]:
        message = f"`data` is ragged: parts of it are {listed(shapes[0])} and {listed(shape)}"
        require(shape == shapes[0], "AS404", message, argument="data")
    return (len(data), *shapes[0]), set().union(*kinds)
