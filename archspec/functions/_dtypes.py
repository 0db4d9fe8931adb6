"""PyTorch's type promotion, and which dtypes a function takes."""

from __future__ import annotations

from collections.abc import Iterable

from archspec.dimensions import Dimension
from archspec.expressions import Symbolic, UndecidedError
from archspec.functions._base import Operand
from archspec.refusals import refuse, refuse_mixed
from archspec.tensors import BYTES, COMPLEX, FLOATS, INTEGERS, TensorType

WHOLE = (*INTEGERS, "bool")
REAL = (*FLOATS, *INTEGERS)
REAL_OR_BOOL = (*REAL, "bool")
INEXACT = (*FLOATS, *COMPLEX)
NUMBERS = (*REAL, *COMPLEX)
"""Sets of dtypes, to say what a function takes. Everything is DTYPES."""

_WORDS = {
    FLOATS: "floating-point numbers",
    INTEGERS: "integers",
    COMPLEX: "complex numbers",
    WHOLE: "integers or bool",
    REAL: "real numbers",
    REAL_OR_BOOL: "real numbers or bool",
    INEXACT: "floating-point or complex numbers",
    NUMBERS: "numbers",
    ("bool",): "truth values",
}
_CATEGORY = {"bool": 0} | dict.fromkeys(INTEGERS, 1) | dict.fromkeys(FLOATS, 2) | dict.fromkeys(COMPLEX, 3)
_OF_NUMBERS = {"bool": "bool", "int": "int64", "float": "float32"}


def promote(a: str, b: str) -> str:
    """The dtype that holds both."""
    if a == b:
        return a
    category = max(_CATEGORY[a], _CATEGORY[b])
    highest = [dtype for dtype in (a, b) if _CATEGORY[dtype] == category]
    if category == 3:
        return "complex128" if {a, b} & {"complex128", "float64"} else "complex64"
    if len(highest) == 1:
        return highest[0]
    if category == 2:  # of float16 and bfloat16 neither holds the other
        return "float64" if "float64" in highest else "float32"
    if set(highest) == {"int8", "uint8"}:
        return "int16"
    return max(highest, key=lambda dtype: BYTES.get(dtype, 1))


def promote_all(dtypes: Iterable[str]) -> str:
    """The dtype that holds all."""
    first, *rest = dtypes
    for dtype in rest:
        first = promote(first, dtype)
    return first


def result_type(*operands: Operand) -> str:
    """The dtype that arithmetic comes to: tensors with axes count first, then those without, then numbers.

    A later one changes the outcome only if it is of a higher category: truth value, integer, float, complex.
    """
    classes: list[list[str]] = [[], [], []]
    for operand in operands:
        if isinstance(operand, TensorType):
            classes[0 if operand.shape else 1].append(operand.dtype)
        else:
            classes[2].append(_OF_NUMBERS[number_kind(operand)])
    result = ""
    for dtypes in reversed(classes):
        if dtypes:
            higher = promote_all(dtypes)
            result = _combine(higher, result) if result else higher
    return result


def number_kind(value: Operand) -> str:
    """`bool`, `int` or `float`: what kind of number an operand that is no tensor is."""
    if isinstance(value, Symbolic):
        if value.type not in _OF_NUMBERS:
            raise UndecidedError(str(value))
        return value.type
    if isinstance(value, bool):
        return "bool"
    return "int" if isinstance(value, int | Dimension) else "float"


def _combine(higher: str, lower: str) -> str:
    """What tensors of one dtype and less important operands of another come to."""
    if _CATEGORY[higher] >= _CATEGORY[lower]:
        return higher
    if _CATEGORY[lower] == 3 and higher in FLOATS:
        if higher == "float16":
            refuse("AS505", "float16 and complex numbers come to complex32, which no spec can name")
        return "complex128" if higher == "float64" else "complex64"
    return promote(higher, lower)


def floating(dtype: str) -> str:
    """The dtype itself, or float32 for integers and truth values."""
    return "float32" if dtype in WHOLE else dtype


def real(dtype: str) -> str:
    """The dtype of a complex dtype's parts; others are their own."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def computed(dtype: str) -> str:
    """The dtype that a kernel computes in: half precision in float32."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def summed(dtype: str) -> str:
    """The dtype that PyTorch adds up in: integers and truth values in int64."""
    return "int64" if dtype in WHOLE else dtype


def require_dtype(x: TensorType, allowed: tuple[str, ...], name: str = "input") -> None:
    """The tensor's dtype is one of those."""
    if x.dtype not in allowed:
        wanted = _WORDS.get(allowed) or " or ".join(allowed)
        refuse("AS505", f"`{name}` takes {wanted}; this is {x}{'' if x.dtype != 'float32' else ' float32'}", "", name)


def require_same_dtype(*tensors: TensorType) -> None:
    """The tensors are of one dtype: PyTorch does not convert here."""
    first = tensors[0]
    for other in tensors[1:]:
        if other.dtype != first.dtype:
            dtypes = f"{first.dtype} and {other.dtype}"
            message = f"the tensors must have the same dtype; these are {dtypes}: {first} and {other}"
            refuse_mixed((first.dtype, other.dtype), message, f"convert one of them: `to(x, {first.dtype})`")
