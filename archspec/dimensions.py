"""Symbolic sizes: integer arithmetic over named dimensions, in a canonical form.

A `Size` is a plain `int` where it is known and a `Dimension` where it is not, and the usual operators
work on both, so a layer writes `(h + 2 * padding - kernel) // stride + 1` once. A `Dimension` is a
polynomial with integer coefficients over *atoms*: a symbol, a floor division that does not work out, a
minimum or maximum, or whatever the expression language adds (`Atom` is the only thing it needs).
Equal canonical forms mean equal values; for the rest, comparisons answer yes, no or None for "it depends".

Knows nothing of tensors, of layers, or of how a spec is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

LARGEST = 2**63 - 1
"""Sizes are 64-bit signed integers, as PyTorch's are."""

# How tightly a piece of text binds, by Python's grammar. Where its neighbour binds tighter, it stands in parentheses.
CONDITIONAL, SUM, PRODUCT, POWER, PRIMARY = 0, 10, 11, 13, 20

_LONGEST_PERIOD = 2048  # of a quasi-linear function whose values are compared one by one


class Atom:
    """An integer that has no simpler form. Two atoms are the same if their kind and text are."""

    __slots__ = ("text",)
    precedence = PRIMARY

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


class Quotient(Atom):
    """A floor division that does not work out. `exact` says that no remainder is known to be left."""

    __slots__ = ("denominator", "exact", "numerator")
    precedence = PRODUCT

    def __init__(self, numerator: Size, denominator: Size, exact: bool = False) -> None:
        super().__init__(f"{show(numerator, PRODUCT)} // {show(denominator, POWER)}")
        self.numerator = numerator
        self.denominator = denominator
        self.exact = exact

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
        positive = low is not None and low >= 0 and (bounds(divisor)[0] or 0) >= 1
        return (0, high) if positive else (None, None)


class Extremum(Atom):
    """The smallest or largest of several sizes."""

    __slots__ = ("function", "sizes")

    def __init__(self, function: Literal["min", "max"], sizes: tuple[Size, ...]) -> None:
        super().__init__(f"{function}({', '.join(show(size) for size in sizes)})")
        self.function = function
        self.sizes = sizes

    def symbols(self) -> frozenset[Symbol]:
        return frozenset().union(*map(symbols, self.sizes))

    def evaluate(self, values: Mapping[str, int]) -> int:
        choose = min if self.function == "min" else max
        return choose(evaluate(size, values) for size in self.sizes)

    def substitute(self, sizes: Mapping[str, Size]) -> Size:
        return _extremum(self.function, [substitute(size, sizes) for size in self.sizes])

    def bounds(self) -> tuple[int | None, int | None]:
        lows, highs = zip(*map(bounds, self.sizes), strict=True)
        known_lows, known_highs = [x for x in lows if x is not None], [x for x in highs if x is not None]
        if self.function == "min":
            return min(lows) if len(known_lows) == len(lows) else None, min(known_highs, default=None)
        return max(known_lows, default=None), max(highs) if len(known_highs) == len(highs) else None


Monomial: TypeAlias = tuple[tuple[Atom, int], ...]


class Dimension:
    """A size that is not known yet: a sum of products of atoms. Immutable; `str()` is its expression in Python.

    `==` is equality of the canonical forms; `equal` and `at_least` compare values. It has no truth value
    and no order, so that no code takes "it depends" for an answer by accident.
    """

    __slots__ = ("_hash", "_text", "factors", "terms")

    def __init__(self, terms: dict[Monomial, int], factors: tuple[Size, ...] = ()) -> None:
        self.terms = terms
        self.factors = factors
        """The sizes that it was multiplied from, where that reads better than the canonical form."""
        self._text: str | None = None
        self._hash: int | None = None

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
            self._text = _product_text(self.factors) if self.factors else _sum_text(self.terms)
        return self._text

    def __repr__(self) -> str:
        return str(self)

    @property
    def precedence(self) -> int:
        """How tightly its text binds."""
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
        return _size(terms)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return _size({monomial: -coefficient for monomial, coefficient in self.terms.items()})

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: Size) -> Size:
        return -self + other

    def __mul__(self, other: Size) -> Size:
        if isinstance(other, int):
            other_terms: dict[Monomial, int] = {(): int(other)}
        elif isinstance(other, Dimension):
            other_terms = other.terms
        else:
            return NotImplemented
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
        return _size(terms) + whole

    __rmul__ = __mul__

    def __pow__(self, power: int) -> Size:
        if not 0 <= power <= 16:
            raise ValueError("the power of a dimension is an integer from 0 to 16")
        return math.prod([self] * power, start=1)

    def __floordiv__(self, other: Size) -> Size:
        return _floordiv(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return _floordiv(other, self)

    def __mod__(self, other: Size) -> Size:
        return self - (self // other) * other

    def __rmod__(self, other: int) -> Size:
        return other - (other // self) * self


Size: TypeAlias = int | Dimension
"""An int where the size is known, a Dimension where it is not."""


class _Factored(int):
    """A known size that remembers what it was multiplied from: 25088, to be shown as 512 * 7 * 7."""

    factors: tuple[Size, ...]


def of(atom: Atom) -> Dimension:
    """The dimension that one atom is."""
    return Dimension({((atom, 1),): 1})


def symbol(name: str, *, free: bool = False, minimum: int | None = 1) -> Dimension:
    """A named size that is at least `minimum` (None: any integer)."""
    return of(Symbol(name, free=free, minimum=minimum))


def product(sizes: Iterable[Size]) -> Size:
    """The product, which remembers its factors for display: `hidden_units * 7 * 7`, `512 * 7 * 7`."""
    sizes = list(sizes)
    total: Size = math.prod(sizes, start=1)
    factors = tuple(f for size in sizes for f in (getattr(size, "factors", None) or (size,)) if f != 1)
    if len(factors) < 2:
        return factors[0] if factors else 1
    if isinstance(total, Dimension):
        return Dimension(total.terms, factors)
    factored = _Factored(total)
    factored.factors = factors
    return factored


def minimum(*sizes: Size) -> Size:
    """The smallest of the sizes."""
    return _extremum("min", list(sizes))


def maximum(*sizes: Size) -> Size:
    """The largest of the sizes."""
    return _extremum("max", list(sizes))


def quotient(numerator: Size, denominator: Size) -> Size:
    """`numerator // denominator` where it is known to leave no remainder: `n * quotient(d, n)` is `d`."""
    plain = numerator // denominator
    if isinstance(plain, Dimension) and len(plain.terms) == 1:
        ((monomial, coefficient),) = plain.terms.items()
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0][0], Quotient):
            atom = monomial[0][0]
            return of(Quotient(atom.numerator, atom.denominator, exact=True))
    return plain


def symbols(size: Size) -> frozenset[Symbol]:
    """Every symbol in it."""
    if isinstance(size, int):
        return frozenset()
    return frozenset().union(*(atom.symbols() for monomial in size.terms for atom, _ in monomial))


def atoms(size: Size) -> list[Atom]:
    """The atoms of its canonical form."""
    return [] if isinstance(size, int) else [atom for monomial in size.terms for atom, _ in monomial]


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
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in size.terms.items():
        least, most = _monomial_bounds(monomial)
        if coefficient < 0:
            least, most = most, least
        low = None if low is None or least is None else low + coefficient * least
        high = None if high is None or most is None else high + coefficient * most
    return low, high


def equal(a: Size, b: Size) -> bool | None:
    """Whether the two are the same number: for all values of the symbols, for none, or (None) it depends."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    values = _periodic(difference)
    if values is not None:
        samples, slope = values
        if slope == 0:
            return True if not any(samples) else None if 0 in samples else False
    low, high = bounds(difference)
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    constant = difference.terms.get((), 0)
    divisor = math.gcd(*(c for monomial, c in difference.terms.items() if monomial))
    return False if constant % divisor else None


def at_least(a: Size, b: Size) -> bool | None:
    """Whether a >= b: for all values of the symbols, for none, or (None) it depends."""
    difference = a - b
    if isinstance(difference, int):
        return difference >= 0
    values = _periodic(difference)
    if values is not None:
        samples, slope = values
        if slope >= 0 and min(samples) >= 0:
            return True
        return False if slope <= 0 and max(samples) < 0 else None
    low, high = bounds(difference)
    if low is not None and low >= 0:
        return True
    return False if high is not None and high < 0 else None


def divides(divisor: Size, size: Size) -> bool | None:
    """Whether `size` is a multiple of `divisor`."""
    return equal(size % divisor, 0)


def when_equal(a: Size, b: Size) -> str | None:
    """In words, for which values of its one symbol a == b; None where that cannot be said briefly."""
    difference = a - b
    values = None if isinstance(difference, int) else _periodic(difference)
    if values is None:
        return None
    samples, slope = values
    (name,) = symbols(difference)
    start = name.minimum or 0
    if slope:
        hits = [start + i for i, sample in enumerate(samples) if sample == 0]
        return f"{name} is {hits[0]}" if len(hits) == 1 and min(samples) * slope >= 0 else None
    period = len(samples)
    residues = sorted({(start + i) % period for i, sample in enumerate(samples) if sample == 0})
    for modulus in range(1, period + 1):
        wanted = {residue % modulus for residue in residues}
        if period % modulus == 0 and len(wanted) * (period // modulus) == len(residues) and len(wanted) <= 4:
            if wanted == {0}:
                return f"{name} is even" if modulus == 2 else f"{name} is a multiple of {modulus}"
            if (modulus, wanted) == (2, {1}):
                return f"{name} is odd"
            return f"{name} % {modulus} is {' or '.join(map(str, sorted(wanted)))}"
    return None


def show(size: Size, outer: int = CONDITIONAL) -> str:
    """The size as a Python expression, in parentheses where what stands around it binds tighter than `outer`."""
    factors = getattr(size, "factors", ())
    if isinstance(size, int) and not factors:
        return str(size) if size >= 0 or outer <= SUM else f"({size})"
    text, precedence = (_product_text(factors), PRODUCT) if isinstance(size, int) else (str(size), size.precedence)
    return f"({text})" if precedence < outer else text


def _size(terms: dict[Monomial, int]) -> Size:
    terms = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Dimension(terms)


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
        if isinstance(atom, Quotient) and atom.exact:
            others = tuple((a, p) if a is not atom else (a, p - 1) for a, p in monomial if a is not atom or power > 1)
            rest = _size({others: coefficient})
            reduced = rest // atom.denominator
            if reduced * atom.denominator == rest:
                return reduced * atom.numerator
    return None


def _floordiv(a: Size, b: Size) -> Size:
    """Floor division in canonical form; see the comments for the identities, each true of all integers."""
    if isinstance(b, int):
        if b == 0:
            raise ZeroDivisionError("division by zero")
        if b < 0:
            return _floordiv(-a, -b)
        return a // b if isinstance(a, int) else _floordiv_by_int(a, int(b))
    if isinstance(a, int) and a == 0:
        return 0
    # (b * q + r) // b is q + r // b: take out every term that b divides.
    whole: Size = 0
    rest: Size = 0
    divisor = next(iter(b.terms.items())) if len(b.terms) == 1 else None
    if divisor is not None:
        for monomial, coefficient in _terms(a).items():
            part = _divide_term(monomial, coefficient, *divisor)
            if part is None:
                rest = rest + _size({monomial: coefficient})
            else:
                whole = whole + part
    else:
        whole, rest = _divide_sum(a, b)
    if isinstance(rest, int) and rest == 0:
        return whole
    if at_least(rest, 0) and at_least(b - 1, rest):
        return whole
    # (g * n) // (g * d) is n // d.
    common = math.gcd(*_terms(rest).values(), *b.terms.values())
    if common > 1:
        return whole + _scale(rest, common) // _scale(b, common)
    inner = _lone_quotient(rest)
    if inner is not None and inner[1] == 0 and at_least(b, 1):
        return whole + of(Quotient(inner[0].numerator, inner[0].denominator * b))
    return whole + of(Quotient(rest, b))


def _floordiv_by_int(a: Dimension, b: int) -> Size:
    if b == 1:
        return a
    # (b * q + r) // b is q + r // b, with every coefficient of r in [0, b).
    whole = _size({monomial: coefficient // b for monomial, coefficient in a.terms.items()})
    rest = {monomial: coefficient % b for monomial, coefficient in a.terms.items() if coefficient % b}
    constant = rest.pop((), 0)
    if not rest:
        return whole
    # (g * n + c) // (g * d) is (n + c // g) // d.
    common = math.gcd(b, *rest.values())
    numerator = _size({monomial: coefficient // common for monomial, coefficient in rest.items()}) + constant // common
    b //= common
    if b == 1:
        return whole + numerator
    inner = _lone_quotient(numerator)
    if inner is not None:
        # (x // d + c) // b is (x + c * d) // (d * b), for b > 0.
        atom, offset = inner
        return whole + _floordiv(atom.numerator + offset * atom.denominator, atom.denominator * b)
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


def _terms(size: Size) -> dict[Monomial, int]:
    return {(): size} if isinstance(size, int) else size.terms


def _scale(size: Size, divisor: int) -> Size:
    return _size({monomial: coefficient // divisor for monomial, coefficient in _terms(size).items()})


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
    return _size({left: coefficient // by_coefficient})


def _divide_sum(a: Size, b: Dimension) -> tuple[Size, Size]:
    """Quotient and remainder by a sum: only a multiple of the whole sum is taken out."""
    for monomial, coefficient in b.terms.items():
        if monomial in _terms(a):
            factor = _terms(a)[monomial] // coefficient
            return (factor, a - b * factor) if factor else (0, a)
    return 0, a


def _extremum(function: Literal["min", "max"], sizes: list[Size]) -> Size:
    kept: list[Size] = []
    for size in sizes:
        if any((at_least(size, k) if function == "min" else at_least(k, size)) for k in kept):
            continue
        kept = [k for k in kept if not (at_least(k, size) if function == "min" else at_least(size, k))]
        kept.append(size)
    if len(kept) == 1:
        return kept[0]
    return of(Extremum(function, tuple(sorted(kept, key=show))))


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


def _periodic(size: Dimension) -> tuple[list[int], int] | None:
    """Values of a quasi-linear function of one symbol over one period, and by how much it grows a period.

    f(x + period) = f(x) + slope for all x, so these values decide every comparison with zero.
    """
    names = symbols(size)
    if len(names) != 1:
        return None
    (name,) = names
    period = _period(size)
    if period is None or period > _LONGEST_PERIOD or name.minimum is None:
        return None
    points = range(name.minimum, name.minimum + period + 1)
    samples = [evaluate(size, {name.text: point}) for point in points]
    return samples[:-1], samples[-1] - samples[0]


def _period(size: Size) -> int | None:
    """The period of a quasi-linear function; None if it is none."""
    period = 1
    for monomial in _terms(size):
        if not monomial:
            continue
        if len(monomial) != 1 or monomial[0][1] != 1:
            return None
        atom = monomial[0][0]
        if isinstance(atom, Symbol):
            continue
        if not isinstance(atom, Quotient) or not isinstance(atom.denominator, int):
            return None
        inner = _period(atom.numerator)
        if inner is None:
            return None
        period = math.lcm(period, inner * atom.denominator)
    return period


def _sum_text(terms: dict[Monomial, int]) -> str:
    """`a * b + 2 * c - 1`: by falling degree, then by name, a positive term first."""

    def order(item: tuple[Monomial, int]) -> tuple[bool, int, str]:
        monomial, coefficient = item
        return coefficient < 0, -sum(power for _, power in monomial), " ".join(atom.text for atom, _ in monomial)

    text = ""
    for monomial, coefficient in sorted(terms.items(), key=order):
        alone = abs(coefficient) == 1 and len(monomial) == 1
        term = _term_text(monomial, abs(coefficient), SUM if alone and len(terms) > 1 else PRODUCT)
        if text:
            text += f" - {term}" if coefficient < 0 else f" + {term}"
        else:
            text = f"-{_term_text(monomial, -coefficient, POWER)}" if coefficient < 0 else term
    return text


def _term_text(monomial: Monomial, coefficient: int, outer: int) -> str:
    alone = coefficient == 1 and len(monomial) == 1
    pieces = [str(coefficient)] if coefficient != 1 or not monomial else []
    for atom, power in monomial:
        if power > 1:
            pieces.append(f"{atom.text}**{power}" if atom.precedence == PRIMARY else f"({atom.text}) ** {power}")
        elif alone:
            # A lone atom that makes the whole text needs no parentheses of its own.
            pieces.append(atom.text if atom.precedence >= outer or outer == PRODUCT else f"({atom.text})")
        else:
            pieces.append(atom.text if atom.precedence > PRODUCT else f"({atom.text})")
    return " * ".join(pieces)


def _product_text(factors: tuple[Size, ...]) -> str:
    return " * ".join(show(factor, POWER) for factor in factors)
