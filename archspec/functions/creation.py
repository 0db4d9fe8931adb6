"""Functions that make tensors, on the device of the inputs."""

from __future__ import annotations

import math
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Symbolic, Undecided, as_size
from archspec.functions._base import ABSENT, Dtype, Function, Scalar, Sizes, describe, function, listed
from archspec.functions._dtypes import INEXACT, REAL, number_kind, require_dtype, result_type
from archspec.refusals import refuse, require, require_at_least
from archspec.tensors import DTYPES, TensorType


def _made(shape: tuple[Size, ...], dtype: str, name: str = "size") -> TensorType:
    for size in shape:
        message = f"`{name}` is {listed(shape)}; a size is at least 1"
        require_at_least(size, 1, message=message, argument=name)
    return TensorType(shape, dtype)


def _filled(name: str, takes: tuple[str, ...], doc: str) -> Function:
    def rule(*size: Sizes, dtype: Dtype | None = None) -> TensorType:
        lists = [part for part in size if isinstance(part, tuple)]
        mixed = bool(lists) and len(size) > 1
        require(not mixed, "AS404", "`size` is one list, or numbers one by one", argument="size")
        require(bool(size), "AS403", "`size` is required; [] makes a tensor of one number without axes")
        shape = lists[0] if lists else tuple(part for part in size if not isinstance(part, tuple))
        result = _made(shape, dtype or "float32")
        require_dtype(result, takes, "dtype")
        return result

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: size")


FILLED = {
    "zeros": _filled("zeros", DTYPES, "Zeros"),
    "ones": _filled("ones", DTYPES, "Ones"),
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
    "rand_like": _like("rand_like", INEXACT, "Random numbers between 0 and 1"),
    "randn_like": _like("randn_like", INEXACT, "Random numbers of the standard normal distribution"),
}


@function("torch.full")
def full(size: tuple[Size, ...], fill_value: Scalar, *, dtype: Dtype | None = None) -> TensorType:
    """One number everywhere; its dtype is the number's. Shape: size"""
    return _made(size, dtype or result_type(fill_value))


@function("torch.full_like")
def full_like(input: TensorType, fill_value: Scalar, *, dtype: Dtype | None = None) -> TensorType:
    """One number everywhere, of the input's dtype. Shape: [*] -> [*]"""
    return TensorType(input.shape, dtype or input.dtype)


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
        require(not isinstance(value, bool), "AS404", "its values are numbers, no truth values", argument=culprit)
    if dtype == "int64":  # PyTorch cuts them before it counts
        values = tuple(int(value) if isinstance(value, float) else value for value in values)
    start, end, by = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
    require(dtype in (None, *REAL), "AS505", f"there are no steps of {dtype}", argument="dtype")
    kind = "float32" if any(number_kind(value) == "float" for value in values) else "int64"
    text = f"from {start} to {end} in steps of {by} there are no numbers"
    return _made((_count(start, end, by, text),), dtype or kind, "end")


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
    require(dtype != "bool", "AS505", "truth values have no steps", argument="dtype")
    return _made((steps,), dtype or "float32", "steps")


@function("torch.eye")
def eye(n: Size, m: Size = ABSENT, *, dtype: Dtype | None = None) -> TensorType:
    """Ones on the diagonal, zeros elsewhere. Shape: [n, m], or [n, n]"""
    return _made((n, n if m is ABSENT else m), dtype or "float32", "n")


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
    return _made((n,), dtype, "n")


@function("torch.tensor")
def tensor(data: Any, *, dtype: Dtype | None = None) -> TensorType:
    """A tensor of the numbers in nested lists. Shape: that of the lists"""
    if isinstance(data, TensorType):
        refuse("AS404", f"`data` takes numbers; this is {describe(data)}", "`as_tensor` converts one", "data")
    shape, kinds = _nested(data)
    kind = max(kinds, key=("bool", "int", "float").index)
    return TensorType(shape, dtype or {"bool": "bool", "int": "int64", "float": "float32"}[kind])


def _nested(data: Any) -> tuple[tuple[Size, ...], set[str]]:
    """The shape of nested lists, and the kinds of numbers in them."""
    if isinstance(data, Symbolic) and data.type not in ("float", "bool", "int"):
        raise Undecided(f"`data`, which is {data}")
    if isinstance(data, int | float | Dimension | Symbolic):
        number: Any = data
        return (), {number_kind(number)}
    if not isinstance(data, tuple | list) or isinstance(data, TensorType) or not data:
        refuse("AS404", f"`data` takes numbers, or lists of them; this is {describe(data)}", "", "data")
    shapes, kinds = zip(*map(_nested, data), strict=True)
    for shape in shapes[1:]:
        message = f"`data` is ragged: parts of it are {listed(shapes[0])} and {listed(shape)}"
        require(shape == shapes[0], "AS404", message, argument="data")
    return (len(data), *shapes[0]), set().union(*kinds)
