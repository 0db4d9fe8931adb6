"""Methods of tensors as functions, the tensor first, and functions that hand a tensor on."""

from __future__ import annotations

from archspec.cuts import elementwise
from archspec.dimensions import minimum
from archspec.functions._base import Function, Sizes, function, listed
from archspec.functions._dtypes import promote_all, summed
from archspec.functions._joined import joined
from archspec.functions._shapes import axis, one_list, require_rank_from, require_stretches
from archspec.functions.shaping import fitted, reshaped, stretched
from archspec.functions.splitting import tensor_split
from archspec.refusals import require, require_at_least, require_divides, require_equal
from archspec.tensors import COMPLEX, TensorType

Tensors = tuple[TensorType, ...]


@function("Tensor.view", cut=reshaped)
def view(input: TensorType, /, *shape: Sizes) -> TensorType:
    """The same numbers in another shape, without a copy; one size may be -1. Shape: [*] -> shape"""
    return input.reshaped(*fitted(input.shape, one_list(shape, "shape"), "shape"))


def _shaped_as(name: str, doc: str) -> Function:
    def rule(input: TensorType, /, other: TensorType) -> TensorType:
        return input.reshaped(*fitted(input.shape, other.shape, "other"))

    return Function(f"Tensor.{name}", rule, doc=f"{doc}. Shape: [*], [*S] -> [*S]")


SHAPED = {
    "view_as": _shaped_as("view_as", "The same numbers in the shape of another tensor, without a copy"),
    "reshape_as": _shaped_as("reshape_as", "The same numbers in the shape of another tensor"),
}


@function("Tensor.expand", cut=elementwise)
def expand(input: TensorType, /, *size: Sizes) -> TensorType:
    """Stretches axes of size 1, without a copy; -1 keeps a size. Shape: [*] -> size"""
    return stretched(input, one_list(size, "size"))


@function("Tensor.expand_as")
def expand_as(input: TensorType, /, other: TensorType) -> TensorType:
    """Stretches axes of size 1 to the shape of another tensor. Shape: [*], [*S] -> [*S]"""
    require_stretches(input.shape, other.shape, "input")
    return input.reshaped(*other.shape)


@function("Tensor.repeat")
def repeat(input: TensorType, /, *repeats: Sizes) -> TensorType:
    """Repeats the tensor along each axis; more counts than axes add axes in front. Shape: [*] -> [*] * repeats"""
    counts = one_list(repeats, "repeats")
    message = f"`repeats` {listed(counts)} has fewer entries than {input} has axes"
    require(len(counts) >= input.rank, "AS404", message, "`tile` repeats the last axes", "repeats")
    for count in counts:
        message = f"`repeats` is {listed(counts)}"
        require_at_least(count, 1, code="AS404", message=message, argument="repeats")
    shape = (*(1,) * (len(counts) - input.rank), *input.shape)
    return input.reshaped(*(size * count for size, count in zip(shape, counts, strict=True)))


@function("Tensor.contiguous", cut=elementwise)
def contiguous(input: TensorType, /) -> TensorType:
    """The tensor with its numbers one behind the other in memory. Shape: [*] -> [*]"""
    return input


def _handed_on(name: str, doc: str) -> Function:
    def rule(input: TensorType) -> TensorType:
        return input

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]", cut=elementwise)


HANDED_ON = {
    "clone": _handed_on("clone", "A copy, through which gradients flow back"),
    "detach": _handed_on("detach", "The tensor without its history: no gradient flows back"),
}


@function("torch.view_as_complex")
def view_as_complex(input: TensorType) -> TensorType:
    """Pairs of a real and an imaginary part as complex numbers. Shape: [*, 2] -> [*]"""
    require_rank_from(input, 1, "[*, 2]")
    require(input.dtype in ("float32", "float64"), "AS505", f"`input` is {input.dtype}; it takes float32 or float64")
    message = f"the last axis of {input} holds a real and an imaginary part"
    require_equal(input.shape[-1], 2, message=message)
    return TensorType(input.shape[:-1], COMPLEX[-1] if input.dtype == "float64" else COMPLEX[0])


def _flipped(name: str, least: int, doc: str) -> Function:
    def rule(input: TensorType) -> TensorType:
        require_rank_from(input, least)
        return input

    return Function(f"torch.{name}", rule, doc=f"{doc}. Shape: [*] -> [*]")


FLIPPED = {
    "fliplr": _flipped("fliplr", 2, "The second axis in reverse order"),
    "flipud": _flipped("flipud", 1, "The first axis in reverse order"),
}


@function("torch.rot90")
def rot90(input: TensorType, k: int = 1, dims: tuple[int, ...] = (0, 1)) -> TensorType:
    """Turns two axes by k times 90 degrees. Shape: [*, A, B] -> [*, B, A] for odd k"""
    require(len(dims) == 2, "AS404", f"`dims` names two axes, not {len(dims)}", argument="dims")
    require_rank_from(input, 2)
    first, second = (axis(input, dim, "dims") for dim in dims)
    require(first != second, "AS404", "`dims` names one axis twice", argument="dims")
    shape = list(input.shape)
    if k % 2:
        shape[first], shape[second] = shape[second], shape[first]
    return input.reshaped(*shape)


@function("torch.adjoint")
def adjoint(input: TensorType) -> TensorType:
    """Matrices with rows and columns swapped, complex numbers conjugated. Shape: [*, A, B] -> [*, B, A]"""
    require_rank_from(input, 2, "[*, A, B]")
    return input.reshaped(*input.shape[:-2], input.shape[-1], input.shape[-2])


def _at_least(name: str, rank: int, doc: str) -> Function:
    def one(x: TensorType) -> TensorType:
        if rank == 3 and x.rank in (1, 2):
            return x.reshaped(*(1,) * (2 - x.rank), *x.shape, 1)
        return x.reshaped(*(1,) * (rank - x.rank), *x.shape)

    def rule(*tensors: TensorType) -> TensorType | Tensors:
        require(bool(tensors), "AS403", "`tensors` is required")
        return one(tensors[0]) if len(tensors) == 1 else tuple(map(one, tensors))

    return Function(f"torch.{name}", rule, doc=f"{doc}; of several, each. Shape: the axes, with axes of size 1 added")


AT_LEAST = {
    "atleast_1d": _at_least("atleast_1d", 1, "The tensor with at least one axis"),
    "atleast_2d": _at_least("atleast_2d", 2, "The tensor with at least two axes, a vector as a row"),
    "atleast_3d": _at_least("atleast_3d", 3, "The tensor with at least three axes"),
}


@function("torch.diag")
def diag(input: TensorType, diagonal: int = 0) -> TensorType:
    """A matrix with a vector on a diagonal, or the diagonal of a matrix. Shape: [A] -> [A, A] for `diagonal` 0"""
    require(input.rank in (1, 2), "AS501", f"`input` takes 1 or 2 axes; this is {input}", argument="input")
    if input.rank == 1:
        side = input.shape[0] + abs(diagonal)
        return input.reshaped(side, side)
    a, b = input.shape
    length = minimum(a, b - diagonal) if diagonal >= 0 else minimum(a + diagonal, b)
    return input.reshaped(length)


@function("torch.diagflat")
def diagflat(input: TensorType, offset: int = 0) -> TensorType:
    """A matrix with all numbers on a diagonal. Shape: [*S] -> [prod(S), prod(S)] for `offset` 0"""
    side = input.numel + abs(offset)
    return input.reshaped(side, side)


@function("torch.trace")
def trace(input: TensorType) -> TensorType:
    """The sum of the diagonal of a matrix. Shape: [A, B] -> []"""
    require(input.rank == 2, "AS501", f"`input` takes 2 axes; this is {input}", argument="input")
    return TensorType((), summed(input.dtype))


def _split_along(name: str, place: int, least: int, doc: str) -> Function:
    def rule(input: TensorType, indices_or_sections: int | tuple[int, ...], /) -> Tensors:
        require_rank_from(input, least)
        dim = 0 if name == "hsplit" and input.rank == 1 else place
        given = indices_or_sections
        if not isinstance(given, tuple):
            require(given > 0, "AS404", f"`indices_or_sections` is {given}", argument="indices_or_sections")
            size = input.shape[dim]
            message = f"axis {dim} of {input} does not split into {given} equal parts"
            require_divides(given, size, message=message, argument="indices_or_sections")
        parts = tensor_split.rule(input, given, dim)
        assert isinstance(parts, tuple)
        assert not isinstance(parts, TensorType)
        return parts

    return Function(f"torch.{name}", rule, doc=doc)


SPLITS = {
    "hsplit": _split_along("hsplit", 1, 1, "Parts along the second axis. Shape: [A, L, *] -> n x [A, L / n, *]"),
    "vsplit": _split_along("vsplit", 0, 2, "Parts along the first axis. Shape: [L, *] -> n x [L / n, *]"),
    "dsplit": _split_along("dsplit", 2, 3, "Parts along the third axis. Shape: [A, B, L, *] -> n x [A, B, L / n, *]"),
}


@function("torch.column_stack")
def column_stack(tensors: tuple[TensorType, ...]) -> TensorType:
    """Joins along the second axis, vectors as columns. Shape: [A, B], [A, C], … -> [A, B + C + …]"""
    some = tuple(x.reshaped(x.numel, 1) if x.rank <= 1 else x for x in tensors)
    return joined(some, 1)


@function("torch.block_diag")
def block_diag(*tensors: TensorType) -> TensorType:
    """A matrix with matrices along its diagonal. Shape: [A, B], [C, D], … -> [A + C + …, B + D + …]"""
    require(bool(tensors), "AS403", "`tensors` is required")
    for x in tensors:
        require(x.rank <= 2, "AS501", f"it takes at most 2 axes; this is {x}", argument="tensors")
    shapes = [(*(1,) * (2 - x.rank), *x.shape) for x in tensors]
    rows, columns = (sum((shape[place] for shape in shapes), start=0) for place in (0, 1))
    return TensorType((rows, columns), promote_all(x.dtype for x in tensors))
