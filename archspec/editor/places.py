"""Places in a text as editors have them: lines from 0, and columns in UTF-16 code units; and as problems have them."""

from __future__ import annotations

import io
from dataclasses import dataclass

from archspec.problems import Span


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters, as editors count: lines from 0, columns in UTF-16 code units from 0."""

    line: int
    character: int


@dataclass(frozen=True, slots=True)
class Range:
    """What stands between two positions."""

    start: Position
    end: Position

    def meets(self, other: Range) -> bool:
        """Whether two ranges have a place in common, be it only where both end."""
        return self.start <= other.end and other.start <= self.end


@dataclass(frozen=True, slots=True)
class TextEdit:
    """What to write in place of a range of a document."""

    uri: str
    range: Range
    text: str


class Lines:
    """The lines of a text without their ends. Lines end as YAML and editors agree: LF, CRLF or CR."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
        if not text or text[-1] in "\r\n":
            self.lines.append("")

    def __getitem__(self, number: int) -> str:
        """A line, counted from 0; empty where there is none."""
        return self.lines[number] if 0 <= number < len(self.lines) else ""

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, position: Position) -> int:
        """How many characters stand before a position on its line."""
        units, line = 0, self[position.line]
        for count, char in enumerate(line):
            if units >= position.character:
                return count
            units += _units(char)
        return len(line)

    def position(self, line: int, column: int) -> Position:
        """The position behind so many characters of a line; both from 0."""
        return Position(line, sum(map(_units, self[line][:column])))

    def range(self, span: Span) -> Range:
        """A span of this text."""
        start = self.position(span.line - 1, span.column - 1)
        return Range(start, max(start, self.position(span.end_line - 1, span.end_column - 1)))

    def whole(self, line: int) -> Range:
        """A line, counted from 0, without the white space around it."""
        text = self[line]
        return Range(self.position(line, len(text) - len(text.lstrip())), self.position(line, len(text.rstrip())))


def _units(char: str) -> int:
    return 2 if ord(char) > 0xFFFF else 1


def holds(span: Span, line: int, column: int) -> bool:
    """Whether a place, counted from 0, is in a span or at its end."""
    return (span.line, span.column) <= (line + 1, column + 1) <= (span.end_line, span.end_column)
