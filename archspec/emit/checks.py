"""What a generated constructor refuses: values of parameters that the spec does not allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archspec.emit.text import INDENT, Expression
from archspec.expressions import literal_text
from archspec.graph import Parameter

_PLAIN = re.compile(r"[\w .+-]*", re.ASCII)  # what a message may say as it is


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
            quoted = any(isinstance(choice, str) for choice in parameter.choices)
            yield INDENT, _raise(f"{name}!r" if quoted else name, _one_of(parameter.choices))


def _raise(shown: str, why: str) -> Expression:
    name = shown.removesuffix("!r")
    return Expression("raise ValueError", [Expression(f'f"{name} is {{{shown}}}, {why}"')])


def _one_of(choices: tuple[object, ...]) -> str:
    """The choices in words, where they are brief and plain; they stand in the line above it in any case."""
    text = ", ".join(map(str, choices))
    plain = len(text) <= 40 and all(_PLAIN.fullmatch(str(choice)) for choice in choices)
    return f"not one of {text}" if plain else "which is not one of its choices"
