"""Comparisons of sizes, which answer yes, no or None for "it depends", and say when it holds.

Knows nothing of which atoms there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from archspec.dimensions.terms import Dimension, Size, bounds, evaluate, parts, symbols, terms_of

_LONGEST_PERIOD = 2048  # of a quasi-linear function whose values are compared one by one
_MOST_EVALUATED = 8192  # parts of sizes, in all the values of one comparison
_MOST_ORDERS = 8
_LARGE = ((1009, 4001, 16_007, 64_007), (10_000_019, 40_000_003, 160_000_003, 640_000_019))
"""Values that stand for "large": primes, so that what holds for multiples alone does not hold for them.

The second ones are for sizes of which a constant above a thousand is taken, as by a kernel over a waveform.
"""


def equal(a: Size, b: Size) -> bool | None:
    """Whether the two are the same number: for all values of the symbols, for none, or (None) it depends."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    low, high = bounds(difference)  # first: they cost far less than a period
    if (low is not None and low > 0) or (high is not None and high < 0):
        return False
    constant = difference.terms.get((), 0)
    divisor = math.gcd(*(c for monomial, c in difference.terms.items() if monomial))
    if constant % divisor:
        return False
    values = _periodic(difference)
    if values is None or values[1] != 0:
        return None
    samples = values[0]
    return True if not any(samples) else None if 0 in samples else False


def at_least(a: Size, b: Size) -> bool | None:
    """Whether a >= b: for all values of the symbols, for none, or (None) it depends."""
    difference = a - b
    if isinstance(difference, int):
        return difference >= 0
    low, high = bounds(difference)  # first: it costs far less than a period, and settles most
    if low is not None and low >= 0:
        return True
    if high is not None and high < 0:
        return False
    values = _periodic(difference)
    if values is None:
        return None
    samples, slope = values
    if slope >= 0 and min(samples) >= 0:
        return True
    return False if slope <= 0 and max(samples) < 0 else None


def at_least_when_large(a: Size, b: Size) -> bool:
    """Whether a >= b for large values of the symbols: False where large values were found for which it is not so.

    A few values are tried, in every order of the symbols, as `L - T` is negative where T is the larger one. A size
    that no expression gives is taken to be large enough.
    """
    difference = a - b
    if isinstance(difference, int):
        return difference >= 0
    names = sorted(symbol.text for symbol in symbols(difference))
    return any(_at_least_at(difference, names, large) for large in _LARGE)


def _at_least_at(difference: Dimension, names: Sequence[str], large: Sequence[int]) -> bool:
    """Whether the difference is not negative where the names have these values, in any order."""
    tried = [large[place % len(large)] for place in range(len(names))]
    orders = (tried[turn:] + tried[:turn] for turn in range(min(len(names), _MOST_ORDERS)))
    points = [[large[0]] * len(names), tried[::-1], *orders]
    try:
        return all(evaluate(difference, dict(zip(names, point, strict=True))) >= 0 for point in points)
    except ValueError:
        return large is _LARGE[0]


def when_at_least(a: Size, b: Size) -> str | None:
    """In words, for which values of its one symbol, which enters once, a >= b; None where that is not so simple."""
    difference = a - b
    if isinstance(difference, int) or len(names := symbols(difference)) != 1:
        return None
    (name,) = names
    slope = difference.terms.get(((name, 1),), 0)
    rest = difference.terms.get((), 0)
    if not slope or len(difference.terms) > 1 + (() in difference.terms):
        return None
    return f"{name} is at least {-(rest // slope)}" if slope > 0 else f"{name} is at most {rest // -slope}"


def divides(divisor: Size, size: Size) -> bool | None:
    """Whether `size` is a multiple of `divisor`."""
    return equal(size % divisor, 0)


def when_equal(a: Size, b: Size) -> str | None:
    """In words, for which values of its one symbol a == b; None where that is none, or cannot be said briefly."""
    difference = a - b
    values = None if isinstance(difference, int) else _periodic(difference)
    if values is None:
        return None
    samples, slope = values
    (name,) = symbols(difference)
    start = name.minimum or 0
    if slope:
        hits = [start + i for i, sample in enumerate(samples) if sample == 0]
        away = min(samples) >= 0 if slope > 0 else max(samples) <= 0  # from 0 in each further period
        return f"{name} is {hits[0]}" if len(hits) == 1 and away else None
    length = len(samples)
    residues = sorted({(start + i) % length for i, sample in enumerate(samples) if sample == 0})
    if not residues:
        return None
    for modulus in (number for number in range(1, length + 1) if length % number == 0):
        wanted = {residue % modulus for residue in residues}
        if len(wanted) * (length // modulus) == len(residues) and len(wanted) <= 4:
            if wanted == {0}:
                return f"{name} is even" if modulus == 2 else f"{name} is a multiple of {modulus}"
            if (modulus, wanted) == (2, {1}):
                return f"{name} is odd"
            return f"{name} % {modulus} is {' or '.join(map(str, sorted(wanted)))}"
    return None


def equal_for_multiples(a: Size, b: Size) -> tuple[str, int] | None:
    """The name of their one symbol, and the number of which it is a multiple wherever a == b; None if it is none."""
    values = None if isinstance(difference := a - b, int) else _periodic(difference)
    if values is None or values[1]:
        return None
    (name,) = symbols(difference)
    points = list(enumerate(values[0], name.minimum or 0))
    for number in (number for number in range(2, len(points) + 1) if len(points) % number == 0):
        if all((sample == 0) == (point % number == 0) for point, sample in points):
            return name.text, number
    return None


@lru_cache(maxsize=256)  # equal blocks ask the same, one after another
def _periodic(size: Dimension) -> tuple[list[int], int] | None:
    """Values of a quasi-linear function of one symbol over one period, and by how much it grows a period.

    f(x + period) = f(x) + slope for all x, so these values decide every comparison with zero.
    """
    names = symbols(size)
    if len(names) != 1:
        return None
    (name,) = names
    length = period(size)
    if length is None or length > _LONGEST_PERIOD or name.minimum is None or length * parts(size) > _MOST_EVALUATED:
        return None
    points = range(name.minimum, name.minimum + length + 1)
    samples = [evaluate(size, {name.text: point}) for point in points]
    return samples[:-1], samples[-1] - samples[0]


def period(size: Size) -> int | None:
    """The period of a quasi-linear function; None if it is none."""
    common = 1
    for monomial in terms_of(size):
        if not monomial:
            continue
        if len(monomial) != 1 or monomial[0][1] != 1:
            return None
        inner = monomial[0][0].period()
        if inner is None:
            return None
        common = math.lcm(common, inner)
    return common
