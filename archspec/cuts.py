"""How a cut passes: which axis of what comes out holds the numbers of which axis of what goes in.

A tensor that is cut along an axis is spread over ranks, each of which holds a block of that axis. An operation works
on each rank's own block where every number of a block of what comes out is made of that block alone: its rule says
along which axes this holds. Layers and functions have these rules beside those of their shapes. Knows nothing of
layers, of functions, of ranks or of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from archspec.dimensions import Size, equal, product
from archspec.tensors import TensorType

Passing: TypeAlias = Mapping[int, int]
"""For one tensor that goes in: its axes along which a cut passes, each with the axis of what comes out."""

Passings: TypeAlias = Mapping[str, "Passing | Sequence[Passing]"]
"""For each argument that is a tensor, by name; a list of tensors has one for each of them."""

Rule: TypeAlias = Callable[[Any, Mapping[str, Any]], Passings]
"""What comes out, and the arguments by name: types of tensors, and values of all else."""


def first(output: Any) -> TensorType:
    """The first tensor of what comes out."""
    while not isinstance(output, TensorType):
        output = output[0]
    return output


def broadcast(x: TensorType, output: TensorType, without: Iterable[int] = ()) -> Passing:
    """Each axis to the one that it stands for, counted from the end; an axis of size 1 is stretched, and has none.

    `without` are axes of what comes out along which numbers of several blocks meet.
    """
    new, closed = output.rank - x.rank, {axis % max(output.rank, 1) for axis in without}
    sizes = enumerate(x.shape)
    return {axis: axis + new for axis, size in sizes if axis + new not in closed and not (size == 1 and new >= 0)}


def elementwise(output: Any, given: Mapping[str, Any]) -> Passings:
    """Number by number: every axis passes, of each tensor among the arguments."""
    return along(output, given)


def along(output: Any, given: Mapping[str, Any], *axes: int) -> Passings:
    """The same shape comes out, but numbers meet along some axes, such as those of a softmax."""
    result = first(output)
    found: dict[str, Passing | Sequence[Passing]] = {}
    for name, value in given.items():
        if isinstance(value, TensorType):
            found[name] = broadcast(value, result, axes)
        elif isinstance(value, tuple) and value and all(isinstance(one, TensorType) for one in value):
            found[name] = [broadcast(one, result, axes) for one in value]
    return found


def along_dim(output: Any, given: Mapping[str, Any]) -> Passings:
    """Numbers meet along the axis `dim` alone."""
    dim = given.get("dim")
    return along(output, given, dim) if isinstance(dim, int) else {}


def moved(order: Sequence[int]) -> Passing:
    """Axes in another order: `order` says which one stands at each place."""
    return {axis: place for place, axis in enumerate(order)}


def dropped(rank: int, axes: Iterable[int]) -> Passing:
    """Some axes are gone; the others close up."""
    gone = {axis % max(rank, 1) for axis in axes}
    return moved([axis for axis in range(rank) if axis not in gone])


def reduced(output: Any, given: Mapping[str, Any]) -> Passings:
    """Numbers meet along `dim`, which is gone, or of size 1 with `keepdim`."""
    x, dim = given.get("input"), given.get("dim")
    if not isinstance(x, TensorType) or not isinstance(dim, int | tuple) or dim == ():
        return {}
    axes = [axis % x.rank for axis in (dim if isinstance(dim, tuple) else (dim,))]
    if given.get("keepdim"):
        return {"input": {axis: axis for axis in range(x.rank) if axis not in axes}}
    return {"input": dropped(x.rank, axes)}


def product_of_matrices(output: Any, given: Mapping[str, Any]) -> Passings:
    """Batches, rows of the first and columns of the second pass; the axis that is summed over does not."""
    a, b = (value for value in given.values() if isinstance(value, TensorType))
    names = [name for name, value in given.items() if isinstance(value, TensorType)]
    result = first(output)
    if min(a.rank, b.rank) < 2:
        return {}
    rows = broadcast(a, result, [-1])
    columns = broadcast(b, result, [-2])
    return {names[0]: rows, names[1]: columns}


def regrouped(before: Sequence[Size], after: Sequence[Size]) -> Passing:
    """A row of numbers in another shape: an axis that is taken apart hands its blocks to the first of its parts.

    Blocks stay together where axes are merged along the first of them; along another one each would be torn.
    """
    found: dict[int, int] = {}
    for inside, outside in _groups(before, after):
        wide = [axis for axis in inside if before[axis] != 1]
        parts = [axis for axis in outside if after[axis] != 1]
        if wide and parts:
            found[wide[0]] = parts[0]
    return found


def _groups(before: Sequence[Size], after: Sequence[Size]) -> Iterable[tuple[list[int], list[int]]]:
    """Which axes become which: the smallest groups that hold equally many numbers, from the front and the back."""
    start = 0
    while start < min(len(before), len(after)) and equal(before[start], after[start]):
        yield [start], [start]
        start += 1
    ends: list[tuple[list[int], list[int]]] = []
    stop, until = len(before), len(after)
    while min(stop, until) > start and equal(before[stop - 1], after[until - 1]):
        stop, until = stop - 1, until - 1
        ends.append(([stop], [until]))
    inside, outside = list(range(start, stop)), list(range(start, until))
    yield from _between(before, after, inside, outside)
    yield from ends


def _between(
    before: Sequence[Size], after: Sequence[Size], inside: list[int], outside: list[int]
) -> Iterable[tuple[list[int], list[int]]]:
    """The same of axes that differ: as soon as two groups hold equally many numbers, they are done."""
    here: list[int] = []
    there: list[int] = []
    while inside or outside:
        left, right = product(before[axis] for axis in here), product(after[axis] for axis in there)
        if here and there and equal(left, right):
            yield here, there
            here, there = [], []
            continue
        less = isinstance(left, int) and isinstance(right, int) and left < right
        if inside and (not here or not outside or less):
            here = [*here, inside.pop(0)]
        elif outside:
            there = [*there, outside.pop(0)]
        else:
            break
    if here or there:
        yield here, there
