"""Linear algebra: the namespace `torch.linalg`, and what torch itself has of the kind."""

from __future__ import annotations

from typing import Literal

from archspec.dimensions import Size, minimum, product, show
from archspec.functions._base import Axes, Function, Scalar, function
from archspec.functions._dtypes import (
    INEXACT,
    NUMBERS,
    computed,
    promote,
    real,
    require_dtype,
    require_same_dtype,
    result_type,
)
from archspec.functions._shapes import (
    Shape,
    axes,
    axis,
    broadcast,
    require_rank,
    require_rank_from,
    require_stretches,
    same_size,
    without,
)
from archspec.functions.matrix import contracted
from archspec.functions.shaping import diagonal as torch_diagonal
from archspec.refusals import require, require_equal, require_held
from archspec.tensors import FLOATS, TensorType

Tensors = tuple[TensorType, ...]
DOUBLE = ("float32", "float64", "complex64", "complex128")
"""What the routines for matrices take."""

NormDtype = Literal["float32", "float64", "float16", "bfloat16", "complex64", "complex128"] | None


def require_matrices(
    x: TensorType, *, square: bool = False, name: str = "input", dtypes: tuple[str, ...] = DOUBLE
) -> None:
    """The last two axes are those of matrices that the routines take."""
    require_rank_from(x, 2, "[*, A, B]", name)
    require_dtype(x, dtypes, name)
    if square:
        message = f"`{name}` takes square matrices; this is {x}"
        require_equal(x.shape[-1], x.shape[-2], message=message, argument=name)


def _square(python: str, doc: str, shape: str, dtypes: tuple[str, ...] = DOUBLE) -> Function:
    """A function of square matrices, which comes to matrices or to one number for each."""

    def of_a(A: TensorType) -> TensorType:
        require_matrices(A, square=True, name="A", dtypes=dtypes)
        return A if "A]" in shape.partition("->")[2] else A.reshaped(*A.shape[:-2])

    def of_input(input: TensorType) -> TensorType:
        require_matrices(input, square=True, dtypes=dtypes)
        return input if "A]" in shape.partition("->")[2] else input.reshaped(*input.shape[:-2])

    plain = not python.startswith("torch.linalg") or python.endswith("matrix_exp")
    return Function(python, of_input if plain else of_a, doc=f"{doc}. Shape: {shape}")


_MATRIX, _NUMBER = "[*, A, A] -> [*, A, A]", "[*, A, A] -> [*]"

SQUARE = {
    "linalg.det": _square("torch.linalg.det", "The determinants of matrices", _NUMBER),
    "det": _square("torch.det", "The determinants of matrices", _NUMBER),
    "linalg.inv": _square("torch.linalg.inv", "The inverses of matrices", _MATRIX),
    "inverse": _square("torch.inverse", "The inverses of matrices", _MATRIX),
    "linalg.matrix_exp": _square("torch.linalg.matrix_exp", "The exponentials of matrices", _MATRIX, INEXACT),
    "matrix_exp": _square("torch.matrix_exp", "The exponentials of matrices", _MATRIX, INEXACT),
    "logdet": _square("torch.logdet", "The logarithms of determinants", _NUMBER),
}


def _log_determinant(python: str) -> Function:
    def of_a(A: TensorType) -> Tensors:
        require_matrices(A, square=True, name="A")
        signs = A.reshaped(*A.shape[:-2])
        return signs, signs.to(real(A.dtype))

    def of_input(input: TensorType) -> Tensors:
        require_matrices(input, square=True)
        signs = input.reshaped(*input.shape[:-2])
        return signs, signs.to(real(input.dtype))

    doc = "The signs of determinants, and the logarithms of their absolute values. Shape: [*, A, A] -> 2 x [*]"
    return Function(python, of_a if "linalg" in python else of_input, doc=doc)


DETERMINANTS = {
    "slogdet": _log_determinant("torch.slogdet"),
    "linalg.slogdet": _log_determinant("torch.linalg.slogdet"),
}


@function("torch.linalg.cholesky")
def linalg_cholesky(input: TensorType, *, upper: bool = False) -> TensorType:
    """The triangular roots of positive matrices. Shape: [*, A, A] -> [*, A, A]"""
    require_matrices(input, square=True)
    return input


@function("torch.cholesky")
def cholesky(input: TensorType, upper: bool = False) -> TensorType:
    """The triangular roots of positive matrices. Shape: [*, A, A] -> [*, A, A]"""
    require_matrices(input, square=True)
    return input


@function("torch.linalg.qr")
def linalg_qr(A: TensorType, mode: Literal["reduced", "complete", "r"] = "reduced") -> Tensors:
    """Matrices as an orthogonal and a triangular one. Shape: [*, A, B] -> [*, A, K], [*, K, B], K = min(A, B)"""
    require_matrices(A, name="A")
    require(mode != "r", "AS404", "mode r leaves the first of the two empty", "take the second of `reduced`", "mode")
    *batch, rows, columns = A.shape
    inner = rows if mode == "complete" else minimum(rows, columns)
    return A.reshaped(*batch, rows, inner), A.reshaped(*batch, inner, columns)


@function("torch.qr")
def qr(input: TensorType, some: bool = True) -> Tensors:
    """Matrices as an orthogonal and a triangular one. Shape: [*, A, B] -> [*, A, K], [*, K, B], K = min(A, B)"""
    require_matrices(input)
    *batch, rows, columns = input.shape
    inner = minimum(rows, columns) if some else rows
    return input.reshaped(*batch, rows, inner), input.reshaped(*batch, inner, columns)


@function("torch.linalg.svd")
def linalg_svd(A: TensorType, full_matrices: bool = True) -> Tensors:
    """Singular vectors and values. Shape: [*, A, B] -> [*, A, A], [*, min(A, B)], [*, B, B] if full_matrices

    Without `full_matrices` the vectors are [*, A, min(A, B)] and [*, min(A, B), B].
    """
    require_matrices(A, name="A")
    *batch, rows, columns = A.shape
    least = minimum(rows, columns)
    left, right = (rows, columns) if full_matrices else (least, least)
    values = TensorType((*batch, least), real(A.dtype))
    return A.reshaped(*batch, rows, left), values, A.reshaped(*batch, right, columns)


@function("torch.svd")
def svd(input: TensorType, some: bool = True, compute_uv: bool = True) -> Tensors:
    """Singular vectors and values. Shape: [*, A, B] -> [*, A, K], [*, K], [*, B, K] with K = min(A, B)"""
    require_matrices(input)
    *batch, rows, columns = input.shape
    least = minimum(rows, columns)
    left, right = (least, least) if some and compute_uv else (rows, columns)
    values = TensorType((*batch, least), real(input.dtype))
    return input.reshaped(*batch, rows, left), values, input.reshaped(*batch, columns, right)


@function("torch.linalg.svdvals")
def svdvals(A: TensorType) -> TensorType:
    """The singular values of matrices. Shape: [*, A, B] -> [*, min(A, B)]"""
    require_matrices(A, name="A")
    return TensorType((*A.shape[:-2], minimum(*A.shape[-2:])), real(A.dtype))


Triangle = Literal["L", "U"]


@function("torch.linalg.eigh")
def eigh(input: TensorType, UPLO: Triangle = "L") -> Tensors:
    """The eigenvalues and eigenvectors of symmetric matrices. Shape: [*, A, A] -> [*, A], [*, A, A]"""
    require_matrices(input, square=True, name="input")
    return TensorType(input.shape[:-1], real(input.dtype)), input


@function("torch.linalg.eigvalsh")
def eigvalsh(input: TensorType, UPLO: Triangle = "L") -> TensorType:
    """The eigenvalues of symmetric matrices. Shape: [*, A, A] -> [*, A]"""
    require_matrices(input, square=True, name="input")
    return TensorType(input.shape[:-1], real(input.dtype))


@function("torch.linalg.eig")
def eig(input: TensorType) -> Tensors:
    """The complex eigenvalues and eigenvectors of matrices. Shape: [*, A, A] -> [*, A], [*, A, A]"""
    require_matrices(input, square=True, name="input")
    dtype = promote(input.dtype, "complex64")
    return TensorType(input.shape[:-1], dtype), TensorType(input.shape, dtype)


@function("torch.linalg.eigvals")
def eigvals(input: TensorType) -> TensorType:
    """The complex eigenvalues of matrices. Shape: [*, A, A] -> [*, A]"""
    require_matrices(input, square=True, name="input")
    return TensorType(input.shape[:-1], promote(input.dtype, "complex64"))


@function("torch.linalg.pinv")
def pinv(
    input: TensorType, *, atol: float | None = None, rtol: float | None = None, hermitian: bool = False
) -> TensorType:
    """The pseudoinverses of matrices. Shape: [*, A, B] -> [*, B, A]"""
    require_matrices(input, square=hermitian, name="input")
    return input.reshaped(*input.shape[:-2], input.shape[-1], input.shape[-2])


@function("torch.pinverse")
def pinverse(input: TensorType, rcond: float = 1e-15) -> TensorType:
    """The pseudoinverses of matrices. Shape: [*, A, B] -> [*, B, A]"""
    require_matrices(input)
    return input.reshaped(*input.shape[:-2], input.shape[-1], input.shape[-2])


def _power_macs(output: TensorType, input: TensorType, n: int) -> Size:
    """As many products as squaring and multiplying takes."""
    count = max(abs(n).bit_length() - 1, 0) + max(abs(n).bit_count() - 1, 0)
    return product((output.numel, input.shape[-1], count))


def _power(python: str) -> Function:
    def rule(input: TensorType, n: int) -> TensorType:
        return _to_the_power(input, n)

    doc = "Matrices to the power of n; a negative one of the inverse. Shape: [*, A, A] -> [*, A, A]"
    return Function(python, rule, _power_macs, doc)


def _to_the_power(x: TensorType, n: int) -> TensorType:
    require_rank_from(x, 2, "[*, A, A]")
    message = f"`input` takes square matrices; this is {x}"
    require_equal(x.shape[-1], x.shape[-2], message=message)
    if n not in (0, 1):
        require_dtype(x, DOUBLE if n < 0 else NUMBERS)
    return x


POWERS = {
    "matrix_power": _power("torch.matrix_power"),
    "linalg.matrix_power": _power("torch.linalg.matrix_power"),
}


@function("torch.linalg.solve")
def solve(A: TensorType, B: TensorType, *, left: bool = True) -> TensorType:
    """What a matrix multiplies with to give another one: A @ X = B. Shape: [*, A, A], [*, A, B] -> [*, A, B]"""
    require_matrices(A, square=True, name="A")
    require_same_dtype(A, B)
    require_rank_from(B, 2, "[*, A, B]", "B")
    return _solved(A, B, left=left)


@function("torch.linalg.solve_triangular")
def solve_triangular(
    input: TensorType, B: TensorType, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> TensorType:
    """The same for triangular matrices: input @ X = B. Shape: [*, A, A], [*, A, B] -> [*, A, B]"""
    require_matrices(input, square=True)
    require_same_dtype(input, B)
    require_rank_from(B, 2, "[*, A, B]", "B")
    return _solved(input, B, left=left)


def _solved(a: TensorType, b: TensorType, *, left: bool) -> TensorType:
    rows = b.shape[-2 if left else -1]
    message = f"{a} does not go with the {show(rows)} {'rows' if left else 'columns'} of {b}"
    same_size(a.shape[-1], rows, message, argument="B")
    return b.reshaped(*broadcast(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])


@function("torch.linalg.vector_norm")
def vector_norm(
    input: TensorType, ord: float = 2, dim: Axes | None = None, keepdim: bool = False, *, dtype: NormDtype = None
) -> TensorType:
    """The norm of vectors over some axes, or of all numbers. Shape: [*] -> [*] without the axes `dim`, or []"""
    require_dtype(input, INEXACT, "input")
    return TensorType(without(input, axes(input, dim), keepdim), _norm_dtype(input, dtype, "input"))


def _norm_dtype(x: TensorType, dtype: str | None, name: str) -> str:
    if dtype is None:
        return real(x.dtype)
    alike = (dtype in FLOATS) == (x.dtype in FLOATS)
    require(alike, "AS505", f"`{name}` {x} is {x.dtype}, and `dtype` {dtype}", argument="dtype")
    require(promote(dtype, x.dtype) == dtype, "AS505", f"{dtype} is narrower than {x.dtype}", argument="dtype")
    return real(dtype)


@function("torch.linalg.matrix_norm")
def matrix_norm(
    input: TensorType,
    ord: float | Literal["fro", "nuc"] = "fro",
    dim: tuple[int, ...] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: NormDtype = None,
) -> TensorType:
    """The norm of matrices. Shape: [*] -> [*] without the axes `dim` (1 in their place with `keepdim`)"""
    require_rank_from(input, 2, "[*, A, B]", "input")
    require(len(dim) == 2, "AS404", f"`dim` names two axes, not {len(dim)}", argument="dim")
    spectral = ord in ("nuc", 2, -2)
    require_dtype(input, DOUBLE if spectral and dtype is None else INEXACT, "input")
    known = not isinstance(ord, int | float) or abs(ord) in (1, 2, float("inf"))
    require(known, "AS404", f"there is no matrix norm of order {ord}", argument="ord")
    return TensorType(without(input, axes(input, dim), keepdim), _norm_dtype(input, dtype, "input"))


@function("torch.linalg.cross")
def cross(input: TensorType, other: TensorType, *, dim: int = -1) -> TensorType:
    """The cross product of vectors of three numbers. Shape: [*, 3], [*, 3] that broadcast -> [*, 3]"""
    message = f"{input} and {other} have different numbers of axes"
    require(input.rank == other.rank, "AS501", message, argument="other")
    require_rank_from(input, 1)
    place = axis(input, dim)
    for x, name in ((input, "input"), (other, "other")):
        message = f"axis {place} of `{name}` {x} holds the 3 numbers of a vector"
        require_equal(x.shape[place], 3, message=message, argument=name)
    require_same_dtype(input, other)
    require_dtype(input, NUMBERS)
    return TensorType(broadcast(input.shape, other.shape), input.dtype)


@function("torch.linalg.diagonal")
def diagonal(A: TensorType, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> TensorType:
    """A diagonal of matrices, as the last axis. Shape: [*, A, B] -> [*, min(A, B)] of the last axes"""
    result = torch_diagonal.rule(A, offset, dim1, dim2)
    assert isinstance(result, TensorType)
    return result


def _dot(python: str, doc: str) -> Function:
    def rule(input: TensorType, other: TensorType) -> TensorType:
        return _dotted(input, other, "other")

    def by_tensor(input: TensorType, tensor: TensorType) -> TensorType:
        return _dotted(input, tensor, "tensor")

    return Function(python, by_tensor if python.endswith(".dot") else rule, doc=f"{doc}. Shape: [A], [A] -> []")


def _dotted(a: TensorType, b: TensorType, name: str) -> TensorType:
    require_rank(a, 1)
    require_rank(b, 1, name=name)
    require_same_dtype(a, b)
    require_dtype(a, NUMBERS)
    same_size(a.shape[0], b.shape[0], f"the vectors {a} and {b} have different lengths", "", name)
    return TensorType((), a.dtype)


DOTS = {
    "dot": _dot("torch.dot", "The sum of the products of two vectors"),
    "vdot": _dot("torch.vdot", "The same, the first vector conjugated"),
}


def _inner_macs(output: TensorType, input: TensorType, other: TensorType) -> Size:
    # Where one number comes out, PyTorch makes no product of matrices.
    return 0 if not input.rank or not other.rank or output.numel == 1 else product((output.numel, input.shape[-1]))


@function("torch.inner", macs=_inner_macs)
def inner(input: TensorType, other: TensorType) -> TensorType:
    """The sums of products along the last axes of two tensors. Shape: [*S, A], [*T, A] -> [*S, *T]"""
    if not input.rank or not other.rank:
        return TensorType((*input.shape, *other.shape), result_type(input, other))
    require_same_dtype(input, other)
    require_dtype(input, NUMBERS)
    message = f"the last axes of {input} and {other} have different lengths"
    same_size(input.shape[-1], other.shape[-1], message, "", "other")
    return TensorType((*input.shape[:-1], *other.shape[:-1]), input.dtype)


@function("torch.kron")
def kron(input: TensorType, other: TensorType) -> TensorType:
    """Kronecker's product: each number of one times all of the other. Shape: [*], [*] -> [*], each size the
    product of two
    """
    rank = max(input.rank, other.rank)
    shapes = [(*(1,) * (rank - x.rank), *x.shape) for x in (input, other)]
    return TensorType(tuple(a * b for a, b in zip(*shapes, strict=True)), result_type(input, other))


@function("torch.addmv")
def addmv(input: TensorType, mat: TensorType, vec: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1) -> TensorType:
    """beta * input + alpha * mat @ vec. Shape: [*] that stretches to [A], [A, B], [B] -> [A]"""
    require_rank(mat, 2, name="mat")
    require_rank(vec, 1, name="vec")
    contracted(mat, vec, mat.shape[1], vec.shape[0])
    return _added(input, mat.shape[:1], (mat, vec), beta, alpha)


@function("torch.addbmm")
def addbmm(
    input: TensorType, batch1: TensorType, batch2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta * input + alpha * the sum of batch1 @ batch2. Shape: [*], [N, A, B], [N, B, C] -> [A, C]"""
    require_rank(batch1, 3, name="batch1")
    require_rank(batch2, 3, name="batch2")
    same_size(batch1.shape[0], batch2.shape[0], f"{batch1} and {batch2} have different batch sizes")
    contracted(batch1, batch2, batch1.shape[2], batch2.shape[1])
    return _added(input, (batch1.shape[1], batch2.shape[2]), (batch1, batch2), beta, alpha)


def _added(input: TensorType, shape: Shape, factors: Tensors, beta: Scalar, alpha: Scalar) -> TensorType:
    require_same_dtype(*factors, input)
    require_dtype(input, NUMBERS)
    require_stretches(input.shape, shape, "input")
    require_held(computed(input.dtype), beta=beta, alpha=alpha)
    return TensorType(shape, input.dtype)
