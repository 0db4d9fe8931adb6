"""Changes that are offered at a place: what mends a problem, an inferred argument written out, a new parameter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from archspec.analysis import Analysis
from archspec.dimensions import show
from archspec.document.imports import Files
from archspec.editor.extracting import extract
from archspec.editor.places import Lines, Range
from archspec.graph import Argument, Call, ran
from archspec.graph import Step as GraphStep
from archspec.layers import LAYERS, Layer
from archspec.problems import Edit, Problem, Span

_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")


@dataclass(frozen=True, slots=True)
class Action:
    """A change that is offered."""

    title: str
    kind: Literal["quickfix", "refactor"]
    edits: tuple[Edit, ...]
    problem: Problem | None = None


def actions(analysis: Analysis, lines: Lines, selected: Range, files: Files | None = None) -> Iterator[Action]:
    """What is offered for a selection. `files` are what the text imports, the disk's if there are none."""
    for problem in analysis.problems:
        here = all(edit.span.path == analysis.name for edit in problem.edits)
        if problem.edits and here and problem.path == analysis.name and lines.range(problem.span).meets(selected):
            yield Action(_title(problem), "quickfix", problem.edits, problem)
    if analysis.sound and analysis.graph is not None:
        yield from _written_out(analysis, lines, selected.start.line)
        yield from _as_parameter(analysis, lines, selected)
        yield from _as_block(analysis, lines, selected, files)


def _title(problem: Problem) -> str:
    """What the change does, in a line."""
    title = problem.help.partition(";")[0] or problem.message
    return title[:1].upper() + title[1:]


def _written_out(analysis: Analysis, lines: Lines, line: int) -> Iterator[Action]:
    """The arguments that a layer of a line infers, written out; they are equal wherever the line is used."""
    assert analysis.graph is not None
    calls = []
    for _, step in ran(analysis.graph):
        item = step.item if isinstance(step, GraphStep) else step
        if isinstance(item, Call) and isinstance(item.layer, Layer) and item.span.path == analysis.name:
            calls += [item] if item.span.line == line + 1 and item.type_name in LAYERS else []
    if not calls or len({call.span for call in calls}) > 1:
        return
    layer = LAYERS[calls[0].type_name]
    for one in calls[0].arguments:
        values = {str(argument.value) for call in calls for argument in call.arguments if argument.name == one.name}
        if one.node is None and layer.arguments[one.name].inferred and len(values) == 1 and isinstance(one.value, int):
            edit = _with_argument(lines, calls[0], one)
            if edit is not None:
                yield Action(f"Write `{one.name}: {show(one.value)}` out", "refactor", (edit,))


def _with_argument(lines: Lines, call: Call, one: Argument) -> Edit | None:
    """The edit that gives a layer one argument more."""
    span, text = call.span, lines[call.span.line - 1]
    bare = re.match(rf"\s*:\s*({re.escape(call.type_name)})(?![\w.])", text[span.end_column - 1 :])
    if bare is not None and text[span.column - 1 : span.end_column - 1] != call.type_name:
        start, end = span.end_column + bare.start(1), span.end_column + bare.end(1)
        span = Span(span.path, span.line, start, span.line, end, text)  # `bn: BatchNorm2d`: the name was meant
    behind = text[span.end_column - 1 :]
    written = f"{one.name}: {show(one.value)}"
    if text[span.column - 1 : span.end_column - 1] != call.type_name:
        return None
    if match := re.match(r":\s*\{\s*", behind):
        between = "" if behind[match.end() :].startswith("}") else ", "
        column = span.end_column + match.end()
        return Edit(Span(span.path, span.line, column, span.line, column, text), f"{written}{between}")
    single = LAYERS[call.type_name].single()
    if (match := re.match(r":\s*([^\s{}\[\],#][^{}\[\],#]*?)\s*(?=[},]|#|$)", behind)) and single is not None:
        start, end = span.end_column + match.start(1), span.end_column + match.end(1)
        place = Span(span.path, span.line, start, span.line, end, text)
        return Edit(place, f"{{{written}, {single}: {match[1]}}}")
    if re.match(r"\s*(#|$|[},])", behind):
        place = Span(span.path, span.line, span.end_column, span.line, span.end_column, text)
        within = text[: span.column - 1].rstrip()[-1:] in ("{", "[", ",")
        is_value = re.search(r"[\w\"')]:\s*$", text[: span.column - 1]) is not None
        if is_value:  # `bn: BatchNorm2d` is a mapping of its own then
            whole = Span(span.path, span.line, span.column, span.line, span.end_column, text)
            return Edit(whole, f"{{{call.type_name}: {{{written}}}}}")
        return Edit(place, f": {{{written}}}") if not within or "[" in text else None
    return None


def _as_parameter(analysis: Analysis, lines: Lines, selected: Range) -> Iterator[Action]:
    """The number at a place as a parameter of its document or block."""
    line = selected.start.line
    text, column = lines[line], lines.column(selected.start)
    number = next((one for one in _NUMBER.finditer(text) if one.start() <= column <= one.end()), None)
    if number is None or analysis.sources is None:
        return
    base = _class_at(analysis, line)
    if base is None:
        return
    before = re.search(r"([A-Za-z_]\w*)\s*:\s*\[?[\s\d,]*\Z", text[: number.start()])
    name = _free_name(analysis, before[1] if before is not None and before[1].islower() else "size", base)
    place = Span(analysis.name, line + 1, number.start() + 1, line + 1, number.end() + 1, text)
    declared = _declaration(analysis, base, f"{name}: {number[0]}")
    if declared is not None:
        yield Action(f"Make `{number[0]}` the parameter `{name}`", "refactor", (declared, Edit(place, name)))


def _as_block(analysis: Analysis, lines: Lines, selected: Range, files: Files | None) -> Iterator[Action]:
    """The steps on the lines of a selection as a block."""
    first, last = selected.start.line + 1, selected.end.line + 1
    last -= last > first and selected.end.character == 0  # a selection of whole lines ends at the next one's beginning
    made = extract(analysis, lines, first, last, files) if last > first else None
    if made is not None:
        yield Action(f"Extract these steps into the block `{made.name}`", "refactor", made.edits)


def _class_at(analysis: Analysis, line: int) -> tuple[str, ...] | None:
    """The document or the block whose layers a line, counted from 0, is in."""
    assert analysis.sources is not None
    source = analysis.sources.main
    blocks = source.value(("blocks",))
    for base in [(), *(("blocks", name) for name in (blocks if isinstance(blocks, dict) else ()))]:
        if source.value((*base, "layers")) is None:
            continue
        span = source.span((*base, "layers"))
        if span.line <= line + 1 <= span.end_line:
            return base
    return None


def _free_name(analysis: Analysis, wish: str, base: tuple[str, ...]) -> str:
    scope = base[1] if base else ""
    taken = {one.name for one in analysis.names if one.scope.partition(".")[0] == scope or not one.scope}
    return next(name for name in (wish, *(f"{wish}_{number}" for number in range(2, 1000))) if name not in taken)


def _declaration(analysis: Analysis, base: tuple[str, ...], entry: str) -> Edit | None:
    """The edit that declares one parameter more."""
    assert analysis.sources is not None
    source = analysis.sources.main
    params = source.value((*base, "params"))
    if isinstance(params, dict) and params:
        last = list(params)[-1]
        span = source.entry((*base, "params", last))
        flow = source.in_flow((*base, "params", last))
        indent = " " * (source.span((*base, "params", last), key=True).column - 1)
        at = Span(span.path, span.end_line, span.end_column, span.end_line, span.end_column, "")
        return Edit(at, f", {entry}" if flow else f"\n{indent}{entry}")
    first = "inputs" if source.value((*base, "inputs")) is not None else "layers"
    span = source.span((*base, first), key=True)
    if params is not None or source.in_flow((*base, first)):
        return None
    at = Span(span.path, span.line, span.column, span.line, span.column, span.text)
    return Edit(at, f"params: {{{entry}}}\n{' ' * (span.column - 1)}")
