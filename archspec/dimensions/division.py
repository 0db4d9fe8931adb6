"""Floor division of sizes, in canonical form: what works out, and the quotient that does not."""

from __future__ import annotations

import math
from collections.abc import Mapping

from archspec.dimensions.atoms import Atom, Symbol, reason
from archspec.dimensions.comparing import at_least, period
from archspec.dimensions.printing import POWER, PRODUCT, show
from archspec.dimensions.terms import (
    Dimension,
    Monomial,
    Size,
    bounds,
    canonical,
    evaluate,
    of,
    parts,
    size_of,
    substitute,
    symbols,
    terms_of,
)


class Quotient(Atom):
    """A floor division that does not work out. `exact` says that no remainder is known to be left."""

    __slots__ = ("denominator", "exact", "numerator", "parts", "why")
    precedence = PRODUCT

    def __init__(self, numerator: Size, denominator: Size, exact: bool = False) -> None:
        numerator, denominator = canonical(numerator), canonical(denominator)
        super().__init__(f"{show(numerator, PRODUCT)} // {show(denominator, POWER)}")
        self.numerator = numerator
        self.denominator = denominator
        self.exact = exact
        self.parts = parts(numerator) + parts(denominator)
        self.why = reason(numerator, denominator)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quotient) and self.text == other.text and self.exact == other.exact

    __hash__ = Atom.__hash__

    def symbols(self) -> frozenset[Symbol]:
        return symbols(self.numerator) | symbols(self.denominator)

    def evaluate(self, values: Mapping[str, int]) -> int:
        return evaluate(self.numerator, values) // evaluate(self.denominator, values)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        numerator, denominator = substitute(self.numerator, sizes), substitute(self.denominator, sizes)
        return quotient(numerator, denominator) if self.exact else numerator // denominator

    def bounds(self) -> tuple[int | None, int | None]:
        (low, high), divisor = bounds(self.numerator), self.denominator
        if isinstance(divisor, int) and divisor > 0:
            return None if low is None else low // divisor, None if high is None else high // divisor
        if low is None or (bounds(divisor)[0] or 0) < 1:
            return None, None
        return (0, high) if low >= 0 else (low, -1 if high is not None and high < 0 else high)

    def period(self) -> int | None:
        if not isinstance(self.denominator, int):
            return None
        inner = period(self.numerator)
        return None if inner is None else inner * self.denominator

    def times(self, size: Size) -> Size | None:
        reduced = size // self.denominator
        return reduced * self.numerator if reduced * self.denominator == size else None


def quotient(numerator: Size, denominator: Size) -> Size:
    """`numerator // denominator` where it is known to leave no remainder: `n * quotient(d, n)` is `d`."""
    plain = numerator // denominator
    if isinstance(plain, Dimension) and len(plain.terms) == 1:
        ((monomial, coefficient),) = plain.terms.items()
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0][0], Quotient):
            atom = monomial[0][0]
            # It may be that of another division, as in `2 * (n // 2) // 2`, which leaves a remainder.
            if atom.numerator * denominator == numerator * atom.denominator:
                return of(Quotient(atom.numerator, atom.denominator, exact=True))
    return plain


def divide(a: Size, b: Size) -> Size:
    """Floor division in canonical form; see the comments for the identities, each true of all integers."""
    if isinstance(b, int):
        if b == 0:
            raise ZeroDivisionError("division by zero")
        if b < 0:
            return divide(-a, -b)
        return a // b if isinstance(a, int) else _divide_by_int(a, int(b))
    if isinstance(a, int) and a == 0:
        return 0
    # (b * q + r) // b is q + r // b: take out every term that b divides.
    whole: Size = 0
    rest: Size = 0
    divisor = next(iter(b.terms.items())) if len(b.terms) == 1 else None
    if divisor is not None:
        for monomial, coefficient in terms_of(a).items():
            part = _divide_term(monomial, coefficient, *divisor)
            if part is None:
                rest = rest + size_of({monomial: coefficient})
            else:
                whole = whole + part
    else:
        whole, rest = _divide_sum(a, b)
    if isinstance(rest, int) and rest == 0:
        return whole
    if at_least(rest, 0) and at_least(b - 1, rest):
        return whole
    # (g * n) // (g * d) is n // d.
    common = math.gcd(*terms_of(rest).values(), *b.terms.values())
    if common > 1:
        return whole + _scale(rest, common) // _scale(b, common)
    inner = _lone_quotient(rest)
    if inner is not None and inner[1] == 0 and at_least(b, 1):
        return whole + of(Quotient(inner[0].numerator, inner[0].denominator * b))
    return whole + of(Quotient(rest, b))


Dimension.floordiv = staticmethod(divide)


def _divide_by_int(a: Dimension, b: int) -> Size:
    if b == 1:
        return a
    # (b * q + r) // b is q + r // b, with every coefficient of r in [0, b).
    whole = size_of({monomial: coefficient // b for monomial, coefficient in a.terms.items()})
    rest = {monomial: coefficient % b for monomial, coefficient in a.terms.items() if coefficient % b}
    constant = rest.pop((), 0)
    if not rest:
        return whole
    # (g * n + c) // (g * d) is (n + c // g) // d.
    common = math.gcd(b, *rest.values())
    numerator = (
        size_of({monomial: coefficient // common for monomial, coefficient in rest.items()}) + constant // common
    )
    b //= common
    if b == 1:
        return whole + numerator
    inner = _lone_quotient(numerator)
    if inner is not None:
        # (x // d + c) // b is (x + c * d) // (d * b), for b > 0.
        atom, offset = inner
        return whole + divide(atom.numerator + offset * atom.denominator, atom.denominator * b)
    return whole + of(Quotient(numerator, b))


def _lone_quotient(size: Size) -> tuple[Quotient, int] | None:
    """Where the size is `x // d + c` with a known c: that quotient, and c."""
    if isinstance(size, int):
        return None
    parts = [(monomial, coefficient) for monomial, coefficient in size.terms.items() if monomial]
    if len(parts) != 1 or parts[0][1] != 1 or len(parts[0][0]) != 1:
        return None
    atom, power = parts[0][0][0]
    return (atom, size.terms.get((), 0)) if power == 1 and isinstance(atom, Quotient) else None


def _scale(size: Size, divisor: int) -> Size:
    return size_of({monomial: coefficient // divisor for monomial, coefficient in terms_of(size).items()})


def _divide_term(monomial: Monomial, coefficient: int, by: Monomial, by_coefficient: int) -> Size | None:
    """One term divided by another where that works out."""
    if coefficient % by_coefficient:
        return None
    powers = dict(monomial)
    for atom, power in by:
        if powers.get(atom, 0) < power:
            return None
        powers[atom] -= power
    left = tuple((atom, power) for atom, power in powers.items() if power)
    return size_of({left: coefficient // by_coefficient})


def _divide_sum(a: Size, b: Dimension) -> tuple[Size, Size]:
    """Quotient and remainder by a sum: only a multiple of the whole sum is taken out."""
    for monomial, coefficient in b.terms.items():
        if monomial in terms_of(a):
            factor = terms_of(a)[monomial] // coefficient
            return (factor, a - b * factor) if factor else (0, a)
    return 0, a
