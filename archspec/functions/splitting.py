"""Functions that take a part of a tensor, or take it apart."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from archspec import dimensions
from archspec.cuts import Passings, along_dim, dropped
from archspec.dimensions import Size, quotient, show
from archspec.functions._base import function, listed
from archspec.functions._shapes import axis, counted, require_rank_from
from archspec.refusals import assumptions, require, require_at_least, require_divides, require_equal
from archspec.tensors import TensorType

Tensors = tuple[TensorType, ...]


def bound(size: Size, at: Size | None, default: Size) -> Size:
    """A bound of a slice, counted from the front and held within the axis, as Python has it."""
    if at is None:
        return default
    if dimensions.at_least(at, 0) is False:
        return dimensions.maximum(size + at, 0)
    if dimensions.at_least(at, 0) is None:
        return dimensions.of(dimensions.Unknown(f"whether {show(at)} is negative is not known"))
    return dimensions.minimum(at, size)


def part(size: Size, start: Size | None, stop: Size | None, step: Size = 1) -> Size:
    """How many numbers `start:stop:step` takes of an axis."""
    if start is None and stop is None:
        return (size + step - 1) // step  # no size is below 0
    first, last = bound(size, start, 0), bound(size, stop, size)
    return dimensions.maximum((last - first + step - 1) // step, 0)


def _apart(output: tuple[TensorType, ...], given: Mapping[str, Any]) -> Passings:
    """A cut passes each axis but the one that is taken apart."""
    name, x = next((name, value) for name, value in given.items() if isinstance(value, TensorType))
    return {name: {place: place for place in range(x.rank) if place != given["dim"] % x.rank}}


def _without_dim(output: Any, given: Mapping[str, Any]) -> Passings:
    """A cut passes each axis but the one that is gone."""
    return {"input": dropped(given["input"].rank, [given["dim"]])}


@function("torch.chunk", cut=_apart)
def chunk(input: TensorType, chunks: int, dim: int = 0) -> Tensors:
    """Takes an axis apart into equal parts, the last one perhaps smaller. Shape: [*, L, *] -> n x [*, L / n, *]"""
    require_rank_from(input, 1)
    require(chunks > 0, "AS404", f"`chunks` is {chunks}", argument="chunks")
    place = axis(input, dim)
    size = input.shape[place]
    if not isinstance(size, int):
        message = f"{show(size)} numbers of axis {dim} may come to fewer than {chunks} parts"
        with assumptions():  # nothing that a constructor has to assert: an axis that is no multiple is taken apart, too
            require_divides(chunks, size, message=message, argument="chunks")
        if dimensions.divides(chunks, size):
            return (input.resized(place, quotient(size, chunks)),) * chunks
    step = (size + chunks - 1) // chunks
    count = -(-size // step) if isinstance(size, int) and isinstance(step, int) else chunks
    return (*(input.resized(place, step),) * (count - 1), input.resized(place, size - step * (count - 1)))


@function("torch.split", cut=_apart)
def split(tensor: TensorType, split_size_or_sections: Size | tuple[Size, ...], dim: int = 0) -> Tensors:
    """Takes an axis apart into parts of one size, or of those listed. Shape: [*, L, *] -> n x [*, size, *]"""
    require_rank_from(tensor, 1, name="tensor")
    place = axis(tensor, dim)
    size, name = tensor.shape[place], "split_size_or_sections"
    if isinstance(split_size_or_sections, tuple):
        message = f"`{name}` {listed(split_size_or_sections)} does not add up to {show(size)}, axis {dim} of {tensor}"
        require_equal(sum(split_size_or_sections, start=0), size, message=message, argument=name)
        return tuple(tensor.resized(place, n) for n in split_size_or_sections)
    step = split_size_or_sections
    require_at_least(step, 1, code="AS404", message=f"`{name}` is {show(step)}", argument=name)
    if dimensions.divides(step, size):
        return (tensor.resized(place, step),) * counted(size // step, "parts")
    count = counted((size + step - 1) // step, "parts")
    return (*(tensor.resized(place, step),) * (count - 1), tensor.resized(place, size - step * (count - 1)))


@function("torch.tensor_split", cut=_apart)
def tensor_split(input: TensorType, indices_or_sections: int | tuple[Size, ...], /, dim: int = 0) -> Tensors:
    """Takes an axis apart into so many parts, or at those places. Shape: [*, L, *] -> n x [*, L / n, *]"""
    require_rank_from(input, 1)
    place, name = axis(input, dim), "indices_or_sections"
    size = input.shape[place]
    if isinstance(indices_or_sections, tuple):
        bounds = (None, *indices_or_sections, None)
        return tuple(input.resized(place, part(size, *pair)) for pair in pairwise(bounds))
    count = indices_or_sections
    require(count > 0, "AS404", f"`{name}` is {count}", argument=name)
    return tuple(input.resized(place, (size + count - 1 - index) // count) for index in range(count))


@function("torch.unbind", cut=_without_dim)
def unbind(input: TensorType, dim: int = 0) -> Tensors:
    """Takes an axis apart, number by number. Shape: [*, L, *] -> L x [*]"""
    require_rank_from(input, 1)
    place = axis(input, dim)
    return (_dropped(input, place),) * counted(input.shape[place], "tensors")


@function("torch.narrow", cut=along_dim)
def narrow(input: TensorType, dim: int, start: Size, length: Size) -> TensorType:
    """`length` numbers of an axis, from `start` on. Shape: [*, L, *] -> [*, length, *] at dim"""
    require_rank_from(input, 1)
    place = axis(input, dim)
    size = input.shape[place]
    require_within(input, dim, start, "start", size)
    first = start if dimensions.at_least(start, 0) is not False else size + start
    message = f"`start` {show(start)} and `length` {show(length)} go beyond the {show(size)} of axis {dim} of {input}"
    require_at_least(size, first + length, message=message, argument="length")
    require_at_least(length, 0, code="AS404", message=f"`length` is {show(length)}", argument="length")
    return input.resized(place, length)


@function("torch.select", cut=_without_dim)
def select(input: TensorType, dim: int, index: Size) -> TensorType:
    """One entry of an axis. Shape: [*, L, *] -> [*, *] at dim"""
    require_rank_from(input, 1)
    place = axis(input, dim)
    require_within(input, dim, index, "index", input.shape[place] - 1)
    return _dropped(input, place)


def require_within(x: TensorType, dim: int, at: Size, name: str, most: Size) -> None:
    """A place on an axis, counted from either end, is there."""
    size = x.shape[axis(x, dim)]
    message = f"`{name}` is {show(at)}, but axis {dim} of {x} has {show(size)}"
    require_at_least(most, at, code="AS404", message=message, argument=name)
    require_at_least(at, -size, code="AS404", message=message, argument=name)


def _dropped(x: TensorType, place: int) -> TensorType:
    return x.reshaped(*x.shape[:place], *x.shape[place + 1 :])
