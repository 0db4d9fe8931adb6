"""Products of matrices and vectors."""

from __future__ import annotations

from archspec.dimensions import Size, equal, product, show
from archspec.functions._base import Scalar, function
from archspec.functions._dtypes import NUMBERS, require_dtype, require_same_dtype
from archspec.functions._shapes import Shape, axes, broadcast, require_rank, require_rank_from, require_stretches, same_size
from archspec.refusals import require
from archspec.tensors import TensorType


def _contracted(a: TensorType, b: TensorType, left: Size, right: Size) -> Size:
    """The size that is summed over."""
    message = f"{a} and {b} do not multiply: the rows of the first have {show(left)}, the columns of the second {show(right)}"
    return same_size(left, right, message, "the last axis of the first goes with the last but one of the second")


def _multiplied(a: TensorType, b: TensorType) -> str:
    require_dtype(a, NUMBERS)
    require_same_dtype(a, b)
    return a.dtype


def _matmul_macs(output: TensorType, input: TensorType, other: TensorType) -> Size:
    # PyTorch's counter knows products of two matrices only.
    if other.rank == 1 or (input.rank == 1 and other.rank != 2):
        return 0
    return product((output.numel, input.shape[-1]))


@function("torch.matmul", macs=_matmul_macs)
def matmul(input: TensorType, other: TensorType) -> TensorType:
    """The product of matrices, or of matrices and vectors. Shape: [*, A, B], [*, B, C] -> [*, A, C]"""
    for x, name in ((input, "input"), (other, "other")):
        require_rank_from(x, 1, name=name)
    dtype = _multiplied(input, other)
    _contracted(input, other, input.shape[-1], other.shape[-2 if other.rank > 1 else -1])
    batch = broadcast(input.shape[:-2], other.shape[:-2])
    return TensorType((*batch, *input.shape[-2:-1], *(other.shape[-1:] if other.rank > 1 else ())), dtype)


def _mm_macs(output: TensorType, input: TensorType, mat2: TensorType) -> Size:
    return product((output.numel, input.shape[-1]))


@function("torch.mm", macs=_mm_macs)
def mm(input: TensorType, mat2: TensorType) -> TensorType:
    """The product of two matrices. Shape: [A, B], [B, C] -> [A, C]"""
    require_rank(input, 2)
    require_rank(mat2, 2, name="mat2")
    _contracted(input, mat2, input.shape[1], mat2.shape[0])
    return TensorType((input.shape[0], mat2.shape[1]), _multiplied(input, mat2))


@function("torch.bmm", macs=_mm_macs)
def bmm(input: TensorType, mat2: TensorType) -> TensorType:
    """Products of as many pairs of matrices. Shape: [N, A, B], [N, B, C] -> [N, A, C]"""
    require_rank(input, 3)
    require_rank(mat2, 3, name="mat2")
    message = f"{input} and {mat2} are unlike numbers of matrices"
    batch = same_size(input.shape[0], mat2.shape[0], message, "`matmul` stretches an axis of size 1")
    _contracted(input, mat2, input.shape[2], mat2.shape[1])
    return TensorType((batch, input.shape[1], mat2.shape[2]), _multiplied(input, mat2))


@function("torch.mv")
def mv(input: TensorType, vec: TensorType) -> TensorType:
    """The product of a matrix and a vector. Shape: [A, B], [B] -> [A]"""
    require_rank(input, 2)
    require_rank(vec, 1, name="vec")
    _contracted(input, vec, input.shape[1], vec.shape[0])
    return TensorType(input.shape[:1], _multiplied(input, vec))


@function("torch.outer")
def outer(input: TensorType, vec2: TensorType) -> TensorType:
    """All products of the numbers of two vectors. Shape: [A], [B] -> [A, B]"""
    require_rank(input, 1)
    require_rank(vec2, 1, name="vec2")
    return mul.like(input, vec2)
