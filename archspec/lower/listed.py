"""Inputs of blocks that are lists of tensors: what flows in, by name, and what a constructor has to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.document import InputEntry
from archspec.expressions import Binary, Items, Literal, Name, Node, Symbolic, lift, typed
from archspec.expressions import Index as Indexed
from archspec.graph import Flow, size_names
from archspec.lower.lists import any_item, length_of, listed_entry
from archspec.tensors import Chain, Series, TensorType

DIFFERS = "_"
"""A size that may differ from item to item."""


def differing(declared: InputEntry) -> list[int]:
    """The axes whose sizes may differ from item to item."""
    return [axis for axis, size in enumerate(declared.axes) if size == DIFFERS] if declared.list_ is not None else []


def sizes_name(name: str, declared: InputEntry, axis: int) -> str:
    """What a constructor calls the list of the sizes of an axis, one for each item."""
    rank = len(declared.axes)
    channels = axis == (1 if rank > 2 else rank - 1)
    return channels_name(name) if channels else f"{name}_sizes_{axis}"


def channels_name(name: str) -> str:
    """What a constructor calls the list of the channels, one number for each item."""
    return f"{name}_channels"


def count_name(name: str) -> str:
    """What a constructor calls the number of items."""
    return f"n_{name}"


def constructor_names(name: str, declared: InputEntry) -> dict[str, str]:
    """What a constructor may have to know of a list, each with its type."""
    found = {sizes_name(name, declared, axis): "list" for axis in differing(declared)}
    return {**found, count_name(name): "int"} if declared.list_ is not None else {}


def symbolic(name: str, declared: InputEntry, sizes: tuple[Size, ...], scope: dict[str, Any]) -> Series:
    """The list in symbols; what a constructor has to know of it is put into the scope.

    Where the channels differ, their list says how long the list is. Other sizes may be free, so they cannot.
    """
    index, shape = f"_{name}", list(sizes)
    place = dimensions.symbol(index, minimum=None)
    count: Size | None = None
    for axis in differing(declared):
        one = sizes_name(name, declared, axis)
        scope[one] = Symbolic(Name(one), "list[int]")
        shape[axis] = typed(Indexed(scope[one].node, lift(place)), "int")
        if one == channels_name(name):
            count = length_of(scope[one])
    scope[count_name(name)] = dimensions.symbol(count_name(name))
    length: Size = count if count is not None else scope[count_name(name)]
    return Series(TensorType(tuple(shape), declared.dtype), index, length)


def bind(name: str, declared: InputEntry, flow: Flow, scope: dict[str, Any]) -> None:
    """Puts what a constructor has to know of a list that flows in into the scope."""
    scope[count_name(name)] = length_of(flow)
    for axis in differing(declared):
        scope[sizes_name(name, declared, axis)] = _sizes(flow, axis)


def _sizes(flow: Flow, axis: int) -> Any:
    """The sizes of an axis, one for each item of a list."""
    if not isinstance(flow, Series):
        return tuple(item.shape[axis] for item in tensors(flow)) if isinstance(flow, tuple) else _unsaid()
    assert isinstance(flow.item, TensorType)
    size = flow.item.shape[axis]
    if flow.index not in size_names(size):
        return Symbolic(Binary("*", Items((lift(size),)), lift(flow.length)), "list[int]")
    atoms = dimensions.atoms(size) if isinstance(size, Dimension) else ()
    found = listed_entry(atoms[0], flow.index) if len(atoms) == 1 and size == dimensions.of(atoms[0]) else None
    if found is None or found[1]:
        return _unsaid()
    return Symbolic(found[0], "list[int]")


def _unsaid() -> Size:
    return dimensions.of(dimensions.Unknown("the sizes of the items of a list"))


def tensors(flow: Flow) -> Iterator[TensorType]:
    """Each tensor of a list; of one whose length depends on parameters, one that stands for all."""
    if isinstance(flow, Series):
        item = any_item(flow, "it is that of one item of a list")
        assert isinstance(item, TensorType)
        yield item
    elif isinstance(flow, Chain):
        yield from (tensor for part in flow.parts for tensor in tensors(part))
    elif isinstance(flow, tuple):
        yield from (item for item in flow if isinstance(item, TensorType))


def is_list_of_tensors(flow: Flow | None) -> bool:
    """Whether a list of tensors flows in."""
    if isinstance(flow, Series):
        return isinstance(flow.item, TensorType)
    if isinstance(flow, Chain):
        return all(map(is_list_of_tensors, flow.parts))
    return isinstance(flow, tuple) and all(isinstance(item, TensorType) for item in flow)


def axes_of(declared: InputEntry, axes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The sizes as the spec writes them, where those that may differ have no name."""
    hidden = differing(declared)
    return tuple(Literal(1) if axis in hidden else node for axis, node in enumerate(axes))


def left_out(inputs: Mapping[str, InputEntry]) -> dict[str, str]:
    """What constructors may have to know of all lists among some inputs, each with its type."""
    return {one: kind for name, declared in inputs.items() for one, kind in constructor_names(name, declared).items()}
