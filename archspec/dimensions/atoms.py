"""What sums and products are made of: whatever is an integer and has no simpler form.

The expression language adds kinds of its own; to be an `Atom` is all that it needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from archspec.dimensions.printing import LEADING, PRIMARY
from archspec.dimensions.terms import Bounds, Dimension, Size, atoms, of, symbols


class Atom:
    """An integer that has no simpler form. Two atoms are the same if their kind and text are."""

    __slots__ = ("text",)
    exact = False
    """Whether products with it may come to something simpler: see `times`."""
    parts = 1
    """How many symbols and terms it is written with."""
    why: str | None = None
    """Why no expression gives its value, where none does."""

    @property
    def precedence(self) -> int:
        """How tightly its text binds."""
        return PRIMARY

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

    @property
    def shown(self) -> str:
        """Its name as people read it."""
        return self.text.replace(LEADING, "...")

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
    why: str
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


class Opaque(Atom):
    """A size whose formula is too long to compute with. Known are its symbols, and between which numbers it lies.

    The same formula gives the same one, so it is equal to itself; whether it equals another is not known.
    """

    __slots__ = ("_bounds", "_symbols")
    why = "its formula is too long"

    def __init__(self, formula: str, of: tuple[Size, ...], limits: Bounds) -> None:
        super().__init__(f"?{hashlib.blake2b(formula.encode(), digest_size=6).hexdigest()}")
        self._symbols = frozenset().union(*map(symbols, of))
        self._bounds = limits

    def symbols(self) -> frozenset[Symbol]:
        return self._symbols

    def evaluate(self, values: Mapping[str, int]) -> int:
        raise ValueError(self.why)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        inside = {symbol.text: sizes[symbol.text] for symbol in self._symbols if symbol.text in sizes}
        if not inside:
            return of(self)
        given = sorted(f"{name} = {size}" for name, size in inside.items())
        kept = tuple(of(symbol) for symbol in self._symbols if symbol.text not in inside)
        return Dimension.opaque("; ".join((self.text, *given)), (*kept, *inside.values()), (None, None))

    def bounds(self) -> Bounds:
        return self._bounds


def _opaque(formula: str, sizes: tuple[Size, ...], limits: Bounds) -> Dimension:
    return of(Opaque(formula, sizes, limits))


Dimension.opaque = staticmethod(_opaque)


def reason(*sizes: Size) -> str | None:
    """Why no expression gives one of these sizes, where none does."""
    return next((atom.why for size in sizes for atom in atoms(size) if atom.why is not None), None)


def symbol(name: str, *, free: bool = False, minimum: int | None = 1) -> Dimension:
    """A named size that is at least `minimum` (None: any integer)."""
    return of(Symbol(name, free=free, minimum=minimum))
