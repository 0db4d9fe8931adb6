"""Functions that make one tensor of several, or several of one kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from archspec.cuts import Passings, along_dim
from archspec.dimensions import product
from archspec.functions._base import Function, function
from archspec.functions._dtypes import promote_all, require_same_dtype
from archspec.functions._joined import joined
from archspec.functions._shapes import axis_of, broadcast, require_rank, same_size
from archspec.refusals import require
from archspec.tensors import TensorType

Tensors = tuple[TensorType, ...]


def _cat(name: str) -> Function:
    def rule(tensors: tuple[TensorType, ...], dim: int = 0) -> TensorType:
        return joined(tensors, dim)

    doc = "Joins tensors along an axis. Shape: [*, A, *], [*, B, *], … -> [*, A + B + …, *]"
    return Function(f"torch.{name}", rule, doc=doc, cut=along_dim)


CATS = {name: _cat(name) for name in ("cat", "concat", "concatenate")}


def _stacked_axes(output: TensorType, given: Mapping[str, Any]) -> Passings:
    place = given["dim"] % output.rank
    order = {axis: axis + (axis >= place) for axis in range(output.rank - 1)}
    return {"tensors": [order for _ in given["tensors"]]}


@function("torch.stack", cut=_stacked_axes)
def stack(tensors: tuple[TensorType, ...], dim: int = 0) -> TensorType:
    """Joins tensors of one shape along a new axis. Shape: n x [*] -> [*, n, *]"""
    require(bool(tensors), "AS404", "`tensors` is empty", argument="tensors")
    first = tensors[0]
    place = axis_of(first.rank + 1, dim, f"{first} with one more axis")
    shape = first.shape
    for x in tensors[1:]:
        message = f"{first} and {x} have different shapes"
        require(x.rank == first.rank, "AS501", message, "`cat` joins along an existing axis", "tensors")
        shape = tuple(
            same_size(a, b, message, "", "tensors", (number - x.rank,))
            for number, (a, b) in enumerate(zip(shape, x.shape, strict=True))
        )
    return TensorType((*shape[:place], len(tensors), *shape[place:]), promote_all(x.dtype for x in tensors))


def _stacked(name: str, doc: str) -> Function:
    def at_least(x: TensorType) -> TensorType:
        match name, x.rank:
            case "hstack", 0:
                return x.reshaped(1)
            case (("vstack" | "dstack"), 0):
                return x.reshaped(*(1,) * (2 + (name == "dstack")))
            case (("vstack" | "dstack"), 1):
                return x.reshaped(1, x.shape[0], *(1,) * (name == "dstack"))
            case "dstack", 2:
                return x.reshaped(*x.shape, 1)
        return x

    def rule(tensors: tuple[TensorType, ...]) -> TensorType:
        some = tuple(map(at_least, tensors))
        along = {"vstack": 0, "dstack": 2, "hstack": 0 if some and some[0].rank == 1 else 1}[name]
        return joined(some, along)

    return Function(f"torch.{name}", rule, doc=doc)


STACKS = {
    name: _stacked(name, doc)
    for name, doc in {
        "hstack": "Joins along the second axis, vectors along the first. Shape: [A, B, *], [A, C, *] -> [A, B + C, *]",
        "vstack": "Joins along the first axis, vectors as rows. Shape: [A, B, *], [C, B, *] -> [A + C, B, *]",
        "dstack": "Joins along the third axis. Shape: [A, B, C, *], [A, B, D, *] -> [A, B, C + D, *]",
    }.items()
}


@function("torch.meshgrid")
def meshgrid(*tensors: TensorType, indexing: Literal["ij", "xy"] | None = None) -> Tensors:
    """Coordinates of a grid: one tensor for each axis. Shape: [A], [B], … -> n x [A, B, …], with `xy` [B, A, …]"""
    require(bool(tensors), "AS403", "`tensors` is required: one for each axis")
    for x in tensors:
        require_rank(x, 0, 1, name="tensors")
    require_same_dtype(*tensors)
    sizes = [x.shape[0] if x.shape else 1 for x in tensors]
    if indexing == "xy":
        sizes[:2] = reversed(sizes[:2])
    return tuple(TensorType(tuple(sizes), x.dtype) for x in tensors)


@function("torch.broadcast_tensors")
def broadcast_tensors(*tensors: TensorType) -> Tensors:
    """The tensors stretched to one shape. Shape: n x [*] that broadcast -> n x [*]"""
    require(bool(tensors), "AS403", "`tensors` is required")
    shape = broadcast(*(x.shape for x in tensors))
    return tuple(TensorType(shape, x.dtype) for x in tensors)


@function("torch.cartesian_prod")
def cartesian_prod(*tensors: TensorType) -> TensorType:
    """All combinations of numbers of some vectors, as rows. Shape: [A], [B], … (n of them) -> [A * B * …, n]"""
    require(bool(tensors), "AS403", "`tensors` is required")
    for x in tensors:
        require_rank(x, 1, name="tensors")
    require_same_dtype(*tensors)
    if len(tensors) == 1:
        return tensors[0]
    return TensorType((product(x.shape[0] for x in tensors), len(tensors)), tensors[0].dtype)
