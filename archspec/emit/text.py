"""Python text: the only ways from a spec's words into a generated file, and how long lines are broken.

Values become text in `expressions.literal_text`, expressions in `Node.text`; what is left is prose and layout.
Layout is that of `ruff format` at its defaults, so that a generated file is stable under it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from archspec.characters import printable
from archspec.expressions import Node, literal_text
from archspec.graph import is_number, pieces, place_of

WIDTH = 88
INDENT = "    "


class Code(str):
    """Text that may stand in a generated file as it is. Templates print nothing else."""

    __slots__ = ()


def prose(text: str) -> str:
    """Words for a docstring or comment line: one line, nothing that ends it or reorders what a reader sees."""
    escaped = text.expandtabs(4).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return printable(escaped).rstrip()


_BREAK = re.compile(r"(?<=\S) +(?! |>>>)")  # not before a prompt, which doctest would run


def wrap(line: str, hang: str = "", room: int = WIDTH - len(INDENT)) -> list[str]:
    """A line of prose as lines of at most `room` characters, as far as its words allow; further ones begin with `hang`.

    No character changes but the spaces at which it is broken.
    """
    lines = []
    places = [(found.start(), found.end()) for found in _BREAK.finditer(line)]
    begin, at, before = 0, 0, ""
    while len(before) + len(line) - begin > room and at < len(places):
        last = bisect_right(places, begin + room - len(before), at, key=lambda place: place[0])
        end, beyond = places[max(at, last - 1)]
        lines.append(before + line[begin:end])
        begin, at, before = beyond, max(at + 1, last), hang
    return [*lines, before + line[begin:]]


def docstring(lines: Iterable[str], indent: str) -> list[Code]:
    """A docstring of lines of prose (already escaped): on one line if it is short and ends in no quote."""
    first, *rest = [*lines] or [""]
    first = f" {first}" if first.startswith('"') else first  # else a formatter would part it from the quotes
    while rest and not rest[-1].strip():
        rest.pop()
    if not rest:
        first = f"{first} " if first.endswith('"') and not first.endswith('\\"') else first  # likewise
        begin, *more = wrap(first, room=WIDTH - len(indent) - 6)
        if not more:
            return [Code(f'{indent}"""{first}"""')]
        first, rest = begin, more
    deep = min((len(line) - len(line.lstrip(" ")) for line in rest if line.strip()), default=0)
    body = [f"{indent}{line[deep:]}" if line.strip() else "" for line in rest]
    return [Code(f'{indent}"""{first}'), *map(Code, body), Code(f'{indent}"""')]


@dataclass(slots=True, eq=False)
class Expression:
    """A call, a literal or a definition: `head` + bracket + arguments + bracket, and a comment behind.

    Without arguments of its own (None) it is the head alone, or the `pieces` where that is too long: in parentheses
    behind `label`, where there is one. An `exploded` one always has one argument a line, one that is `apart` has
    wherever they do not fit behind the head.
    """

    head: str
    arguments: list[Expression] | None = None
    exploded: bool = False
    comment: str = ""
    brackets: str = "()"
    tail: str = ""
    pieces: list[str] = field(default_factory=list)
    label: str | None = None
    apart: bool = False

    def behind(self, prefix: str) -> Expression:
        """The same with something before its head."""
        self.head = f"{prefix}{self.head}"
        return self

    def flat(self) -> str | None:
        """On one line; None where it has to be broken."""
        inside = self._inside()
        if self.arguments is None or inside is None or (self.exploded and self.arguments):
            return self.head + self.tail if self.arguments is None else None
        if self.brackets == "(,)" and len(self.arguments) == 1:
            inside += ","
        return f"{self.head}{self.brackets[0]}{inside}{self.brackets[-1]}{self.tail}"

    def lines(self, indent: str = "", suffix: str = "") -> list[str]:
        """As lines, the last ending in `suffix`."""
        flat = self.flat()
        if self.pieces and len(indent) + len(self.head) + len(self.tail) + len(suffix) > WIDTH:
            *before, last = self._broken(indent)
            return [*before, _with_comment(f"{last}{self.tail}{suffix}", self.comment)]
        if flat is not None and (self.arguments is None or len(indent) + len(flat) + len(suffix) <= WIDTH):
            return [_with_comment(f"{indent}{flat}{suffix}", self.comment)]
        opening, closing = f"{indent}{self.head}{self.brackets[0]}", f"{indent}{self.brackets[-1]}{self.tail}{suffix}"
        inside = self._inside()
        # A call's or a definition's arguments stand together on a line of their own, where they fit there.
        together = not self.exploded and not (self.apart and len(self.arguments or ()) > 1)
        if together and self.brackets == "()" and inside is not None:
            line = f"{indent}{INDENT}{inside}"
            if len(line) <= WIDTH:
                return [opening, line, _with_comment(closing, self.comment)]
        # Else the comma behind the last one keeps a formatter from joining them; a call alone in a call needs none.
        alone = self.brackets == "()" and not self.exploded and len(self.arguments or ()) == 1
        comma = "" if alone else ","
        middle = [line for argument in self.arguments or () for line in argument.lines(indent + INDENT, comma)]
        return [opening, *middle, _with_comment(closing, self.comment)]

    def _broken(self, indent: str) -> list[str]:
        """The pieces, one a line, or all on one line within parentheses."""
        if self.label is None:
            return [f"{indent}{piece}" for piece in self.pieces]
        whole = " ".join(self.pieces)
        middle = [whole] if len(f"{indent}{INDENT}{whole}") <= WIDTH else self.pieces
        return [f"{indent}{self.label}(", *(f"{indent}{INDENT}{piece}" for piece in middle), f"{indent})"]

    def _inside(self) -> str | None:
        """The arguments on one line; None where one of them has to be broken."""
        parts = [argument.flat() for argument in self.arguments or ()]
        return None if None in parts else ", ".join(part for part in parts if part is not None)


def literal(head: str, value: object) -> Expression:
    """`head` and a plain value; a list of the spec is a tuple that may be broken at its commas."""
    if isinstance(value, tuple) and value:
        return Expression(head, [literal("", item) for item in value], brackets="(,)")
    return Expression(head + literal_text(value))


def _with_comment(line: str, comment: str) -> str:
    """A comment behind a line, where it fits."""
    whole = f"{line}  # {comment}"
    return whole if comment and len(whole) <= WIDTH else line


def code(lines: Iterable[str]) -> list[Code]:
    """Lines that were put together from names, literals and expressions."""
    return [Code(line) for line in lines]


def _as_written(node: Node) -> str:
    return node.text


def member(name: str, owner: str = "self", text: Callable[[Node], str] = _as_written) -> str:
    """An attribute as Python reads it, also where its name is no identifier, or it stands in a list.

    `text` writes the numbers that a name has in braces.

    >>> member("fc"), member("block1-0"), member("downs.0"), member("heads.box")
    ('self.fc', 'getattr(self, "block1-0")', 'self.downs[0]', 'self.heads["box"]')
    >>> member("nested.0.box")
    'self.nested[0].get_submodule("box")'
    """
    first, *rest = place_of(name)
    found = f"{owner}.{first}" if first.isidentifier() else f'getattr({owner}, "{first}")'
    found += f"[{key_text(rest[0], text)}]" if rest else ""
    return f"{found}.get_submodule({name_text('.'.join(rest[1:]), text)})" if rest[1:] else found


def is_attribute(name: str, owner: str) -> bool:
    """Whether `member` reads a module of that name: one that is no identifier is an attribute of `self` alone.

    Below another module it is found by its path, which `get_parameter` and `get_submodule` take.
    """
    return owner == "self" or name.isidentifier()


def key_text(part: str, text: Callable[[Node], str] = _as_written) -> str:
    """The number or name of a module in a list of the class, as an index."""
    if part.isdecimal():
        return part
    if is_number(part):
        return next(text(one) for one in pieces(part) if isinstance(one, Node))
    return name_text(part, text)


def name_text(name: str, text: Callable[[Node], str] = _as_written) -> str:
    """A module's name as a string; a pattern is filled in where it stands."""
    parts = pieces(name)
    if all(isinstance(part, str) for part in parts):
        return f'"{name}"'
    return 'f"' + "".join(part if isinstance(part, str) else f"{{{text(part)}}}" for part in parts) + '"'
