"""Lints about operators that bind otherwise than they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from archspec.document import Document, StepEntry
from archspec.expressions import BITWISE, Binary, Compare, ExpressionError, Node, parse
from archspec.lints._base import Finding, Subject, lint
from archspec.lints.places import blocks, steps
from archspec.problems import Span
from archspec.source import Path


@lint("AS716")
def bits_in_a_comparison(subject: Subject) -> Iterator[Finding]:
    """`a == 1 | b` is `a == (1 | b)` in Python, and is mostly written for `(a == 1) | b`.

    What stands in parentheses is meant.
    """
    for at, text in _texts(subject.document):
        for part, compared in _compared(text):
            yield Finding(
                f"`{part.operator}` binds tighter than the comparison: this is `{compared.text}`",
                _narrow(subject.sources.span(at), text, compared),
                f"add parentheses around each comparison, or `({part.text})`",
                beside=False,
            )


def _narrow(span: Span, text: str, node: Node) -> Span:
    """Where a construct stands; the place of the whole expression where the file writes it on several lines."""
    written = span.text[span.column - 1 : span.end_column - 1] if span.line == span.end_line else ""
    shift = int(written[:1] in ("'", '"'))
    if node.place is None or written[shift : len(written) - shift] != text:
        return span
    start, end = (span.column + shift + offset for offset in node.place)
    return replace(span, column=start, end_column=end)


def _texts(document: Document) -> Iterator[tuple[Path, str]]:
    """The expressions of a document, each with its place."""
    for path, block in blocks(document):
        yield from (((*path, "let", name), text) for name, text in block.let.items() if isinstance(text, str))
    for path, step in steps(document):
        yield from _of_step(step, path)


def _of_step(step: StepEntry, path: Path) -> Iterator[tuple[Path, str]]:
    """The expressions of a step."""
    if step.expression is not None:
        yield path, step.expression
    for key, text in (("when", step.when), (str(step.loop), step.over), ("repeat", step.repeat)):
        if isinstance(text, str):
            yield (*path, key), text if key in ("when", "repeat") else text.partition(" in ")[2]
    for key, value in (("from", step.from_), (str(step.type), step.arguments)):
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        if isinstance(value, str):
            yield (*path, key), value
        yield from (((*path, key, name), one) for name, one in entries if isinstance(one, str))


def _compared(text: str) -> Iterator[tuple[Binary, Compare]]:
    """Operations on bits that are compared, without parentheses around them, each with the comparison."""
    if not any(operator in text for operator in BITWISE):
        return
    try:
        root = parse(text)
    except ExpressionError:
        return  # a word
    for node in root.walk():
        if not isinstance(node, Compare):
            continue
        for part in node.operands:
            if isinstance(part, Binary) and part.operator in BITWISE and not _in_parentheses(part, text):
                yield part, node


def _in_parentheses(node: Node, text: str) -> bool:
    start, end = node.place or (0, 0)
    return text[:start].rstrip().endswith("(") and text[end:].lstrip().startswith(")")
