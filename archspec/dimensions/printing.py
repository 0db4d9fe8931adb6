"""How a size reads as a Python expression.

Knows nothing of what a size is worth, or of how sizes are computed with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archspec.dimensions.terms import Monomial, Size

# How tightly a piece of text binds, by Python's grammar. Where its neighbour binds tighter, it stands in parentheses.
CONDITIONAL, SUM, PRODUCT, POWER, PRIMARY = 0, 10, 11, 13, 20


LEADING = "…"
"""What the names of axes hold that a shape does not name: they are shown as they are written, `...`."""


def show(size: Size, outer: int = CONDITIONAL) -> str:
    """The size as a Python expression, in parentheses where what stands around it binds tighter than `outer`.

    `?` where a part of it is a size that no expression gives: such sizes are numbered as they come, which tells a
    reader nothing.
    """
    factors = getattr(size, "factors", ())
    if isinstance(size, int) and not factors:
        return str(size) if size >= 0 or outer <= SUM else f"({size})"
    text, precedence = (product_text(factors), PRODUCT) if isinstance(size, int) else (str(size), size.precedence)
    if "?" in text:
        return "?"
    return f"({text})" if precedence < outer else text


def is_unknown(size: Size) -> bool:
    """Whether a size, or a part of it, is one that no expression gives."""
    return show(size) == "?"


def sum_text(terms: dict[Monomial, int]) -> str:
    """`c + a * b + 2 * d - 1`: lone names, then by falling degree, then by name; a positive term first."""

    def order(item: tuple[Monomial, int]) -> tuple[bool, bool, int, str]:
        monomial, coefficient = item
        degree = sum(power for _, power in monomial)
        lone = coefficient == 1 and degree == 1 and monomial[0][0].text.isidentifier()
        return coefficient < 0, not lone, -degree, " ".join(atom.text for atom, _ in monomial)

    text = ""
    for monomial, coefficient in sorted(terms.items(), key=order):
        alone = abs(coefficient) == 1 and len(monomial) == 1
        term = _term_text(monomial, abs(coefficient), SUM if alone and len(terms) > 1 else PRODUCT)
        if text:
            text += f" - {term}" if coefficient < 0 else f" + {term}"
        else:
            text = f"-{_term_text(monomial, -coefficient, POWER)}" if coefficient < 0 else term
    return text.replace(LEADING, "...")


def _term_text(monomial: Monomial, coefficient: int, outer: int) -> str:
    alone = coefficient == 1 and len(monomial) == 1
    pieces = [str(coefficient)] if coefficient != 1 or not monomial else []
    for atom, power in monomial:
        if power > 1:
            base = atom.text if atom.precedence == PRIMARY else f"({atom.text})"
            pieces.append(f"{base}**{power}" if base.isidentifier() else f"{base} ** {power}")  # as formatters set it
        elif alone:
            # A lone atom that makes the whole text needs no parentheses of its own.
            pieces.append(atom.text if atom.precedence >= outer or outer == PRODUCT else f"({atom.text})")
        else:
            pieces.append(atom.text if atom.precedence > PRODUCT else f"({atom.text})")
    return " * ".join(pieces)


def product_text(factors: tuple[Size, ...]) -> str:
    """`hidden_units * 7 * 7`: the factors in their order."""
    return " * ".join(show(factor, POWER) for factor in factors)
