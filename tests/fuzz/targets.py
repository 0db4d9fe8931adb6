"""What is fuzzed, and what must hold for any input whatever. Shared by all who draw inputs, however they draw them.

No exception but a problem of the language's own; at most as many calls as take a second, and 500 MB; the same answer
when asked again; and every place in a problem is a place of the text.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import resource
from collections.abc import Callable, Iterable
from typing import Any

from work import A_SECOND, calls

import archspec
from archspec import dimensions, source
from archspec.cli.arguments import FORMAT
from archspec.cli.console import report
from archspec.expressions import ExpressionError, Name, Symbolic, evaluate, literal_text, parse
from archspec.problems import CODES, Problem, Span, SpecError

BYTES = 500 * 2**20


def text_of(data: bytes) -> str:
    """Any bytes as a text, lone surrogates among its characters."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def reading(data: bytes) -> object:
    """The bytes of a file: a tree in which everything has a place, or problems."""
    try:
        found = source.parse(source.read_stream(io.BytesIO(data)))
    except SpecError as error:
        return examined(error.problems, data.decode(errors="replace"))
    pending: list[tuple[Any, source.Path]] = [(found.data, ())]
    for value, path in pending[:1000]:
        assert_inside(found.span(path), found.text)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        pending += [(item, (*path, step)) for step, item in items]
    return repr(found.data)


VALUES: dict[str, Any] = {"i": 3, "j": 7, "x": 0.5, "b": True, "s": "relu", "u": (1, 2), "v": (8, 4, 3)}
SYMBOLS: dict[str, Any] = {
    "i": dimensions.symbol("i", minimum=None),
    "j": dimensions.symbol("j"),
    "x": Symbolic(Name("x"), "float"),
    "b": Symbolic(Name("b"), "bool"),
    "s": Symbolic(Name("s"), "str"),
    "u": Symbolic(Name("u"), "tuple[int, int]"),
    "v": Symbolic(Name("v"), "list[int]"),
}


def expression(data: bytes) -> object:
    """An expression over numbers and over symbols: a value that prints as Python, or a refusal."""
    text = text_of(data)
    answers: list[object] = []
    for scope in (VALUES, SYMBOLS):
        printed = refusal = None
        try:
            printed = literal_text(evaluate(parse(text), scope))
        except ExpressionError as error:
            refusal = error
        if printed is not None:
            assert printed.isascii()
            assert printed.isprintable()
            ast.parse(printed, mode="eval")
        if refusal is not None:
            assert refusal.code in CODES
            assert refusal.offset is None or 0 <= refusal.offset <= len(text)
        answers.append(printed or str(refusal))
    return answers


def check(data: bytes) -> object:
    """A spec: its table, its shapes and warnings, or its problems."""
    text = text_of(data)
    try:
        spec = archspec.parse(text)
        warnings = spec.warnings()
        shapes = archspec.shapes(spec)
        table = archspec.summary(spec)
        json.dumps(table.as_dict())
        assert all(line.isprintable() for line in str(table).split("\n"))
    except SpecError as error:
        return examined(error.problems, text)
    return str(shapes), str(table), examined(warnings, text) if warnings else ""


def generate(data: bytes) -> object:
    """A spec: source that passed the last check and compiles, or problems."""
    text = text_of(data)
    try:
        generated = archspec.parse(text).generate()
    except SpecError as error:
        return examined(error.problems, text)
    compile(generated, "<generated>", "exec")
    assert all(line.isprintable() for line in generated.split("\n"))
    return generated


TARGETS: dict[str, Callable[[bytes], object]] = {
    target.__name__: target for target in (reading, expression, check, generate)
}


def hold(target: Callable[[bytes], object], data: bytes, *, most: float = A_SECOND) -> None:
    """Runs a target twice on one input; whatever does not hold is an AssertionError, or what was raised."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers: list[object] = []
    calls(lambda: answers.append(target(data)), most)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - largest) * 1024
    assert grown < BYTES, f"{grown // 2**20} MB"
    assert target(data) == answers[0], "another answer the second time"


def examined(problems: Iterable[Problem], text: str) -> str:
    """Problems as text, after a look at each of them: known codes, places within the text, nothing that hides."""
    found = tuple(problems)
    assert found
    for problem in found:
        assert problem.code in CODES
        assert problem.message
        for span in (problem.span, *(related.span for related in problem.related)):
            assert_inside(span, text)
    return reported(found)


def reported(problems: tuple[Problem, ...]) -> str:
    """Problems in every format, none of which lets through what a terminal or a workflow would act upon."""
    texts = {}
    for form in FORMAT.settings["choices"]:
        with contextlib.redirect_stderr(io.StringIO()) as stream:
            report(problems, form)
        texts[form] = stream.getvalue().removesuffix("\n")
        assert all(line.isprintable() for line in texts[form].split("\n")), form
        if form not in ("text", "github"):
            json.loads(texts[form])
    assert all(line.startswith(("::error file=", "::warning file=")) for line in texts["github"].split("\n"))
    assert not any(line.lstrip().startswith("::") for line in texts["text"].split("\n"))
    return texts["text"]


def assert_inside(span: Span, text: str) -> None:
    """A place lies within its text, and its end does not lie before its start."""
    lines = list(io.StringIO(text.removeprefix("\ufeff"), newline="")) or [""]
    if lines[-1][-1:] in ("\r", "\n"):
        lines.append("")
    assert 1 <= span.line <= span.end_line <= len(lines), span
    assert 1 <= span.column <= len(lines[span.line - 1]) + 1, span
    assert 1 <= span.end_column <= len(lines[span.end_line - 1]) + 1, span
    assert span.line < span.end_line or span.column <= span.end_column, span
