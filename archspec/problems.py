"""What is wrong with a spec, where, and what to write instead.

Every stage raises or returns values of this module; nothing here prints. Knows nothing of
YAML, of layers or of PyTorch.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterable, Sequence
from typing import Literal

from archspec.records import Record

CODES: dict[str, str] = {
    "AS101": "the text is not YAML",
    "AS102": "a limit of the language is exceeded",
    "AS103": "a key stands twice in one mapping",
    "AS104": "a feature of YAML that the language leaves out",
    "AS105": "a scalar that YAML 1.1 and 1.2 read differently",
    "AS106": "a number out of range",
    "AS107": "the file cannot be read",
    "AS201": "an unknown key",
    "AS202": "a value of the wrong type",
    "AS203": "something required is missing",
    "AS204": "a name that may not be used",
    "AS205": "a name declared twice",
    "AS206": "a step that is not exactly one layer, group or expression",
    "AS208": "a parameter's value is not one that the spec allows",
    "AS209": "a text that generated code cannot hold",
    "AS210": "an `ignore` of what is no warning",
    "AS301": "an expression that cannot be parsed",
    "AS302": "an expression beyond the safe subset",
    "AS303": "an unknown name in an expression",
    "AS304": "an expression that has no value",
    "AS305": "an expression whose value is too large",
    "AS401": "an unknown layer",
    "AS402": "an unknown argument",
    "AS403": "a required argument is missing",
    "AS404": "an argument that PyTorch refuses",
    "AS405": "one value for a layer that requires no argument",
    "AS406": "an argument that contradicts what flows in",
    "AS407": "an argument that PyTorch accepts in silence and that makes no sense",
    "AS408": "a class of a package that the caller does not allow",
    "AS501": "a wrong number of axes",
    "AS502": "sizes that do not agree",
    "AS503": "a size that does not divide",
    "AS504": "a size below one",
    "AS505": "a wrong dtype",
    "AS506": "a constructor's argument that depends on a free dimension",
    "AS507": "a size beyond 64 bits",
    "AS508": "a size that no expression of the parameters gives",
    "AS509": "a value that nobody reads",
    "AS601": "a generated file that was edited by hand",
    "AS602": "an output path that is refused",
    "AS604": "a network too large to build",
    "AS605": "a generated file that is missing or out of date",
    "AS606": "a figure that differs from what PyTorch measures",
    "AS607": "a budget that is exceeded",
    "AS608": "a budget that nothing can be held against",
    "AS700": "an `ignore` that silences nothing",
    "AS701": "an activation on the scores that the network returns",
    "AS702": "a softmax on the scores that the network returns",
    "AS703": "a bias that the normalization behind it takes away",
    "AS704": "two activations in a row",
    "AS705": "a dropout of the scores that the network returns",
    "AS706": "rows or columns that no window reads",
    "AS707": "a sum that repeats one of its terms along an axis of size 1",
    "AS708": "a parameter or a computed name that nothing reads",
    "AS709": "a layer whose output does not depend on its input",
    "AS710": "a normalization that training refuses",
}
"""Every code, with what it stands for. A code never changes its meaning."""

WARNINGS = tuple(code for code in CODES if code[2] == "7")
"""The codes of warnings: what may be ignored. All others are of errors."""

Severity = Literal["error", "warning"]


class Span(Record):
    """A piece of a file: lines and columns count characters from 1, the end column is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str = ""
    """The whole first line, for display."""

    def _identity(self) -> tuple[object, ...]:
        return self._values()[:-1]  # not by what is only displayed


class Related(Record):
    """Another place that explains a problem."""

    message: str
    span: Span


class Problem(Record):
    """One mistake: a stable code, its place, its cause, and what to write instead."""

    code: str
    message: str
    span: Span
    help: str = ""
    severity: Severity = "error"
    related: tuple[Related, ...] = ()

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


def printable(text: str) -> str:
    """The text with everything escaped that a terminal or a CI log might act upon; one line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def echo(text: object, limit: int = 80) -> str:
    """A piece of a spec, as messages quote it: printable, on one line, in backquotes."""
    line = printable(str(text)[: limit + 1])
    return f"`{line if len(line) <= limit else line[: limit - 1] + '…'}`"


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
    return close[0] if close else None


_MOST_COMPARED = 50


def _alike(word: str, names: list[str]) -> list[str]:
    """The few of many names that begin and end most like the word: to compare letters takes long, and is quadratic."""
    if len(names) <= _MOST_COMPARED:
        return names

    def shared(name: str) -> int:
        ends = (word, name), (word[::-1], name[::-1])
        return sum(len(os.path.commonprefix(pair)) for pair in ends)  # noqa: RUF071 - of letters, as is meant here

    return heapq.nlargest(_MOST_COMPARED, names[:2000], key=shared)


def did_you_mean(word: str, known: Sequence[str], noun: str = "") -> str:
    """A help line for an unknown word: the nearest known one, and the list of all when it is short."""
    near = nearest(word, known)
    parts = [f"did you mean `{near}`?"] if near else []
    if known and len(known) <= 20:
        parts.append(f"{noun or 'known'}: {', '.join(known)}")
    return " ".join(parts)


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
    for span, note in ((problem.span, ""), *((r.span, r.message) for r in problem.related)):
        if not span.text:
            if note:
                lines.append(f"{' ' * width} = {printable(span.path)}:{span.line}: {printable(note)}")
            continue
        excerpt, start, length = _excerpt(span)
        lines.append(f"{paint(_BLUE, str(span.line).rjust(width) + ' |')} {excerpt}")
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
    before, marked = printable(span.text[first:start]), printable(span.text[start:end])
    after = printable(span.text[max(start, end) : first + limit])
    marked = marked[: max(1, limit - len(before))]
    return f"{before}{marked}{after}"[:limit], len(before), max(1, len(marked))


def render_json(problems: Iterable[Problem]) -> str:
    """Problems for programs: a JSON list, one object a problem."""

    def place(span: Span) -> dict[str, object]:
        names = ("path", "line", "column", "end_line", "end_column")
        return {name: getattr(span, name) for name in names}

    return json.dumps(
        [
            {"code": p.code, "severity": p.severity, "message": p.message, "help": p.help}
            | place(p.span)
            | {"related": [{"message": r.message} | place(r.span) for r in p.related]}
            for p in problems
        ],
        indent=2,
    )


def render_github(problems: Iterable[Problem]) -> str:
    """Problems as annotations of a GitHub workflow."""

    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(printable(text)).replace(":", "%3A").replace(",", "%2C")

    return "\n".join(
        f"::{p.severity} file={value(p.path)},line={p.line},col={p.column},endLine={p.end_line},"
        f"endColumn={p.end_column},title={p.code}::"
        + data(printable(p.message) + (f"\nhelp: {printable(p.help)}" if p.help else ""))
        for p in problems
    )
