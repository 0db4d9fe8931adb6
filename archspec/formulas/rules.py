"""A rule that has been read: its cases and its formulas.

Knows nothing of how a case is put to use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from archspec.expressions import Conditional, Node
from archspec.formulas.patterns import Case, letters, read
from archspec.formulas.use import Application, AppliedRule, Shape


class ShapeRule:
    """A rule that has been read. ValueError where the text is none."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.cases: list[Case] = []
        self.formulas: dict[str, Node] = {}
        alternatives: dict[str, list[str]] = {}
        for line in self.lines():
            if "->" in line:
                self.cases.append(Case(line))
                continue
            name, equals, formula = line.partition(" = ")
            if not equals:
                raise ValueError(f"neither a case nor a formula: {line}")
            alternatives.setdefault(name, []).append(formula)
        for name, (*others, last) in alternatives.items():
            self.formulas[name] = read(last)
            for other in reversed(others):
                then, _, condition = other.partition(" if ")
                self.formulas[name] = Conditional(read(condition), read(then), self.formulas[name])
        if not self.cases:
            raise ValueError(f"no case: {text}")

    def use(self, shapes: Sequence[Shape | None], values: Mapping[str, Any], spatial: int = 0) -> AppliedRule | None:
        """The rule for tensors of those shapes and arguments of those values; None where no case fits them.

        `spatial` is how many axes `*S_in` are, where the arguments say it.
        """
        for case in self.cases:
            use = Application(self.formulas, case, values, spatial).of(shapes)
            if use is not None:
                return use
        return None

    def lines(self, spatial: int = 0) -> list[str]:
        """The rule as people read it, with the names of that many spatial axes."""
        lines = (" ".join(line.split()) for line in self.text.splitlines())
        return [_lettered(line, letters(spatial)) for line in lines if line]


def _lettered(line: str, names: list[str]) -> str:
    """A line with the names of the spatial axes in place of all of them; a formula for the first one of them."""
    for kind in ("_in", "_out"):
        line = line.replace(f"*S{kind}", ", ".join(f"{letter}{kind}" for letter in names) or f"*S{kind}")
        line = re.sub(rf"\bS{kind}\b", f"{names[0]}{kind}" if names else f"S{kind}", line)
    return line
