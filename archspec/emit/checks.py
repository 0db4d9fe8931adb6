"""What a generated constructor refuses: values of parameters that the spec does not allow, and that no shape fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec import dimensions
from archspec.dimensions import PRODUCT, Quotient, Size, show
from archspec.emit.text import INDENT, Expression
from archspec.expressions import literal_text
from archspec.graph import Class, Parameter


def write_checks(parameters: Iterable[Parameter]) -> Iterator[tuple[str, Expression]]:
    """`if not 1 <= depth <= 5:` and what it raises, for each parameter with `min`, `max` or `choices`.

    Each line comes with its indentation.
    """
    for parameter in parameters:
        name, low, high = parameter.name, parameter.minimum, parameter.maximum
        if low is not None and high is not None:
            yield "", Expression(f"if not {literal_text(low)} <= {name} <= {literal_text(high)}:")
            yield INDENT, _raise(name, f"not in {literal_text(low)}..{literal_text(high)}")
        elif low is not None:
            yield "", Expression(f"if {name} < {literal_text(low)}:")
            yield INDENT, _raise(name, f"not at least {literal_text(low)}")
        elif high is not None:
            yield "", Expression(f"if {name} > {literal_text(high)}:")
            yield INDENT, _raise(name, f"not at most {literal_text(high)}")
        if parameter.choices is not None:
            value = f"tuple({name})" if parameter.type.startswith("list") else name
            texts = [Expression(literal_text(choice)) for choice in parameter.choices]
            yield "", Expression(f"if {value} not in ", texts, brackets="(,)", tail=":")
            yield INDENT, _raise(*_none_of(name, parameter.choices))


def _none_of(name: str, choices: tuple[object, ...]) -> tuple[str, str]:
    """How a value is shown, and what it is not. Words of the spec are left to the line above: a message quotes none."""
    if all(isinstance(choice, int | float) for choice in choices):
        return name, f"not one of {', '.join(map(str, choices))}"
    return f"{name}!r", "which is not one of its choices"


def _raise(shown: str, why: str) -> Expression:
    name = shown.removesuffix("!r")
    return Expression("raise ValueError", [Expression(f'f"{name} is {{{shown}}}, {why}"')])


def write_assertions(cls: Class) -> Iterator[str]:
    """`assert n_embd % n_head == 0`, for each parameter that an expression of the class needs as a multiple."""
    told: dict[tuple[str, frozenset[str]], None] = {}
    for step in cls.steps:
        for size in step.assumed:
            told |= dict.fromkeys(_multiples(size))
    names = {parameter.name for parameter in cls.parameters}
    for text, symbols in told:
        if symbols <= names:
            yield f"assert {text}"


def _multiples(size: Size) -> Iterator[tuple[str, frozenset[str]]]:
    """The condition under which a size is 0, and the names in it: that a quotient leaves no remainder."""
    for atom in dimensions.atoms(size):
        if not isinstance(atom, Quotient):
            continue
        whole, divisor = show(atom.numerator), atom.denominator
        if {symbol.text for symbol in dimensions.symbols(atom.numerator)} != {whole}:
            continue
        multiple = {whole: dimensions.symbol("archspec") * divisor}
        if dimensions.equal(dimensions.substitute(size, multiple), 0):
            names = frozenset(symbol.text for symbol in atom.symbols())
            yield f"{whole} % {show(divisor, PRODUCT + 1)} == 0", names
