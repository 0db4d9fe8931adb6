"""A number that differs from use to use, as an expression of names that are known in every use."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Values = tuple[Any, ...]
_LIMIT = 14
"""Of how many names pairs are tried."""


def solve(values: Values, names: Mapping[str, Values]) -> str | None:
    """The shortest expression of the names that has these values; None where none is known."""
    for name, known in names.items():
        if _equal(known, values):
            return name
    if any(isinstance(one, bool | str | None | tuple) for one in values):
        return _condition(values, names) if all(isinstance(one, bool) for one in values) else None
    known_numbers = {name: known for name, known in names.items() if all(_is_number(one) for one in known)}
    for text, computed in _candidates(values, known_numbers):
        if _equal(computed, values):
            return text
    return _bounded(values, known_numbers)


def _bounded(values: Values, names: Mapping[str, Values]) -> str | None:
    """An expression that is never below, or never above, a number that several of the values are."""
    for bound, name, limited in ((min(values), "max", max), (max(values), "min", min)):
        order = sorted(range(len(values)), key=lambda k: values[k] == bound)
        free = {values[k] for k in order if values[k] != bound}
        if len(free) < 2 or values.count(bound) < 2:
            continue
        sorted_values = tuple(values[k] for k in order)
        sorted_names = {key: tuple(known[k] for k in order) for key, known in names.items()}
        plain = ((key, known) for key, known in sorted_names.items() if len(set(known)) > 1)
        for text, computed in (*plain, *_candidates(sorted_values, sorted_names)):
            if _equal([limited(bound, one) for one in computed], sorted_values):
                return f"{name}({bound}, {text})"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return all(type(a) is type(b) and a == b for a, b in zip(left, right, strict=True))


def _candidates(values: Values, names: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    integers = {name: known for name, known in names.items() if all(isinstance(one, int) for one in known)}
    if all(isinstance(one, int) for one in values):
        yield from _of_one(values, integers)
        yield from _of_two(values, integers)
        yield from _of_three(integers)
    elif all(isinstance(one, float) for one in values):
        yield from _floats(values, names)


def _of_one(values: Values, names: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    varying = {name: known for name, known in names.items() if len(set(known)) > 1}
    for name, known in varying.items():
        if known[0] and values[0] % known[0] == 0:
            factor = values[0] // known[0]
            yield f"{factor} * {name}", tuple(factor * one for one in known)
    for name, known in varying.items():
        if values[0] and known[0] and known[0] % values[0] == 0:
            divisor = known[0] // values[0]
            yield f"{name} // {divisor}", tuple(one // divisor for one in known)
    for name, known in varying.items():
        shift = values[0] - known[0]
        sign = "+" if shift > 0 else "-"
        yield f"{name} {sign} {abs(shift)}", tuple(one + shift for one in known)
        yield f"-{name}", tuple(-one for one in known)
    for name, known in varying.items():
        for divisor in range(2, 9):
            yield f"{name} // {divisor}", tuple(one // divisor for one in known)
            yield f"({name} - 1) // {divisor}", tuple((one - 1) // divisor for one in known)
            yield f"({name} + 1) // {divisor}", tuple((one + 1) // divisor for one in known)
        yield f"{name} ** 2", tuple(one**2 for one in known)
        if all(0 <= one < 40 for one in known):
            for base in (2, 3):
                yield f"{base} ** {name}", tuple(base**one for one in known)
                factor, rest = divmod(values[0], base ** known[0])
                if not rest and factor > 1:
                    yield f"{factor} * {base} ** {name}", tuple(factor * base**one for one in known)
        distinct = sorted(set(zip(known, values, strict=True)))
        if len(distinct) > 1 and distinct[1][0] != distinct[0][0]:
            (a, p), (b, q) = distinct[0], distinct[1]
            slope, rest = divmod(q - p, b - a)
            offset = p - slope * a
            if not rest and slope and offset:
                text = name if slope == 1 else f"{slope} * {name}"
                sign = "+" if offset > 0 else "-"
                yield f"{text} {sign} {abs(offset)}", tuple(slope * one + offset for one in known)


def _of_two(values: Values, names: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    chosen = list(names.items())[:_LIMIT]
    for a, left in chosen:
        for b, right in chosen:
            if a == b:
                continue
            if a < b:
                product = tuple(x * y for x, y in zip(left, right, strict=True))
                yield f"{a} * {b}", product
                yield f"{a} + {b}", tuple(x + y for x, y in zip(left, right, strict=True))
                if product[0] and values[0] % product[0] == 0:
                    factor = values[0] // product[0]
                    yield f"{factor} * {a} * {b}", tuple(factor * one for one in product)
            yield f"{a} - {b}", tuple(x - y for x, y in zip(left, right, strict=True))
            if all(right):
                quotient = tuple(x // y for x, y in zip(left, right, strict=True))
                yield f"{a} // {b}", quotient
                yield f"({a} // {b}) ** 2", tuple(one**2 for one in quotient)
                if quotient[0] and values[0] % quotient[0] == 0:
                    factor = values[0] // quotient[0]
                    yield f"{factor} * ({a} // {b})", tuple(factor * one for one in quotient)
                    shift = values[0] - quotient[0]
                    yield f"{a} // {b} + {shift}", tuple(one + shift for one in quotient)
                yield f"(({a} // {b}) ** 2 + 1)", tuple(one**2 + 1 for one in quotient)
            for factor in (2, 3, 4):
                yield f"{a} + {factor} * {b}", tuple(x + factor * y for x, y in zip(left, right, strict=True))
            if len(set(left)) > 1 or len(set(right)) > 1:
                for k in (1, 2):
                    yield f"{b} * ({a} - {k})", tuple((x - k) * y for x, y in zip(left, right, strict=True))


def _of_three(names: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    chosen = list(names.items())[:8]
    for a, x in chosen:
        for b, y in chosen:
            for c, z in chosen:
                if a < b < c:
                    yield f"{a} * {b} * {c}", tuple(i * j * k for i, j, k in zip(x, y, z, strict=True))
                if a < b and c not in (a, b) and all(z):
                    yield f"{a} * {b} // {c}", tuple(i * j // k for i, j, k in zip(x, y, z, strict=True))


def _floats(values: Values, names: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    for name, known in names.items():
        yield f"1 - {name}", tuple(1 - one for one in known)
        for factor in (2.0, 0.5, 10.0, 0.1, 0.02):
            yield f"{name} * {factor}", tuple(one * factor for one in known)
        if all(one > 0 for one in known):
            yield f"sqrt({name})", tuple(math.sqrt(one) for one in known)
            yield f"1 / sqrt({name})", tuple(1 / math.sqrt(one) for one in known)
            yield f"{name} ** -0.5", tuple(one**-0.5 for one in known)
            yield f"1 / {name}", tuple(1 / one for one in known)
            yield f"-log(10000.0) / {name}", tuple(-math.log(10000.0) / one for one in known)
    for a, left in names.items():
        for b, right in names.items():
            if a != b and all(right):
                ratio = [x / y for x, y in zip(left, right, strict=True)]
                yield f"{a} / {b}", tuple(ratio)
            if a != b and all(isinstance(one, int) and one for one in (*left, *right)):
                quotient = [x // y for x, y in zip(left, right, strict=True)]
                if all(one > 0 for one in quotient):
                    yield f"({a} // {b}) ** -0.5", tuple(one**-0.5 for one in quotient)
                    yield f"1 / sqrt({a} // {b})", tuple(1 / math.sqrt(one) for one in quotient)
                    yield f"sqrt({a} // {b})", tuple(math.sqrt(one) for one in quotient)


def _condition(values: Values, names: Mapping[str, Values]) -> str | None:
    """A condition with these truth values: comparisons with 0 and 1 first, with other numbers last."""
    varying = {name: known for name, known in names.items() if len(set(known)) > 1}
    for name, known in varying.items():
        if all(isinstance(one, bool) for one in known) and _equal(tuple(not one for one in known), values):
            return f"not {name}"
    numbers = {name: known for name, known in varying.items() if all(_is_number(one) for one in known)}
    return (
        _with_number(values, {name: {0, 1} & set(known) for name, known in numbers.items()}, numbers)
        or _parity(values, numbers)
        or _comparison(values, varying, names)
        or _with_number(values, {name: set(known) for name, known in numbers.items()}, numbers)
    )


def _parity(values: Values, numbers: Mapping[str, Values]) -> str | None:
    for name, known in numbers.items():
        for rest in (0, 1) if all(isinstance(one, int) for one in known) else ():
            if _equal(tuple(one % 2 == rest for one in known), values):
                return f"{name} % 2 == {rest}"
    return None


def _comparison(values: Values, varying: Mapping[str, Values], names: Mapping[str, Values]) -> str | None:
    for a, left in varying.items():
        for b, right in names.items():
            if a != b and _equal(tuple(x != y for x, y in zip(left, right, strict=True)), values):
                return f"{a} != {b}"
            if a != b and _equal(tuple(x == y for x, y in zip(left, right, strict=True)), values):
                return f"{a} == {b}"
    return None


def _with_number(values: Values, tried: Mapping[str, set[Any]], numbers: Mapping[str, Values]) -> str | None:
    for name, known in numbers.items():
        for value in sorted(tried[name]):
            for text, test in (("!=", "__ne__"), ("==", "__eq__"), (">", "__gt__")):
                if _equal(tuple(getattr(one, test)(value) for one in known), values):
                    return f"{name} {text} {value}"
    return None
