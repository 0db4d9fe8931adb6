"""What a generated constructor refuses: values of parameters that the spec does not allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec.emit.text import INDENT, Expression
from archspec.expressions import literal_text
from archspec.graph import Parameter


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
