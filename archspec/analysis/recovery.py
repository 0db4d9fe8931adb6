"""A text that YAML cannot read -> the same text with the lines mended or passed over that are to blame.

A parser stops at the first mistake, and often some lines below it. Here the likely lines are tried one after the other:
the line that was just changed, the one that the parser names, those above it. A line is first mended (its brackets
closed, a colon added), then reduced to its key, then passed over; columns of what stays do not change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from archspec.problems import Problem, Related, SpecError, echo
from archspec.source import LIMITS, Limits, Source, parse_beside

_MOST_LINES = 12
"""So many lines are mended at most."""
_MOST_READINGS = 60
"""So often a text is read at most."""
_FINAL = ("AS102", "AS107")
"""Codes of what no other line mends: limits of the language."""
_HEAD = re.compile(r"(?P<indent>[ ]*(?:-[ ]+)*)(?P<key>[^\s:#'\"{}\[\],&*!|>%@`-][^:#{}\[\]'\"]*:(?=\s|$))?")
_HEADER = re.compile(r"[ ]*(?:-[ ]+)*[^\s#][^#]*:[ ]*(?:#.*)?")
_CLOSING = {"[": "]", "{": "}"}


@dataclass(slots=True)
class Recovered:
    """A text as far as YAML can read it."""

    source: Source | None
    """None where no line that was tried makes a tree of it."""
    problems: list[Problem]
    mended: set[int] = field(default_factory=set)
    """Lines, counted from 1, that are read with what was missing put in."""
    restored: set[int] = field(default_factory=set)
    """Those of them that are read as they were before they were changed."""
    passed: set[int] = field(default_factory=set)
    """Lines of which at most the key is read."""


def recover(
    text: str,
    path: str,
    suspects: Iterable[int] = (),
    kept: tuple[int, str] | None = None,
    limits: Limits = LIMITS,
) -> Recovered:
    """The tree of a text and all that is wrong with it as YAML.

    `suspects` are lines that were changed last; `kept` is the one that is being changed, with what it said before.
    """
    return _Recovery(text, path, list(suspects), limits).run(kept)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One attempt: the tree, or where the parser stopped."""

    lines: list[str]
    source: Source | None
    problems: list[Problem]

    @property
    def reach(self) -> int:
        """The line that it came to."""
        return len(self.lines) + 1 if self.source is not None else self.problems[-1].line


class _Recovery:
    """Mends a text line by line until it can be read."""

    def __init__(self, text: str, path: str, suspects: list[int], limits: Limits) -> None:
        self.path, self.limits, self.suspects = path, limits, suspects
        self.text = text.removeprefix("\ufeff")
        self.kept: tuple[int, str] | None = None
        self.found = Recovered(None, [])
        self.left = _MOST_READINGS

    def run(self, kept: tuple[int, str] | None) -> Recovered:
        reading = self.read(re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", self.text))
        self.kept = kept
        if kept is not None and self.lacks_its_key(reading.lines, *kept):
            reading = self.with_key(reading, *kept)
        for _ in range(_MOST_LINES):
            if reading.source is not None or reading.problems[-1].code in _FINAL or self.left <= 0:
                break
            mended = self.mend(reading)
            if mended is None:
                break
            reading = mended
        self.found.source = reading.source
        told = [one for one in reading.problems if one.line not in self.found.mended | self.found.passed]
        self.tell(told)
        return self.found

    def lacks_its_key(self, lines: list[str], line: int, before: str) -> bool:
        """Whether what stands below a line belongs to the key that the line had, and that is being typed anew."""
        if line > len(lines) or not _HEADER.fullmatch(before) or _HEADER.fullmatch(lines[line - 1].rstrip("\r\n")):
            return False
        return _below([*lines[: line - 1], before, *lines[line:]], line) > 0

    def with_key(self, reading: _Reading, line: int, before: str) -> _Reading:
        """The reading of the text with the key that stood there, and the problem that there is none."""
        whole = reading.lines[line - 1]
        end = whole[len(whole.rstrip("\r\n")) :]
        again = self.read([*reading.lines[: line - 1], before + end, *reading.lines[line:]])
        start = sum(map(len, reading.lines[: line - 1]))
        span = Source(self.path, self.text, self.limits).place(start, start + len(whole.rstrip()))
        advice = f"write the key with its colon, such as {echo(before.strip())}"
        self.tell([Problem("AS101", "the text below this line has no key", span, advice)])
        self.found.mended.add(line)
        return again

    def read(self, lines: list[str]) -> _Reading:
        self.left -= 1
        try:
            source, problems = parse_beside("".join(lines), self.path, self.limits)
        except SpecError as error:
            return _Reading(lines, None, list(error.problems))
        return _Reading(lines, source, problems)

    def mend(self, reading: _Reading) -> _Reading | None:
        """The reading with one line mended that lets it come further, and the problem told of that line."""
        best: tuple[_Reading, int, str] | None = None
        for line in self.candidates(reading):
            before = self.kept[1] if self.kept is not None and self.kept[0] == line else None
            for what, lines in _repairs(reading.lines, line, before):
                if self.left <= 0:
                    break
                attempt = self.read(lines)
                if attempt.source is not None:
                    return self.blame(reading, attempt, line, what)
                if attempt.reach > (best[0] if best is not None else reading).reach:
                    best = attempt, line, what
            if best is not None and best[1] == line:
                break
        return self.blame(reading, *best) if best is not None else None

    def candidates(self, reading: _Reading) -> list[int]:
        """The lines that may be to blame, the likeliest first."""
        stopped, lines = reading.problems[-1], reading.lines
        named = [stopped.line, *(one.span.line for one in stopped.related)]
        above = [at for at in range(min(stopped.line, len(lines)), 0, -1) if lines[at - 1].strip()]
        open_ones = [at for at in above if _open(lines[at - 1])]
        tried = [*self.suspects[:3], *named, *above[:2], *open_ones[:2]]
        passed = self.found.passed
        return [at for at in dict.fromkeys(tried) if 0 < at <= len(lines) and at not in passed]

    def blame(self, before: _Reading, after: _Reading, line: int, what: str) -> _Reading:
        """Tells the problem at the line that was to blame, which may not be where the parser stopped."""
        problem = before.problems[-1]
        if problem.line != line:
            place = Source(self.path, self.text, self.limits)
            start = sum(map(len, before.lines[: line - 1]))
            shown = before.lines[line - 1].rstrip()
            span = place.place(start + len(shown) - len(shown.lstrip()), start + len(shown))
            related = (Related(f"what follows cannot be read then: {problem.message}", problem.span),)
            problem = replace(problem, message=_MESSAGES[what], span=span, help=_HELP[what], related=related, edits=())
        self.tell([*before.problems[:-1], problem])
        (self.found.mended if what in ("closed", "colon", "restored") else self.found.passed).add(line)
        self.found.restored |= {line} if what == "restored" else set()
        if what == "below":
            self.found.passed |= set(range(line, line + _below(before.lines, line) + 1))
        return after

    def tell(self, problems: list[Problem]) -> None:
        """Tells problems, each slip once: one that an edit of another problem mends is no other."""
        known = {(one.code, one.line) for one in self.found.problems}
        known |= {(one.code, edit.span.line) for one in self.found.problems for edit in one.edits}
        self.found.problems += [one for one in problems if (one.code, one.line) not in known]


_MESSAGES = {
    "closed": "a bracket or quote on this line is not closed",
    "colon": "no colon after the name",
    "key": "the value on this line cannot be read",
    "restored": "this line cannot be read",
    "passed": "this line cannot be read",
    "below": "this line cannot be read",
}
_HELP = {
    "closed": "close it",
    "colon": "write a colon behind it",
    "key": "finish the value, or quote it",
    "restored": "write `key: value`, or `- item` in a list",
    "passed": "write `key: value`, or `- item` in a list",
    "below": "write `key: value`, or `- item` in a list",
}


def _repairs(lines: list[str], line: int, before: str | None) -> Iterator[tuple[str, list[str]]]:
    """What may be made of a line, the most of it that stays first; `before` is what it said before it was changed."""
    whole = lines[line - 1]
    text = whole.rstrip("\r\n")
    end = whole[len(text) :]

    def changed(new: str) -> list[str]:
        return [*lines[: line - 1], new + end, *lines[line:]]

    bare = text.rstrip()
    if closing := _open(text):
        yield "closed", changed(bare + closing)
    below = _below(lines, line)
    if below and not bare.endswith(":") and re.fullmatch(r"\s*(?:- +)*[\w, ()]+", bare):
        yield "colon", changed(bare + ":")
    if before is not None and before.strip():
        yield "restored", changed(before)
    head = _HEAD.match(text)
    if head is not None and head["key"]:
        yield "key", changed(head[0] if below else f"{head[0]} ''")
    elif head is not None and "-" in head["indent"] and not below:
        yield "key", changed(f"{head['indent'].rstrip()} ''")
    yield "passed", changed("")
    if below:
        blank = [re.sub(r"[^\r\n]", "", one) for one in lines[line - 1 : line + below]]
        yield "below", [*lines[: line - 1], *blank, *lines[line + below :]]


def _below(lines: list[str], line: int) -> int:
    """How many lines behind a line belong to it, as they are indented further."""
    indent = _indent(lines[line - 1])
    count = 0
    for number, one in enumerate(lines[line:], 1):
        if not one.strip() or one.lstrip().startswith("#"):
            continue
        if _indent(one) <= indent:
            break
        count = number
    return count


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _open(line: str) -> str:
    """What closes the brackets and quotes that a line leaves open, innermost first."""
    stack: list[str] = []
    quote, before = "", " "
    for char in line:
        if quote:
            if char == quote and not (quote == '"' and before == "\\"):
                quote = ""
        elif char in "'\"" and before in " [{,:(":
            quote = char
        elif char == "#" and before.isspace():
            break
        elif char in _CLOSING and (stack or before in " :-,["):
            stack.append(_CLOSING[char])
        elif char in "]}" and stack:
            stack.pop()
        before = char
    return quote + "".join(reversed(stack))
