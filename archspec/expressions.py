"""The safe expression language: parsed once, evaluated over numbers and dimensions, printed as Python.

A text is parsed by Python's own parser and then rebuilt, node by node, from an allow-list: there is no
attribute, no method, no lambda, no comprehension, and a call is a name of `FUNCTIONS`. Evaluation never
runs Python code of the text. What a value depends on may be unknown: an unknown integer is a `Dimension`,
anything else unknown is a `Symbolic`, and both remember how they are written. Knows nothing of layers or specs.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

from archspec import dimensions
from archspec.dimensions import CONDITIONAL, LARGEST, POWER, PRIMARY, PRODUCT, SUM, Atom, Dimension, Size, Symbol, show

OR, AND, NOT, COMPARISON, UNARY = 2, 3, 4, 5, 12  # with dimensions' constants: how tightly each construct binds

LONGEST_TEXT = 200
LONGEST_LIST = 10_000

Scope: TypeAlias = Mapping[str, Any]
"""What names stand for: numbers, strings, tuples, Dimension, Symbolic."""


class ExpressionError(ValueError):
    """Why a text is no expression or has no value. `offset` and `length` say where in the text, if that is known."""

    def __init__(self, code: str, message: str, help: str = "", offset: int | None = None, length: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.offset = offset
        self.length = length


class Undecided(Exception):  # noqa: N818 - not an error: the answer depends on a parameter
    """What was asked depends on the value of a parameter that is a symbol here."""


class Node:
    """One construct of an expression. `text` is Python; `precedence` says how tightly it binds."""

    __slots__ = ()
    precedence = PRIMARY

    @property
    def text(self) -> str:
        """The construct as Python source."""
        raise TypeError(type(self))

    def evaluate(self, scope: Scope) -> Any:
        """Its value; ExpressionError if it has none."""
        raise TypeError(type(self))

    def children(self) -> tuple[Node, ...]:
        """The constructs that it is made of."""
        return ()

    def walk(self) -> Iterator[Node]:
        """It and everything below it."""
        yield self
        for child in self.children():
            yield from child.walk()

    def within(self, outer: int) -> str:
        """Its text, in parentheses where what stands around it binds tighter."""
        return f"({self.text})" if self.precedence < outer else self.text


class Symbolic:
    """A value that is not known and no integer: a parameter of type float, bool, str or list, or what is made of one.

    `type` is `float`, `bool`, `str`, `list[int]`, `tuple[int, float]`, … or `any`.
    """

    __slots__ = ("node", "type")

    def __init__(self, node: Node, type: str) -> None:
        self.node = node
        self.type = type

    def __str__(self) -> str:
        return self.node.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbolic) and self.type == other.type and self.node.text == other.node.text

    def __hash__(self) -> int:
        return hash((self.node.text, self.type))

    def __bool__(self) -> bool:
        raise Undecided(str(self))

    def item(self, index: int) -> Any:
        """One entry of a list."""
        return typed(Index(self.node, Literal(index)), item_type(self.type, index))


class Integer(Atom):
    """An integer that only an expression says: `depths[0]`, `len(widths)`, `2 if first else 1`."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        super().__init__(node.text)
        self.node = node

    @property
    def precedence(self) -> int:  # type: ignore[override] # a class constant for the other atoms
        return self.node.precedence

    def symbols(self) -> frozenset[Symbol]:
        found: set[Symbol] = set()
        for node in self.node.walk():
            if isinstance(node, Embedded) and isinstance(node.value, Dimension):
                found |= dimensions.symbols(node.value)
            elif isinstance(node, Name):
                found.add(Symbol(node.name, minimum=None))
        return frozenset(found)

    def evaluate(self, values: Mapping[str, Any]) -> int:
        return int(self.node.evaluate(values))

    def substitute(self, sizes: Mapping[str, Any]) -> Size:
        return as_size(self.node.evaluate(Unchanged(sizes)))


class Unchanged(dict[str, Any]):
    """A scope in which a name that is not given stands for itself."""

    def __missing__(self, name: str) -> Symbolic:
        return Symbolic(Name(name), "any")


class Literal(Node):
    """A number, a string, a bool or None."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    @property
    def text(self) -> str:
        return literal_text(self.value)

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return UNARY if self.text.startswith("-") else PRIMARY

    def evaluate(self, scope: Scope) -> Any:
        return self.value


class Embedded(Node):
    """A dimension inside an expression."""

    __slots__ = ("value",)

    def __init__(self, value: Dimension) -> None:
        self.value = value

    @property
    def text(self) -> str:
        return show(self.value)

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return self.value.precedence

    def evaluate(self, scope: Scope) -> Any:
        return dimensions.substitute(self.value, scope)


class Name(Node):
    """A declared name."""

    __slots__ = ("name", "offset")

    def __init__(self, name: str, offset: int | None = None) -> None:
        self.name = name
        self.offset = offset

    @property
    def text(self) -> str:
        return self.name

    def evaluate(self, scope: Scope) -> Any:
        try:
            return scope[self.name]
        except KeyError:
            from archspec.problems import did_you_mean, echo

            known = sorted(name for name in scope if isinstance(name, str))
            hint = did_you_mean(self.name, known, "names that are declared here")
            message = f"nothing is called {echo(self.name)} here"
            raise ExpressionError("AS303", message, hint, self.offset, len(self.name)) from None


class Unary(Node):
    """`-x`, `+x`, `not x`."""

    __slots__ = ("operand", "operator")

    def __init__(self, operator: str, operand: Node) -> None:
        self.operator = operator
        self.operand = operand

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return NOT if self.operator == "not" else UNARY

    @property
    def text(self) -> str:
        space = " " if self.operator == "not" else ""
        return f"{self.operator}{space}{self.operand.within(self.precedence)}"

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)

    def evaluate(self, scope: Scope) -> Any:
        value = self.operand.evaluate(scope)
        if self.operator == "not":
            return typed(Unary("not", lift(value)), "bool") if unknown(value) else not value
        if isinstance(value, Symbolic) and value.type not in ("any", "int"):
            return typed(Unary(self.operator, lift(value)), value.type)
        number = _number(value, f"{self.operator} takes a number")
        return number if self.operator == "+" else -number


class Binary(Node):
    """Arithmetic."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, operator: str, left: Node, right: Node) -> None:
        self.operator = operator
        self.left = left
        self.right = right

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return {"+": SUM, "-": SUM, "**": POWER}.get(self.operator, PRODUCT)

    @property
    def text(self) -> str:
        if self.operator == "**":
            hug = isinstance(self.left, Name | Literal) and isinstance(self.right, Name | Literal)
            space = "" if hug else " "
            return f"{self.left.within(PRIMARY)}{space}**{space}{self.right.within(UNARY)}"
        # Of equal operators Python groups the left ones, so the right side needs parentheses.
        return f"{self.left.within(self.precedence)} {self.operator} {self.right.within(self.precedence + 1)}"

    def children(self) -> tuple[Node, ...]:
        return self.left, self.right

    def evaluate(self, scope: Scope) -> Any:
        return binary(self.operator, self.left.evaluate(scope), self.right.evaluate(scope))


class Compare(Node):
    """A chain of comparisons."""

    __slots__ = ("operands", "operators")
    precedence = COMPARISON

    def __init__(self, operators: tuple[str, ...], operands: tuple[Node, ...]) -> None:
        self.operators = operators
        self.operands = operands

    @property
    def text(self) -> str:
        first, *rest = (operand.within(COMPARISON + 1) for operand in self.operands)
        return " ".join([first, *(f"{op} {text}" for op, text in zip(self.operators, rest, strict=True))])

    def children(self) -> tuple[Node, ...]:
        return self.operands

    def evaluate(self, scope: Scope) -> Any:
        values = [operand.evaluate(scope) for operand in self.operands]
        answers = [compare(op, a, b) for op, a, b in zip(self.operators, values, values[1:], strict=False)]
        if any(answer is False for answer in answers):
            return False
        if all(answer is True for answer in answers):
            return True
        return Symbolic(Compare(self.operators, tuple(map(lift, values))), "bool")


class Logic(Node):
    """`and`, `or`."""

    __slots__ = ("operands", "operator")

    def __init__(self, operator: str, operands: tuple[Node, ...]) -> None:
        self.operator = operator
        self.operands = operands

    @property
    def precedence(self) -> int:  # type: ignore[override]
        return AND if self.operator == "and" else OR

    @property
    def text(self) -> str:
        return f" {self.operator} ".join(operand.within(self.precedence + 1) for operand in self.operands)

    def children(self) -> tuple[Node, ...]:
        return self.operands

    def evaluate(self, scope: Scope) -> Any:
        ends = self.operator == "or"  # the truth that decides the whole
        left: list[Any] = []
        for operand in self.operands:
            value = operand.evaluate(scope)
            if not unknown(value) and bool(value) is ends and not left:
                return value
            if unknown(value) or operand is self.operands[-1] or bool(value) is ends:
                left.append(value)
        if len(left) == 1:
            return left[0]
        return Symbolic(Logic(self.operator, tuple(map(lift, left))), "bool")


class Conditional(Node):
    """`a if condition else b`."""

    __slots__ = ("condition", "otherwise", "then")
    precedence = CONDITIONAL

    def __init__(self, condition: Node, then: Node, otherwise: Node) -> None:
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    @property
    def text(self) -> str:
        condition, then = self.condition.within(OR), self.then.within(OR)
        return f"{then} if {condition} else {self.otherwise.within(CONDITIONAL)}"

    def children(self) -> tuple[Node, ...]:
        return self.then, self.condition, self.otherwise

    def evaluate(self, scope: Scope) -> Any:
        condition = self.condition.evaluate(scope)
        if unknown(condition):
            return choose(condition, self.then.evaluate(scope), self.otherwise.evaluate(scope))
        return (self.then if condition else self.otherwise).evaluate(scope)


class Index(Node):
    """`a[i]`."""

    __slots__ = ("index", "value")

    def __init__(self, value: Node, index: Node) -> None:
        self.value = value
        self.index = index

    @property
    def text(self) -> str:
        return f"{self.value.within(PRIMARY)}[{self.index.text}]"

    def children(self) -> tuple[Node, ...]:
        return self.value, self.index

    def evaluate(self, scope: Scope) -> Any:
        value, index = self.value.evaluate(scope), self.index.evaluate(scope)
        if unknown(value) or unknown(index):
            position = index if isinstance(index, int) else None
            kind = value.type if isinstance(value, Symbolic) else type_of(value)
            result = kind if isinstance(index, slice) else item_type(kind, position)
            return typed(Index(lift(value), lift(index)), result)
        if not isinstance(value, tuple | str) or isinstance(index, bool) or not isinstance(index, int | slice):
            raise ExpressionError("AS304", f"{self.text}: only lists are indexed, and only with integers")
        try:
            return value[index]
        except IndexError:
            raise ExpressionError("AS304", f"{self.text}: the list has {len(value)} entries, not {index}") from None


class Slice(Node):
    """`start:stop:step` within an index."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Node | None, Node | None, Node | None]) -> None:
        self.parts = parts

    @property
    def text(self) -> str:
        start, stop, step = ("" if part is None else part.text for part in self.parts)
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"

    def children(self) -> tuple[Node, ...]:
        return tuple(part for part in self.parts if part is not None)

    def evaluate(self, scope: Scope) -> Any:
        values = [None if part is None else part.evaluate(scope) for part in self.parts]
        for value in values:
            if unknown(value):
                raise ExpressionError("AS304", f"the bounds of a slice are known numbers, not {value}")
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise ExpressionError("AS304", "the bounds of a slice are integers")
        if values[2] == 0:
            raise ExpressionError("AS304", "the step of a slice is not zero")
        return slice(*values)


class Items(Node):
    """A list or tuple."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[Node, ...]) -> None:
        self.items = items

    @property
    def text(self) -> str:
        inside = ", ".join(item.text for item in self.items)
        return f"({inside},)" if len(self.items) == 1 else f"({inside})"

    def children(self) -> tuple[Node, ...]:
        return self.items

    def evaluate(self, scope: Scope) -> Any:
        return tuple(item.evaluate(scope) for item in self.items)


class Call(Node):
    """A function of `FUNCTIONS`."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: str, arguments: tuple[Node, ...]) -> None:
        self.function = function
        self.arguments = arguments

    @property
    def text(self) -> str:
        arguments = ", ".join(argument.text for argument in self.arguments)
        return f"{FUNCTIONS[self.function].python}({arguments})"

    def children(self) -> tuple[Node, ...]:
        return self.arguments

    def evaluate(self, scope: Scope) -> Any:
        return call(self.function, [argument.evaluate(scope) for argument in self.arguments])


class Function:
    """A function over numbers and lists that arguments may call."""

    __slots__ = ("compute", "most", "python", "result")

    def __init__(self, compute: Callable[..., Any], result: str, most: int | None, python: str = "") -> None:
        self.compute = compute
        self.result = result  # the type of what it gives; "=" is the join of its arguments'
        self.most = most  # how many arguments it takes at most
        self.python = python or compute.__name__  # how generated code calls it


def make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The nearest multiple of `divisor`, at most 10 % below `v`: the rounding of MobileNetV2's reference code."""
    rounded = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def _range(*bounds: int) -> tuple[int, ...]:
    numbers = range(*bounds)
    if len(numbers) > LONGEST_LIST:
        raise ExpressionError("AS305", f"a range of {len(numbers)} numbers; at most {LONGEST_LIST} are allowed")
    return tuple(numbers)


FUNCTIONS: dict[str, Function] = {
    "min": Function(min, "=", None),
    "max": Function(max, "=", None),
    "len": Function(len, "int", 1),
    "sum": Function(sum, "=", 1),
    "range": Function(_range, "list[int]", 3, "range"),
    "enumerate": Function(lambda items: tuple(enumerate(items)), "list", 1, "enumerate"),
    "zip": Function(lambda *lists: tuple(zip(*lists, strict=False)), "list", None, "zip"),
    "round": Function(round, "int", 1),
    "int": Function(int, "int", 1),
    "ceil": Function(math.ceil, "int", 1, "math.ceil"),
    "floor": Function(math.floor, "int", 1, "math.floor"),
    "sqrt": Function(math.sqrt, "float", 1, "math.sqrt"),
    "log": Function(math.log, "float", 2, "math.log"),
    "make_divisible": Function(make_divisible, "int", 3),
}
"""The functions of arguments, dimensions, `when`, `for`, `repeat` and `let`."""


def unknown(value: object) -> bool:
    """Whether a value depends on something that is not known."""
    if isinstance(value, tuple):
        return any(map(unknown, value))
    return isinstance(value, Dimension | Symbolic)


def lift(value: Any) -> Node:
    """A value as a construct, to stand in a larger one."""
    if isinstance(value, Symbolic):
        return value.node
    if isinstance(value, Dimension):
        return Embedded(value)
    if isinstance(value, tuple):
        return Items(tuple(map(lift, value)))
    if isinstance(value, slice):
        return Slice(tuple(None if part is None else lift(part) for part in (value.start, value.stop, value.step)))  # type: ignore[arg-type] # three parts
    return Literal(value)


def typed(node: Node, type: str) -> Any:
    """What an unknown value of that type is: integers are dimensions."""
    return dimensions.of(Integer(node)) if type == "int" else Symbolic(node, type)


def as_size(value: Any) -> Size:
    """An integer value as a size; ExpressionError if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | Dimension | Symbolic):
        raise ExpressionError("AS304", f"an integer is needed, not {literal_text(value)}")
    if isinstance(value, Symbolic):
        if value.type not in ("any", "int"):
            raise ExpressionError("AS304", f"an integer is needed, but `{value}` is of type {value.type}")
        return dimensions.of(Integer(value.node))
    return value


def type_of(value: Any) -> str:
    """The name of a value's type, as parameters have them."""
    if isinstance(value, Symbolic):
        return value.type
    if isinstance(value, Dimension):
        return "int"
    if isinstance(value, tuple | list):
        kinds = {type_of(item) for item in value}
        inner = kinds.pop() if len(kinds) == 1 else "float" if kinds == {"int", "float"} else "any"
        return f"list[{inner}]"
    return "any" if value is None else type(value).__name__


def item_type(kind: str, index: int | None = None) -> str:
    """The type of a list's entry, or of the tuple's entry at `index`."""
    if kind.startswith("list["):
        return kind[5:-1]
    if kind.startswith("tuple[") and index is not None:
        return _split(kind[6:-1])[index]
    return "any"


def _split(inside: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for position, character in enumerate(inside):
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append(inside[start:position].strip())
            start = position + 1
    return [*parts, inside[start:].strip()]


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    """`then if condition else otherwise` for a condition that is not known."""
    if isinstance(then, tuple) and isinstance(otherwise, tuple) and len(then) == len(otherwise):
        return tuple(choose(condition, a, b) for a, b in zip(then, otherwise, strict=True))
    if type(then) is type(otherwise) and then == otherwise:
        return then
    kinds = {type_of(then), type_of(otherwise)}
    kind = kinds.pop() if len(kinds) == 1 else "float" if kinds == {"int", "float"} else "any"
    return typed(Conditional(lift(condition), lift(then), lift(otherwise)), kind)


def assume(value: Any, condition: Any, truth: bool) -> Any:
    """The value where `condition` is known to be so: conditionals on it are decided."""
    if isinstance(value, tuple):
        return tuple(assume(item, condition, truth) for item in value)
    if isinstance(value, Dimension) and isinstance(condition, Symbolic):
        chosen: dict[str, Any] = {}
        text = condition.node.text
        for atom in dimensions.atoms(value):
            node = atom.node if isinstance(atom, Integer) else None
            if isinstance(node, Conditional) and node.condition.text == text:
                chosen[atom.text] = as_size((node.then if truth else node.otherwise).evaluate(Unchanged()))
        if chosen:
            total: Size = 0
            for monomial, coefficient in value.terms.items():
                term: Size = coefficient
                for atom, power in monomial:
                    term = term * chosen.get(atom.text, dimensions.of(atom)) ** power
                total = total + term
            return total
    return value


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


def binary(op: str, a: Any, b: Any) -> Any:
    """`a op b`; ExpressionError where that has no value."""
    if isinstance(a, tuple) or isinstance(b, tuple):
        return _join(op, a, b)
    if unknown(a) or unknown(b):
        return _binary_symbolic(op, a, b)
    _number(a, f"`{op}` takes numbers")
    _number(b, f"`{op}` takes numbers")
    if op == "**" and not _moderate(a, b):
        raise ExpressionError("AS305", f"{literal_text(a)}**{literal_text(b)} is beyond 64 bits")
    try:
        value = _ARITHMETIC[op](a, b)
    except ZeroDivisionError:
        raise ExpressionError("AS304", f"{literal_text(a)} {op} {literal_text(b)} divides by zero") from None
    except (OverflowError, ValueError):
        raise ExpressionError("AS305", f"{literal_text(a)} {op} {literal_text(b)} is too large") from None
    return _bounded(value, f"{literal_text(a)} {op} {literal_text(b)}")


def _binary_symbolic(op: str, a: Any, b: Any) -> Any:
    kinds = {type_of(a), type_of(b)}
    if not kinds <= {"int", "float", "any"}:
        wrong = next(kind for kind in sorted(kinds) if kind not in ("int", "float", "any"))
        raise ExpressionError("AS304", f"`{op}` takes numbers, not a {wrong}")
    if op in ("+", "-", "*", "//", "%") and "float" not in kinds:
        try:
            return _ARITHMETIC[op](as_size(a), as_size(b))
        except ZeroDivisionError:
            raise ExpressionError("AS304", f"{a} {op} {b} divides by zero") from None
    if op == "**" and isinstance(b, int) and 0 <= b <= 16 and "float" not in kinds:
        return as_size(a) ** b
    whole = op == "**" and "float" not in kinds and isinstance(b, int) and b >= 0
    return typed(Binary(op, lift(a), lift(b)), "int" if whole else "float")


def _join(op: str, a: Any, b: Any) -> Any:
    """Lists: `[64] * 3` and `[32] + widths`."""
    if op == "+" and isinstance(a, tuple) and isinstance(b, tuple):
        joined = a + b
    elif op == "*" and isinstance(a, tuple) and isinstance(b, int) and not isinstance(b, bool):
        if len(a) * b > LONGEST_LIST:
            raise ExpressionError("AS305", f"a list of {len(a) * b} entries; at most {LONGEST_LIST} are allowed")
        joined = a * b
    elif (unknown(a) or unknown(b)) and op in ("+", "*"):
        kind = type_of(a) if isinstance(a, tuple) else type_of(b)
        return Symbolic(Binary(op, lift(a), lift(b)), kind)
    else:
        raise ExpressionError("AS304", f"`{op}` takes numbers; lists know `list + list` and `list * n`")
    if len(joined) > LONGEST_LIST:
        raise ExpressionError("AS305", f"a list of {len(joined)} entries; at most {LONGEST_LIST} are allowed")
    return joined


def _number(value: Any, otherwise: str) -> Any:
    if isinstance(value, Symbolic) and value.type in ("any", "int"):
        return as_size(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Dimension):
        raise ExpressionError("AS304", f"{otherwise}, not {literal_text(value)}")
    return value


def _moderate(base: float, exponent: float) -> bool:
    """Whether base**exponent can be computed at once: judged before computing it."""
    if abs(base) <= 1 or abs(exponent) <= 1:
        return True
    return abs(exponent) * math.log2(abs(base)) <= 64 if isinstance(base, int) else abs(exponent) <= 1024


def _bounded(value: Any, what: str) -> Any:
    if isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value)):
        raise ExpressionError("AS305", f"{what} is no finite number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ExpressionError("AS305", f"{what} is beyond 64 bits")
    return value


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def compare(op: str, a: Any, b: Any) -> bool | None:
    """`a op b`: yes, no, or None where it depends."""
    if isinstance(a, int | Dimension) and isinstance(b, int | Dimension) and (unknown(a) or unknown(b)):
        return _compare_sizes(op, a, b)
    if unknown(a) or unknown(b):
        return None
    try:
        return bool(_ORDER[op](a, b))
    except TypeError:
        text = f"{literal_text(a)} {op} {literal_text(b)}"
        raise ExpressionError("AS304", f"{text}: the two cannot be compared") from None


def _compare_sizes(op: str, a: Size, b: Size) -> bool | None:
    answer: bool | None
    match op:
        case "==" | "!=":
            answer = dimensions.equal(a, b)
        case ">=" | "<":
            answer = dimensions.at_least(a, b)
        case "<=" | ">":
            answer = dimensions.at_least(b, a)
        case _:
            raise ExpressionError("AS304", f"`{op}` takes a list on its right")
    return answer if answer is None or op in ("==", ">=", "<=") else not answer


def call(name: str, arguments: list[Any]) -> Any:
    """The value of a call of one of FUNCTIONS."""
    function = FUNCTIONS[name]
    if not arguments or (function.most is not None and len(arguments) > function.most):
        raise ExpressionError("AS304", f"{name} takes {_how_many(function)}, not {len(arguments)}")
    if any(map(unknown, arguments)):
        return _call_symbolic(name, function, arguments)
    try:
        value = function.compute(*arguments)
    except ExpressionError:
        raise
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        given = ", ".join(map(literal_text, arguments))
        raise ExpressionError("AS304", f"{name}({given}) has no value: {error}") from None
    return _bounded(value, f"{name}(…)")


def _how_many(function: Function) -> str:
    if function.most is None:
        return "one or more values"
    return "one value" if function.most == 1 else f"one to {function.most} values"


def _call_symbolic(name: str, function: Function, arguments: list[Any]) -> Any:
    if name in ("min", "max") and all(isinstance(value, int | Dimension) for value in arguments) and arguments[1:]:
        return (dimensions.minimum if name == "min" else dimensions.maximum)(*arguments)
    if name == "len" and isinstance(arguments[0], tuple):
        return len(arguments[0])
    if name == "int" and isinstance(arguments[0], Dimension):
        return arguments[0]
    result = function.result
    if result == "=":
        items = arguments if len(arguments) > 1 else [Symbolic(Literal(0), item_type(type_of(arguments[0])))]
        kinds = {type_of(value) for value in items}
        result = "int" if kinds == {"int"} else "float" if kinds <= {"int", "float"} else "any"
    elif name == "enumerate":
        result = f"list[tuple[int, {item_type(type_of(arguments[0]))}]]"
    elif name == "zip":
        result = f"list[tuple[{', '.join(item_type(type_of(value)) for value in arguments)}]]"
    return typed(Call(name, tuple(map(lift, arguments))), result)


def literal_text(value: object) -> str:
    """A plain value as Python source, in ASCII and on one line. The only way from a value to source text."""
    if isinstance(value, Dimension | Symbolic):
        return str(value)
    if isinstance(value, str):
        return '"' + ascii(value)[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    if isinstance(value, tuple | list):
        inside = ", ".join(map(literal_text, value))
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return show(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise TypeError(f"{type(value).__name__} has no literal")


def compile_value(value: object, *, words: frozenset[str] | None = None) -> Node:
    """A value of a spec as a construct: a string is an expression, a list holds values, all else stands for itself.

    Where `words` is given, the place takes words: a string is an expression only if it is one over those
    declared names, and any other word stands for itself.
    """
    if isinstance(value, list | tuple):
        return Items(tuple(compile_value(item, words=words) for item in value))
    if not isinstance(value, str):
        return Literal(value)
    if words is None:
        return parse(value)
    if value.isidentifier():
        return Name(value) if value in words else Literal(value)
    try:
        node = parse(value)
    except ExpressionError:
        return Literal(value)
    names = {part.name for part in node.walk() if isinstance(part, Name)}
    return node if names <= words else Literal(value)


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The expression that a text says; ExpressionError where it is none, or beyond the safe subset."""
    if len(text) > LONGEST_TEXT:
        raise ExpressionError("AS102", f"an expression has at most {LONGEST_TEXT} characters; this has {len(text)}")
    if not text.isascii() or "\\" in text or not text.replace("\n", " ").isprintable():
        raise ExpressionError("AS302", "an expression is plain ASCII, without backslashes")
    lead = len(text) - len(text.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of `1if x` is its parser's affair
            tree = ast.parse(text.strip().replace("\n", " "), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        place = max(0, error.offset - 1 + lead) if isinstance(error, SyntaxError) and error.offset else None
        cause = error.msg.split(". Perhaps")[0] if isinstance(error, SyntaxError) else "it is nested too deeply"
        raise ExpressionError("AS301", f"this is no expression: {cause}", offset=place) from None
    try:
        return _Converter(lead).convert(tree.body)
    except RecursionError:
        raise ExpressionError("AS301", "this is no expression: it is nested too deeply") from None


_BINARY = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARE = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
_HELP = {
    ast.Attribute: "there are no attributes and methods: dimensions have names, and `reshape(x, …)` is a function",
    ast.Lambda: "there are no lambdas",
    ast.ListComp: "there are no comprehensions: a list is written out, or is a parameter",
    ast.GeneratorExp: "there are no comprehensions: a list is written out, or is a parameter",
    ast.JoinedStr: "there are no f-strings",
    ast.NamedExpr: "a name is declared under `let:`",
}


class _Converter:
    """Python's syntax tree to ours, by an allow-list."""

    def __init__(self, lead: int) -> None:
        self.lead = lead

    def convert(self, tree: ast.AST) -> Node:
        method: Callable[[Any], Node] | None = getattr(self, f"_{type(tree).__name__.lower()}", None)
        if method is None:
            raise self.refusal(tree, f"{_construct(tree)} is beyond the language", _HELP.get(type(tree), ""))
        return method(tree)

    def refusal(self, tree: ast.AST, message: str, help: str = "") -> ExpressionError:
        start = getattr(tree, "col_offset", 0)
        length = max(1, getattr(tree, "end_col_offset", start + 1) - start)
        return ExpressionError("AS302", message, help, start + self.lead, length)

    def _constant(self, tree: ast.Constant) -> Node:
        if isinstance(tree.value, bool | str) or tree.value is None:
            return Literal(tree.value)
        if isinstance(tree.value, int | float):
            return Literal(_bounded(tree.value, "the number"))
        raise self.refusal(tree, "bytes, complex numbers and … are beyond the language")

    def _name(self, tree: ast.Name) -> Node:
        return Name(tree.id, tree.col_offset + self.lead)

    def _unaryop(self, tree: ast.UnaryOp) -> Node:
        operators = {ast.USub: "-", ast.UAdd: "+", ast.Not: "not"}
        if type(tree.op) not in operators:
            raise self.refusal(tree, "`~` is beyond the language")
        return Unary(operators[type(tree.op)], self.convert(tree.operand))

    def _binop(self, tree: ast.BinOp) -> Node:
        if type(tree.op) not in _BINARY:
            raise self.refusal(tree, f"{_construct(tree.op)} is beyond the language")
        return Binary(_BINARY[type(tree.op)], self.convert(tree.left), self.convert(tree.right))

    def _compare(self, tree: ast.Compare) -> Node:
        for op in tree.ops:
            if type(op) not in _COMPARE:
                raise self.refusal(tree, "`is` is beyond the language", "compare with `==`")
        operands = tuple(map(self.convert, (tree.left, *tree.comparators)))
        return Compare(tuple(_COMPARE[type(op)] for op in tree.ops), operands)

    def _boolop(self, tree: ast.BoolOp) -> Node:
        return Logic("and" if isinstance(tree.op, ast.And) else "or", tuple(map(self.convert, tree.values)))

    def _ifexp(self, tree: ast.IfExp) -> Node:
        return Conditional(self.convert(tree.test), self.convert(tree.body), self.convert(tree.orelse))

    def _subscript(self, tree: ast.Subscript) -> Node:
        return Index(self.convert(tree.value), self.convert(tree.slice))

    def _slice(self, tree: ast.Slice) -> Node:
        start, stop, step = (None if p is None else self.convert(p) for p in (tree.lower, tree.upper, tree.step))
        return Slice((start, stop, step))

    def _tuple(self, tree: ast.Tuple) -> Node:
        return Items(tuple(map(self.convert, tree.elts)))

    def _list(self, tree: ast.List) -> Node:
        return Items(tuple(map(self.convert, tree.elts)))

    def _call(self, tree: ast.Call) -> Node:
        from archspec.problems import did_you_mean, echo

        if not isinstance(tree.func, ast.Name):
            raise self.refusal(tree.func, "only functions are called, by their bare names", _HELP[ast.Attribute])
        if tree.func.id not in FUNCTIONS:
            hint = did_you_mean(tree.func.id, list(FUNCTIONS), "functions")
            raise self.refusal(tree.func, f"there is no function {echo(tree.func.id)} here", hint)
        if tree.keywords:
            raise self.refusal(tree, f"{tree.func.id} takes its values by position")
        return Call(tree.func.id, tuple(map(self.convert, tree.args)))


def _construct(tree: ast.AST) -> str:
    """The name of a construct of Python's, as messages say it."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in type(tree).__name__).strip()
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
