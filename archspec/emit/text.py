"""Python text: the only ways from a spec's words into a generated file, and how long lines are broken.

Values become text in `expressions.literal_text`, expressions in `Node.text`; what is left is prose and layout.
Layout is that of `ruff format` at its defaults, so that a generated file is stable under it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

WIDTH = 88
INDENT = "    "


class Code(str):
    """Text that may stand in a generated file as it is. Templates print nothing else."""

    __slots__ = ()


def prose(text: str) -> str:
    """Words for a docstring or comment line: one line, nothing that ends it or reorders what a reader sees."""
    escaped = text.expandtabs(4).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in escaped).rstrip()


def docstring(lines: Iterable[str], indent: str) -> list[Code]:
    """A docstring of lines of prose (already escaped): on one line if it is short and ends in no quote."""
    first, *rest = [*lines] or [""]
    while rest and not rest[-1].strip():
        rest.pop()
    if not rest and not first.endswith(('"', "\\")) and len(indent) + len(first) + 6 <= WIDTH:
        return [Code(f'{indent}"""{first}"""')]
    body = [f"{indent}{line}" if line.strip() else "" for line in rest]
    return [Code(f'{indent}"""{first}'), *map(Code, body), Code(f'{indent}"""')]


@dataclass
class Expression:
    """A call, with what stands before and after it: `head` + `(` + arguments + `)` + `tail`.

    Without arguments of its own (None) it is the head alone. `exploded` ones always stand one argument a line.
    """

    head: str
    arguments: list[Expression] | None = None
    exploded: bool = False
    comment: str = ""
    brackets: str = "()"
    tail: str = field(default="")

    def flat(self) -> str | None:
        """On one line; None where it has to be broken."""
        if self.arguments is None:
            return self.head + self.tail
        if self.exploded and self.arguments:
            return None
        parts = [argument.flat() for argument in self.arguments]
        if any(part is None for part in parts):
            return None
        return (
            f"{self.head}{self.brackets[0]}{', '.join(p for p in parts if p is not None)}{self.brackets[1]}{self.tail}"
        )

    def lines(self, indent: str = "", suffix: str = "") -> list[str]:
        """As lines, the last ending in `suffix`. The comma behind a last argument keeps a formatter from joining them."""
        flat = self.flat()
        if flat is not None and (self.arguments is None or len(indent) + len(flat) + len(suffix) <= WIDTH):
            return [_with_comment(f"{indent}{flat}{suffix}", self.comment)]
        opening = _with_comment(f"{indent}{self.head}{self.brackets[0]}", self.comment)
        lines = [opening]
        for argument in self.arguments or ():
            lines += argument.lines(indent + INDENT, ",")
        return [*lines, f"{indent}{self.brackets[1]}{self.tail}{suffix}"]


def _with_comment(line: str, comment: str) -> str:
    """A comment behind a line, where it fits."""
    whole = f"{line}  # {comment}"
    return whole if comment and len(whole) <= WIDTH else line


def code(lines: Iterable[str]) -> list[Code]:
    """Lines that were put together from names, literals and expressions."""
    return [Code(line) for line in lines]
