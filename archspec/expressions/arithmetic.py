"""Operators over the values of expressions: what Python gives for numbers and lists, or why there is no value.

Strings and bools are compared, and nothing else. What a result would cost is judged before it is computed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from archspec import dimensions
from archspec.dimensions import LARGEST, Dimension, Size
from archspec.expressions.errors import ExpressionError
from archspec.expressions.nodes import Binary, Index, Unary
from archspec.expressions.values import (
    LONGEST_UNKNOWN,
    Symbolic,
    as_size,
    is_list,
    item_type,
    join,
    lift,
    literal_text,
    type_of,
    typed,
    unknown,
)

LONGEST_LIST = 10_000
"""Entries of a list, those of the lists in it counted as well."""

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}
_BITWISE: dict[str, Callable[[Any, Any], Any]] = {"&": operator.and_, "|": operator.or_, "^": operator.xor}
_WORDS = {"&": "`a and b`", "|": "`a or b`", "^": "`a != b`"}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def truth(value: Any) -> bool | None:
    """Whether a value counts as true: yes, no, or None where it depends."""
    if isinstance(value, Symbolic):
        return None
    if isinstance(value, Dimension):
        zero = dimensions.equal(value, 0)
        return None if zero is None else not zero
    return bool(value)


def unary(op: str, value: Any) -> Any:
    """`op value`; ExpressionError where that has no value."""
    if op == "not":
        answer = truth(value)
        return typed(Unary("not", lift(value)), "bool") if answer is None else not answer
    if op == "~":
        return _inverted(value)
    value = number(value, f"`{op}`")
    if op == "+":
        return value
    return typed(Unary(op, lift(value)), value.type) if isinstance(value, Symbolic) else -value


def _inverted(value: Any) -> Any:
    """Each bit of an integer inverted. Of a bool Python gives an integer, -1 or -2, which nobody means."""
    if type_of(value) == "bool":
        raise ExpressionError("AS304", "`~` inverts the bits of integers, but this is a bool", "write `not x`")
    size = _bits("~", value)
    return -size - 1


def _bits(op: str, value: Any) -> Size:
    """The integer that an operator on bits takes."""
    if type_of(value) not in ("int", "any") or value is None:
        what = f"`{op}` takes integers, or two values that are true or false"
        advice = "a power is written `**`" if op == "^" else "take another value, or an integer of it: `int(x)`"
        raise ExpressionError("AS304", f"{what}, not {literal_text(value)}", advice)
    return as_size(value)


def bitwise(op: str, a: Any, b: Any) -> Any:
    """`a & b`, `a | b`, `a ^ b`: of two integers, or of two values that are true or false."""
    kinds = type_of(a), type_of(b)
    if kinds == ("bool", "bool"):
        return typed(Binary(op, lift(a), lift(b)), "bool") if unknown(a) or unknown(b) else _BITWISE[op](a, b)
    if kinds in (("bool", "any"), ("any", "bool")) and None not in (a, b):
        return typed(Binary(op, lift(a), lift(b)), "any")
    if "bool" in kinds and None not in (a, b):
        message = f"`{op}` of {literal_text(a)} and {literal_text(b)}, but one of them is a bool"
        raise ExpressionError("AS304", message, f"join conditions with words: {_WORDS[op]}")
    a, b = _bits(op, a), _bits(op, b)
    if unknown(a) or unknown(b):
        return typed(Binary(op, lift(a), lift(b)), "int")
    return bounded(_BITWISE[op](a, b), _written(op, a, b))


def binary(op: str, a: Any, b: Any) -> Any:
    """`a op b`; ExpressionError where that has no value."""
    if op == "@":
        raise ExpressionError("AS304", "`@` multiplies tensors, but these are numbers", "write `*`")
    if op in _BITWISE:
        return bitwise(op, a, b)
    if is_list(type_of(a)) or is_list(type_of(b)):
        return _join(op, a, b)
    a, b = number(a, f"`{op}`"), number(b, f"`{op}`")
    try:
        if unknown(a) or unknown(b):
            return _binary_unknown(op, a, b)
        if op == "**":
            _require_moderate(a, b)
        value = _ARITHMETIC[op](a, b)
        fits = isinstance(value, int) and abs(value) <= LARGEST
        return value if fits else bounded(value, _written(op, a, b), infinite=math.inf in (abs(a), abs(b)))
    except ZeroDivisionError:
        advice = "make sure that the divisor is not 0; for a parameter, `min: 1` does this"
        raise ExpressionError("AS304", f"{_written(op, a, b)} divides by zero", advice) from None
    except OverflowError:
        raise ExpressionError("AS305", f"{_written(op, a, b)} is too large") from None


def _written(op: str, a: Any, b: Any) -> str:
    return Binary(op, lift(a), lift(b)).text


def number(value: Any, taker: str) -> Any:
    """The value, if it is a number or may be one."""
    if isinstance(value, Symbolic):
        if value.type == "int":
            return as_size(value)
        if value.type not in ("float", "any"):
            raise ExpressionError("AS304", f"{taker} takes numbers, and `{value}` is of type {value.type}")
    elif isinstance(value, bool) or not isinstance(value, int | float | Dimension):
        raise ExpressionError("AS304", f"{taker} takes numbers, not {literal_text(value)}")
    return value


def _require_moderate(base: float, exponent: float) -> None:
    """Refuses an integer's power that would be long in the making; whatever has to do with floats is made at once."""
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1 and exponent * math.log2(abs(base)) > 64:
        raise ExpressionError("AS305", f"{_written('**', base, exponent)} exceeds 64 bits")


def bounded(value: Any, what: str, *, infinite: bool = False) -> Any:
    """The value, if it is within the limits: 64 bits, short enough, and finite (or made of what is `infinite`)."""
    finite = not isinstance(value, float) or math.isfinite(value) or (infinite and not math.isnan(value))
    if isinstance(value, complex) or not finite:
        raise ExpressionError("AS305", f"{what} is not a finite number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ExpressionError("AS305", f"{what} exceeds 64 bits")
    if isinstance(value, tuple) and (count := entries(value)) > LONGEST_LIST:
        raise ExpressionError("AS305", f"a list of {count} entries; at most {LONGEST_LIST} are allowed")
    return value


def entries(value: Any) -> int:
    """How many entries a list has, with those of the lists in it; a long text counts for several."""
    if isinstance(value, tuple):
        return sum(map(entries, value)) + (not value)
    return 1 + (len(value) // 100 if isinstance(value, str) else 0)


def _binary_unknown(op: str, a: Any, b: Any) -> Any:
    kinds = {type_of(a), type_of(b)}
    if kinds == {"int"} and op in ("+", "-", "*", "//", "%"):
        return _sizes(op, a, b)
    if kinds == {"int"} and op == "**" and isinstance(b, int) and 0 <= b <= 16:
        power: Size = 1
        for _ in range(b):
            power = _sizes("*", power, a)
        return power
    if op in ("/", "//", "%") and isinstance(b, int | float) and not b:
        raise ZeroDivisionError
    if op == "/" or "float" in kinds:
        kind = "float"
    elif op == "**" and kinds == {"int"}:  # 2**-1 is no integer
        kind = "int" if (dimensions.bounds(b)[0] or 0) >= 0 and dimensions.bounds(b)[0] is not None else "any"
    else:
        kind = join(kinds)
    return typed(Binary(op, lift(a), lift(b)), kind)


def _sizes(op: str, a: Size, b: Size) -> Size:
    """`a op b` over dimensions, in their canonical form."""
    what = "a size that depends on a parameter without a value"
    size: Size = _ARITHMETIC[op](a, b)
    if isinstance(size, int):
        return int(bounded(size, _written(op, a, b)))
    if any(abs(coefficient) > LARGEST for coefficient in size.terms.values()):
        raise ExpressionError("AS305", f"{what} exceeds 64 bits")
    if (dimensions.reason(size) and not dimensions.reason(a, b)) or len(str(size)) > LONGEST_UNKNOWN:
        raise ExpressionError("AS305", f"{what} is too long to print")
    return size


def _join(op: str, a: Any, b: Any) -> Any:
    """Lists: `[32] + widths`, `[64] * 3`, `3 * [64]`."""
    kinds = type_of(a), type_of(b)
    if op == "+" and all(is_list(kind) or kind == "any" for kind in kinds) and None not in (a, b):
        if isinstance(a, tuple) and isinstance(b, tuple):
            return bounded(a + b, "the list")
        return typed(Binary(op, lift(a), lift(b)), join(filter(is_list, kinds)))
    items, times = (a, b) if is_list(kinds[0]) else (b, a)
    if op != "*" or type_of(times) not in ("int", "any") or times is None:
        raise ExpressionError("AS304", f"`{op}` takes numbers; for lists there are `list + list` and `list * n`")
    if not isinstance(items, tuple) or unknown(times):
        return typed(Binary(op, lift(a), lift(b)), f"list[{item_type(type_of(items))}]")
    if (count := entries(items) * times) > LONGEST_LIST:
        raise ExpressionError("AS305", f"a list of {count} entries; at most {LONGEST_LIST} are allowed")
    return items * times


def index(value: Any, at: Any) -> Any:
    """`value[at]`, where `at` may be a slice; ExpressionError where that has no value."""
    kind, kind_at = type_of(value), type_of(at)
    position = isinstance(at, slice) or (kind_at in ("int", "any") and at is not None)
    if not (is_list(kind) or kind == "any") or value is None or not position:
        raise ExpressionError("AS304", f"`{Index(lift(value), lift(at)).text}`: only lists are indexed, with integers")
    if isinstance(value, tuple) and not unknown(at):
        try:
            return value[at]
        except IndexError:
            message = f"the list has {len(value)} entries, but the index is {at}"
            advice = f"indices count from 0: the last one is `[{len(value) - 1}]`" if value else ""
            raise ExpressionError("AS304", message, advice) from None
    if not isinstance(at, slice):
        result = item_type(kind, at if isinstance(at, int) else None)
    else:
        result = f"list[{item_type(kind)}]" if is_list(kind) else "any"
    return typed(Index(lift(value), lift(at)), result)


def compare(op: str, a: Any, b: Any) -> bool | None:
    """`a op b`: yes, no, or None where it depends."""
    if op in ("is", "is not"):  # of which one side is None
        answer = _is_none(b if a is None else a)
        return answer if answer is None or op == "is" else not answer
    if op in ("==", "!=", "in", "not in"):
        answer = _equal(a, b) if op in ("==", "!=") else _contains(b, a)
        return answer if answer is None or op in ("==", "in") else not answer
    a, b = number(a, f"`{op}`"), number(b, f"`{op}`")
    if isinstance(a, int | Dimension) and isinstance(b, int | Dimension):
        answer = dimensions.at_least(a, b) if op in (">=", "<") else dimensions.at_least(b, a)
        return answer if answer is None or op in (">=", "<=") else not answer
    return None if unknown(a) or unknown(b) else _ORDER[op](a, b)


def _is_none(value: Any) -> bool | None:
    """Whether a value is None; nobody knows it of an optional input before the forward method runs."""
    return None if isinstance(value, Symbolic) and value.type in ("optional", "any") else value is None


def _equal(a: Any, b: Any) -> bool | None:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return _all([_equal(x, y) for x, y in zip(a, b, strict=True)]) if len(a) == len(b) else False
    if not unknown(a) and not unknown(b):
        return bool(a == b)
    if {type_of(a), type_of(b)} == {"int"}:
        return dimensions.equal(as_size(a), as_size(b))
    if isinstance(a, Symbolic) and a == b:
        return True
    families = _family(a), _family(b)
    return None if "any" in families or families[0] == families[1] else False


def _family(value: Any) -> str:
    """Values of two families are never equal."""
    kind = type_of(value)
    if value is None:
        return "None"
    if kind.startswith("layer:"):
        return "str"  # the layer's name
    return "number" if kind in ("int", "float", "bool") else "list" if is_list(kind) else kind


def _contains(items: Any, value: Any) -> bool | None:
    if isinstance(items, tuple):
        answers = [_equal(value, item) for item in items]
        different = _all([None if answer is None else not answer for answer in answers])
        return None if different is None else not different
    if type_of(items) == "str" and type_of(value) in ("str", "any") and value is not None:
        return None if unknown(items) or unknown(value) else value in items
    if isinstance(items, Symbolic) and (items.type == "any" or is_list(items.type)):
        return None
    raise ExpressionError("AS304", f"`in` takes a list on its right, not {literal_text(items)}")


def _all(answers: list[bool | None]) -> bool | None:
    """Whether all of them hold: no if one does not, else None if it depends."""
    if False in answers:
        return False
    return None if None in answers else True
