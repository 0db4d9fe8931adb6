"""Python's operators on tensors, and indexing."""

from __future__ import annotations

from typing import Any

from archspec.cuts import Passing, elementwise
from archspec.dimensions import Dimension, Size, Unknown, of
from archspec.functions._base import Function, Operand, describe, listed, require_some
from archspec.functions._dtypes import NUMBERS, WHOLE, require_dtype
from archspec.functions._shapes import Shape, broadcast
from archspec.functions.comparison import COMPARISONS
from archspec.functions.elementwise import UNARY, WITH_NUMBERS, add, div, mul, pow_, sub
from archspec.functions.matrix import matmul
from archspec.functions.splitting import part, require_within
from archspec.refusals import refuse, require, require_equal
from archspec.tensors import TensorType

_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NAMES = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


def _comparison(symbol: str) -> Function:
    def rule(input: Operand, other: Operand) -> TensorType:
        name, first, second = _NAMES[symbol], input, other
        if not isinstance(input, TensorType):  # 2 < x is x > 2
            name, first, second = _NAMES[_MIRRORED[symbol]], other, input
        require(isinstance(first, TensorType), "AS404", "one of the two is a tensor")
        result = COMPARISONS[name].rule(first, second)
        assert isinstance(result, TensorType)
        return result

    doc = f"input {symbol} other, number by number. Shape: [*], [*] that broadcast -> [*]"
    return Function(symbol, rule, doc=doc, cut=elementwise)


def _sign(symbol: str) -> Function:
    def rule(input: TensorType) -> TensorType:
        require_dtype(input, NUMBERS)
        return input

    return Function(symbol, rule, doc=f"{symbol}x. Shape: [*] -> [*]", cut=elementwise)


def _bits(symbol: str, function: Function) -> Function:
    def rule(input: Operand, other: Operand) -> TensorType:
        for operand in (input, other):
            if isinstance(operand, float) or (isinstance(operand, TensorType) and operand.dtype not in WHOLE):
                hint = "a power is written `**`" if symbol == "^" else "a comparison gives a mask: `x > 0`"
                refuse("AS505", f"its operands are integers or bool, not {describe(operand)}", hint)
        result = function.rule(input, other)
        assert isinstance(result, TensorType)
        return result

    return Function(symbol, rule, doc=function.doc, cut=elementwise)


_ARITHMETIC = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": div,
    "//": WITH_NUMBERS["floor_divide"],
    "%": WITH_NUMBERS["remainder"],
    "**": pow_,
    "@": matmul,
    "&": _bits("&", WITH_NUMBERS["bitwise_and"]),
    "|": _bits("|", WITH_NUMBERS["bitwise_or"]),
    "^": _bits("^", WITH_NUMBERS["bitwise_xor"]),
}

OPERATORS: dict[str, Function] = {
    **{symbol: function.named(symbol) for symbol, function in _ARITHMETIC.items()},
    **{symbol: _comparison(symbol) for symbol in _NAMES},
}
"""Binary operators by their symbols: functions of two operands, of which at least one is a tensor."""

UNARY_OPERATORS: dict[str, Function] = {
    **{symbol: _sign(symbol) for symbol in "+-"},
    "~": UNARY["bitwise_not"].named("~"),
}
"""Signs and `~` by their symbols: functions of one tensor."""


def indexed_axes(x: TensorType, items: Any) -> Passing:
    """How a cut passes `x[items]`: along axes of which everything is taken, as long as no tensor indexes another."""
    parts = items if isinstance(items, tuple) else (items,)
    if any(isinstance(item, TensorType) and item.shape for item in parts):
        return {}
    found: dict[int, int] = {}
    axis = place = 0
    for item in (*parts, *(() if ... in parts else (...,))):
        if item is ...:
            for _ in range(x.rank - sum(map(_axes_taken, parts))):
                found[axis], axis, place = place, axis + 1, place + 1
            continue
        whole = isinstance(item, slice) and item.start is None and item.stop is None and item.step is None
        if whole:
            found[axis] = place
        place += item is None or isinstance(item, slice)
        axis += _axes_taken(item)
    return found


Left = tuple[Size, TensorType | None]
"""What is left of an axis, and the tensor that indexes it."""


def index(x: TensorType, items: Any) -> TensorType:
    """`x[items]`: integers, slices, None, … and tensors of indices or truth values. RefusalError where PyTorch would.

    As in PyTorch, integers and slices are taken first. What tensors index is then one block of axes: in their place
    if they stand side by side, else in front.
    """
    parts = items if isinstance(items, tuple) else (items,)
    taken = sum(map(_axes_taken, parts))
    require(taken <= x.rank, "AS501", f"{x} has {x.rank} axes, but {taken} are indexed")
    require(sum(item is ... for item in parts) <= 1, "AS404", "`...` may occur only once")
    tensors = [item for item in parts if isinstance(item, TensorType) and item.shape]
    alone = len(tensors) < 2 or all(item.dtype != "bool" for item in tensors)
    message = "a mask must be the only tensor in an index, because the number of true elements depends on the values"
    require(alone, "AS502", message, "use two indices: x[mask][:, indices]")
    left: list[Left] = []
    place = 0
    for item in parts:
        if item is None:
            left.append((1, None))
            continue
        until = place + (x.rank - taken if item is ... else _axes_taken(item))
        left.extend(((size, None) for size in x.shape[place:until]) if item is ... else _indexed(x, place, item))
        place = until
    left.extend((size, None) for size in x.shape[place:])
    result = x.reshaped(*_gathered(left))
    require_some(result)
    return result


def _axes_taken(item: Any) -> int:
    """How many axes it indexes."""
    if item is None or item is ...:
        return 0
    return item.rank if isinstance(item, TensorType) and item.dtype == "bool" else 1


def _indexed(x: TensorType, place: int, item: Any) -> list[Left]:
    """What is left of the axes that it indexes."""
    size = x.shape[place] if place < x.rank else 1
    if isinstance(item, slice):
        step = 1 if item.step is None else item.step
        message = f"the step of a slice must be at least 1; this is {step}"
        require(isinstance(step, Dimension) or step > 0, "AS404", message)
        return [(part(size, item.start, item.stop, step), None)]
    if isinstance(item, int | Dimension) and not isinstance(item, bool):
        require_within(x, place, item, "index", size - 1)
        return []
    if not isinstance(item, TensorType):
        hint = "an index is an integer, a slice, None, `...`, or a tensor"
        refuse("AS404", f"{x} is indexed by {describe(item)}", hint)
    if item.dtype == "bool":
        return _masked(x, place, item)
    require_dtype(item, ("int64", "int32"), "index")
    return [(size, item)] if item.shape else []


def _masked(x: TensorType, place: int, mask: TensorType) -> list[Left]:
    """Truth values stand for the places where they are true, axis by axis."""
    require(mask.rank > 0, "AS501", f"a mask has axes; this is {mask}")
    there = x.shape[place : place + mask.rank]
    for size, wanted in zip(mask.shape, there, strict=True):
        require_equal(size, wanted, message=f"the mask {mask} does not go with {listed(there)} of {x}")
    chosen = TensorType((of(Unknown(f"how many of {mask} are true")),), "int64")
    return [(size, chosen) for size in there]


def _gathered(left: list[Left]) -> Shape:
    """The shape, once tensors have indexed their axes."""
    tensors = [place for place, (_, by) in enumerate(left) if by is not None]
    if not tensors:
        return tuple(size for size, _ in left)
    block = broadcast(*(by.shape for _, by in left if by is not None))
    first, last = tensors[0], tensors[-1]
    if last - first + 1 > len(tensors):
        return (*block, *(size for size, by in left if by is None))
    return (*(size for size, _ in left[:first]), *block, *(size for size, _ in left[last + 1 :]))
