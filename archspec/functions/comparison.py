"""Comparisons, each number by itself: what comes out are truth values."""

from __future__ import annotations

from archspec.cuts import elementwise
from archspec.functions._base import Function, Operand, function
from archspec.functions._dtypes import require_same_dtype, result_type
from archspec.functions._shapes import broadcast
from archspec.refusals import refuse, require, require_held
from archspec.tensors import COMPLEX, INTEGERS, TensorType

_COMPARISONS = {
    "eq": "input == other",
    "ne": "input != other",
    "lt": "input < other",
    "le": "input <= other",
    "gt": "input > other",
    "ge": "input >= other",
}


def _comparison(name: str, doc: str) -> Function:
    def rule(input: TensorType, other: Operand) -> TensorType:
        shapes = [x.shape for x in (input, other) if isinstance(x, TensorType)]
        if name not in ("eq", "ne") and result_type(input, other) in COMPLEX:
            refuse("AS505", f"complex numbers have no order: {input}")
        if (dtype := result_type(input, other)) in INTEGERS:  # floating-point numbers compare with any
            require_held(dtype, other=other)
        return TensorType(broadcast(*shapes), "bool")

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: [*], [*] that broadcast -> [*] bool", cut=elementwise)


COMPARISONS = {name: _comparison(name, doc) for name, doc in _COMPARISONS.items()}


@function("torch.isclose")
def isclose(
    input: TensorType, other: TensorType, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> TensorType:
    """Whether the two are nearly equal. Shape: [*], [*] that broadcast -> [*] bool"""
    require_same_dtype(input, other)
    for value, name in ((rtol, "rtol"), (atol, "atol")):
        negative = isinstance(value, int | float) and value < 0
        require(not negative, "AS404", f"`{name}` is {value}, below 0", argument=name)
    return TensorType(broadcast(input.shape, other.shape), "bool")
