"""Problems as lowering finds them: collected, each with the smallest place that shows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from archspec.expressions import ExpressionError, Node, Scope, compile_value, evaluate
from archspec.problems import Problem, Related, Span
from archspec.source import Path, Source


class Report:
    """What was found so far in one document."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._found: dict[tuple[str, Span], Problem] = {}  # an unrolled loop finds the same one again and again

    @property
    def problems(self) -> list[Problem]:
        """Everything found, one for each cause."""
        return list(self._found.values())

    def add_at(self, code: str, message: str, span: Span, help: str = "", *, related: tuple[Related, ...] = ()) -> None:
        """One more problem, at a span."""
        self._found.setdefault((code, span), Problem(code, message, span, help, related=related))

    def add(
        self,
        code: str,
        message: str,
        path: Path,
        help: str = "",
        *,
        key: bool = False,
        related: tuple[Related, ...] = (),
    ) -> None:
        """One more problem, at the value (or key) of a place in the tree."""
        self.add_at(code, message, self.source.span(path, key=key), help, related=related)

    def expression(self, error: ExpressionError, path: Path, text: object) -> None:
        """A problem within an expression, at the very characters where they can be told."""
        span = self.source.span(path)
        if isinstance(text, str) and error.offset is not None:
            span = _narrow(span, text, error.offset, error.length)
        self.add_at(error.code, error.message, span, error.help)

    def evaluate(
        self, value: object, path: Path, scope: Scope, words: frozenset[str] | None = None
    ) -> tuple[Node, Any]:
        """A value of the spec as a construct, and what it comes to. ExpressionError is reported and raised again."""
        try:
            node = compile_value(value, words=words)
            return node, evaluate(node, scope)
        except ExpressionError as error:
            at, text = _deepest(value, path, scope, words)
            self.expression(error, at, text)
            raise


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
    """The part of a plain scalar's span from `offset` on; the span itself where the text is written otherwise."""
    start = span.column - 1
    if span.end_line != span.line or span.text[start : span.end_column - 1] != text:
        return span
    offset = min(offset, max(0, len(text) - 1))
    column = span.column + offset
    return replace(span, column=column, end_column=min(column + length, span.end_column))
