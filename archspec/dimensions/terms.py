"""Sums of products of atoms: how they add and multiply, their value, and between which numbers it lies.

Knows nothing of which atoms there are, nor of how sizes compare and divide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from archspec.dimensions.printing import POWER, PRODUCT, SUM, product_text, sum_text

if TYPE_CHECKING:
    from archspec.dimensions.atoms import Atom, Symbol

LARGEST = 2**63 - 1
"""Sizes are 64-bit signed integers, as PyTorch's are."""

MOST_PARTS = 128
"""How many parts a size is written with at most; one that would have more is known by its bounds alone (`Opaque`).

A part is a symbol or a term, those within quotients and extrema counted as well. What is sliced, joined and multiplied
over and over would double its parts in each step.
"""

_MOST_PAIRS = 256  # of terms that one product adds up
_HIGHEST_DEGREE = 16
_LONGEST_NUMBER = 256  # bits of a coefficient; no size has as many, but a figure may
_MOST_FACTORS = 64

Monomial: TypeAlias = "tuple[tuple[Atom, int], ...]"
"""A product of powers of atoms, sorted by their text."""


class Dimension:
    """A size that is not known yet: a sum of products of atoms. Immutable; `str()` is its expression in Python.

    `==` is equality of the canonical forms; `equal` and `at_least` compare values. It has no truth value
    and no order, so that no code takes "it depends" for an answer by accident.
    """

    __slots__ = ("_bounds", "_hash", "_precedence", "_text", "factors", "terms", "wording")
    floordiv: ClassVar[Callable[[Size, Size], Size]]  # of `division`, which rests on this module and enters itself here
    opaque: ClassVar[Callable[[str, tuple[Size, ...], Bounds], Dimension]]  # of `atoms`, likewise

    def __init__(self, terms: dict[Monomial, int], factors: tuple[Size, ...] = ()) -> None:
        self.terms = terms
        self.factors = factors
        """The sizes that it was multiplied from, where that reads better than the canonical form."""
        self.wording: str | None = None
        """How someone wrote it. It stays with the size as it is handed on, and is gone where one computes with it."""
        self._text: str | None = None
        self._precedence: int | None = None
        self._hash: int | None = None
        self._bounds: tuple[int | None, int | None] | None = None

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Dimension) and self.terms == other.terms)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self.terms.items()))
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError("the truth of a dimension is not known; use equal() or at_least()")

    def __str__(self) -> str:
        if self._text is None:
            self._text = product_text(self.factors) if self.factors else sum_text(self.terms)
        return self._text

    def __repr__(self) -> str:
        return str(self)

    @property
    def precedence(self) -> int:
        """How tightly its text binds."""
        if self._precedence is not None:
            return self._precedence
        if self.factors:
            return PRODUCT
        if len(self.terms) > 1:
            return SUM
        ((monomial, coefficient),) = self.terms.items()
        if coefficient != 1 or len(monomial) > 1:
            return PRODUCT if coefficient > 0 else SUM
        (atom, power), *_ = monomial
        return atom.precedence if power == 1 else POWER

    def __add__(self, other: Size) -> Size:
        if isinstance(other, int):
            other_terms: dict[Monomial, int] = {(): int(other)}
        elif isinstance(other, Dimension):
            other_terms = other.terms
        else:
            return NotImplemented
        terms = dict(self.terms)
        for monomial, coefficient in other_terms.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return size_of(terms)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return size_of({monomial: -coefficient for monomial, coefficient in self.terms.items()})

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        if isinstance(other, int):
            other_terms: dict[Monomial, int] = {(): int(other)}
            if not any(atom.exact for monomial in self.terms for atom, _ in monomial):  # as nearly always
                return size_of({monomial: a * int(other) for monomial, a in self.terms.items()})
        elif isinstance(other, Dimension):
            other_terms = other.terms
        else:
            return NotImplemented
        if len(self.terms) * len(other_terms) > _MOST_PAIRS:
            return _long_product(self, size_of(other_terms))
        whole: Size = 0
        terms: dict[Monomial, int] = {}
        for left, a in self.terms.items():
            for right, b in other_terms.items():
                monomial = _merge(left, right)
                reduced = _cancel(monomial, a * b)
                if reduced is None:
                    terms[monomial] = terms.get(monomial, 0) + a * b
                else:
                    whole = whole + reduced
        return size_of(terms) if whole == 0 else size_of(terms) + whole

    __rmul__ = __mul__

    def __pow__(self, power: int) -> Size:
        if power < 0:
            raise ValueError("the power of a dimension is not a negative integer")
        half = self ** (power // 2) if power > 1 else 1
        return half * half * (self if power % 2 else 1)

    def __floordiv__(self, other: Size) -> Size:
        return Dimension.floordiv(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return Dimension.floordiv(other, self)

    def __mod__(self, other: Size) -> Size:
        return self - (self // other) * other

    def __rmod__(self, other: int) -> Size:
        return other - (other // self) * self


Size: TypeAlias = int | Dimension
"""An int where the size is known, a Dimension where it is not."""

Bounds: TypeAlias = tuple[int | None, int | None]
"""The least and the greatest value; None where there is none or it is not known."""


class _Factored(int):
    """A known size that remembers what it was multiplied from: 25088, to be shown as 512 * 7 * 7."""

    factors: tuple[Size, ...]


def of(atom: Atom) -> Dimension:
    """The dimension that one atom is."""
    size = Dimension({((atom, 1),): 1})
    return _known_by_its_bounds(size) if atom.parts > MOST_PARTS else size


def product(sizes: Iterable[Size]) -> Size:
    """The product, which remembers its factors for display: `hidden_units * 7 * 7`, `512 * 7 * 7`."""
    sizes = list(sizes)
    known = math.prod(size for size in sizes if isinstance(size, int))
    total: Size = math.prod((size for size in sizes if not isinstance(size, int)), start=known)
    factors = tuple(f for size in sizes for f in (getattr(size, "factors", None) or (size,)) if f != 1)
    if len(factors) < 2:
        return factors[0] if factors else 1
    if len(factors) > _MOST_FACTORS or sum(map(parts, factors)) > MOST_PARTS:
        return total
    if isinstance(total, Dimension):
        return Dimension(total.terms, factors)
    factored = _Factored(total)
    factored.factors = factors
    return factored


def plain(size: Size) -> Size:
    """A size without what it was multiplied from: 25088 shows as that."""
    return int(size) if isinstance(size, int) else Dimension(size.terms)


def written(size: Dimension, text: str, precedence: int) -> Dimension:
    """The same size, which remembers for display how someone wrote it."""
    same = Dimension(size.terms)
    same.wording = same._text = text
    same._precedence = precedence
    return same


def canonical(size: Size) -> Size:
    """The size without the words in which someone wrote it."""
    return Dimension(size.terms, size.factors) if isinstance(size, Dimension) and size.wording is not None else size


def symbols(size: Size) -> frozenset[Symbol]:
    """Every symbol in it."""
    if isinstance(size, int):
        return frozenset()
    return frozenset().union(*(atom.symbols() for monomial in size.terms for atom, _ in monomial))


def atoms(size: Size) -> list[Atom]:
    """The atoms of its canonical form."""
    return [] if isinstance(size, int) else [atom for monomial in size.terms for atom, _ in monomial]


def lone_atom(size: Dimension) -> Atom | None:
    """The one atom that it is, if it is no more than that."""
    ((monomial, coefficient), *more) = size.terms.items()
    return monomial[0][0] if not more and coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1 else None


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """Its value, given one for each symbol's name."""
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms.items():
        for atom, power in monomial:
            coefficient *= atom.evaluate(values) ** power
        total += coefficient
    return total


def substitute(size: Size, sizes: Mapping[str, Size]) -> Size:
    """The same size with some symbols, by name, replaced."""
    if isinstance(size, int):
        return size
    if size.factors:
        return product(substitute(factor, sizes) for factor in size.factors)
    if (alone := lone_atom(size)) is not None:
        return alone.substitute(sizes)  # as it is: with its wording
    total: Size = 0
    for monomial, coefficient in size.terms.items():
        term: Size = coefficient
        for atom, power in monomial:
            term = term * atom.substitute(sizes) ** power
        total = total + term
    return total


def bounds(size: Size) -> tuple[int | None, int | None]:
    """The least and greatest value, by interval arithmetic; None where there is none or it is not known."""
    if isinstance(size, int):
        return size, size
    if size._bounds is None:
        size._bounds = _bounds(size)
    return size._bounds


def _bounds(size: Dimension) -> tuple[int | None, int | None]:
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in size.terms.items():
        least, most = _monomial_bounds(monomial)
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def _monomial_bounds(monomial: Monomial) -> tuple[int | None, int | None]:
    low: int | None = 1
    high: int | None = 1
    for atom, power in monomial:
        least, most = atom.bounds()
        if least is None or least < 0:  # of a product only the sign is cheap to follow
            return (least, most) if len(monomial) == 1 and power == 1 else (None, None)
        low = None if low is None else low * least**power
        high = None if high is None or most is None else high * most**power
    return low, high


def size_of(terms: dict[Monomial, int]) -> Size:
    """The sum of these products, each with its coefficient."""
    terms = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    size = Dimension(terms)
    return _known_by_its_bounds(size) if _is_long(terms) else size


def parts(size: Size) -> int:
    """How many parts it is written with: the measure of what computing with it costs."""
    return 1 if isinstance(size, int) else sum(1 + sum(atom.parts for atom, _ in monomial) for monomial in size.terms)


def _is_long(terms: dict[Monomial, int]) -> bool:
    """Whether a sum is beyond what is computed with term by term."""
    count = 0
    for monomial, coefficient in terms.items():
        degree = 0
        for atom, power in monomial:
            count += atom.parts
            degree += power
        if degree > _HIGHEST_DEGREE or coefficient.bit_length() > _LONGEST_NUMBER:
            return True
    return count + len(terms) > MOST_PARTS


def _known_by_its_bounds(size: Dimension) -> Dimension:
    return Dimension.opaque(str(size), (size,), _bounds(size))


def _long_product(a: Dimension, b: Size) -> Dimension:
    """A product of two sums that is not multiplied out."""
    (low_a, high_a), (low_b, high_b) = bounds(a), bounds(b)
    limits: Bounds = None, None
    if low_a is not None and low_b is not None and low_a >= 0 and low_b >= 0:
        limits = low_a * low_b, None if high_a is None or high_b is None else high_a * high_b
    return Dimension.opaque(" * ".join(sorted(f"({size})" for size in (a, b))), (a, b), limits)


def _merge(left: Monomial, right: Monomial) -> Monomial:
    if not left or not right:
        return left or right
    powers = dict(left)
    for atom, power in right:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: item[0].text))


def _cancel(monomial: Monomial, coefficient: int) -> Size | None:
    """What a product comes to in which an exact quotient meets its denominator; None where none does."""
    for atom, power in monomial:
        if atom.exact:
            others = tuple((a, p) if a is not atom else (a, p - 1) for a, p in monomial if a is not atom or power > 1)
            reduced = atom.times(size_of({others: coefficient}))
            if reduced is not None:
                return reduced
    return None


def terms_of(size: Size) -> dict[Monomial, int]:
    """Products and coefficients whose sum it is."""
    return {(): size} if isinstance(size, int) else size.terms
