"""Lists of values that flow: their items, in numbers or in symbols, and Python's functions of them.

A list whose length depends on parameters is a Series: one item stands for all of them, and the sizes that differ are
written with its number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from archspec import dimensions
from archspec.dimensions import Atom, Dimension, Size
from archspec.expressions import (
    ExpressionError,
    FunctionCall,
    Index,
    Node,
    Symbolic,
    UndecidedError,
    as_size,
    evaluate,
    item_type,
    lift,
    type_of,
    typed,
    unknown,
)
from archspec.expressions import substitute as substitute_value
from archspec.functions.operators import OPERATORS
from archspec.graph import Flow, size_names
from archspec.tensors import Chain, ListType, Series, TensorType, chain

GIVING = ("chunk", "split", "unbind", "tensor_split")
"""The functions of torch whose values are lists in the language."""

FUNCTIONS = ("enumerate", "len", "max", "min", "reversed", "sum", "zip")
"""The functions that are Python's where they are called with a list."""


def is_flow(value: Any) -> bool:
    """Whether a value flows, or holds what does."""
    if isinstance(value, TensorType | Series | Chain | ListType):
        return True
    return isinstance(value, tuple) and any(map(is_flow, value))


def is_list(value: Any) -> bool:
    """Whether a value is a list, or several values."""
    return isinstance(value, Series | Chain | tuple)


def substitute(flow: Any, names: Mapping[str, Any]) -> Any:
    """A type, a number or a list of them with names in its sizes replaced."""
    if isinstance(flow, Series):
        inside = {name: value for name, value in names.items() if name != flow.index}
        item, length = substitute(flow.item, inside), as_size(_replaced(flow.length, inside))
        if isinstance(length, int):
            return ListType(substitute(item, {flow.index: place}) for place in range(length))
        return Series(item, flow.index, length)
    if isinstance(flow, Chain):
        return chain(substitute(part, names) for part in flow.parts)
    if isinstance(flow, tuple):
        parts = (substitute(part, names) for part in flow)
        return ListType(parts) if isinstance(flow, ListType) else tuple(parts)
    return each_part(flow, partial(_replaced, names=names))


def _replaced(size: Any, names: Mapping[str, Any]) -> Any:
    try:
        value = substitute_value(size, names)
    except ExpressionError:  # the item of a list of sizes that nothing says
        unsaid = (one for one in names.values() if isinstance(one, Dimension) and dimensions.is_unknown(one))
        if (value := next(unsaid, None)) is None:
            raise
    return as_size(value) if isinstance(size, Dimension) and isinstance(value, Symbolic) else value


def each_part(flow: Any, change: Callable[[Any], Any]) -> Any:
    """A type with each of its sizes, and each number beside it, changed."""
    if isinstance(flow, TensorType):
        return TensorType(tuple(map(change, flow.shape)), flow.dtype)
    if isinstance(flow, Series):
        return Series(each_part(flow.item, change), flow.index, change(flow.length))
    if isinstance(flow, Chain):
        return chain(each_part(part, change) for part in flow.parts)
    if isinstance(flow, tuple):
        parts = (each_part(part, change) for part in flow)
        return ListType(parts) if isinstance(flow, ListType) else tuple(parts)
    return flow if flow is None else change(flow)


def replace_atoms(size: Any, by: Mapping[str, Size]) -> Any:
    """A size where some of what it is a sum and product of, each known by its text, is replaced."""
    if not isinstance(size, Dimension) or not any(atom.text in by for atom in dimensions.atoms(size)):
        return size
    total: Size = 0
    for monomial, coefficient in size.terms.items():
        term: Size = coefficient
        for atom, power in monomial:
            term = term * by.get(atom.text, dimensions.of(atom)) ** power
        total = total + term
    return total


def length_of(value: Any) -> Size:
    """How many items a list has."""
    if isinstance(value, tuple):
        return len(value)
    if isinstance(value, Series):
        return value.length
    if isinstance(value, Chain):
        whole: Size = 0
        for part in value.parts:
            whole = whole + length_of(part)
        return whole
    node = value.node
    if isinstance(node, FunctionCall) and node.function == "range" and len(node.arguments) == 1:
        return as_size(evaluate(node.arguments[0], {}))
    if isinstance(node, FunctionCall) and node.function in ("enumerate", "reversed", "zip"):
        return length_of(evaluate(node.arguments[0], {}))
    size: Size = typed(FunctionCall("len", (node,)), "int")
    return size


def entry(value: Any, place: Size) -> Any:
    """The item of a list at a place, which may be a symbol."""
    if isinstance(value, Series):
        return substitute(value.item, {value.index: place})
    if isinstance(value, tuple):
        return value[place] if isinstance(place, int) else _any_of(value, place)
    node = value.node
    if isinstance(node, FunctionCall) and node.function in ("enumerate", "reversed", "zip", "range"):
        arguments = [evaluate(argument, {}) for argument in node.arguments]
        if node.function == "zip":
            return tuple(entry(argument, place) for argument in arguments)
        if node.function == "reversed":
            return entry(arguments[0], length_of(arguments[0]) - 1 - place)
        if node.function == "enumerate":
            return (place + (arguments[1] if len(arguments) > 1 else 0), entry(arguments[0], place))
        if len(arguments) == 1:
            return place
    return typed(Index(node, lift(place)), item_type(value.type))


def _any_of(items: tuple[Any, ...], place: Size) -> Any:
    """What stands for any item of a list: what all of them have in common; of numbers, the list indexed."""
    if items and all(isinstance(one, tuple) for one in items):
        if len({len(one) for one in items}) == 1:
            return tuple(_any_of(column, place) for column in zip(*items, strict=True))
        return None
    if not any(one is None or isinstance(one, TensorType | Series) for one in items):
        return typed(Index(lift(items), lift(place)), item_type(type_of(items)))
    first, *others = items
    if all(other == first for other in others):
        return first
    alike = isinstance(first, TensorType) and all(
        isinstance(other, TensorType) and (other.rank, other.dtype) == (first.rank, first.dtype) for other in others
    )
    if not alike:
        return None
    why = "it is that of one item of a list, whose items differ"
    sizes = zip(*(item.shape for item in items), strict=True)
    return first.reshaped(*(one[0] if len(set(one)) == 1 else dimensions.of(dimensions.Unknown(why)) for one in sizes))


def indexed(value: Any, place: Any, text: str) -> Any:
    """`value[place]` of a list, or a part of it; ExpressionError where there is none."""
    if isinstance(value, Chain):
        return _of_chain(value, place)
    if isinstance(place, slice):
        return _sliced(value, place, text)
    if not isinstance(place, int | Dimension) and not (isinstance(place, Symbolic) and place.type in ("int", "any")):
        raise ExpressionError("AS304", f"`{text}`: the index of a list must be an integer")
    place = as_size(place)
    if isinstance(value, Series):
        return entry(value, value.length + place if isinstance(place, int) and place < 0 else place)
    if isinstance(place, int) and not -len(value) <= place < len(value):
        advice = f"the last one is `[{len(value) - 1}]`" if value else "the list is empty"
        raise ExpressionError("AS304", f"`{text}`: there are {len(value)} values, counted from 0", advice)
    if not value:
        raise ExpressionError("AS304", f"`{text}`: the list is empty")
    return entry(value, place)


def _of_chain(value: Chain, place: Any) -> Any:
    """An item of the list that stands first or, for a negative place, last; None where that is not known."""
    if not isinstance(place, int):
        return None
    part = value.parts[0 if place >= 0 else -1]
    return part[place] if isinstance(part, ListType) and -len(part) <= place < len(part) else None


def _sliced(value: Any, place: slice, text: str) -> Any:
    if isinstance(value, tuple):
        if unknown((place.start, place.stop, place.step)):
            raise ExpressionError("AS304", f"`{text}`: the length of the slice depends on a parameter")
        return ListType(value[place])
    if (place.start, place.stop, place.step) == (None, None, -1):
        return backwards(value)
    if place.step not in (None, 1) or not isinstance(place.start or 0, int) or (place.start or 0) < 0:
        return None
    start, stop = place.start or 0, place.stop
    length = value.length - start if stop is None else None
    length = value.length + stop - start if isinstance(stop, int) and stop < 0 else length
    if length is None:
        return None
    item = substitute(value.item, {value.index: dimensions.symbol(value.index, minimum=None) + start})
    return Series(item, value.index, length)


def backwards(value: Any) -> Any:
    """The list from its end to its beginning."""
    if isinstance(value, Series):
        place = value.length - 1 - dimensions.symbol(value.index, minimum=None)
        return Series(substitute(value.item, {value.index: place}), value.index, value.length)
    return ListType(reversed(value))


def call_with_lists(name: str, values: list[Any], text: str) -> Any:
    """What one of Python's functions makes of lists, of which one holds values that flow."""
    if name not in ("enumerate", "zip") and len(values) != 1:
        raise ExpressionError("AS304", f"`{text}`: {name} takes one list")
    first = values[0]
    if isinstance(first, Chain) and name != "len":
        raise UndecidedError("the length of a list")
    if name == "len":
        return length_of(first)
    if name == "reversed":
        return backwards(first)
    if name == "enumerate":
        start = values[1] if len(values) > 1 else 0
        return _together((_Counted(start), first))
    if name == "zip":
        return _together(tuple(values))
    if name == "sum":
        return _sum(first)
    raise ExpressionError("AS304", f"`{text}`: {name} compares numbers, not tensors", f"write `a{name}(stack(…), 0)`")


class _Counted:
    """The numbers from a start on, as many as there are items beside them."""

    def __init__(self, start: Any) -> None:
        self.start = start


def _together(values: tuple[Any, ...]) -> Any:
    """The items of several lists side by side."""
    lists = [value for value in values if not isinstance(value, _Counted)]
    if all(isinstance(value, tuple) for value in lists):
        shortest = min(map(len, lists))
        return ListType(tuple(_item(value, place) for value in values) for place in range(shortest))
    series = next((value for value in lists if isinstance(value, Series)), None)
    if series is None:  # lists that parameters hold, beside some of which the length is known
        shortest = min(len(value) for value in lists if isinstance(value, tuple))
        return ListType(tuple(_item(value, place) for value in values) for place in range(shortest))
    place = dimensions.symbol(series.index, minimum=None)
    return Series(tuple(_item(value, place) for value in values), series.index, series.length)


def _item(value: Any, place: Size) -> Any:
    return value.start + place if isinstance(value, _Counted) else entry(value, place)


def _sum(value: Any) -> Any:
    """`0 + a + b + …`, as Python adds up a list."""
    if isinstance(value, Series):
        return any_item(value, "the items of a list are added up, and it differs")
    if not value:
        return 0
    whole, *others = value
    for item in others:
        whole = OPERATORS["+"](whole, item)
    return whole


def any_item(value: Series, why: str) -> Any:
    """An item of a list, where a size that differs from item to item is unknown."""
    unsaid = dimensions.of(dimensions.Unknown(why))
    return each_part(value.item, lambda size: unsaid if value.index in size_names(size) else size)


def total(size: Size, value: Series) -> Size:
    """What a size of the items of a list comes to in all."""
    if value.index not in size_names(size):
        return value.length * size
    assert isinstance(size, Dimension)
    whole: Size = 0
    for monomial, coefficient in size.terms.items():
        changing = [atom for atom, _ in monomial if value.index in {symbol.text for symbol in atom.symbols()}]
        constant: Size = coefficient
        for atom, power in monomial:
            constant = constant if atom in changing else constant * dimensions.of(atom) ** power
        powers = dict(monomial)
        if not changing:
            whole = whole + constant * value.length
        elif len(changing) == 1 and powers[changing[0]] == 1 and (listed := _list_of(changing[0], value)) is not None:
            whole = whole + constant * listed
        else:
            return dimensions.of(dimensions.Unknown("the sizes of the items of a list are added up"))
    return whole


def _list_of(atom: Atom, value: Series) -> Size | None:
    """The sum of what an atom is for each item, where that is a list of the parameters."""
    if atom.text == value.index:
        return value.length * (value.length - 1) // 2
    found = listed_entry(atom, value.index)
    if found is None:
        return None
    size: Size = typed(FunctionCall("sum", (found[0],)), "int")
    return size


def listed_entry(atom: Atom, index: str) -> tuple[Node, bool] | None:
    """The list of which a size is the item at a place, and whether it is counted from the end."""
    node = getattr(atom, "node", None)
    if not isinstance(node, Index) or index in size_names(Symbolic(node.value, "any")):
        return None
    listed = Symbolic(node.value, "list[int]")
    place = as_size(evaluate(node.index, {}))
    if dimensions.equal(place, dimensions.symbol(index, minimum=None)):
        return node.value, False
    if dimensions.equal(place, length_of(listed) - 1 - dimensions.symbol(index, minimum=None)):
        return node.value, True
    return None


def of_series(name: str, arguments: list[Any], keywords: dict[str, Any]) -> Flow | None:
    """What a function of torch makes of a list whose length depends on parameters."""
    given = dict(zip(("tensors", "dim"), arguments, strict=False)) | keywords
    value, axis = given.get("tensors"), given.get("dim", 0)
    lists = value.parts if isinstance(value, Chain) else (value,)
    parts = [item for one in lists for item in (one if isinstance(one, tuple) else (one,))]  # values, and lists of them
    if name not in ("cat", "concat", "concatenate", "stack") or not isinstance(axis, int) or len(given) > 2:
        raise UndecidedError("the length of a list")
    items: list[Any] = [part.item if isinstance(part, Series) else part for part in parts]
    first = items[0]
    if not all(isinstance(item, TensorType) and item.rank == first.rank for item in items):
        raise UndecidedError("the length of a list")
    why = "the items of a list are joined, and it differs"
    alike: list[TensorType] = [any_item(part, why) if isinstance(part, Series) else part for part in parts]
    if name == "stack":
        length: Size = 0
        for part in parts:
            length = length + (part.length if isinstance(part, Series) else 1)
        axis %= first.rank + 1
        shape = alike[0].shape
        return TensorType((*shape[:axis], length, *shape[axis:]), first.dtype)
    axis %= first.rank
    whole: Size = 0
    for part, item in zip(parts, items, strict=True):
        size = item.shape[axis]
        whole = whole + (total(size, part) if isinstance(part, Series) else size)
    known = next((one for one in alike if dimensions.reason(*one.shape) is None), alike[0])
    return TensorType((*known.shape[:axis], whole, *known.shape[axis + 1 :]), first.dtype)


def listed(value: Any) -> Any:
    """The values of a function that returns several, as the list that they are."""
    return ListType(value) if isinstance(value, tuple) and not isinstance(value, ListType) else value
