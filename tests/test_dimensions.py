"""Dimensions against plain integers: every identity that the canonical form uses is one that integers obey."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archspec import dimensions as d

NAMES = ("a", "b", "h")
SYMBOLS = {name: d.symbol(name) for name in NAMES}

Term = Any  # a nested tuple: an operator and its operands, an int, or a symbol's name


def terms(names: tuple[str, ...] = NAMES) -> st.SearchStrategy[Term]:
    """Drawn arithmetic over some symbols."""
    leaves = st.sampled_from(names) | st.integers(-6, 12)
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(st.sampled_from("+-*/%"), inner, inner)
            | st.tuples(st.sampled_from(("min", "max", "product")), inner, inner)
        ),
        max_leaves=9,
    )


def compute(term: Term, values: dict[str, Any]) -> Any:
    """The value of a drawn term, over integers or over dimensions alike."""
    if isinstance(term, int):
        return term
    if isinstance(term, str):
        return values[term]
    operator, left, right = term[0], compute(term[1], values), compute(term[2], values)
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left // right
        case "%":
            return left % right
        case "product":
            return d.product([left, right])
        case "min":
            return d.minimum(left, right)
        case _:
            return d.maximum(left, right)


VALUES = st.fixed_dictionaries({name: st.integers(1, 40) for name in NAMES})


def draw_size(term: Term) -> d.Size:
    try:
        return compute(term, SYMBOLS)
    except ZeroDivisionError:
        assume(False)
        raise


@given(terms(), VALUES)
def test_a_dimension_has_the_value_that_integers_give(term: Term, values: dict[str, int]) -> None:
    size = draw_size(term)
    try:
        expected = compute(term, values)
    except ZeroDivisionError:
        assume(False)
    if d.reason(size) is None:
        assert d.evaluate(size, values) == expected
        assert d.evaluate(d.substitute(size, dict(values)), {}) == expected
        assert eval(d.show(size), {"min": min, "max": max}, dict(values)) == expected  # its text is Python
    low, high = d.bounds(size)
    assert low is None or low <= expected
    assert high is None or expected <= high


@given(terms(), terms(), VALUES)
def test_comparisons_that_decide_are_right(left: Term, right: Term, values: dict[str, int]) -> None:
    a, b = draw_size(left), draw_size(right)
    try:
        x, y = compute(left, values), compute(right, values)
    except ZeroDivisionError:
        assume(False)
    assert d.equal(a, b) in (None, x == y)
    assert d.at_least(a, b) in (None, x >= y)
    assert (a == b) is False or x == y


@st.composite
def pairs_that_agree_now_and_then(draw: st.DrawFn) -> tuple[Term, Term]:
    """Two sums of steps, `3 * ((2 * h + 1) // 3) + 4`, that grow alike, so that a few values or a residue decide."""
    slope = draw(st.integers(1, 3))

    def steps() -> Term:
        width, offset, constant = draw(st.tuples(st.integers(1, 6), st.integers(-3, 3), st.sampled_from((0, 0, -1, 1))))
        return "+", ("*", width, ("/", ("+", ("*", slope, "h"), offset), width)), constant

    left, right = steps(), draw(st.sampled_from((("*", slope, "h"), steps())))
    return draw(
        st.sampled_from(((left, right), (("+", left, ("/", "h", 5)), right), (left, ("+", right, ("/", "h", 3)))))
    )


@given(pairs_that_agree_now_and_then())
def test_words_for_when_two_sizes_agree(pair: tuple[Term, Term]) -> None:
    a, b = map(draw_size, pair)
    words = d.when_equal(a, b)
    if words is None:
        return
    condition = words.replace("is a multiple of", "% 1 == 0 and 0 == h %").replace("is even", "% 2 == 0")
    condition = condition.replace("is odd", "% 2 == 1")
    if " or " in condition:
        head, tail = condition.split(" is ")
        condition = f"{head} in ({tail.replace(' or ', ', ')},)"
    condition = condition.replace(" is ", " == ")
    for h in range(1, 200):
        assert eval(condition, {"h": h}) == (d.evaluate(a, {"h": h}) == d.evaluate(b, {"h": h})), (words, h)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 8), st.integers(1, 5), st.integers(-9, 9))
def test_identities_that_shape_rules_need(a: int, b: int, pad: int, dilation: int, c: int) -> None:
    h, w = SYMBOLS["h"], SYMBOLS["a"]
    assert (h // a) // b == h // (a * b)
    assert (h // a + c) // b == (h + a * c) // (a * b)
    assert (a * h) // a == h
    assert (a * h + b) // (a * b) == (h + b // a) // b
    kernel = 2 * pad + 1
    assert (h + 2 * dilation * pad - dilation * (kernel - 1) - 1) // 1 + 1 == h
    assert (h - a) // a + 1 == h // a
    assert (h - w) // w + 1 == h // w
    assert (h // w) // b == h // (w * b)
    assert w * d.quotient(h, w) == h
    assert (6 * a) * d.quotient(h, a) == 6 * h
    assert 2 * d.quotient(2 * (h // 2), 2) == 2 * (h // 2) != h


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (d.product([SYMBOLS["h"], 7, 7]), "h * 7 * 7"),
        (d.product([512, 7, 7]), "512 * 7 * 7"),
        (d.product([512, 1, 1]), "512"),
        (SYMBOLS["h"] // 4, "h // 4"),
        ((SYMBOLS["h"] - 1) // 2 + 1, "(h + 1) // 2"),
        (2 * (SYMBOLS["h"] // 2), "2 * (h // 2)"),
        (3 - SYMBOLS["h"], "3 - h"),
        (-(SYMBOLS["h"] // 2), "-(h // 2)"),
        (SYMBOLS["a"] + 4 * SYMBOLS["b"] - 1, "a + 4 * b - 1"),
        (d.product([SYMBOLS["a"] + 1, 4]), "(a + 1) * 4"),
        (SYMBOLS["a"] // (SYMBOLS["b"] + 1), "a // (b + 1)"),
        (2 * SYMBOLS["a"] ** 2, "2 * a**2"),
        (d.minimum(SYMBOLS["a"], SYMBOLS["b"]) ** 2, "min(a, b) ** 2"),
        ((SYMBOLS["h"] // 2) ** 2 + 1, "(h // 2) ** 2 + 1"),
    ],
)
def test_text(size: d.Size, text: str) -> None:
    assert d.show(size) == text


def test_what_depends_is_neither_true_nor_false() -> None:
    h = SYMBOLS["h"]
    doubled = 2 * ((h - 1) // 2 + 1)
    assert d.equal(doubled, h) is None
    assert d.when_equal(doubled, h) == "h is even"
    assert d.equal(2 * h, 2 * SYMBOLS["a"] + 1) is False  # an even number is never odd
    assert d.divides(32, (32 * h) // 2 * 2) is True
    assert d.at_least(h, h // 2) is True
    with pytest.raises(TypeError):
        bool(h)


def test_known_sizes_stay_integers() -> None:
    assert isinstance(SYMBOLS["h"] - SYMBOLS["h"] + 3, int)
    assert isinstance(d.product([2, 3]), int)
    assert math.prod([d.product([2, 3]), 4]) == 24


def towers(rounds: int) -> list[d.Size]:
    """Sizes each of which is made of the one before it twice."""
    a, b, h = (SYMBOLS[name] for name in NAMES)
    found: list[d.Size] = [a]
    for turn in range(rounds):
        size = found[-1]
        found.append(d.minimum(size, (a, b, h)[turn % 3]) + d.maximum(size - (b, h, a)[turn % 3] // 2, 0))
    return found


def test_what_is_too_long_to_compute_with_is_known_by_its_bounds() -> None:
    sizes, again = towers(40), towers(40)
    opaque = next(size for size in sizes if d.reason(size))
    assert sizes == again  # the same formula is the same size
    assert d.equal(opaque, again[sizes.index(opaque)]) is True
    assert d.equal(opaque, SYMBOLS["a"]) is None
    assert d.at_least(opaque, 1) is True  # its bounds are known
    assert len(str(sizes[-1])) < 300
    assert d.symbols(sizes[-1]) == d.symbols(SYMBOLS["a"] + SYMBOLS["b"] + SYMBOLS["h"])
    with pytest.raises(ValueError, match="too long"):
        d.evaluate(opaque, {"a": 1, "b": 1, "h": 1})


def test_a_size_that_is_too_long_is_another_one_with_other_numbers() -> None:
    opaque = towers(40)[-1]
    small, large = (d.substitute(opaque, {"a": number, "b": 1, "h": 1}) for number in (2, 3))
    assert d.reason(small)
    assert d.equal(small, large) is None
    assert d.equal(small, d.substitute(opaque, {"h": 1, "b": 1, "a": 2})) is True
    assert d.equal(small, 7) is None
    assert d.substitute(opaque, {"other": 3}) == opaque


def test_long_products_and_high_powers_are_known_by_their_bounds() -> None:
    names = [d.symbol(f"n{i}") for i in range(30)]
    long = sum(names[1:], start=names[0])
    product = long * (long + 1)
    assert d.reason(long) is None
    assert d.reason(product)
    assert product == (long + 1) * long
    assert d.at_least(product, 930) is True
    assert d.at_least(product, 931) is None
    assert d.reason(SYMBOLS["a"] ** 16) is None
    assert d.reason(SYMBOLS["a"] ** 17)
    assert d.at_least(SYMBOLS["a"] ** 17, 1) is True
    assert d.equal(SYMBOLS["a"] ** 17 * 0, 0) is True
    assert d.reason(d.maximum(*names, *(name * 2 - 1 for name in names[:3])) // 2) is None
    assert d.reason(d.maximum(*(name * other for name in names for other in names)))


def test_a_free_size_may_be_as_large_as_a_kernel_needs() -> None:
    free, other = d.of(d.Symbol("T", free=True)), d.of(d.Symbol("S", free=True))
    assert all(d.at_least_when_large(free - taken, 2048) for taken in (0, 1_000, 1_000_000))
    assert not d.at_least_when_large(free - other, 0)
    assert not d.at_least_when_large(500 - free, 0)
