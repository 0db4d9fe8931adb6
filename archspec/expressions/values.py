"""What an expression comes to: numbers, bools, strings, tuples of them, and whatever of these is not known yet.

An unknown integer is a `Dimension`, anything else unknown a `Symbolic`; both remember how they are written. Types
are words: `int`, `float`, `bool`, `str`, `list[int]`, `tuple[int, float]`, … or `any`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, ClassVar, TypeAlias

from archspec import dimensions
from archspec.dimensions import Atom, Dimension, Size, Symbol, show
from archspec.expressions.errors import ExpressionError, UndecidedError
from archspec.expressions.nodes import (
    DEEPEST,
    Compare,
    Conditional,
    Embedded,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Slice,
    Unary,
)

LONGEST_UNKNOWN = 2000
"""How many characters may write an unknown value: computed names put into one another would double them each time."""

Scope: TypeAlias = Mapping[str, Any]
"""What names stand for: the values of this module."""


class Remembering(ChainMap[str, Any]):
    """What names stand for, and what the parts of an expression came to with that, each worked out once.

    A part is asked for by those around it as well: without this, a chain of a hundred terms takes five thousand times
    as long as one.
    """

    def __init__(self, *maps: MutableMapping[str, Any]) -> None:
        super().__init__(*maps)
        self.known: dict[int, tuple[Node, Any]] = {}
        """By the part's id."""

    def forget(self) -> None:
        """Says that names stand for something else from now on."""
        self.known.clear()


class Symbolic:
    """A value that is not known and no integer: a parameter of type float, bool, str or list, or made of one."""

    __slots__ = ("node", "type")

    def __init__(self, node: Node, type: str) -> None:
        # Only a name that knows its type can stand for itself when the construct is evaluated with it unknown.
        self.node = Name(node.name, type=type) if isinstance(node, Name) else node
        self.type = type

    def __str__(self) -> str:
        return self.node.text

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbolic) and self.type == other.type and self.node.text == other.node.text

    def __hash__(self) -> int:
        return hash((self.node.text, self.type))

    def __bool__(self) -> bool:
        raise UndecidedError(str(self))

    def item(self, index: int) -> Any:
        """One entry of a list."""
        return typed(Index(self.node, Literal(index)), item_type(self.type, index))


class Integer(Atom):
    """An integer that only an expression says: `depths[0]`, `len(widths)`, `2 if first else 1`."""

    __slots__ = ("node",)
    reading: ClassVar[Callable[[Node, Scope], Any]]  # evaluate, which rests on this module and enters itself here

    def __init__(self, node: Node) -> None:
        super().__init__(node.text)
        self.node = node

    @property
    def precedence(self) -> int:
        return self.node.precedence

    def symbols(self) -> frozenset[Symbol]:
        found: set[Symbol] = set()
        for node in self.node.walk():
            if isinstance(node, Embedded):
                found |= dimensions.symbols(node.value)
            elif isinstance(node, Name):
                found.add(Symbol(node.name, free=of_the_call(node), minimum=None))
        return frozenset(found)

    def evaluate(self, values: Scope) -> int:
        return int(Integer.reading(self.node, values))

    def substitute(self, sizes: Scope) -> Size:
        # As for a symbol: a name that nothing is put for stays, here one whose type nobody has told.
        names = (part for part in self.node.walk() if isinstance(part, Name) and not part.type)
        kept = {part.name: Symbolic(part, "any") for part in names if part.name not in sizes}
        return as_size(Integer.reading(self.node, {**sizes, **kept} if kept else sizes))


def of_the_call(name: Name) -> bool:
    """Whether only `forward` knows what a name stands for: the mode, and whether an optional input is given."""
    return name.type == "optional" or name.name == "training"


def unknown(value: object) -> bool:
    """Whether a value depends on something that is not known."""
    if isinstance(value, tuple):
        return any(map(unknown, value))
    if isinstance(value, slice):
        return any(map(unknown, (value.start, value.stop, value.step)))
    return isinstance(value, Dimension | Symbolic)


def lift(value: Any) -> Node:
    """A value as a construct, to stand in a larger one."""
    if isinstance(value, Symbolic):
        return value.node
    if isinstance(value, Dimension) or (type_of(value) == "int" and show(value) != str(value)):
        return Embedded(dimensions.canonical(value))  # a number may show what it was multiplied from
    if isinstance(value, tuple | list):
        return Items(tuple(map(lift, value)))
    if isinstance(value, slice):
        return Slice(*(None if part is None else lift(part) for part in (value.start, value.stop, value.step)))
    return Literal(value)


def literal_text(value: object) -> str:
    """A value as Python source, in ASCII and on one line."""
    return lift(value).text


def typed(node: Node, type: str) -> Any:
    """What an unknown value of that type is: integers are dimensions."""
    if node.depth > DEEPEST or len(node.text) > LONGEST_UNKNOWN:
        raise ExpressionError("AS305", "a value that depends on a parameter without a value is too long to print")
    if type != "int":
        return Symbolic(node, type)
    return dimensions.symbol(node.name, minimum=None) if isinstance(node, Name) else dimensions.of(Integer(node))


def as_size(value: Any) -> Size:
    """An integer value as a size; ExpressionError if it is none."""
    if isinstance(value, Symbolic):
        if value.type not in ("any", "int"):
            raise ExpressionError("AS304", f"an integer is needed, but `{value}` is of type {value.type}")
        size: Size = typed(value.node, "int")
        return size
    if isinstance(value, bool) or not isinstance(value, int | Dimension):
        raise ExpressionError("AS304", f"an integer is needed, not {literal_text(value)}")
    return value


def type_of(value: Any) -> str:
    """The name of a value's type, as parameters have them."""
    if isinstance(value, Symbolic):
        return value.type
    if isinstance(value, int) and not isinstance(value, bool):
        return "int"  # whatever else it remembers
    if isinstance(value, Dimension):
        return "int"
    if isinstance(value, tuple | list):
        return f"list[{join(map(type_of, value))}]"
    return "any" if value is None else type(value).__name__


def join(kinds: Iterable[str]) -> str:
    """The type of what is of one of these types."""
    found = set(kinds)
    if len(found) == 1:
        return found.pop()
    if found == {"int", "float"}:
        return "float"
    if found and all(map(is_list, found)):
        return f"list[{join(map(item_type, found))}]"
    return "any"


def is_list(kind: str) -> bool:
    """Whether a type is that of lists."""
    return kind.startswith(("list[", "tuple["))


def item_type(kind: str, index: int | None = None) -> str:
    """The type of a list's entries, or of the entry at `index`."""
    if kind.startswith("list["):
        return kind[5:-1]
    if not kind.startswith("tuple["):
        return "any"
    kinds = _split(kind[6:-1])
    if index is None:
        return join(kinds)
    if -len(kinds) <= index < len(kinds):
        return kinds[index]
    raise ExpressionError("AS304", f"there are {len(kinds)} entries, but the index is {index}")


def _split(inside: str) -> list[str]:
    """The types between the brackets of `tuple[…]`."""
    parts, depth, start = [], 0, 0
    for position, character in enumerate(inside):
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append(inside[start:position].strip())
            start = position + 1
    return [*parts, inside[start:].strip()]


def substitute(value: Any, values: Scope) -> Any:
    """The same value with some of what it depends on, by name, replaced."""
    if isinstance(value, tuple):
        return tuple(substitute(item, values) for item in value)
    if isinstance(value, Dimension):
        return dimensions.substitute(value, values)
    return Integer.reading(value.node, values) if isinstance(value, Symbolic) else value


def choose(condition: Any, then: Any, otherwise: Any) -> Any:
    """`then if condition else otherwise` for a condition that is not known."""
    if isinstance(then, tuple) and isinstance(otherwise, tuple) and len(then) == len(otherwise):
        return tuple(choose(condition, a, b) for a, b in zip(then, otherwise, strict=True))
    kinds = type_of(then), type_of(otherwise)
    if kinds[0] == kinds[1] and then == otherwise:
        return then
    if kinds == ("int", "int"):
        then, otherwise = assume(then, condition, True), assume(otherwise, condition, False)
        for truth, other in ((True, otherwise), (False, then)):
            if assume(then, condition, truth) == assume(otherwise, condition, truth):
                return other  # `a if a == b else b` is b
    return typed(Conditional(lift(condition), lift(then), lift(otherwise)), join(kinds))


def equals(value: Symbolic, other: Any) -> Any:
    """Whether an unknown value is that one."""
    return typed(Compare(("==",), (value.node, lift(other))), "bool")


def assume(value: Any, condition: Any, truth: bool) -> Any:
    """The value where `condition` is known to be so: conditionals on it are decided, what equals is one."""
    if isinstance(value, tuple):
        return tuple(assume(item, condition, truth) for item in value)
    if not isinstance(value, Dimension) or not isinstance(condition, Symbolic):
        return value
    chosen: dict[str, Size] = {}
    for left, right in _equalities(condition.node, truth):
        chosen |= {atom.text: right for atom in dimensions.atoms(left) if left == dimensions.of(atom)}
    for atom in dimensions.atoms(value):
        node = atom.node if isinstance(atom, Integer) else None
        holds = _known(node.condition, condition.node, truth) if isinstance(node, Conditional) else None
        if isinstance(node, Conditional) and holds is not None:
            side = as_size(Integer.reading(node.then if holds else node.otherwise, {}))
            chosen[atom.text] = assume(side, condition, truth)
    total: Size = 0 if chosen else value
    for monomial, coefficient in value.terms.items() if chosen else ():
        term: Size = coefficient
        for atom, power in monomial:
            term = term * chosen.get(atom.text, dimensions.of(atom)) ** power
        total = total + term
    names = {_name_of(left): right for left, right in _equalities(condition.node, truth)}
    within = {name: right for name, right in names.items() if name not in {s.text for s in dimensions.symbols(right)}}
    return dimensions.substitute(total, {name: right for name, right in within.items() if name is not None})


def _known(node: Node, condition: Node, truth: bool) -> bool | None:
    """Whether a condition holds where another one is known to be so; None where that does not say it."""
    for negated in (node, condition):
        if isinstance(negated, Unary) and negated.operator == "not":
            truth = not truth
    one, other = (n.operand if isinstance(n, Unary) and n.operator == "not" else n for n in (node, condition))
    return truth if one.text == other.text else None


def _equalities(node: Node, truth: bool) -> Iterator[tuple[Size, Size]]:
    """Which sizes are equal where a condition is known to be so; a name stands on the left where one does."""
    if isinstance(node, Logic) and node.operator == ("and" if truth else "or"):
        for operand in node.operands:
            yield from _equalities(operand, truth)
    elif isinstance(node, Unary) and node.operator == "not":
        yield from _equalities(node.operand, not truth)
    elif isinstance(node, Compare) and node.operators == (("==" if truth else "!="),):
        left, right = (Integer.reading(operand, {}) for operand in node.operands)
        if all(isinstance(side, Dimension) or type_of(side) == "int" for side in (left, right)):
            yield (left, right) if _name_of(left) is not None else (right, left)


def _name_of(size: Size) -> str | None:
    """The name that a size is, if it is no more than that."""
    atoms = dimensions.atoms(size)
    alone = len(atoms) == 1 and isinstance(atoms[0], Symbol) and size == dimensions.of(atoms[0])
    return atoms[0].text if alone else None
