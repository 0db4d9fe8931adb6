"""Problems as lowering finds them: collected, each with the smallest place that shows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from archspec.document import OwnName
from archspec.document.imports import Sources
from archspec.expressions import (
    Binary,
    ExpressionError,
    Node,
    Scope,
    compile_value,
    evaluate,
    literal_text,
    parse,
    with_constants,
)
from archspec.problems import Advice, Edit, Problem, Related, Span, SpecError, rewording
from archspec.refusals import RefusalError
from archspec.source import Path

_ADVICE = {
    "AS204": "choose another name",
    "AS205": "choose another name",
    "AS301": "write it as in Python: `2 * width`, `width if deep else 8`, `depths[0]`",
    "AS302": "expressions consist of numbers, names, operators, comparisons, `a if c else b`, indexing and calls",
    "AS303": "declare it in `params` or `let`",
    "AS304": "change the expression, or the value of a name in it",
    "AS305": "numbers must be finite, and integers below 2**63",
    "AS403": "write the argument",
    "AS404": "use a value that it accepts",
    "AS407": "change the argument, or remove it",
    "AS406": "change the argument, or remove it if it is inferred",
    "AS501": "reshape the value before it (`Flatten`, `Unflatten`, `reshape`), or use another value with `from:`",
    "AS502": "make the sizes equal where the values are computed",
    "AS503": "use a number that divides the size, or change the size",
    "AS504": "keep the size larger in the layers before it",
    "AS505": "set the input's `dtype`, or use another value with `from:`",
    "AS507": "write smaller sizes",
    "AS508": "write the argument explicitly",
}
"""What to write instead, where whoever finds a problem knows nothing better."""


_OF_ONE_USE = ("AS208", "AS304", "AS404", "AS406", "AS501", "AS502", "AS503", "AS504", "AS505", "AS506", "AS507")
_MOST_PLACES = 8
_NAME = re.compile(r"[A-Za-z_]\w*")


class Report:
    """What was found so far in one document."""

    def __init__(self, source: Sources) -> None:
        self.source = source
        self.parameters: Collection[str] = ()  # of the document, which its blocks do not see
        self.passed_over = False  # whether a step was set aside, because of its form
        self.rounds: tuple[Related, ...] = ()  # of the loops that are being unrolled, from their second ones on
        self.doubts: dict[Span, Problem] = {}  # what is a warning
        self.mixed: list[Problem] = []  # those of tensors of several dtypes, where PyTorch takes one
        self._causes: dict[tuple[Any, ...], Span] = {}  # of what a parameter is to blame for, where it was told first
        self._found: dict[tuple[str, Span], Problem] = {}  # an unrolled loop finds the same one again and again

    @property
    def problems(self) -> list[Problem]:
        """Everything found, one for each cause."""
        return list(self._found.values())

    @contextmanager
    def trial(self) -> Iterator[None]:
        """What is found within is forgotten afterwards."""
        before = self._found, self._causes, self.rounds
        self._found, self._causes = {}, {}
        try:
            yield
        finally:
            self._found, self._causes, self.rounds = before

    def add_at(
        self,
        code: str,
        message: str,
        span: Span,
        help: str = "",
        *,
        related: tuple[Related, ...] = (),
        edits: tuple[Edit, ...] = (),
        mixes: bool = False,
    ) -> None:
        """One more problem, at a span; with `mixes` one of tensors of several dtypes, where PyTorch takes one."""
        if not edits and isinstance(help, Advice) and help.old is not None:
            edits = rewording(span, help.old, help.new)
        told = {one.span for one in related if not one.message.endswith("declared here")}
        related = tuple(one for one in related if one.span not in told or not one.message.endswith("declared here"))
        related = (*related, *self.rounds)  # what the first round did not find has to do with this one
        problem = Problem(code, message, span, str(help) or _ADVICE.get(code, ""), related=related, edits=edits)
        if mixes:
            self.mixed.append(problem)
        if self._of_one_cause(problem):
            return
        self._found.setdefault((code, span), problem)
        if len(self._found) >= self.source.limits.problems:
            raise SpecError(self.problems)

    def _of_one_cause(self, problem: Problem) -> bool:
        """Whether a parameter that does not fit was told already: the other places are told beside the first one."""
        if problem.code not in ("AS502", "AS503"):
            return False
        declared = [one for one in problem.related if one.message.endswith("declared here")]
        alike = (problem.code, problem.message, tuple(declared))
        first = self._causes.setdefault(alike, problem.span) if declared else problem.span
        known = self._found.get((problem.code, first))
        if known is None or first == problem.span:
            return False
        here = Related("the same here", problem.span)
        if here not in known.related and len(known.related) < _MOST_PLACES:
            self._found[problem.code, first] = replace(known, related=(*known.related, here))
        return True

    def add(
        self,
        code: str,
        message: str,
        path: Path,
        help: str = "",
        *,
        key: bool = False,
        related: tuple[Related, ...] = (),
        mixes: bool = False,
    ) -> None:
        """One more problem, at the value (or key) of a place in the tree."""
        edits = self._edits(path, help) if isinstance(help, Advice) and help.old is None else ()
        span = self.source.span(path, key=key)
        self.add_at(code, message, span, help, related=related, edits=edits, mixes=mixes)

    def add_to_type(
        self,
        code: str,
        message: str,
        at: Path,
        help: str = "",
        *,
        related: tuple[Related, ...] = (),
        mixes: bool = False,
    ) -> None:
        """One more problem, at the type of a step: the key above its arguments, or the bare name."""
        name = at[-1] if at else 0
        is_type = isinstance(name, str) and (name[:1].isupper() or "." in name)
        is_key = is_type or not isinstance(self.source.value(at), str)
        self.add(code, message, at, help, key=is_key, related=related, mixes=mixes)

    def _edits(self, path: Path, advice: Advice) -> tuple[Edit, ...]:
        """The change of a whole value, or of the entry that it is."""
        if not advice.new:
            span = self.source.without(path)
            return (Edit(span, ""),) if span is not None else ()
        value = self.source.value(path)
        if isinstance(value, str):
            return self._floored(path, value)
        span = self.source.span(path)
        if value is None and path and span == self.source.span(path, key=True):
            return (Edit(self.source.entry(path), f"{path[-1]}: {advice.new}"),)
        return () if isinstance(value, dict | list) else (Edit(span, advice.new),)

    def _floored(self, path: Path, text: str) -> tuple[Edit, ...]:
        """The edit that makes the last division of an expression one of integers, where a whole number is wanted."""
        node = parse(text)
        if not isinstance(node, Binary) or node.operator != "/" or node.left.place is None or node.right.place is None:
            return ()
        at = text.index("/", node.left.place[1])
        return self._rewriting(self.source.span(path), path, text, f"{text[:at]}//{text[at + 1 :]}")

    def axes(self, count: int, path: Path) -> None:
        """A shape with more axes than the language allows."""
        advice = "merge axes, or raise the limit when you call archspec"
        self.add("AS102", f"{count} axes; at most {self.source.limits.axes} are allowed", path, advice)

    def used(self, before: int, at: Related) -> None:
        """Problems since there were `before`, within a block, hold for this use of it: its place is told besides."""
        for key, problem in list(self._found.items())[before:]:
            if problem.code in _OF_ONE_USE and at not in problem.related:
                self._found[key] = replace(problem, related=(*problem.related, at))

    def move(self, before: int, span: Span, what: str, related: tuple[Related, ...]) -> None:
        """Problems since there were `before`, of a module that is reused here: they belong where that is said."""
        for key, problem in list(self._found.items())[before:]:
            del self._found[key]
            self.add_at(problem.code, f"{what}: {problem.message}", span, problem.help, related=related)

    def declared(
        self, path: Path, text: object, *, sizes: bool = False, scope: Scope | None = None
    ) -> tuple[Related, ...]:
        """Where the names that an expression reads have their values from: parameters, computed names and loops.

        With `sizes` also the inputs whose shapes say them; with the `scope` where it is read, what each is there.
        """
        found = []
        for name in dict.fromkeys(_NAME.findall(_text(text))):
            at = self._declaration(path, name)
            if at is None and sizes:
                at = self._input(path, name)
            if at is not None:
                place = self.source.span(at, key=at[-1] == name)
                word = "declared" if at[-1] == name else "bound" if at[-1] in ("for", "each") else "a size"
                value = (scope or {}).get(name)
                told = literal_text(value) if isinstance(value, int | float | str | tuple) else f"{word} here"
                found.append(Related(f"`{name}` is {told}", place))
        here = self.source.span(path).line
        return tuple(related for related in found if related.span.line != here)

    def _declaration(self, path: Path, name: str) -> Path | None:
        for length in range(len(path), 0, -1):
            around = self.source.value(path[:length])
            for key in ("for", "each") if isinstance(around, dict) else ():
                loop = around.get(key)
                if isinstance(loop, str) and name in _NAME.findall(loop.partition(" in ")[0]):
                    return (*path[:length], key)
        base = path[:2] if path[:1] == ("blocks",) else ()
        places = ((*base, key, name) for key in ("params", "let"))
        return next((at for at in places if name in (self.source.value(at[:-1]) or ())), None)

    def _input(self, path: Path, name: str) -> Path | None:
        return next((at for at, _ in self._inputs(path, name)), None)

    def _inputs(self, path: Path, name: str) -> Iterator[tuple[Path, bool]]:
        """The inputs in whose shapes a name stands, and whether they are optional."""
        base = path[:2] if path[:1] == ("blocks",) else ()
        for one, declared in (self.source.value((*base, "inputs")) or {}).items():
            shape = declared.get("shape") if isinstance(declared, dict) else declared
            if name in _NAME.findall(_text(shape)):
                yield (*base, "inputs", one), isinstance(declared, dict) and declared.get("optional") is True

    def _optional_input(self, path: Path, name: str) -> str | None:
        """The input that alone has a size of that name, if it is an optional one."""
        found = list(self._inputs(path, name))
        return str(found[0][0][-1]) if found and all(optional for _, optional in found) else None

    def expression(self, error: ExpressionError, path: Path, text: object, scope: Scope | None = None) -> None:
        """A problem within an expression, at the very characters where they can be told.

        `scope` is what its names stand for: where it has no value, they are to blame.
        """
        if error.code == "AS303" and path[:1] == ("blocks",) and (name := _blamed(error, text)) in self.parameters:
            error.help = f"a block sees only its own parameters: declare `{name}` in the `params` of `{path[1]}`"
        if error.code == "AS303" and (one := self._optional_input(path, name := _blamed(error, text))):
            error.code, error.message = "AS511", f"only `{one}`, which is optional, has the size `{name}`"
            error.help = "make it a parameter, or give a required input this size"
        span = whole = self.source.span(path)
        edits: tuple[Edit, ...] = ()
        if isinstance(error.help, Advice) and error.help.old is None:
            blamed = _blamed(error, text)
            if blamed == text:
                edits = (Edit(whole, error.help.new),)
            elif blamed and error.offset is not None:  # within an expression Python's words hold
                word = {"true": "True", "false": "False", "null": "None"}.get(error.help.new, error.help.new)
                error.help = f"within an expression write `{word}`"
                error.rewrite = (error.offset, error.offset + len(blamed), word)
        elif isinstance(error.help, Advice) and isinstance(text, OwnName):
            edits = self._rewriting(whole, path, text, error.help.new)
        if isinstance(text, str) and error.offset is not None:
            span = _narrow(whole, text, error.offset, error.length)
        if isinstance(text, str) and error.rewrite is not None:
            start, end, piece = error.rewrite
            edits = self._rewriting(whole, path, text, f"{text[:start]}{piece}{text[end:]}")
        related: tuple[Related, ...] = ()
        if scope is not None and error.code in ("AS304", "AS305"):
            related = self.declared(path, _blamed(error, text) or str(text), scope=scope)
        elif error.code == "AS205":
            related = self.declared(path, _blamed(error, text))
        self.add_at(error.code, error.message, span, error.help, related=related, edits=edits)

    def _rewriting(self, span: Span, path: Path, text: str, new: str) -> tuple[Edit, ...]:
        """The edit that writes another expression, quoted where YAML would split it."""
        if isinstance(text, OwnName):
            return (Edit(self.source.entry(path), f"{text}: {new}"),)
        edits = rewording(span, text, new)
        plain = edits and edits[0].text == new
        if plain and (re.search(r": | #|^\W", new) or (self.source.in_flow(path) and re.search(r"[][{},]", new))):
            return () if '"' in new else (Edit(span, f'"{new}"'),)
        return edits

    def renaming(self, value: object, hint: str, path: Path, scope: Scope) -> tuple[Edit, ...]:
        """The edit that gives an argument another name and keeps its value, where the value is that of its own name."""
        if not isinstance(value, OwnName) or not isinstance(hint, Advice) or not hint.new or value not in scope:
            return ()
        return (Edit(self.source.entry(path), f"{hint.new}: {value}"),)

    def refusal(self, error: RefusalError, path: Path, text: object, related: tuple[Related, ...] = ()) -> None:
        """What a function refuses, at its name if that can be told."""
        span = self.source.span(path)
        if isinstance(text, str) and error.offset is not None:
            span = _narrow(span, text, error.offset, error.length)
        related = (*related, *self.declared(path, text))
        self.add_at(error.code, error.message, span, error.help, related=related, mixes=bool(error.mixes))

    def evaluate(
        self,
        value: object,
        path: Path,
        scope: Scope,
        words: frozenset[str] | None = None,
        flowing: Collection[str] = (),
        instead: str = "constructor arguments can use only parameters and sizes",
    ) -> tuple[Node, Any]:
        """A value of the spec as a construct, and what it comes to. ExpressionError is reported and raised again.

        `flowing` are the values of the flow, which no argument may read, and `instead` says what can be written.
        """
        try:
            node = with_constants(compile_value(value, words=words), scope)
            return node, evaluate(node, scope)
        except ExpressionError as error:
            at, text = _deepest(value, path, scope, words)
            if error.code == "AS303" and (name := _blamed(error, text)) in flowing:
                error.help = f"`{name}` is a tensor; {instead}"
            self.expression(error, at, text, scope)
            raise


def _text(value: object) -> str:
    """The expressions in a value, as one text."""
    return " ".join(map(_text, value)) if isinstance(value, list) else value if isinstance(value, str) else ""


def _blamed(error: ExpressionError, text: object) -> str:
    """The piece of an expression that a problem is about."""
    return text[error.offset :][: error.length] if isinstance(text, str) and error.offset is not None else ""


def _deepest(value: object, path: Path, scope: Scope, words: frozenset[str] | None) -> tuple[Path, object]:
    """Which entry of a list is to blame."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            try:
                evaluate(compile_value(item, words=words), scope)
            except ExpressionError:
                return _deepest(item, (*path, index), scope, words)
    return path, value


def _narrow(span: Span, text: str, offset: int, length: int) -> Span:
    """The part of a scalar's span from `offset` on; the span itself where the file writes the text otherwise."""
    written = span.text[span.column - 1 : span.end_column - 1] if span.end_line == span.line else ""
    shift = int(written[:1] in ("'", '"'))
    if written[shift : len(written) - shift] != text:
        return span
    start = span.column + shift + min(offset, max(0, len(text) - 1))
    return replace(span, column=start, end_column=min(start + length, span.end_column - shift))


def type_path(report: Report, path: Path, type_name: str) -> Path:
    """The place of a step's type: a key below it, or the step itself where it is a bare name."""
    return (*path, type_name) if isinstance(report.source.value(path), dict) else path
