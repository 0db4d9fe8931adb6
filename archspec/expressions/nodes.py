"""The constructs that an expression is made of, and how each is written as Python, in the layout of a formatter.

Pure syntax: nothing here has a value. Numbers and tensors are read from the same constructs, so what only one of
the two knows (`@`, keyword arguments) has its place here, and is refused where the other is evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from typing import ClassVar

from archspec.characters import printable
from archspec.dimensions import CONDITIONAL, POWER, PRIMARY, PRODUCT, SUM, Size, show

OR, AND, NOT, COMPARISON, BIT_OR, BIT_XOR, BIT_AND, UNARY = (
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    12,
)  # with dimensions' constants: how tightly each construct binds

BITWISE = {"&": BIT_AND, "^": BIT_XOR, "|": BIT_OR}
"""Operators on the bits of integers, and on truth values."""

DEEPEST = 100
"""How many constructs may stand within one another: far from the end of Python's stack, wherever that begins."""

CONSTANTS = {"inf": math.inf, "pi": math.pi}
"""Numbers by the names that an expression has for them, where nothing else is called so."""

_MATH = ("ceil", "floor", "log", "sqrt")  # the functions that Python has in `math`
_LAZY = ("enumerate", "range", "reversed", "zip")  # what these give is no list before it is made one
_ITERATING = ("enumerate", "max", "min", "sum", "zip")  # these take what is no list as well


class Node:
    """One construct. `text` is Python; `precedence` says how tightly it binds, `depth` how many levels it has."""

    __slots__ = ("_text", "children", "depth", "place")
    children: tuple[Node, ...]
    depth: int
    place: tuple[int, int] | None
    """Where it stands in the text that it was read from, if it was: offsets, the second exclusive."""
    _text: str

    def __init__(self, *children: Node) -> None:
        self.children = children
        self.place = None
        self.depth = 1 + max((child.depth for child in children), default=0)

    @property
    def precedence(self) -> int:
        """How tightly it binds; kinds that always bind alike have a constant in place of it."""
        return PRIMARY

    @property
    def text(self) -> str:
        """The construct as Python source, where it stands alone."""
        try:
            return self._text
        except AttributeError:  # written once: constructs ask for the texts of those below more than once
            self._text = self.write()
            return self._text

    def write(self) -> str:
        """The text, from the texts of what it is made of."""
        raise TypeError(type(self))

    def walk(self) -> Iterator[Node]:
        """It and everything below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def map(self, change: Callable[[Node], Node]) -> Node:
        """The construct of what `change` makes of each child, in order; the same one where none is changed."""
        children = [change(child) for child in self.children]
        if all(new is old for new, old in zip(children, self.children, strict=True)):
            return self
        new = self.rebuild(children)
        new.place = self.place
        return new

    def rebuild(self, children: list[Node]) -> Node:
        """The same kind of construct with other children."""
        raise TypeError(type(self))

    def within(self, outer: int = CONDITIONAL) -> str:
        """Its text within another construct, in parentheses where what stands around it binds tighter."""
        return f"({self.text})" if self.precedence < outer else self.text


class Literal(Node):
    """A number, a string, a bool, None or `...`. The only way from a value to source text: ASCII, on one line."""

    __slots__ = ("value",)
    layers: ClassVar[Collection[str]] = ()
    """Strings that name a class of torch.nn; the catalogue of layers, which rests on this module, enters itself."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    @property
    def precedence(self) -> int:
        return UNARY if self.text.startswith("-") else PRIMARY

    def write(self) -> str:
        value = self.value
        if isinstance(value, str):
            return f"nn.{value}" if value in Literal.layers else _quoted(value)
        if value is None or isinstance(value, bool | int):
            return str(value)
        if value is ...:
            return "..."
        if isinstance(value, float) and math.isinf(value):
            return "math.inf" if value > 0 else "-math.inf"
        if isinstance(value, float) and math.isfinite(value):
            # As formatters leave it and people write it: 1e16, 1e-5.
            return repr(value).replace("e+", "e").replace("e-0", "e-")
        raise TypeError(f"{type(value).__name__} has no literal")


class Constant(Literal):
    """A number that has a name in the language, and in Python's `math`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__(CONSTANTS[name])
        self.name = name

    def write(self) -> str:
        return f"math.{self.name}"


def _quoted(value: str) -> str:
    """A string between the quotes that need fewer escapes; double ones if that is equal."""
    body = printable(value.encode("unicode_escape").decode("ascii"))
    quote = "'" if body.count('"') > body.count("'") else '"'
    return quote + body.replace(quote, "\\" + quote) + quote


class Embedded(Node):
    """A size inside an expression: a dimension, or a number that shows what it was multiplied from."""

    __slots__ = ("value",)

    def __init__(self, value: Size) -> None:
        super().__init__()
        self.value = value
        self.depth += sum(map(self.text.count, ("(", "[", " if ")))  # no level of it shows fewer signs

    def write(self) -> str:
        return show(self.value)

    @property
    def precedence(self) -> int:
        return PRODUCT if isinstance(self.value, int) else self.value.precedence


class Name(Node):
    """A declared name. One with a type stands for a value that is not known."""

    __slots__ = ("name", "offset", "type")

    def __init__(self, name: str, offset: int | None = None, type: str = "") -> None:
        super().__init__()
        self.name = name
        self.offset = offset
        self.type = type

    def write(self) -> str:
        return self.name


class Word(Name):
    """A name that nothing is called by and that stands for itself: `float64` in `dtype=float64`."""

    __slots__ = ()


class Unary(Node):
    """`-x`, `+x`, `~x`, `not x`."""

    __slots__ = ("operand", "operator")

    def __init__(self, operator: str, operand: Node) -> None:
        super().__init__(operand)
        self.operator = operator
        self.operand = operand

    @property
    def precedence(self) -> int:
        return NOT if self.operator == "not" else UNARY

    def rebuild(self, children: list[Node]) -> Node:
        return Unary(self.operator, *children)

    def write(self) -> str:
        if self.operator == "not":
            return f"not {self.operand.within(NOT)}"
        # Python needs no parentheses in -(a**2), its formatters want them.
        power = self.operand.precedence == POWER
        return f"{self.operator}{self.operand.within(PRIMARY if power else UNARY)}"


class Binary(Node):
    """Arithmetic, of numbers and of their bits."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, operator: str, left: Node, right: Node) -> None:
        super().__init__(left, right)
        self.operator = operator
        self.left = left
        self.right = right

    @property
    def precedence(self) -> int:
        return {"+": SUM, "-": SUM, "**": POWER, **BITWISE}.get(self.operator, PRODUCT)

    def rebuild(self, children: list[Node]) -> Node:
        return Binary(self.operator, *children)

    def write(self) -> str:
        if self.operator == "**":
            left, right = self.left.within(PRIMARY), self.right.within(UNARY)
            beside = self.right.left if isinstance(self.right, Binary) and not right.startswith("(") else self.right
            hug = _hugs(self.left) and _hugs(beside) and not left.startswith("(")
            return f"{left}**{right}" if hug else f"{left} ** {right}"
        # Of equal operators Python groups the left ones, so the right side needs parentheses.
        return f"{self.left.within(self.precedence)} {self.operator} {self.right.within(self.precedence + 1)}"


def _simple(node: Node) -> bool:
    """Whether formatters set no space between a construct and the `:` beside it."""
    if isinstance(node, Unary):
        return node.operator != "not" and _simple(node.operand)
    return (isinstance(node, Name | Literal) and not isinstance(getattr(node, "value", None), str)) or (
        isinstance(node, Embedded) and node.text.isidentifier()
    )


def _hugs(node: Node) -> bool:
    """Whether formatters set no space between a construct and the `**` beside it."""
    if isinstance(node, Unary):
        return node.operator != "not" and _hugs(node.operand)
    return _simple(node) or all(map(str.isidentifier, node.text.split(".")))


class Compare(Node):
    """A chain of comparisons."""

    __slots__ = ("operands", "operators")
    precedence = COMPARISON

    def __init__(self, operators: tuple[str, ...], operands: tuple[Node, ...]) -> None:
        super().__init__(*operands)
        self.operators = operators
        self.operands = operands

    def rebuild(self, children: list[Node]) -> Node:
        return Compare(self.operators, tuple(children))

    def write(self) -> str:
        # Operators on bits bind tighter than comparisons, too; people expect it as little here as in a spec.
        first, *rest = (operand.within(SUM) for operand in self.operands)
        return " ".join([first, *(f"{op} {text}" for op, text in zip(self.operators, rest, strict=True))])


class Logic(Node):
    """`and`, `or`."""

    __slots__ = ("operands", "operator")

    def __init__(self, operator: str, operands: tuple[Node, ...]) -> None:
        super().__init__(*operands)
        self.operator = operator
        self.operands = operands

    @property
    def precedence(self) -> int:
        return AND if self.operator == "and" else OR

    def rebuild(self, children: list[Node]) -> Node:
        return Logic(self.operator, tuple(children))

    def write(self) -> str:
        return f" {self.operator} ".join(operand.within(self.precedence + 1) for operand in self.operands)


class Conditional(Node):
    """`then if condition else otherwise`."""

    __slots__ = ("condition", "otherwise", "then")
    precedence = CONDITIONAL

    def __init__(self, condition: Node, then: Node, otherwise: Node) -> None:
        super().__init__(then, condition, otherwise)
        self.condition = condition
        self.then = then
        self.otherwise = otherwise

    def rebuild(self, children: list[Node]) -> Node:
        then, condition, otherwise = children
        return Conditional(condition, then, otherwise)

    def write(self) -> str:
        condition, then = self.condition.within(OR), self.then.within(OR)
        return f"{then} if {condition} else {self.otherwise.within()}"


class Index(Node):
    """`value[index]`; the index may be a Slice, or Items of them."""

    __slots__ = ("index", "value")

    def __init__(self, value: Node, index: Node) -> None:
        super().__init__(value, index)
        self.value = value
        self.index = index

    def rebuild(self, children: list[Node]) -> Node:
        return Index(*children)

    def write(self) -> str:
        inside = self.index.within()
        if isinstance(self.index, Items) and self.index.items:
            inside = inside[1:-1]  # x[:, 0]
        return f"{self.value.within(PRIMARY)}[{inside}]"


class Slice(Node):
    """`start:stop:step`, within an index."""

    __slots__ = ("start", "step", "stop")

    def __init__(self, start: Node | None, stop: Node | None, step: Node | None) -> None:
        super().__init__(*(part for part in (start, stop, step) if part is not None))
        self.start = start
        self.stop = stop
        self.step = step

    def rebuild(self, children: list[Node]) -> Node:
        rest = iter(children)
        return Slice(*(None if part is None else next(rest) for part in (self.start, self.stop, self.step)))

    def write(self) -> str:
        space = "" if all(map(_simple, self.children)) else " "
        text = f"{self.start.within()}{space}:" if self.start else ":"
        if self.stop:
            text += f"{space}{self.stop.within()}"
        if self.step:
            text += f"{space if self.stop else ''}:{space}{self.step.within()}"
        return text


class Starred(Node):
    """`*values`, in a list or among the arguments of a call: each item of a list for itself."""

    __slots__ = ("value",)

    def __init__(self, value: Node) -> None:
        super().__init__(value)
        self.value = value

    def rebuild(self, children: list[Node]) -> Node:
        return Starred(*children)

    def write(self) -> str:
        return f"*{self.value.within(SUM)}"

    def within(self, outer: int = CONDITIONAL) -> str:
        return self.text


class Items(Node):
    """A list or tuple. Only a value that flows tells them apart; elsewhere both are written as a tuple."""

    __slots__ = ("items", "listed")

    def __init__(self, items: tuple[Node, ...], *, listed: bool = False) -> None:
        super().__init__(*items)
        self.items = items
        self.listed = listed

    def rebuild(self, children: list[Node]) -> Node:
        return Items(tuple(children), listed=self.listed)

    def write(self) -> str:
        inside = ", ".join(item.within() for item in self.items)
        return f"({inside},)" if len(self.items) == 1 else f"({inside})"


class FunctionCall(Node):
    """A call by bare name."""

    __slots__ = ("arguments", "function", "keyword_places", "keywords", "offset")

    def __init__(
        self,
        function: str,
        arguments: tuple[Node, ...],
        keywords: tuple[tuple[str, Node], ...] = (),
        offset: int | None = None,
    ) -> None:
        super().__init__(*arguments, *(value for _, value in keywords))
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.offset = offset
        self.keyword_places: dict[str, int] = {}  # where each of their names begins

    def rebuild(self, children: list[Node]) -> Node:
        count = len(self.arguments)
        keywords = zip((name for name, _ in self.keywords), children[count:], strict=True)
        return FunctionCall(self.function, tuple(children[:count]), tuple(keywords), self.offset)

    def write(self) -> str:
        bare = self.function in _ITERATING
        inside = [argument.text if bare else argument.within() for argument in self.arguments]
        inside += [f"{name}={value.within()}" for name, value in self.keywords]
        return f"{python_name(self.function)}({', '.join(inside)})"

    def within(self, outer: int = CONDITIONAL) -> str:
        # Alone, `range(n)` is what a loop runs over; within something, the list that the language means.
        return f"tuple({self.text})" if self.function in _LAZY else self.text


def python_name(function: str) -> str:
    """How Python calls a function of the language."""
    return f"math.{function}" if function in _MATH else function
