"""What a view shows of the memory that it is of: which stretch of each axis, and by which strides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archspec import dimensions, expressions, layout
from archspec.dimensions import Size
from archspec.expressions import Index, Items, Name, Node, as_size, evaluate
from archspec.flow import Applied, Scope, arguments
from archspec.layout import Strides
from archspec.lower.tensors import tensor_value
from archspec.overwriting.memory import AxisRange, Tensor
from archspec.storage import EXPANDING, MERGING, SWAPPING
from archspec.tensors import TensorType


def view(name: str, tensor: Tensor, output: TensorType, applied: Applied | None = None) -> Tensor | None:
    """The view of a tensor that an operation returns; None where it copies instead."""
    if applied is not None and name == "index":
        return _indexed(tensor, output, applied)
    if name in EXPANDING:
        stretched = layout.expanded(tensor.shape, tensor.strides, output.shape)
        if name == "meshgrid":  # along one of several axes
            stretched = (0,) * output.rank if output.rank > 1 else tensor.strides
        return tensor.seen(output.shape, stretched)
    if applied is not None and name in SWAPPING:
        return tensor.seen(output.shape, _swapped(tensor, applied))
    if applied is not None and name in ("select", "narrow"):
        return _stretch(tensor, output, applied)
    if name in ("diagonal", "real", "imag"):
        return tensor.seen(output.shape, None)
    if name == "contiguous" and tensor.strides is not None:
        return tensor if _in_order(tensor) else None
    strides = layout.reshaped(tensor.shape, tensor.strides, output.shape)
    if isinstance(strides, bool):
        return None if name in MERGING else tensor.seen(output.shape, None)
    seen = tensor.seen(output.shape, strides)
    if name == "detach":
        seen.learns, seen.node = False, None
    return seen


_AXES = {"vsplit": 0, "hsplit": 1, "dsplit": 2}
"""The axes along which functions split that take none; of a vector, its only one."""


def parts(name: str, tensor: Tensor, outputs: Sequence[TensorType], applied: Applied) -> list[Tensor]:
    """The views that a function returns side by side, each of a stretch of one axis."""
    rank = len(tensor.shape)
    axis = _AXES[name] % rank if name in _AXES else int(arguments(applied).get("dim", 0)) % rank
    found = []
    start: Size = 0
    for output in outputs:
        length = 1 if name == "unbind" else output.shape[axis]
        found.append(_cut(tensor, output, axis, start, start + length, drop=name == "unbind"))
        start = start + length
    return found


def along(tensor: Tensor, place: int) -> Tensor:
    """One of the parts of a tensor along its first axis, as unpacking it takes them."""
    return _cut(tensor, TensorType(tensor.shape[1:]), 0, place, place + 1, drop=True)


def _cut(tensor: Tensor, output: TensorType, axis: int, start: Size, stop: Size, *, drop: bool) -> Tensor:
    strides = tensor.strides
    if strides is not None and drop:
        strides = strides[:axis] + strides[axis + 1 :]
    return tensor.seen(output.shape, strides, (AxisRange(axis, start, stop),))


def _stretch(tensor: Tensor, output: TensorType, applied: Applied) -> Tensor:
    """What `select` and `narrow` return."""
    given = arguments(applied)
    axis = int(given["dim"]) % len(tensor.shape)
    start = given["start"] if "start" in given else given["index"]
    if dimensions.at_least(start, 0) is not True:
        start = tensor.shape[axis] + start
    drop = applied.name == "select"
    return _cut(tensor, output, axis, start, start + given.get("length", 1), drop=drop)


def _swapped(tensor: Tensor, applied: Applied) -> Strides:
    """The strides in the order that a function puts axes into: it is asked with a name for each of them."""
    assert isinstance(applied.node, expressions.FunctionCall)
    if tensor.strides is None:
        return None
    names = [dimensions.symbol(f"axis {place}") for place in range(len(tensor.shape))]
    rest = applied.node.arguments[1:]
    if not applied.node.arguments:
        return None
    asked = expressions.FunctionCall(applied.node.function, (Name("_"), *rest), applied.node.keywords)
    swapped = tensor_value(asked, applied.scope.new_child({"_": TensorType(tuple(names))}))
    return tuple(tensor.strides[names.index(one)] for one in swapped.shape)


def _in_order(tensor: Tensor) -> bool:
    """Whether its numbers lie row by row."""
    return layout.reshaped(tensor.shape, tensor.strides, (dimensions.product(tensor.shape),)) is not False


# Indices.


def _indexed(tensor: Tensor, output: TensorType, applied: Applied) -> Tensor:
    """What numbers and slices as indices show."""
    assert isinstance(applied.node, Index)
    items = applied.node.index.items if isinstance(applied.node.index, Items) else (applied.node.index,)
    values = [_value(item, applied.scope) for item in items]
    taken = sum(one is not None and one is not ... for one in values)
    cuts: list[AxisRange] = []
    strides: list[Size] = []
    axis = 0
    for one in [*values, *([] if ... in values else [...])]:
        if one is None:
            strides.append(1)
        elif one is ...:
            count = len(tensor.shape) - taken
            strides += (tensor.strides or tensor.shape)[axis : axis + count]
            axis += count
        else:
            step, cut = _taken(one, axis, tensor.shape[axis])
            cuts += cut
            if isinstance(one, slice):
                strides.append((tensor.strides or tensor.shape)[axis] * step)
            axis += 1
    return tensor.seen(output.shape, tuple(strides) if tensor.strides is not None else None, tuple(cuts))


def _value(item: Node, scope: Scope) -> Any:
    value = evaluate(item, scope)
    if isinstance(value, slice):
        return slice(*(None if one is None else as_size(one) for one in (value.start, value.stop, value.step)))
    return value


def _taken(one: Any, axis: int, size: Size) -> tuple[Size, list[AxisRange]]:
    """The step of an index, and the stretch of the axis that it takes where both ends are known."""
    first, last, step = (one.start, one.stop, one.step) if isinstance(one, slice) else (one, None, None)
    start = _from_the_front(0 if first is None else first, size)
    if not isinstance(one, slice):
        return 1, [] if start is None else [AxisRange(axis, start, start + 1)]
    stop = size if last is None else _from_the_front(last, size)
    return 1 if step is None else step, [] if start is None or stop is None else [AxisRange(axis, start, stop)]


def _from_the_front(place: Size, size: Size) -> Size | None:
    """A place on an axis, counted from its front; None where that is not known."""
    if dimensions.at_least(place, 0) is True:
        return place
    return size + place if dimensions.at_least(-1, place) is True else None
