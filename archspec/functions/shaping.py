"""Functions that rearrange: the numbers stay, their places change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec import dimensions
from archspec.cuts import Passings, along, elementwise, moved, regrouped
from archspec.dimensions import Size, product, quotient, show
from archspec.functions._base import ABSENT, Axes, Function, Sizes, function, listed
from archspec.functions._shapes import (
    Shape,
    axes,
    axis,
    axis_of,
    is_one,
    require_distinct,
    require_rank_from,
    require_stretches,
)
from archspec.refusals import counted, refuse, require, require_at_least, require_divides, require_equal
from archspec.tensors import TensorType


def fitted(numbers: Shape, parts: Shape, name: str) -> Shape:
    """The parts, with sizes for a -1 among them, that hold as many numbers as there are."""
    gaps = [place for place, size in enumerate(parts) if size == -1]
    require(len(gaps) <= 1, "AS404", f"`{name}` {listed(parts)} has more than one -1", argument=name)
    for size in parts:
        wrong = size != -1 and dimensions.at_least(size, 1) is False
        require(not wrong, "AS404", f"`{name}` {listed(parts)}: {show(size)} is not a size", argument=name)
    there, wanted = list(numbers), [size for size in parts if size != -1]
    for size in list(wanted):  # what stands on both sides need not be multiplied out
        if size in there:
            there.remove(size)
            wanted.remove(size)
    total, rest = product(there), product(wanted)
    text = f"{listed(numbers)} holds {counted(product(numbers))} numbers, `{name}` {listed(parts)}"
    if gaps:
        hint = "-1 is computed from the rest, which must divide evenly"
        require_divides(rest, total, message=f"{text} does not divide them", help=hint, argument=name)
        return (*parts[: gaps[0]], quotient(total, rest), *parts[gaps[0] + 1 :])
    holds = counted(product(parts))
    require_equal(total, rest, message=f"{text} {holds}", help="one size may be -1: it is computed", argument=name)
    return parts


def reshaped(output: TensorType, given: Mapping[str, Any]) -> Passings:
    """How a cut passes where the numbers stay in their row: see `regrouped`."""
    return {"input": regrouped(given["input"].shape, output.shape)}


def _permuted(output: TensorType, given: Mapping[str, Any]) -> Passings:
    return {"input": moved([dim % output.rank for dim in given["dims"]])}


def _swapped_axes(output: TensorType, given: Mapping[str, Any]) -> Passings:
    _, first, second = given.values()
    order = list(range(output.rank))
    if order:
        order[first], order[second] = order[second], order[first]
    return {"input": moved(order)}


def _in_matrices(output: TensorType, given: Mapping[str, Any]) -> Passings:
    return along(output, given, -2, -1)


@function("torch.reshape", cut=reshaped)
def reshape(input: TensorType, shape: tuple[Size, ...]) -> TensorType:
    """The same numbers, row by row, in another shape; one size may be -1. Shape: [*] -> shape"""
    return input.reshaped(*fitted(input.shape, shape, "shape"))


@function("torch.ravel", cut=reshaped)
def ravel(input: TensorType) -> TensorType:
    """All numbers in one row. Shape: [*S] -> [prod(S)]"""
    return input.reshaped(input.numel)


@function("torch.flatten", cut=reshaped)
def flatten(input: TensorType, start_dim: int = 0, end_dim: int = -1) -> TensorType:
    """Makes one axis of several. Shape: [*, *S, *] -> [*, prod(S), *] at start_dim to end_dim"""
    start, end = axis(input, start_dim, "start_dim"), axis(input, end_dim, "end_dim")
    message = f"`start_dim` {start_dim} comes after `end_dim` {end_dim} in {input}"
    require(start <= end, "AS404", message, argument="start_dim")
    return input.reshaped(*input.shape[:start], product(input.shape[start : end + 1]), *input.shape[end + 1 :])


@function("torch.unflatten", cut=reshaped)
def unflatten(input: TensorType, dim: int, sizes: tuple[Size, ...]) -> TensorType:
    """Makes several axes of one; one of the sizes may be -1. Shape: [*, L, *] -> [*, sizes, *] for `dim`"""
    require_rank_from(input, 1)
    require(bool(sizes), "AS404", "`sizes` is empty", argument="sizes")
    place = axis(input, dim)
    parts = fitted((input.shape[place],), sizes, "sizes")
    return input.reshaped(*input.shape[:place], *parts, *input.shape[place + 1 :])


@function("torch.permute", cut=_permuted)
def permute(input: TensorType, dims: tuple[int, ...]) -> TensorType:
    """The axes in another order. Shape: [A, B, C] -> [C, A, B] for dims (2, 0, 1)"""
    message = f"`dims` has {len(dims)} axes, but {input} has {input.rank}"
    hint = f"name each of the {input.rank} axes once, in their new order"
    require(len(dims) == input.rank, "AS404", message, hint, "dims")
    order = axes(input, dims, "dims") if dims else []
    return input.reshaped(*(input.shape[place] for place in order))


def _swapped(input: TensorType, first: int, second: int) -> TensorType:
    shape = list(input.shape)
    if shape:
        shape[first], shape[second] = shape[second], shape[first]
    return input.reshaped(*shape)


def _swap(name: str) -> Function:
    def by_dim(input: TensorType, dim0: int, dim1: int) -> TensorType:
        return _swapped(input, axis(input, dim0, "dim0"), axis(input, dim1, "dim1"))

    def by_axis(input: TensorType, axis0: int, axis1: int) -> TensorType:
        return _swapped(input, axis(input, axis0, "axis0"), axis(input, axis1, "axis1"))

    rule = by_axis if name == "swapaxes" else by_dim
    doc = "Swaps two axes. Shape: [*, A, *, B, *] -> [*, B, *, A, *]"
    return Function(f"torch.{name}", rule, doc=doc, cut=_swapped_axes)


SWAPS = {name: _swap(name) for name in ("swapaxes", "swapdims", "transpose")}


@function("torch.t", cut=lambda output, given: {"input": moved([*reversed(range(output.rank))])})
def t(input: TensorType) -> TensorType:
    """Swaps the two axes of a matrix. Shape: [A, B] -> [B, A]"""
    require(
        input.rank <= 2, "AS501", f"it takes at most 2 axes; this is {input}", "`transpose` names two axes", "input"
    )
    return input.reshaped(*reversed(input.shape))


def _move(name: str) -> Function:
    def rule(input: TensorType, source: Axes, destination: Axes) -> TensorType:
        sources, targets = (value if isinstance(value, tuple) else (value,) for value in (source, destination))
        alike = isinstance(source, tuple) == isinstance(destination, tuple)
        require(alike, "AS404", "`source` and `destination` are both an axis or both lists", argument="source")
        message = f"`source` names {len(sources)} axes, `destination` {len(targets)}"
        require(len(sources) == len(targets), "AS404", message, argument="source")
        moved = axes(input, sources, "source") if sources else []
        places = axes(input, targets, "destination") if targets else []
        rest = iter(place for place in range(input.rank) if place not in moved)
        if not input.rank:
            return input
        order = [moved[places.index(place)] if place in places else next(rest) for place in range(input.rank)]
        return input.reshaped(*(input.shape[place] for place in order))

    return Function(f"torch.{name}", rule, doc="Moves axes to other places. Shape: [A, B, C] -> [B, C, A] for 0 to -1")


MOVES = {name: _move(name) for name in ("moveaxis", "movedim")}


@function("torch.squeeze", cut=reshaped)
def squeeze(input: TensorType, dim: Axes = ABSENT) -> TensorType:
    """Drops axes of size 1: all of them, or those of `dim` that are. Shape: [*, 1, *] -> [*]"""
    wanted = range(input.rank) if dim is ABSENT else axes(input, dim) if dim != () else []
    dropped = [place for place in wanted if input.shape and is_one(input, place)]
    return input.reshaped(*(size for place, size in enumerate(input.shape) if place not in dropped))


@function("torch.unsqueeze", cut=reshaped)
def unsqueeze(input: TensorType, dim: int) -> TensorType:
    """Adds an axis of size 1. Shape: [*] -> [*, 1, *], 1 at `dim`"""
    place = axis_of(input.rank + 1, dim, f"{input} with one more axis")
    return input.reshaped(*input.shape[:place], 1, *input.shape[place:])


@function("torch.broadcast_to", cut=elementwise)
def broadcast_to(input: TensorType, size: tuple[Size, ...]) -> TensorType:
    """Stretches axes of size 1; -1 keeps a size. Shape: [*] -> size"""
    return stretched(input, size)


def stretched(input: TensorType, size: Shape) -> TensorType:
    """The tensor with axes of size 1 stretched; -1 keeps a size."""
    new = len(size) - input.rank
    require(new >= 0, "AS404", f"`size` has {len(size)} axes, fewer than {input}", argument="size")
    require(-1 not in size[:new], "AS404", f"`size` {listed(size)}: -1 matches no axis of {input}", argument="size")
    target = tuple(input.shape[place - new] if n == -1 else n for place, n in enumerate(size))
    require_stretches(input.shape, target, "input")
    return input.reshaped(*target)


@function("torch.tile")
def tile(input: TensorType, dims: tuple[Size, ...]) -> TensorType:
    """Repeats the tensor along its last axes. Shape: [*, A, B] -> [*, A * dims[0], B * dims[1]] for two"""
    rank = max(input.rank, len(dims))
    counts = (*(1,) * (rank - len(dims)), *dims)
    shape = (*(1,) * (rank - input.rank), *input.shape)
    return input.reshaped(*(size * count for size, count in zip(shape, counts, strict=True)))


@function("torch.repeat_interleave")
def repeat_interleave(input: TensorType, repeats: Size, dim: int | None = None) -> TensorType:
    """Repeats each number along an axis, or in one row of all. Shape: [*, L, *] -> [*, L * repeats, *] at dim"""
    require_at_least(repeats, 0, code="AS404", message=f"`repeats` is {show(repeats)}", argument="repeats")
    if dim is None:
        return input.reshaped(input.numel * repeats)
    require_rank_from(input, 1)
    place = axis(input, dim)
    return input.resized(place, input.shape[place] * repeats)


@function("torch.flip", cut=lambda output, given: along(output, given, *given["dims"]))
def flip(input: TensorType, dims: tuple[int, ...]) -> TensorType:
    """The numbers along some axes in reverse order. Shape: [*] -> [*]"""
    require_distinct([axis(input, dim, "dims") for dim in dims], input, "dims")
    return input


@function("torch.roll")
def roll(input: TensorType, shifts: Sizes, dims: Axes = ()) -> TensorType:
    """Moves numbers along axes; those that fall off the end come first. Shape: [*] -> [*]"""
    some = shifts if isinstance(shifts, tuple) else (shifts,)
    places = dims if isinstance(dims, tuple) else (dims,)
    require(bool(some), "AS404", "`shifts` is empty", argument="shifts")
    for dim in places:
        require_rank_from(input, 1)
        axis(input, dim, "dims")
    message = f"`shifts` has {len(some)} entries, `dims` {len(places)}"
    require(len(some) == len(places) or (not places and len(some) == 1), "AS404", message, argument="shifts")
    return input


@function("torch.tril", cut=_in_matrices)
def tril(input: TensorType, diagonal: Size = 0) -> TensorType:
    """Matrices with zeros above a diagonal. Shape: [*, A, B] -> [*, A, B]"""
    require_rank_from(input, 2, "[*, A, B]")
    return input


@function("torch.triu", cut=_in_matrices)
def triu(input: TensorType, diagonal: Size = 0) -> TensorType:
    """Matrices with zeros below a diagonal. Shape: [*, A, B] -> [*, A, B]"""
    require_rank_from(input, 2, "[*, A, B]")
    return input


@function("torch.diagonal")
def diagonal(input: TensorType, offset: int = 0, dim1: int = 0, dim2: int = 1) -> TensorType:
    """A diagonal of matrices, as the last axis. Shape: [*, A, B] -> [*, min(A, B)] of the last axes"""
    rows, columns = _two_axes(input.rank, dim1, dim2, str(input))
    a, b = input.shape[rows], input.shape[columns]
    length = dimensions.minimum(a, b - offset) if offset >= 0 else dimensions.minimum(a + offset, b)
    rest = (size for place, size in enumerate(input.shape) if place not in (rows, columns))
    return input.reshaped(*rest, length)


@function("torch.diag_embed")
def diag_embed(input: TensorType, offset: int = 0, dim1: int = -2, dim2: int = -1) -> TensorType:
    """Matrices with the last axis on a diagonal and zeros elsewhere. Shape: [*, A] -> [*, A, A] for `offset` 0"""
    require_rank_from(input, 1)
    rows, columns = _two_axes(input.rank + 1, dim1, dim2, f"{input} with one more axis")
    rest = iter(input.shape[:-1])
    side = input.shape[-1] + abs(offset)
    return input.reshaped(*(side if place in (rows, columns) else next(rest) for place in range(input.rank + 1)))


def _two_axes(rank: int, dim1: int, dim2: int, what: str) -> tuple[int, int]:
    rows, columns = axis_of(rank, dim1, what, "dim1"), axis_of(rank, dim2, what, "dim2")
    if rows == columns:
        refuse("AS404", f"`dim1` and `dim2` are both axis {rows} of {what}", argument="dim2")
    return rows, columns
