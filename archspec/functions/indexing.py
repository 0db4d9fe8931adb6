"""Functions that look numbers up by indices."""

from __future__ import annotations

from archspec import dimensions
from archspec.dimensions import Size, Unknown, show
from archspec.functions._base import ABSENT, Scalar, function
from archspec.functions._dtypes import INEXACT, require_dtype, require_same_dtype
from archspec.functions._shapes import axis, broadcast, require_rank
from archspec.refusals import refuse, require, require_at_least, require_stored
from archspec.tensors import TensorType

INDICES = ("int64", "int32")


@function("F.embedding")
def embedding(
    input: TensorType,
    weight: TensorType,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> TensorType:
    """The rows of a table. Shape: [*] int64, [rows, D] -> [*, D]"""
    require_dtype(input, INDICES)
    require_rank(weight, 2, layout="[rows, D]", name="weight")
    if max_norm is not None:
        require_dtype(weight, INEXACT, "weight")
    if padding_idx is not None:
        rows = weight.shape[0]
        message = f"`padding_idx` is {padding_idx}, but `weight` has {show(rows)} rows"
        least = padding_idx + 1 if padding_idx >= 0 else -padding_idx
        require_at_least(rows, least, code="AS404", message=message, argument="padding_idx")
    return TensorType((*input.shape, weight.shape[1]), weight.dtype)


@function("F.one_hot")
def one_hot(input: TensorType, num_classes: Size = -1) -> TensorType:
    """A row of zeros with a one for each index. Shape: [*] int64 -> [*, num_classes] int64, -1 to count"""
    require_dtype(input, ("int64",))
    classes = num_classes
    if num_classes == -1:
        classes = dimensions.of(Unknown("`num_classes` is left out: it depends on the numbers"))
    else:
        message = f"`num_classes` is {show(num_classes)}; it is at least 1"
        require_at_least(num_classes, 1, code="AS404", message=message, argument="num_classes")
    return input.reshaped(*input.shape, classes)


@function("torch.index_select")
def index_select(input: TensorType, dim: int, index: TensorType) -> TensorType:
    """Entries of an axis by their indices. Shape: [*, L, *], [n] int64 -> [*, n, *] at dim"""
    require_dtype(index, INDICES, "index")
    require(index.rank <= 1, "AS501", f"`index` takes one axis; this is {index}", argument="index")
    place = axis(input, dim)
    count = index.shape[0] if index.rank else 1
    if not input.shape:
        require(count == 1, "AS502", f"`index` {index} has more than the one number of {input}", argument="index")
        return input
    return input.resized(place, count)


def require_indices(input: TensorType, dim: int, index: TensorType) -> int:
    """The index goes with the input: as many axes, none of them larger but `dim`."""
    require_dtype(index, INDICES, "index")
    ranks = {max(x.rank, 1) for x in (input, index)}
    require(len(ranks) == 1, "AS501", f"`index` {index} has other axes than {input}", argument="index")
    place = axis(input, dim)
    for other, (size, there) in enumerate(zip(index.shape, input.shape, strict=False)):
        if other != place:
            message = f"`index` {index} is larger than {input} at axis {other}: {show(size)}, {show(there)}"
            require_at_least(there, size, code="AS502", message=message, argument="index")
    return place


@function("torch.gather")
def gather(input: TensorType, dim: int, index: TensorType) -> TensorType:
    """Numbers along an axis, each by an index of its own. Shape: [*, L, *], [*S] int64 -> [*S]"""
    require_indices(input, dim, index)
    return TensorType(index.shape, input.dtype)


@function("torch.take_along_dim")
def take_along_dim(input: TensorType, indices: TensorType, dim: int | None = None) -> TensorType:
    """Numbers along an axis by indices that broadcast; of all without `dim`. Shape: [*], [*] -> that of the indices"""
    require_dtype(indices, ("int64",), "indices")
    if dim is None:
        return TensorType((indices.numel,), input.dtype)
    require(indices.rank == input.rank, "AS501", f"`indices` {indices} has other axes than {input}", "", "indices")
    place = axis(input, dim)
    require(bool(input.shape), "AS501", "it takes tensors with axes", argument="input")
    shape: list[Size] = list(broadcast(_without(input, place), _without(indices, place)))
    shape[place] = indices.shape[place]
    return input.reshaped(*shape)


def _without(x: TensorType, place: int) -> tuple[Size, ...]:
    return (*x.shape[:place], 1, *x.shape[place + 1 :])


@function("torch.scatter")
def scatter(
    input: TensorType, dim: int, index: TensorType, src: TensorType = ABSENT, *, value: Scalar = ABSENT
) -> TensorType:
    """The input with numbers of `src`, or one `value`, put at indices. Shape: [*S], [*I] int64, [*J] -> [*S]"""
    require_indices(input, dim, index)
    if (src is ABSENT) == (value is ABSENT):
        refuse("AS403", "either `src` or `value` is required", argument="src")
    if src is not ABSENT:
        require_source(input, index, src)
    require_stored(input.dtype, value=value)
    return input


@function("torch.scatter_add")
def scatter_add(input: TensorType, dim: int, index: TensorType, src: TensorType) -> TensorType:
    """The input with numbers of `src` added at indices. Shape: [*S], [*I] int64, [*J] -> [*S]"""
    require_indices(input, dim, index)
    require_source(input, index, src)
    return input


def require_source(input: TensorType, index: TensorType, src: TensorType) -> None:
    """The source goes with the index: it has as many axes, none of them smaller."""
    require_same_dtype(input, src)
    ranks = {max(x.rank, 1) for x in (src, index)}
    require(len(ranks) == 1, "AS501", f"`src` {src} has other axes than `index` {index}", argument="src")
    for size, there in zip(index.shape, src.shape or (1,), strict=False):
        message = f"`index` {index} is larger than `src` {src}"
        require_at_least(there, size, code="AS502", message=message, argument="index")
