"""What a function returns where it has to know the value of a parameter: what all values have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Name, Symbolic, UndecidedError, evaluate, of_the_call
from archspec.functions import Function, Takes
from archspec.graph import free_symbols, names_in
from archspec.refusals import RefusalError
from archspec.tensors import TensorType

MOST_TRIED = 64
"""How many combinations of values are tried."""


def outcome(function: Function, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """What a function returns; UndecidedError where the values of a parameter leave nothing in common.

    A number that depends on the mode alone, such as `p if training else 0.0`, has to be right in both.
    """
    if any(map(_of_the_mode, (*arguments, *keywords.values()))):
        for training in (True, False):
            mode = {"training": training}
            placed = [evaluate(one.node, mode) if _of_the_mode(one) else one for one in arguments]
            named = {key: evaluate(one.node, mode) if _of_the_mode(one) else one for key, one in keywords.items()}
            _outcome(function, placed, named, MOST_TRIED)
    return _outcome(function, arguments, keywords, MOST_TRIED)


def _of_the_mode(value: Any) -> bool:
    """Whether a number is known as soon as the mode is."""
    return isinstance(value, Symbolic) and names_in(value.node) == {"training"}


def _outcome(function: Function, arguments: list[Any], keywords: dict[str, Any], room: int) -> Any:
    try:
        return function(*arguments, **keywords)
    except UndecidedError as undecided:
        place = next(_open(function, arguments, keywords), None)
        if place is None:
            raise
        values = _values(function, place, arguments, keywords)
        if len(values) > room:
            raise
        found, refused = [], None
        for value in values:
            try:
                found.append(_outcome(function, *_with(place[0], value, arguments, keywords), room // len(values)))
            except RefusalError as refusal:
                refused = refusal
        if refused is not None and (not found or _of_the_call(place[1])):
            raise refused from None
        return _common(found, f"it depends on {undecided}")


Place = tuple[int | str, int | None]


def _open(function: Function, arguments: list[Any], keywords: dict[str, Any]) -> Iterator[tuple[Place, Any]]:
    """The arguments that are flags or integers without a value, and that the function has to know, also in lists."""
    named: list[tuple[int | str, str, Any]] = [(name, name, value) for name, value in keywords.items()]
    placed = zip(function.takes, arguments, strict=False)
    for name, parameter, value in [*((index, *one) for index, one in enumerate(placed)), *named]:
        takes = function.takes[parameter]
        if isinstance(value, tuple) and takes.items is not None:
            yield from (((name, index), part) for index, part in enumerate(value) if _is_open(takes.items, part))
        elif _is_open(takes, value):
            yield (name, None), value


def _is_open(takes: Takes, value: Any) -> bool:
    if isinstance(value, Symbolic) and value.type == "bool":
        return "flag" in takes.kinds
    if isinstance(value, Symbolic) and value.type == "str":
        return bool(takes.choices)
    number = isinstance(value, Dimension) or (isinstance(value, Symbolic) and value.type in ("int", "any"))
    return number and "integer" in takes.kinds and "size" not in takes.kinds and not free_symbols(value)


def _values(function: Function, one: tuple[Place, Any], arguments: list[Any], keywords: dict[str, Any]) -> list[Any]:
    """The values to try: both of a flag, all words of a choice, and of an integer all axes of the given tensors."""
    (name, _), value = one
    kind = value.type if isinstance(value, Symbolic) else "int"
    if kind == "bool":
        return [True, False]
    if kind == "str":
        parameter = list(function.takes)[name] if isinstance(name, int) else name
        return list(function.takes[parameter].choices)
    ranks = [one.rank for one in (*arguments, *keywords.values()) if isinstance(one, TensorType)]
    most = max(ranks, default=0) + 1
    return list(range(-most, most + 1))


def _with(place: Place, value: Any, arguments: list[Any], keywords: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments with a value at one place."""
    name, index = place
    old = arguments[name] if isinstance(name, int) else keywords[name]
    new = value if index is None else (*old[:index], value, *old[index + 1 :])
    if isinstance(name, int):
        return [*arguments[:name], new, *arguments[name + 1 :]], keywords
    return arguments, {**keywords, name: new}


def _of_the_call(value: Any) -> bool:
    """Whether the value is another one from call to call: then each of them has to be accepted."""
    return isinstance(value, Symbolic) and any(isinstance(p, Name) and of_the_call(p) for p in value.node.walk())


def _common(outputs: list[Any], why: str) -> Any:
    """What several outputs have in common; a size that differs is unknown. UndecidedError where more differs."""
    first, *others = outputs
    if all(other == first for other in others):
        return first
    if isinstance(first, TensorType):
        if any(not isinstance(o, TensorType) or (o.rank, o.dtype) != (first.rank, first.dtype) for o in others):
            raise UndecidedError(why)
        return first.reshaped(*(_size(sizes, why) for sizes in zip(*(o.shape for o in outputs), strict=True)))
    if not isinstance(first, tuple) or any(not isinstance(o, tuple) or len(o) != len(first) for o in others):
        raise UndecidedError(why)
    return tuple(_common(list(parts), why) for parts in zip(*outputs, strict=True))


def _size(sizes: tuple[Size, ...], why: str) -> Size:
    same = all(size == sizes[0] for size in sizes)
    return sizes[0] if same else dimensions.of(dimensions.Unknown(why))
