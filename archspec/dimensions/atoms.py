"""What sums and products are made of: whatever is an integer and has no simpler form.

The expression language adds kinds of its own; to be an `Atom` is all that it needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from archspec.dimensions.printing import PRIMARY
from archspec.dimensions.terms import Dimension, Size, of


class Atom:
    """An integer that has no simpler form. Two atoms are the same if their kind and text are."""

    __slots__ = ("text",)
    precedence = PRIMARY
    exact = False
    """Whether products with it may come to something simpler: see `times`."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and type(self) is type(other) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return self.text

    def symbols(self) -> frozenset[Symbol]:
        """Every symbol that its value depends on."""
        raise TypeError(type(self))

    def evaluate(self, values: Mapping[str, int]) -> int:
        """Its value, given one for each symbol's name."""
        raise TypeError(type(self))

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        """The same with some symbols, by name, replaced."""
        raise TypeError(type(self))

    def bounds(self) -> tuple[int | None, int | None]:
        """The least and greatest value, None where there is none or it is not known."""
        return None, None

    def period(self) -> int | None:
        """As a function of its one symbol: after how much of it all but a slope repeats; None if it is not so."""
        return None

    def times(self, size: Size) -> Size | None:
        """The product with a size, where it comes to something simpler."""
        return None


class Symbol(Atom):
    """A named size. `free` ones are the input's (`N`, `H`); the others are the parameters of a constructor."""

    __slots__ = ("free", "minimum")

    def __init__(self, name: str, *, free: bool = False, minimum: int | None = 1) -> None:
        super().__init__(name)
        self.free = free
        self.minimum = minimum

    def symbols(self) -> frozenset[Symbol]:
        return frozenset((self,))

    def evaluate(self, values: Mapping[str, int]) -> int:
        return values[self.text]

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        return sizes[self.text] if self.text in sizes else of(self)

    def bounds(self) -> tuple[int | None, int | None]:
        return self.minimum, None

    def period(self) -> int | None:
        return 1


class Unknown(Atom):
    """A size that no expression gives; `text` says why. Each is equal to itself alone."""

    __slots__ = ("why",)
    _made = 0

    def __init__(self, why: str) -> None:
        Unknown._made += 1
        super().__init__(f"?{Unknown._made}")
        self.why = why

    def symbols(self) -> frozenset[Symbol]:
        return frozenset()

    def evaluate(self, values: Mapping[str, int]) -> int:
        raise ValueError(self.why)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        return of(self)


def symbol(name: str, *, free: bool = False, minimum: int | None = 1) -> Dimension:
    """A named size that is at least `minimum` (None: any integer)."""
    return of(Symbol(name, free=free, minimum=minimum))
