"""What is wrong with a spec, where, and what to write instead.

Every stage raises or returns values of this module; nothing here prints. Knows nothing of
YAML, of layers or of PyTorch.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from archspec.characters import cells, printable

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a file: lines and columns count characters from 1, the end column is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = field(default="", compare=False)
    """The whole first line, for display."""


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains a problem."""

    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Edit:
    """What to write in place of a piece of a file."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: a stable code, its place, its cause, and what to write instead."""

    code: str
    message: str
    span: Span
    help: str = ""
    severity: Severity = "error"
    related: tuple[Related, ...] = ()
    edits: tuple[Edit, ...] = ()
    """Where exactly one change is right: its pieces, which are made all together or not at all."""

    @property
    def path(self) -> str:
        return self.span.path

    @property
    def line(self) -> int:
        return self.span.line

    @property
    def column(self) -> int:
        return self.span.column

    @property
    def end_line(self) -> int:
        return self.span.end_line

    @property
    def end_column(self) -> int:
        return self.span.end_column

    def __str__(self) -> str:
        return render_text([self])


class SpecError(ValueError):
    """A spec that cannot be used. `problems` holds everything found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(in_file_order(problems))
        super().__init__(render_text(self.problems))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def in_file_order(problems: Iterable[Problem]) -> list[Problem]:
    """The problems by path and place, each once."""
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.path, p.line, p.column, p.code))


def echo(text: object, limit: int = 80) -> str:
    """A piece of a spec, as messages quote it: printable, on one line, in backquotes.

    Nothing, and what has a backquote in it, stands in quotes: it could not be told from the backquotes around it.
    """
    line = printable(str(text)[: limit + 1])
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return f'"{line}"' if not line or "`" in line else f"`{line}`"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` most likely stands for, if one is near enough."""
    import difflib  # here: it is slow to import and only errors need it

    if len(word) > 64:
        return None
    names = list(known)
    folded = {name.lower().replace("_", ""): name for name in reversed(names)}
    same = folded.get(word.lower().replace("_", ""))
    if same:
        return same
    names = _alike(word, names)
    letters = sorted(word.lower())
    for name in names:  # two letters in the wrong order: `form`
        if len(name) == len(word) and sorted(name.lower()) == letters:
            return name
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if not close:  # `kernal`, of kernel_size
        firsts = {name.partition("_")[0]: name for name in names}
        close = [firsts[first] for first in difflib.get_close_matches(word, firsts, n=1, cutoff=0.8)]
    return close[0] if close else None


_MOST_COMPARED = 50


def _alike(word: str, names: list[str]) -> list[str]:
    """The few of many names that begin or end most like the word: to compare letters takes long, and is quadratic."""
    if len(names) <= _MOST_COMPARED:
        return names
    found: set[str] = set()
    for step in (1, -1):  # beside the word in the order of the names, and in that of the names read backwards
        order = sorted(name[::step] for name in names[:2000])
        at = bisect_left(order, word[::step])
        found |= {name[::step] for name in order[max(0, at - _MOST_COMPARED // 4) : at + _MOST_COMPARED // 4]}
    return [name for name in names if name in found]


class Advice(str):
    """A help line that knows the one change it means: to write `new`, where `old` stands.

    Without `old` it is in place of the whole value, if that is no expression; an empty `new` leaves the entry out.
    """

    __slots__ = ("new", "old")
    new: str
    old: str | None

    def __new__(cls, text: str, new: str, old: str | None = None) -> Advice:
        advice = super().__new__(cls, text)
        advice.new, advice.old = new, old
        return advice


def rewording(span: Span, old: str, new: str) -> tuple[Edit, ...]:
    """The edit that writes one word for another, in the same quotes; none where the file says it in another way."""
    written = span.text[span.column - 1 : span.end_column - 1] if span.line == span.end_line else ""
    quote = written[:1] if written[:1] in ("'", '"') else ""
    return (Edit(span, f"{quote}{new}{quote}"),) if written == f"{quote}{old}{quote}" else ()


def did_you_mean(word: str, known: Sequence[str], noun: str = "") -> str:
    """A help line for an unknown word: the nearest known one, and the list of all when it is short."""
    return _did_you_mean(word, tuple(known), noun)


@lru_cache(maxsize=256)  # a loop asks for the same one in each of its rounds
def _did_you_mean(word: str, known: tuple[str, ...], noun: str) -> str:
    near = nearest(word, known)
    parts = [f"did you mean `{near}`?"] if near else []
    if known and len(known) <= 20:
        parts.append(f"{noun or 'known'}: {', '.join(known)}")
    text = " ".join(parts)
    return Advice(text, near, word) if near and _is_surely(word, near, known) else text


def _is_surely(word: str, near: str, known: Iterable[str]) -> bool:
    """Whether a person would change the word to the near one without looking further."""
    import difflib  # here: as above

    plain, meant = word.lower().replace("_", ""), near.lower().replace("_", "")
    if plain == meant:
        return True
    if len(plain) < 3 or re.sub(r"\d", "", plain) == re.sub(r"\d", "", meant):  # `conv1` is not `conv2`
        return False
    if sorted(plain) == sorted(meant):
        return True
    if meant.startswith(plain) and sum(name.lower().startswith(word.lower()) for name in known) == 1:
        return True
    if len(plain) > 3 and _one_edit(word, near):
        return sum(_one_edit(word, name) for name in known) == 1
    close = difflib.get_close_matches(word, set(known), n=2, cutoff=0.6)
    alike = [difflib.SequenceMatcher(None, word, name).ratio() for name in close]  # the nearest one first
    return alike[:1] >= [0.8] and (len(alike) < 2 or alike[0] > alike[1] + 0.1)


def _one_edit(a: str, b: str) -> bool:
    """Whether a letter more, less, or other, or two in the wrong order are all that differs; case does not count."""
    a, b = sorted((a.lower(), b.lower()), key=len)
    start = next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    return a[start + 1 :] == b[start + 1 :] or (
        a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    )


_BOLD, _RED, _YELLOW, _BLUE, _RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[0m"


def render_text(problems: Iterable[Problem], color: bool = False) -> str:
    """Problems for people: place, code, cause, the source line with a caret, and the help."""
    return "\n".join(_render_one(problem, color) for problem in problems)


def _render_one(problem: Problem, color: bool) -> str:
    def paint(code: str, text: str) -> str:
        return f"{code}{text}{_RESET}" if color else text

    place = f"{printable(problem.path)}:{problem.line}:{problem.column}:"
    kind = paint(_RED if problem.severity == "error" else _YELLOW, f"{problem.severity}[{problem.code}]")
    lines = [f"{paint(_BOLD, place)} {kind}: {printable(problem.message)}"]
    width = max(len(str(span.line)) for span in (problem.span, *(r.span for r in problem.related)))
    gutter = paint(_BLUE, " " * width + " |")
    path, shown = problem.path, ""
    for span, note in ((problem.span, ""), *((r.span, r.message) for r in problem.related)):
        if not span.text:
            if note:
                lines.append(f"{' ' * width} = {printable(span.path)}:{span.line}: {printable(note)}")
            continue
        excerpt, start, length = _excerpt(span)
        if path != (path := span.path):
            lines.append(f"{' ' * width} {paint(_BOLD, f'in {printable(path)}:')}")
            shown = ""
        line = f"{paint(_BLUE, str(span.line).rjust(width) + ' |')} {excerpt}"
        if shown != (shown := line):  # marks of one line stand below one another
            lines.append(line)
        mark = "-" if note else "^"
        lines.append(
            f"{gutter} {' ' * start}{paint(_BLUE if note else _RED, mark * length)} {printable(note)}".rstrip()
        )
    if problem.help:
        lines.append(f"{' ' * width} {paint(_BOLD, 'help:')} {printable(problem.help)}")
    return "\n".join(lines)


def _excerpt(span: Span, limit: int = 100) -> tuple[str, int, int]:
    """The line of a span cut to `limit` characters around it; where the mark starts and how long it is."""
    start = span.column - 1
    end = span.end_column - 1 if span.end_line == span.line else len(span.text)
    first = max(0, start - limit // 2) if len(span.text) > limit else 0
    shown = cells(span.text[: first + limit])
    before, marked, after = map("".join, (shown[first:start], shown[start:end], shown[max(start, end) :]))
    marked = marked[: max(1, limit - len(before))]
    excerpt = f"{before}{marked}{after}"[:limit]
    cut = first > 0, first + limit < len(span.text)
    excerpt = (
        f"{'…' if cut[0] else excerpt[:1]}{excerpt[1:-1]}{'…' if cut[1] else excerpt[-1:]}" if excerpt[1:] else excerpt
    )
    return excerpt, len(before), max(1, len(marked))
