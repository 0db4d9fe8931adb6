"""The functions of arguments, dimensions, `when`, `for`, `repeat` and `let`: over numbers and lists.

To add one is to add it to `FUNCTIONS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension
from archspec.expressions.arithmetic import LONGEST_LIST, binary, bounded
from archspec.expressions.errors import ExpressionError
from archspec.expressions.nodes import FunctionCall, python_name
from archspec.expressions.values import is_list, item_type, join, lift, literal_text, type_of, typed, unknown
from archspec.problems import Advice, did_you_mean, echo


class ScalarFunction:
    """A function. `takes` and `result` are types, in words; `most` is how many arguments it takes, None for any."""

    __slots__ = ("compute", "most", "name", "result", "start", "takes")

    def __init__(self, name: str, takes: str, most: int | None, result: str, compute: Callable[..., Any]) -> None:
        self.name = name
        self.start = name == "enumerate"  # whether an integer comes after the list
        self.takes = takes
        self.most = most
        self.result = result  # "=": the type that its arguments have in common
        self.compute = compute

    @property
    def python(self) -> str:
        """How generated code calls it."""
        return python_name(self.name)


def make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The nearest multiple of `divisor`, at most 10 % below `v`: the rounding of MobileNetV2's reference code."""
    if min_value is None:
        min_value = divisor
    rounded = max(min_value, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def _range(*bounds: int) -> tuple[int, ...]:
    numbers = range(*bounds)
    if numbers[LONGEST_LIST:]:
        raise ExpressionError("AS305", f"a range of more than {LONGEST_LIST} numbers")
    return tuple(numbers)


FUNCTIONS: dict[str, ScalarFunction] = {
    function.name: function
    for function in (
        ScalarFunction("min", "numbers or a list of them", None, "=", min),
        ScalarFunction("max", "numbers or a list of them", None, "=", max),
        ScalarFunction("sum", "a list of numbers", 1, "=", sum),
        ScalarFunction("len", "a list", 1, "int", len),
        ScalarFunction("range", "integers", 3, "list[int]", _range),
        ScalarFunction("enumerate", "a list", 2, "list", lambda items, start=0: tuple(enumerate(items, start))),
        ScalarFunction("reversed", "a list", 1, "=", lambda items: tuple(reversed(items))),
        ScalarFunction("zip", "lists", None, "list", lambda *lists: tuple(zip(*lists, strict=False))),
        ScalarFunction("round", "a number", 1, "int", round),
        ScalarFunction("int", "a number or a bool", 1, "int", int),
        ScalarFunction("ceil", "a number", 1, "int", math.ceil),
        ScalarFunction("floor", "a number", 1, "int", math.floor),
        ScalarFunction("sqrt", "a number", 1, "float", math.sqrt),
        ScalarFunction("log", "numbers", 2, "float", math.log),
        ScalarFunction("make_divisible", "numbers", 3, "int", make_divisible),
    )
}
_STRUCTURAL = ("len", "enumerate", "reversed", "zip")  # of a list they need no more than that it is one
_ROUNDING = ("round", "int", "ceil", "floor")


_ELSEWHERE = {
    "concat": "write `cat([a, b], 1)`",
    "concatenate": "write `cat([a, b], 1)`",
    "add": "write `a + b`",
    "multiply": "write `a * b`",
    "size": "use the names of the dimensions in `inputs`",
    "shape": "use the names of the dimensions in `inputs`",
}


def unknown_function(name: str, known: Iterable[str]) -> str:
    """A help line for a function that there is none of."""
    if name == "float":
        return "write the number itself"
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name[:1].isupper():
        return f"a layer must be a separate step; read it by its name: `fc: {{{name}: …}}`"
    hint = did_you_mean(name, list(known))
    return hint if isinstance(hint, Advice) else "functions have PyTorch's names: `archspec layers` lists them"


def call(node: FunctionCall, arguments: list[Any]) -> Any:
    """The value of a call; ExpressionError where it has none."""
    name = node.function
    if name not in FUNCTIONS:
        hint = did_you_mean(name, list(FUNCTIONS), "functions")
        if not isinstance(hint, Advice):
            hint = f"{unknown_function(name, ())}; over numbers: {', '.join(FUNCTIONS)}"
        raise ExpressionError("AS303", f"there is no function {echo(name)} here", hint, node.offset, len(name))
    function = FUNCTIONS[name]
    if node.keywords:
        message = f"{name} takes positional arguments only"
        raise ExpressionError("AS304", message, f"leave out `{node.keywords[0][0]}=`", node.offset, len(name))
    if not arguments or (function.most is not None and len(arguments) > function.most):
        message = f"{name} takes {_how_many(function)}, not {len(arguments)}"
        raise ExpressionError("AS304", message, "", node.offset, len(name))
    if "numbers or a list" in function.takes and len(arguments) > 1:
        _require(name, "numbers", arguments)
    elif "list of" in function.takes:
        _require(name, "a list", arguments)
        if isinstance(arguments[0], tuple):
            _require(name, "a list of numbers", list(arguments[0]), entry=True)
    else:
        _require(name, function.takes, arguments[:1] if function.start else arguments)
        _require(name, "integers", arguments[1:] if function.start else [])
    if any(map(unknown, arguments)):
        return _call_unknown(name, function, arguments)
    return _call_known(name, function, arguments)


def _how_many(function: ScalarFunction) -> str:
    if function.most is None:
        return "one or more values"
    return "one value" if function.most == 1 else f"one to {function.most} values"


def _require(name: str, takes: str, values: list[Any], *, entry: bool = False) -> None:
    """Refuses values that are known to be of another type than a function takes."""
    allowed = ["any", "int"]
    if takes != "integers":
        allowed.append("float")
    if takes == "a number or a bool":
        allowed.append("bool")
    for value in values:
        kind = type_of(value)
        lists = not entry and takes in ("a list", "lists")
        if value is None or (kind not in allowed if not lists else kind != "any" and not is_list(kind)):
            raise ExpressionError("AS304", f"{name} takes {takes}, not {literal_text(value)}")


def _call_known(name: str, function: ScalarFunction, arguments: list[Any]) -> Any:
    try:
        return bounded(function.compute(*arguments), f"{name}(…)", infinite=_infinite(arguments))
    except ExpressionError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:
        given = FunctionCall(name, tuple(map(lift, arguments))).text
        raise ExpressionError("AS304", f"{given} has no value: {error}") from None


def _infinite(value: Any) -> bool:
    """Whether a number in it is infinite."""
    return any(map(_infinite, value)) if isinstance(value, tuple | list) else value in (math.inf, -math.inf)


def _call_unknown(name: str, function: ScalarFunction, arguments: list[Any]) -> Any:
    first = arguments[0]
    if name in _STRUCTURAL and all(isinstance(value, tuple) or type_of(value) == "int" for value in arguments):
        return _call_known(name, function, arguments)
    if name in _ROUNDING and isinstance(first, Dimension):
        return first
    if name == "sum" and isinstance(first, tuple):
        total: Any = 0
        for item in first:
            total = binary("+", total, item)
        return total
    values = first if name in ("min", "max") and isinstance(first, tuple) else tuple(arguments)
    if name in ("min", "max") and all(isinstance(value, int | Dimension) for value in values):
        return (dimensions.minimum if name == "min" else dimensions.maximum)(*values)
    return typed(FunctionCall(name, tuple(map(lift, arguments))), _result(name, function, arguments, values))


def _result(name: str, function: ScalarFunction, arguments: list[Any], values: tuple[Any, ...]) -> str:
    """The type of what an unknown call gives."""
    if name == "reversed":
        return type_of(arguments[0])
    if function.result == "=":
        if is_list(type_of(values[0])):
            return item_type(type_of(values[0]))
        found = set(map(type_of, values))
        return "any" if found == {"int", "float"} else join(found)  # `max(n, 0.5)` is one of them
    if function.result != "list":
        return function.result
    kinds = [item_type(type_of(value)) for value in arguments[: 1 if function.start else None]]
    return f"list[tuple[{', '.join(['int', *kinds] if function.start else kinds)}]]"
