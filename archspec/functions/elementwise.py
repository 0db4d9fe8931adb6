"""Functions of one number at a time: each keeps the shape, or broadcasts those of its tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from archspec.cuts import broadcast as broadcast_axes
from archspec.cuts import elementwise
from archspec.functions._base import ABSENT, Dtype, Function, Operand, Scalar, function
from archspec.functions._dtypes import (
    INEXACT,
    NUMBERS,
    REAL,
    REAL_OR_BOOL,
    WHOLE,
    computed,
    floating,
    number_kind,
    promote,
    real,
    require_dtype,
    require_same_dtype,
    result_type,
)
from archspec.functions._shapes import broadcast
from archspec.refusals import refuse, require, require_held, require_stored
from archspec.tensors import COMPLEX, DTYPES, FLOATS, TensorType

Dtyped = Callable[[str], str]


def same(dtype: str) -> str:
    """The dtype itself."""
    return dtype


def truth(dtype: str) -> str:
    """bool."""
    return "bool"


_UNARY: dict[str, tuple[tuple[str, ...], Dtyped, str]] = {
    "abs": (NUMBERS, real, "The absolute value"),
    "acos": (DTYPES, floating, "The arc cosine"),
    "acosh": (DTYPES, floating, "The inverse hyperbolic cosine"),
    "angle": (DTYPES, lambda dtype: floating(real(dtype)), "The angle of complex numbers"),
    "asin": (DTYPES, floating, "The arc sine"),
    "asinh": (DTYPES, floating, "The inverse hyperbolic sine"),
    "atan": (DTYPES, floating, "The arc tangent"),
    "atanh": (DTYPES, floating, "The inverse hyperbolic tangent"),
    "bitwise_not": (WHOLE, same, "Each bit inverted"),
    "ceil": (REAL, same, "The least integer that is not smaller"),
    "conj": (DTYPES, same, "The complex conjugate"),
    "cos": (DTYPES, floating, "The cosine"),
    "cosh": (DTYPES, floating, "The hyperbolic cosine"),
    "deg2rad": (REAL_OR_BOOL, floating, "Degrees to radians"),
    "erf": (REAL_OR_BOOL, floating, "The error function"),
    "erfc": (REAL_OR_BOOL, floating, "1 minus the error function"),
    "erfinv": (REAL_OR_BOOL, floating, "The inverse of the error function"),
    "exp": (DTYPES, floating, "The exponential"),
    "exp2": (DTYPES, floating, "2 to the power of it"),
    "expm1": (DTYPES, floating, "exp(x) - 1"),
    "floor": (REAL, same, "The greatest integer that is not larger"),
    "frac": (FLOATS, same, "What follows the point"),
    "imag": (COMPLEX, real, "The imaginary part"),
    "isfinite": (DTYPES, truth, "Whether it is finite"),
    "isinf": (DTYPES, truth, "Whether it is infinite"),
    "isnan": (DTYPES, truth, "Whether it is NaN"),
    "log": (DTYPES, floating, "The natural logarithm"),
    "log10": (DTYPES, floating, "The logarithm to base 10"),
    "log1p": (DTYPES, floating, "log(1 + x)"),
    "log2": (DTYPES, floating, "The logarithm to base 2"),
    "logical_not": (DTYPES, truth, "Whether it is zero"),
    "neg": (NUMBERS, same, "Its negative"),
    "real": (DTYPES, real, "The real part"),
    "reciprocal": (DTYPES, floating, "1 / x"),
    "rsqrt": (DTYPES, floating, "1 / sqrt(x)"),
    "sgn": (DTYPES, same, "The sign; of complex numbers, x / abs(x)"),
    "sigmoid": (DTYPES, floating, "1 / (1 + exp(-x))"),
    "sign": (REAL_OR_BOOL, same, "-1, 0 or 1"),
    "sin": (DTYPES, floating, "The sine"),
    "sinc": (DTYPES, floating, "sin(pi * x) / (pi * x)"),
    "sinh": (DTYPES, floating, "The hyperbolic sine"),
    "sqrt": (DTYPES, floating, "The square root"),
    "square": (DTYPES, lambda dtype: "int64" if dtype == "bool" else dtype, "x * x"),
    "tan": (DTYPES, floating, "The tangent"),
    "tanh": (DTYPES, floating, "The hyperbolic tangent"),
    "trunc": (REAL, same, "The integer part"),
}
"""By name: which dtypes it takes, the dtype of what comes out, and a line of doc."""


def unary(python: str, takes: tuple[str, ...], gives: Dtyped, doc: str) -> Function:
    """A function of one number at a time: the dtypes that it takes, and the dtype of what comes out."""

    def rule(input: TensorType) -> TensorType:
        require_dtype(input, takes)
        return TensorType(input.shape, gives(input.dtype))

    return Function(python, rule, doc=f"{doc}, of each number. Shape: [*] -> [*]", cut=elementwise)


UNARY = {name: unary(f"torch.{name}", *entry) for name, entry in _UNARY.items()}
"""`sigmoid` and `tanh` too: those of torch.nn.functional do no more than call the methods of a tensor."""


@function("torch.round", cut=elementwise)
def round_(input: TensorType, *, decimals: int = ABSENT) -> TensorType:
    """The nearest integer, halves to the even one; or so many decimals. Shape: [*] -> [*]"""
    require_dtype(input, REAL)
    if decimals is not ABSENT:
        require(input.dtype in FLOATS, "AS505", f"integers have no decimals: {input}", argument="decimals")
    return input


@function("torch.nan_to_num", cut=elementwise)
def nan_to_num(
    input: TensorType, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> TensorType:
    """Each NaN becomes a number (0), each infinity another (the largest). Shape: [*] -> [*]"""
    return input


@function("torch.logit", cut=elementwise)
def logit(input: TensorType, eps: float | None = None) -> TensorType:
    """log(x / (1 - x)), x being held between eps and 1 - eps. Shape: [*] -> [*]"""
    require_dtype(input, REAL_OR_BOOL)
    require_held(floating(input.dtype), eps=eps)
    return TensorType(input.shape, floating(input.dtype))


@function("torch.clamp", cut=elementwise)
def clamp(input: TensorType, min: Operand | None = None, max: Operand | None = None) -> TensorType:
    """Each number held between `min` and `max`. Shape: [*], bounds that broadcast -> [*]"""
    bounds = [bound for bound in (min, max) if bound is not None]
    require(bool(bounds), "AS403", "`min` or `max` is required, or both")
    tensors = [bound for bound in bounds if isinstance(bound, TensorType)]
    mixed = "`min` and `max` are both tensors or both numbers"
    require(len(tensors) in (0, len(bounds)), "AS404", mixed, "full_like makes a tensor of a number", "min")
    dtype = result_type(input, *bounds)
    require_held(dtype, min=min, max=max)
    return _clamped(TensorType(broadcast(input.shape, *(tensor.shape for tensor in tensors)), dtype), *bounds)


@function("torch.clamp_min", cut=elementwise)
def clamp_min(input: TensorType, min: Operand) -> TensorType:
    """Each number, at least `min`. Shape: [*], a bound that broadcasts -> [*]"""
    result = binary(input=input, min=min)
    require_held(result.dtype, min=min)
    return _clamped(result, min)


@function("torch.clamp_max", cut=elementwise)
def clamp_max(input: TensorType, max: Operand) -> TensorType:
    """Each number, at most `max`. Shape: [*], a bound that broadcasts -> [*]"""
    result = binary(input=input, max=max)
    require_held(result.dtype, max=max)
    return _clamped(result, max)


def _clamped(result: TensorType, *bounds: Operand) -> TensorType:
    """Refuses what has no order."""
    tensors = all(isinstance(bound, TensorType) for bound in bounds)
    require_dtype(result, REAL_OR_BOOL if tensors else REAL)
    return result


def binary(**operands: Operand) -> TensorType:
    """What arithmetic on tensors and numbers gives, if its dtype holds the numbers."""
    result = _together(**operands)
    require_held(computed(result.dtype), **operands)
    return result


def _together(**operands: Operand) -> TensorType:
    """The shape that the tensors stretch to, and the dtype that all operands promote to."""
    shapes = [operand.shape for operand in operands.values() if isinstance(operand, TensorType)]
    if not shapes:
        hint = "without a tensor, write it with operators, or make one: full([], 2.0)"
        refuse("AS404", "one of the two is a tensor", hint, "input")
    return TensorType(broadcast(*shapes), result_type(*operands.values()))


def kind_of(operand: Operand) -> str:
    """`bool`, `int`, `float` or `complex`: what kind of numbers an operand holds."""
    if not isinstance(operand, TensorType):
        return number_kind(operand)
    dtype = operand.dtype
    return dtype if dtype == "bool" else "float" if dtype in FLOATS else "complex" if dtype in COMPLEX else "int"


@function("torch.add", cut=elementwise)
def add(input: Operand, other: Operand, *, alpha: Scalar = 1) -> TensorType:
    """input + alpha * other. Shape: [*], [*] that broadcast -> [*]"""
    return scaled(binary(input=input, other=other), alpha)


@function("torch.sub", cut=elementwise)
def sub(input: Operand, other: Operand, *, alpha: Scalar = 1) -> TensorType:
    """input - alpha * other. Shape: [*], [*] that broadcast -> [*]"""
    result = binary(input=input, other=other)
    if "bool" in (kind_of(input), kind_of(other)):
        refuse("AS505", "bool tensors cannot be subtracted", "logical_xor tells where two differ, logical_not inverts")
    return scaled(result, alpha)


def scaled(result: TensorType, alpha: Scalar, name: str = "alpha") -> TensorType:
    """Refuses a factor that the result's dtype does not hold."""
    number, dtype = kind_of(alpha), kind_of(result)
    fits = number == "int" or dtype == number or (number == "float" and dtype == "complex")
    message = f"the factor {alpha} does not go with {result.dtype}"
    require(fits, "AS404", message, argument=name)
    require_held(result.dtype if name == "alpha" else computed(result.dtype), **{name: alpha})
    return result


@function("torch.mul", cut=elementwise)
def mul(input: Operand, other: Operand) -> TensorType:
    """input * other. Shape: [*], [*] that broadcast -> [*]"""
    return binary(input=input, other=other)


@function("torch.div", cut=elementwise)
def div(input: Operand, other: Operand, *, rounding_mode: Literal["trunc", "floor"] | None = None) -> TensorType:
    """input / other; rounded down with `floor`, towards zero with `trunc`. Shape: [*], [*] that broadcast -> [*]"""
    result = _together(input=input, other=other)
    dtype = result.dtype if rounding_mode else floating(result.dtype)
    require_held(computed(dtype), input=input, other=other)
    if rounding_mode is None:
        return TensorType(result.shape, dtype)
    require_dtype(result, REAL)
    return divided(result, other)


@function("torch.pow", cut=elementwise)
def pow_(input: Operand, exponent: Operand) -> TensorType:
    """input ** exponent. Shape: [*], [*] that broadcast -> [*]"""
    result = binary(input=input, exponent=exponent)
    negative = isinstance(exponent, int) and exponent < 0 and kind_of(result) == "int"
    require(not negative, "AS404", f"integers to the power of {exponent} are not integers", "write 1 / x", "exponent")
    require_held(result.dtype, exponent=exponent)
    square = not isinstance(exponent, TensorType)
    if result.dtype == "bool" and not square:
        refuse("AS505", "bool tensors have no powers")
    return result


_BINARY: dict[str, tuple[tuple[str, ...], Dtyped, str]] = {
    "atan2": (REAL_OR_BOOL, floating, "The angle of the point (other, input)"),
    "copysign": (REAL_OR_BOOL, floating, "The size of the first with the sign of the second"),
    "fmax": (REAL_OR_BOOL, same, "The larger of two, or the one that is a number"),
    "fmin": (REAL_OR_BOOL, same, "The smaller of two, or the one that is a number"),
    "hypot": (FLOATS, same, "The root of the sum of squares"),
    "logaddexp": (INEXACT, same, "log(exp(input) + exp(other))"),
    "logical_and": (DTYPES, truth, "Whether both are not zero"),
    "logical_or": (DTYPES, truth, "Whether one is not zero"),
    "logical_xor": (DTYPES, truth, "Whether just one is not zero"),
    "maximum": (REAL_OR_BOOL, same, "The larger of two"),
    "minimum": (REAL_OR_BOOL, same, "The smaller of two"),
}
"""Functions of two tensors, by name: the dtypes that they may come to, the dtype of what comes out, and a doc."""


def _of_tensors(name: str, takes: tuple[str, ...], gives: Dtyped, doc: str) -> Function:
    def rule(input: TensorType, other: TensorType) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, takes)
        return TensorType(result.shape, gives(result.dtype))

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: [*], [*] that broadcast -> [*]", cut=elementwise)


BINARY = {name: _of_tensors(name, *entry) for name, entry in _BINARY.items()}

_WITH_NUMBERS: dict[str, tuple[tuple[str, ...], str]] = {
    "bitwise_and": (WHOLE, "The bits that are set in both"),
    "bitwise_or": (WHOLE, "The bits that are set in one"),
    "bitwise_xor": (WHOLE, "The bits that are set in just one"),
    "floor_divide": (REAL, "input // other, rounded down"),
    "remainder": (REAL, "What input // other leaves, with the sign of the second"),
}


def _of_operands(name: str, takes: tuple[str, ...], doc: str) -> Function:
    def rule(input: Operand, other: Operand) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, takes)
        return result if name.startswith("bitwise") else divided(result, other)

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: [*], [*] that broadcast -> [*]", cut=elementwise)


WITH_NUMBERS = {name: _of_operands(name, *entry) for name, entry in _WITH_NUMBERS.items()}


@function("torch.fmod", cut=elementwise)
def fmod(input: TensorType, other: Operand) -> TensorType:
    """What a division leaves, with the sign of the first. Shape: [*], [*] that broadcast -> [*]"""
    result = binary(input=input, other=other)
    require_dtype(result, REAL)
    return divided(result, other)


def divided(result: TensorType, other: Operand) -> TensorType:
    """Refuses integers divided by zero."""
    by_zero = isinstance(other, int) and other == 0 and kind_of(result) == "int"
    require(not by_zero, "AS404", "integers cannot be divided by zero", argument="other")
    return result


@function("torch.lerp", cut=elementwise)
def lerp(input: TensorType, end: TensorType, weight: Operand) -> TensorType:
    """input + weight * (end - input). Shape: [*], [*], [*] that broadcast -> [*]"""
    require_dtype(input, INEXACT)
    tensors = [x for x in (input, end, weight) if isinstance(x, TensorType)]
    require_same_dtype(*tensors)
    require_held(computed(input.dtype), weight=weight)
    return TensorType(broadcast(*(x.shape for x in tensors)), input.dtype)


@function("torch.addcmul", cut=elementwise)
def addcmul(input: TensorType, tensor1: TensorType, tensor2: TensorType, *, value: Scalar = 1) -> TensorType:
    """input + value * tensor1 * tensor2. Shape: [*], [*], [*] that broadcast -> [*]"""
    result = binary(input=input, tensor1=tensor1, tensor2=tensor2)
    require_dtype(result, NUMBERS)
    return scaled(result, value, "value")


@function("torch.addcdiv", cut=elementwise)
def addcdiv(input: TensorType, tensor1: TensorType, tensor2: TensorType, *, value: Scalar = 1) -> TensorType:
    """input + value * tensor1 / tensor2. Shape: [*], [*], [*] that broadcast -> [*]"""
    message = f"integers cannot be divided here: {tensor1} and {tensor2}"
    require(kind_of(tensor1) in ("float", "complex") or kind_of(tensor2) in ("float", "complex"), "AS505", message)
    return scaled(binary(input=input, tensor1=tensor1, tensor2=tensor2), value, "value")


@function("torch.where", cut=elementwise)
def where(condition: TensorType, input: Operand, other: Operand) -> TensorType:
    """The first where the condition holds, the second elsewhere. Shape: [*], [*], [*] that broadcast -> [*]"""
    require_dtype(condition, ("bool", "uint8"), "condition")
    shapes = [x.shape for x in (condition, input, other) if isinstance(x, TensorType)]
    dtype = result_type(input, other)
    require_held(dtype, input=input, other=other)
    return TensorType(broadcast(*shapes), dtype)


@function("torch.masked_fill", cut=elementwise)
def masked_fill(input: TensorType, mask: TensorType, value: Operand) -> TensorType:
    """`value` where the mask is true, the input elsewhere. Shape: [*], [*] that broadcast -> [*]"""
    require_dtype(mask, ("bool",), "mask")
    if isinstance(value, TensorType):
        rank = f"`value` is one number; this is {value}"
        require(value.rank == 0, "AS501", rank, "`where` takes a tensor of values", "value")
    fits = kind_of(value) != "complex" or kind_of(input) in ("bool", "complex")
    require(fits, "AS505", f"`value` is complex, but {input} is not", argument="value")
    require_stored(input.dtype, value=value)
    return TensorType(broadcast(input.shape, mask.shape), input.dtype)


@function("torch.polar")
def polar(abs: TensorType, angle: TensorType) -> TensorType:
    """Complex numbers of a length and an angle. Shape: [*], [*] that broadcast -> [*]"""
    require_dtype(abs, ("float32", "float64"), "abs")
    require_same_dtype(abs, angle)
    return TensorType(broadcast(abs.shape, angle.shape), promote(abs.dtype, "complex64"))


_CASTS = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "int": "int32",
    "long": "int64",
    "bool": "bool",
}


def _cast(name: str, dtype: str) -> Function:
    def rule(input: TensorType, /) -> TensorType:
        return TensorType(input.shape, dtype)

    return Function(f"Tensor.{name}", rule, doc=f"The tensor as {dtype}. Shape: [*] -> [*] {dtype}", cut=elementwise)


CASTS = {name: _cast(name, dtype) for name, dtype in _CASTS.items()}


@function("Tensor.to", cut=elementwise)
def to(input: TensorType, /, dtype: Dtype) -> TensorType:
    """The tensor converted to a dtype. Shape: [*] -> [*]"""
    return TensorType(input.shape, dtype)


@function("Tensor.type_as", cut=lambda output, given: {"input": broadcast_axes(given["input"], output)})
def type_as(input: TensorType, /, other: TensorType) -> TensorType:
    """The tensor converted to the dtype of another one. Shape: [*], [*] -> [*]"""
    return TensorType(input.shape, other.dtype)


@function("torch.as_tensor", cut=elementwise)
def as_tensor(data: TensorType, *, dtype: Dtype | None = None) -> TensorType:
    """The tensor converted to a dtype. Shape: [*] -> [*]"""
    return TensorType(data.shape, dtype or data.dtype)
