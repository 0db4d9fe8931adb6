"""Functions of mathematics that few networks need, number by number; many of them are in `torch.special`."""

from __future__ import annotations

from archspec.functions._base import Function, Operand, Scalar, function
from archspec.functions._dtypes import (
    INEXACT,
    REAL,
    REAL_OR_BOOL,
    floating,
    promote,
    require_dtype,
    require_same_dtype,
    result_type,
)
from archspec.functions._shapes import broadcast
from archspec.functions.elementwise import binary, kind_of, same, scaled, truth, unary
from archspec.refusals import refuse
from archspec.tensors import COMPLEX, DTYPES, INTEGERS, TensorType

_BROADCAST = "Shape: [*], [*] that broadcast -> [*]"

_UNARY = {
    "positive": ((*REAL, *COMPLEX), same, "The number itself"),
    "rad2deg": (REAL_OR_BOOL, floating, "Radians to degrees"),
    "signbit": (REAL_OR_BOOL, truth, "Whether the sign is a minus"),
    "isneginf": (REAL_OR_BOOL, truth, "Whether it is minus infinity"),
    "isposinf": (REAL_OR_BOOL, truth, "Whether it is plus infinity"),
    "isreal": (DTYPES, truth, "Whether the imaginary part is zero"),
}

UNARY = {name: unary(f"torch.{name}", *entry) for name, entry in _UNARY.items()}

_BESSEL = {
    "bessel_j0": "The Bessel function of the first kind, order 0",
    "bessel_j1": "The Bessel function of the first kind, order 1",
    "bessel_y0": "The Bessel function of the second kind, order 0",
    "bessel_y1": "The Bessel function of the second kind, order 1",
    "modified_bessel_i0": "The modified Bessel function of the first kind, order 0",
    "modified_bessel_i1": "The modified Bessel function of the first kind, order 1",
    "modified_bessel_k0": "The modified Bessel function of the second kind, order 0",
    "modified_bessel_k1": "The modified Bessel function of the second kind, order 1",
}

_OF_X = {
    "airy_ai": "The Airy function Ai",
    "scaled_modified_bessel_k0": "exp(x) * modified_bessel_k0(x)",
    "scaled_modified_bessel_k1": "exp(x) * modified_bessel_k1(x)",
    "spherical_bessel_j0": "The spherical Bessel function of the first kind, order 0",
}
"""Those whose argument PyTorch calls `x`."""

_SPECIAL = _BESSEL | {
    "digamma": "The derivative of the logarithm of the gamma function",
    "entr": "-x * log(x)",
    "erf": "The error function",
    "erfc": "1 minus the error function",
    "erfcx": "exp(x * x) * erfc(x)",
    "erfinv": "The inverse of the error function",
    "exp2": "2 to the power of it",
    "expit": "1 / (1 + exp(-x))",
    "expm1": "exp(x) - 1",
    "gammaln": "The logarithm of the gamma function's absolute value",
    "i0": "The modified Bessel function of the first kind, order 0",
    "i0e": "exp(-abs(x)) * i0(x)",
    "i1": "The modified Bessel function of the first kind, order 1",
    "i1e": "exp(-abs(x)) * i1(x)",
    "log1p": "log(1 + x)",
    "log_ndtr": "The logarithm of the normal distribution function",
    "ndtr": "The normal distribution function",
    "ndtri": "The inverse of the normal distribution function",
    "psi": "The derivative of the logarithm of the gamma function",
    "sinc": "sin(pi * x) / (pi * x)",
}

_WITHOUT_HALF = (*_BESSEL, "erfcx", "log_ndtr", "ndtri")  # no kernels for it on the CPU
_FULL = tuple(dtype for dtype in REAL_OR_BOOL if dtype not in ("float16", "bfloat16"))
_COMPLEX_TOO = ("exp2", "expit", "expm1", "log1p", "sinc")


def _taken(name: str) -> tuple[str, ...]:
    """The dtypes that a function takes."""
    return DTYPES if name in _COMPLEX_TOO else _FULL if name in _WITHOUT_HALF else REAL_OR_BOOL


SPECIAL = {
    f"special.{name}": unary(f"torch.special.{name}", _taken(name), floating, doc) for name, doc in _SPECIAL.items()
}


def _unchanged(name: str, doc: str) -> Function:
    def rule(input: TensorType) -> TensorType:
        return input

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]")


CONJUGATES = {
    "resolve_conj": _unchanged("resolve_conj", "The tensor, complex conjugates worked out"),
    "resolve_neg": _unchanged("resolve_neg", "The tensor, negatives worked out"),
}


@function("torch.complex")
def complex_(real: TensorType, imag: TensorType) -> TensorType:
    """Complex numbers of a real and an imaginary part. Shape: [*], [*] that broadcast -> [*]"""
    require_dtype(real, ("float32", "float64"), "real")
    require_same_dtype(real, imag)
    return TensorType(broadcast(real.shape, imag.shape), promote(real.dtype, "complex64"))


@function("torch.view_as_real")
def view_as_real(input: TensorType) -> TensorType:
    """Complex numbers as pairs of a real and an imaginary part. Shape: [*] -> [*, 2]"""
    require_dtype(input, COMPLEX)
    return TensorType((*input.shape, 2), "float64" if input.dtype == "complex128" else "float32")


def _logaddexp2(name: str) -> Function:
    def rule(input: TensorType, other: TensorType) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, INEXACT if name != "logaddexp2" else REAL[:4])
        return result

    return Function(f"torch.{name}", rule, doc=f"log2(2 ** input + 2 ** other). {_BROADCAST}")


def _of_operands(python: str, doc: str) -> Function:
    def rule(input: Operand, other: Operand) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, REAL_OR_BOOL)
        return TensorType(result.shape, floating(result.dtype))

    return Function(python, rule, doc=f"{doc}. {_BROADCAST}")


LOGARITHMS = {
    "logaddexp2": _logaddexp2("logaddexp2"),
    "xlogy": _of_operands("torch.xlogy", "input * log(other), 0 where the input is 0"),
    "special.xlogy": _of_operands("torch.special.xlogy", "input * log(other), 0 where the input is 0"),
    "special.xlog1py": _of_operands("torch.special.xlog1py", "input * log(1 + other), 0 where the input is 0"),
}


_POLYNOMIALS = {
    "chebyshev_polynomial_t": "Chebyshev polynomial of the first kind",
    "chebyshev_polynomial_u": "Chebyshev polynomial of the second kind",
    "chebyshev_polynomial_v": "Chebyshev polynomial of the third kind",
    "chebyshev_polynomial_w": "Chebyshev polynomial of the fourth kind",
    "hermite_polynomial_h": "physicist's Hermite polynomial",
    "hermite_polynomial_he": "probabilist's Hermite polynomial",
    "laguerre_polynomial_l": "Laguerre polynomial",
    "legendre_polynomial_p": "Legendre polynomial",
    "shifted_chebyshev_polynomial_t": "shifted Chebyshev polynomial of the first kind",
    "shifted_chebyshev_polynomial_u": "shifted Chebyshev polynomial of the second kind",
    "shifted_chebyshev_polynomial_v": "shifted Chebyshev polynomial of the third kind",
    "shifted_chebyshev_polynomial_w": "shifted Chebyshev polynomial of the fourth kind",
}


def _polynomial(name: str, doc: str) -> Function:
    def rule(x: Operand, n: Operand) -> TensorType:
        return _full(binary(x=x, n=n))

    return Function(f"torch.special.{name}", rule, doc=f"The {doc} of degree n. {_BROADCAST}")


def _full(result: TensorType) -> TensorType:
    require_dtype(result, _FULL)  # no kernels for half precision on the CPU
    return TensorType(result.shape, floating(result.dtype))


def _of_x(name: str, doc: str) -> Function:
    def rule(x: TensorType) -> TensorType:
        return _full(x)

    return Function(f"torch.special.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]")


OF_X = {f"special.{name}": _of_x(name, doc) for name, doc in _OF_X.items()}
POLYNOMIALS = {f"special.{name}": _polynomial(name, doc) for name, doc in _POLYNOMIALS.items()}


@function("torch.special.zeta")
def zeta(input: Operand, other: Operand) -> TensorType:
    """The Hurwitz zeta function. Shape: [*], [*] that broadcast -> [*]"""
    return _full(binary(input=input, other=other))


def _incomplete(name: str, doc: str) -> Function:
    def rule(input: TensorType, other: TensorType) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, REAL[:4])
        return result

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_BROADCAST}")


INCOMPLETE = {
    "special.gammainc": _incomplete("special.gammainc", "The regularized lower incomplete gamma function"),
    "special.gammaincc": _incomplete("special.gammaincc", "The regularized upper incomplete gamma function"),
    "igamma": _incomplete("igamma", "The regularized lower incomplete gamma function"),
    "igammac": _incomplete("igammac", "The regularized upper incomplete gamma function"),
}


def _whole(name: str, doc: str) -> Function:
    def rule(input: TensorType, other: TensorType) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, INTEGERS)
        return result

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_BROADCAST}")


WHOLE = {
    "gcd": _whole("gcd", "The greatest common divisor"),
    "lcm": _whole("lcm", "The least common multiple"),
}


@function("torch.heaviside")
def heaviside(input: TensorType, values: TensorType) -> TensorType:
    """0 below zero, 1 above it, `values` at zero. Shape: [*], [*] that broadcast -> [*]"""
    require_same_dtype(input, values)
    require_dtype(input, REAL_OR_BOOL)
    return TensorType(broadcast(input.shape, values.shape), input.dtype)


@function("torch.rsub")
def rsub(input: TensorType, other: Operand, *, alpha: Scalar = 1) -> TensorType:
    """other - alpha * input. Shape: [*], [*] that broadcast -> [*]"""
    result = binary(input=input, other=other)
    if "bool" in (kind_of(input), kind_of(other)):
        refuse("AS505", "bool tensors cannot be subtracted", "logical_xor tells where two differ")
    return scaled(result, alpha)


@function("torch.float_power")
def float_power(input: Operand, exponent: Operand) -> TensorType:
    """input ** exponent in double precision. Shape: [*], [*] that broadcast -> [*] float64"""
    result = binary(input=input, exponent=exponent)
    return TensorType(result.shape, "complex128" if result.dtype in COMPLEX else "float64")


@function("torch.ldexp")
def ldexp(input: TensorType, other: TensorType) -> TensorType:
    """input * 2 ** other. Shape: [*], [*] that broadcast -> [*]"""
    dtype = result_type(input, TensorType(other.shape, floating(other.dtype)))
    return TensorType(broadcast(input.shape, other.shape), dtype)


@function("torch.true_divide")
def true_divide(input: TensorType, other: Operand) -> TensorType:
    """input / other. Shape: [*], [*] that broadcast -> [*]"""
    result = binary(input=input, other=other)
    return TensorType(result.shape, floating(result.dtype))


def _shift(name: str, doc: str) -> Function:
    def rule(input: Operand, other: Operand) -> TensorType:
        result = binary(input=input, other=other)
        require_dtype(result, INTEGERS)
        return result

    return Function(f"torch.{name}", rule, doc=f"{doc}. {_BROADCAST}")


SHIFTS = {
    "bitwise_left_shift": _shift("bitwise_left_shift", "The bits moved to the left: input * 2 ** other"),
    "bitwise_right_shift": _shift("bitwise_right_shift", "The bits moved to the right: input // 2 ** other"),
}
