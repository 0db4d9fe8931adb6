"""Products of matrices and vectors."""

from __future__ import annotations

from archspec.cuts import product_of_matrices
from archspec.dimensions import Size, product, show
from archspec.functions._base import Scalar, function
from archspec.functions._dtypes import NUMBERS, computed, require_dtype, require_same_dtype, result_type
from archspec.functions._shapes import Shape, broadcast, require_rank, require_rank_from, require_stretches, same_size
from archspec.refusals import counted, require, require_held
from archspec.tensors import TensorType


def contracted(a: TensorType, b: TensorType, left: Size, right: Size) -> Size:
    """The size that is summed over."""
    message = (
        f"{a} and {b} do not multiply: the rows of the first have {show(left)}, the columns of the second {show(right)}"
    )
    return same_size(left, right, message, "the last axis of the first goes with the last but one of the second")


def _multiplied(a: TensorType, b: TensorType) -> str:
    require_dtype(a, NUMBERS)
    require_same_dtype(a, b)
    return a.dtype


def _matmul_macs(output: TensorType, input: TensorType, other: TensorType) -> Size:
    # PyTorch's counter knows no products with a vector on the right.
    return 0 if other.rank == 1 else product((output.numel, input.shape[-1]))


@function("torch.matmul", macs=_matmul_macs, cut=product_of_matrices)
def matmul(input: TensorType, other: TensorType) -> TensorType:
    """The product of matrices, or of matrices and vectors. Shape: [*, A, B], [*, B, C] that broadcast -> [*, A, C]"""
    for x, name in ((input, "input"), (other, "other")):
        require_rank_from(x, 1, name=name)
    dtype = _multiplied(input, other)
    contracted(input, other, input.shape[-1], other.shape[-2 if other.rank > 1 else -1])
    batch = broadcast(input.shape[:-2], other.shape[:-2])
    return TensorType((*batch, *input.shape[-2:-1], *(other.shape[-1:] if other.rank > 1 else ())), dtype)


def _mm_macs(output: TensorType, input: TensorType, mat2: TensorType) -> Size:
    return product((output.numel, input.shape[-1]))


@function("torch.mm", macs=_mm_macs, cut=product_of_matrices)
def mm(input: TensorType, mat2: TensorType) -> TensorType:
    """The product of two matrices. Shape: [A, B], [B, C] -> [A, C]"""
    require_rank(input, 2)
    require_rank(mat2, 2, name="mat2")
    contracted(input, mat2, input.shape[1], mat2.shape[0])
    return TensorType((input.shape[0], mat2.shape[1]), _multiplied(input, mat2))


@function("torch.bmm", macs=_mm_macs, cut=product_of_matrices)
def bmm(input: TensorType, mat2: TensorType) -> TensorType:
    """Products of as many pairs of matrices. Shape: [N, A, B], [N, B, C] -> [N, A, C]"""
    require_rank(input, 3)
    require_rank(mat2, 3, name="mat2")
    message = f"{input} and {mat2} have different batch sizes"
    batch = same_size(input.shape[0], mat2.shape[0], message, "`matmul` stretches an axis of size 1")
    contracted(input, mat2, input.shape[2], mat2.shape[1])
    return TensorType((batch, input.shape[1], mat2.shape[2]), _multiplied(input, mat2))


@function("torch.mv")
def mv(input: TensorType, vec: TensorType) -> TensorType:
    """The product of a matrix and a vector. Shape: [A, B], [B] -> [A]"""
    require_rank(input, 2)
    require_rank(vec, 1, name="vec")
    contracted(input, vec, input.shape[1], vec.shape[0])
    return TensorType(input.shape[:1], _multiplied(input, vec))


@function("torch.outer")
def outer(input: TensorType, vec2: TensorType) -> TensorType:
    """All products of the numbers of two vectors. Shape: [A], [B] -> [A, B]"""
    require_rank(input, 1)
    require_rank(vec2, 1, name="vec2")
    return TensorType((input.shape[0], vec2.shape[0]), result_type(input, vec2))


def _added_macs(output: TensorType, input: TensorType, first: TensorType, second: TensorType, **_: Scalar) -> Size:
    return product((output.numel, first.shape[-1]))


@function("torch.addmm", macs=_added_macs)
def addmm(input: TensorType, mat1: TensorType, mat2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1) -> TensorType:
    """beta * input + alpha * mat1 @ mat2. Shape: [*] that stretches to [A, C], [A, B], [B, C] -> [A, C]"""
    require_rank(mat1, 2, name="mat1")
    require_rank(mat2, 2, name="mat2")
    contracted(mat1, mat2, mat1.shape[1], mat2.shape[0])
    require_held(computed(input.dtype), beta=beta, alpha=alpha)
    return _added(input, TensorType((mat1.shape[0], mat2.shape[1]), _multiplied(mat1, mat2)))


@function("torch.baddbmm", macs=_added_macs)
def baddbmm(
    input: TensorType, batch1: TensorType, batch2: TensorType, *, beta: Scalar = 1, alpha: Scalar = 1
) -> TensorType:
    """beta * input + alpha * batch1 @ batch2. Shape: [*] that stretches, [N, A, B], [N, B, C] -> [N, A, C]"""
    require_rank(batch1, 3, name="batch1")
    require_rank(batch2, 3, name="batch2")
    message = f"{batch1} and {batch2} have different batch sizes"
    batch = same_size(batch1.shape[0], batch2.shape[0], message)
    contracted(batch1, batch2, batch1.shape[2], batch2.shape[1])
    shape = (batch, batch1.shape[1], batch2.shape[2])
    require_held(computed(input.dtype), beta=beta, alpha=alpha)
    return _added(input, TensorType(shape, _multiplied(batch1, batch2)))


def _added(input: TensorType, product: TensorType) -> TensorType:
    require_stretches(input.shape, product.shape, "input")
    require_same_dtype(product, input)
    return product


def _tensordot_macs(output: TensorType, a: TensorType, b: TensorType, dims: int = 2) -> Size:
    # Where one number comes out, PyTorch makes no product of matrices.
    return 0 if output.numel == 1 else product((output.numel, *_summed(a, dims)))


@function("torch.tensordot", macs=_tensordot_macs)
def tensordot(a: TensorType, b: TensorType, dims: int = 2) -> TensorType:
    """Sums over the last axes of one and the first of the other. Shape: [*, A, B], [A, B, *] -> [*, *] for 2"""
    message = f"`dims` is {dims}, but {a} and {b} have {a.rank} and {b.rank} axes"
    require(0 <= dims <= min(a.rank, b.rank), "AS404", message, argument="dims")
    for left, right in zip(_summed(a, dims), b.shape[:dims], strict=True):
        contracted(a, b, left, right)
    return TensorType((*a.shape[: a.rank - dims], *b.shape[dims:]), _multiplied(a, b))


def _summed(a: TensorType, dims: int) -> Shape:
    return a.shape[a.rank - dims :]


def _linear_macs(output: TensorType, input: TensorType, weight: TensorType, bias: TensorType | None = None) -> Size:
    return 0 if weight.rank == 1 else product((output.numel, input.shape[-1]))


@function("F.linear", macs=_linear_macs)
def linear(input: TensorType, weight: TensorType, bias: TensorType | None = None) -> TensorType:
    """input @ weight.T, and a bias for each output. Shape: [*, A], [B, A] -> [*, B]"""
    require_rank_from(input, 1)
    require_rank(weight, *((1, 2) if bias is None else (2,)), name="weight")
    message = f"`weight` {weight} takes {show(weight.shape[-1])} features, but {input} has {counted(input.shape[-1])}"
    same_size(input.shape[-1], weight.shape[-1], message, argument="weight")
    output = TensorType((*input.shape[:-1], *weight.shape[:-1]), _multiplied(input, weight))
    if bias is not None:
        require_same_dtype(input, bias)
        require(bias.rank <= 1, "AS501", f"`bias` has one axis; this is {bias}", argument="bias")
        require_stretches(bias.shape, output.shape, "bias")
    return output


@function("F.bilinear")
def bilinear(input1: TensorType, input2: TensorType, weight: TensorType, bias: TensorType | None = None) -> TensorType:
    """input1 @ weight @ input2.T for each output. Shape: [*, A], [*, B], [C, A, B], [C] -> [*, C]"""
    require_rank(weight, 3, name="weight")
    require_rank_from(input1, 1, name="input1")
    message = f"{input1} and {input2} differ before the last axis"
    require(input1.rank == input2.rank, "AS501", message, argument="input2")
    batch = [same_size(a, b, message) for a, b in zip(input1.shape[:-1], input2.shape[:-1], strict=True)]
    for x, place, name in ((input1, 1, "input1"), (input2, 2, "input2")):
        size = weight.shape[place]
        message = f"`weight` {weight} takes {show(size)} features as `{name}`, but {x} has {show(x.shape[-1])}"
        same_size(x.shape[-1], size, message, argument=name)
    _multiplied(input1, input2)
    require_same_dtype(input1, weight)
    if bias is not None:
        require_same_dtype(input1, bias)
        require_rank(bias, 1, name="bias")
        message = f"`bias` {bias} does not go with {show(weight.shape[0])} outputs"
        same_size(bias.shape[0], weight.shape[0], message, argument="bias")
    return TensorType((*batch, weight.shape[0]), input1.dtype)
