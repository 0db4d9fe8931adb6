"""Symbolic sizes: integer arithmetic over named dimensions, in a canonical form.

A `Size` is a plain `int` where it is known and a `Dimension` where it is not, and the usual operators
work on both, so a layer writes `(h + 2 * padding - kernel) // stride + 1` once. A `Dimension` is a
polynomial with integer coefficients over *atoms*: a symbol, a floor division that does not work out, a
minimum or maximum, or whatever the expression language adds (`Atom` is the only thing it needs).
Equal canonical forms mean equal values; for the rest, comparisons answer yes, no or None for "it depends".

Knows nothing of tensors, of layers, or of how a spec is written. Each room imports only those before it: printing,
terms, atoms, comparing, division, extrema.
"""

from archspec.dimensions.atoms import Atom, Opaque, Symbol, Unknown, reason, symbol
from archspec.dimensions.comparing import (
    at_least,
    at_least_when_large,
    divides,
    equal,
    equal_for_multiples,
    when_at_least,
    when_equal,
)
from archspec.dimensions.division import Quotient, quotient
from archspec.dimensions.extrema import Extremum, maximum, minimum
from archspec.dimensions.printing import CONDITIONAL, LEADING, POWER, PRIMARY, PRODUCT, SUM, is_unknown, show
from archspec.dimensions.terms import (
    LARGEST,
    Dimension,
    Size,
    atoms,
    bounds,
    canonical,
    evaluate,
    of,
    plain,
    product,
    substitute,
    symbols,
    written,
)

__all__ = [
    "CONDITIONAL",
    "LARGEST",
    "LEADING",
    "POWER",
    "PRIMARY",
    "PRODUCT",
    "SUM",
    "Atom",
    "Dimension",
    "Extremum",
    "Opaque",
    "Quotient",
    "Size",
    "Symbol",
    "Unknown",
    "at_least",
    "at_least_when_large",
    "atoms",
    "bounds",
    "canonical",
    "divides",
    "equal",
    "equal_for_multiples",
    "evaluate",
    "is_unknown",
    "maximum",
    "minimum",
    "of",
    "plain",
    "product",
    "quotient",
    "reason",
    "show",
    "substitute",
    "symbol",
    "symbols",
    "when_at_least",
    "when_equal",
    "written",
]
