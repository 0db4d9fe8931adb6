"""Names within one block: of steps, of values, and of what unpacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class UnwritableError(Exception):
    """Something that was recorded, and that the language cannot say."""


@dataclass
class BlockNames:
    """The names of one block."""

    taken: set[str]
    values: dict[tuple[int, tuple[Any, ...]], str] = field(default_factory=dict)

    def free(self, *wanted: str | None) -> str:
        """The first of those that is free, or one with a number."""
        given = [name for name in (clean(one) for one in wanted if one) if name]
        for name in given:
            if name not in self.taken:
                self.taken.add(name)
                return name
        base, number = (given or ["value"])[0], 2
        while f"{base}_{number}" in self.taken:
            number += 1
        self.taken.add(f"{base}_{number}")
        return f"{base}_{number}"


def clean(name: str) -> str:
    """A name as an identifier."""
    text = re.sub(r"\W", "_", name).strip("_")[:60]
    return f"{_letter(text)}{text}" if text[:1].isdigit() else text


def lowered(name: str) -> str:
    """A name in snake_case where it could be a layer's."""
    if not name[:1].isupper():
        return name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _letter(text: str) -> str:
    return "step_" if text else ""


def word_of(function: str) -> str:
    """What the result of a function is called where no variable holds it."""
    words = {
        "+": "sum",
        "-": "difference",
        "*": "product",
        "/": "ratio",
        "@": "product",
        "[]": "part",
        "neg": "negative",
        "~": "inverse",
        "**": "power",
        "==": "equal",
        ">": "above",
        "<": "below",
    }
    return words.get(function, function.rpartition(".")[2] if function.replace(".", "").isidentifier() else "value")


def pattern_of(named: Mapping[tuple[Any, ...], str], depth: int = 0) -> str:
    """Names in the form in which a result unpacks."""
    parts: dict[Any, dict[tuple[Any, ...], str]] = {}
    for path, name in named.items():
        parts.setdefault(path[depth], {})[path] = name
    said = []
    for inner in parts.values():
        (path, name), *more = inner.items()
        said.append(name if not more and len(path) == depth + 1 else f"({pattern_of(inner, depth + 1)})")
    return ", ".join(said)
