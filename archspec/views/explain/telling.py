"""An explanation as people read it: in a terminal, or as Markdown.

Both are written from the same sentences, which are Markdown; a terminal shows what is code and what is important in
colour. Knows nothing of how anything was found out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archspec.characters import printable
from archspec.dimensions import Dimension, equal, plain, show
from archspec.expressions import literal_text
from archspec.graph import Flow, Input
from archspec.lower import leading
from archspec.problems import Span
from archspec.tensors import TensorType, flow_text
from archspec.views.explain.facts import Explained, Fact, Facts, Term
from archspec.views.explain.histories import Definition, History
from archspec.views.explain.origins import Producer, Value, ValueRef, type_of

_BOLD, _CYAN, _DIM, _RESET = "\x1b[1m", "\x1b[36m", "\x1b[2m", "\x1b[0m"
_INLINE = re.compile(r"`([^`]*)`|\*\*(.+?)\*\*|(\(line \d+\))")


@dataclass(frozen=True, slots=True)
class _Line:
    """A sentence. `depth` 0 is a paragraph, more is an item of a list within lists."""

    depth: int
    text: str
    kind: str = ""
    """`heading`, `source` (a line of the spec), or nothing."""


def text(explanation: Facts, *, color: bool = False) -> str:
    """For a terminal."""
    lines: list[str] = []
    for line in _lines(explanation):
        if line.kind == "heading" or (not line.depth and lines and lines[-1] != ""):
            lines += [""] if lines else []
        if line.kind == "source":
            lines.append(f"    {_DIM}{line.text}{_RESET}" if color else f"    {line.text}")
            continue
        shown = _painted(line.text, color)
        if line.kind == "heading":
            shown = f"{_BOLD}{shown}{_RESET}" if color else shown
        lines.append("  " * line.depth + shown)
    return "\n".join(lines)


def _painted(line: str, color: bool) -> str:
    """Inline Markdown as a terminal shows it."""

    def paint(found: re.Match[str]) -> str:
        code, strong, place = found.groups()
        if not color:
            return str(code if code is not None else strong if strong is not None else place)
        if code is not None:
            return f"{_CYAN}{code}{_RESET}"
        return f"{_BOLD}{_painted(strong, False)}{_RESET}" if strong is not None else f"{_DIM}{place}{_RESET}"

    return _INLINE.sub(paint, line)


def markdown(explanation: Facts) -> str:
    """For a document."""
    lines: list[str] = []
    for line in _lines(explanation):
        if line.kind == "heading":
            lines += ["", f"## {line.text}", ""] if lines else [f"## {line.text}", ""]
        elif line.kind == "source":
            lines += [f"    {line.text}", ""]
        elif line.depth:
            lines.append(f"{'  ' * (line.depth - 1)}- {line.text}")
        else:
            lines += ["", line.text, ""] if lines and lines[-1] != "" else [line.text, ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _lines(explanation: Facts) -> Iterator[_Line]:
    if explanation.step:
        for step in explanation.steps:
            yield from _told(step, explanation.path, whole=step.path == explanation.step)
        return
    yield _Line(0, f"{explanation.name}, {_code(explanation.path)}", "heading")
    for step in explanation.steps:
        yield from _told(step, explanation.path, whole=False)


def _told(step: Explained, path: str, *, whole: bool) -> Iterator[_Line]:
    """One step; with `whole`, each of its sizes with its history."""
    made = step.made
    label = made.label if made.label.isidentifier() else _code(made.label)
    what = made.kind if made.kind in ("expression", "input", "tensor") else label
    yield _Line(0, f"{_code(step.path)}: {what} {_place(made.span, path)}", "heading")
    if step.same:
        yield _Line(1, f"as {_code(step.same)}: {_code(_flow(made.output))}")
        return
    if whole and made.span.text:
        yield _Line(0, printable(made.span.text.strip()), "source")
    body = 0 if whole else 1
    if made.kind == "input":
        assert isinstance(made.item, Input)
        written = leading.written([node.text for node in made.item.axes])
        yield _Line(body, f"{_code(_flow(made.output))}, written as {_code(written)}")
        return
    if not whole and _keeps(step):
        yield _Line(body, f"It keeps {_from(made.inputs[0][1], path)}.")
        return
    doing = _does(made)
    if whole and doing:
        yield _Line(body, doing)
    if not made.called:
        yield _Line(body, "The forward method does not call it; its sizes are those that it would have here.")
    yield from _takes(step, path, body)
    if step.rule:
        yield _Line(body, f"Its rule: {_code(step.rule)}")
    for part in step.parts:
        yield from _part(part)
    told: list[Fact] = []
    for fact in step.facts:
        alike = next((one for one in told if _alike(one, fact)), None)
        if alike is None or not fact.formula:
            yield from _fact(fact, step, path, whole=whole)
        else:
            yield _Line(body, f"{_strong(f'{_head(fact)} = {_number(fact.value)}')}, as {_head(alike)}")
        told.append(fact)


def _does(made: Producer) -> str:
    """What a layer does, by the first sentence of its documentation; `python -OO` leaves none."""
    sentence = (type(made.layer).__doc__ or "").partition("\n")[0] if made.layer is not None else ""
    return f"{made.label}: {sentence[:1].lower()}{sentence[1:]}" if sentence else ""


def _keeps(step: Explained) -> bool:
    """Whether nothing happens to the shape, and nothing is inferred."""
    made = step.made
    known = not any(fact.formula or fact.inferred for fact in step.facts) and not step.parts
    if made.output is None or made.kind != "layer" or len(made.inputs) != 1:
        return False
    return known and type_of(made.inputs[0][1]) == made.output


def _takes(step: Explained, path: str, depth: int) -> Iterator[_Line]:
    output = f"It returns {_code(_flow(step.made.output))}."
    if step.made.output is None:
        output = "What it returns depends on a parameter that has no value: `--param` gives it one."
    layer, inputs = step.made.layer, list(step.inputs)
    if not inputs:
        yield _Line(depth, output)
    elif len(inputs) == 1:
        yield _Line(depth, f"It takes {_from(inputs[0][1], path)}. {output}")
    else:
        yield _Line(depth, f"{output} It takes")
        for name, value in inputs:
            yield _Line(depth + 1, f"{f'for {_code(name)} ' if layer is not None and name else ''}{_from(value, path)}")


def _from(value: Value, path: str) -> str:
    flow = _code(_flow(type_of(value)))
    if not isinstance(value, ValueRef) or not isinstance(value.type, TensorType | tuple):
        return flow
    which = f"value {' of value '.join(map(str, reversed(value.at)))} of " if value.at else ""
    return f"{flow} from {which}{_step(value.made, path)}"


def _step(made: Producer, path: str) -> str:
    """A step by its name, with what it is and where: Conv2d `block_2.2` (line 22)."""
    if made.kind == "input":
        return f"the input `{made.path.rpartition('.')[2]}` {_place(made.span, path)}"
    what = f"{printable(made.label)} " if made.kind == "layer" else ""
    return f"{what}{_code(made.path or made.label)} {_place(made.span, path)}"


def _part(part: Term) -> Iterator[_Line]:
    """One call or operator of an expression, and how its operands are stretched to each other."""
    inputs = " and ".join(_code(_flow(flow)) for _, flow in part.inputs)
    yield _Line(1, f"{_code(part.text)} makes {_code(_flow(part.output))}{f' of {inputs}' if inputs else ''}")
    if part.rule:
        yield _Line(2, f"its rule: {_code(part.rule)}")
    if not part.broadcasts or len(part.inputs) < 2:
        return
    for axis, of, size in part.stretched:
        flow = dict(part.inputs)[of]
        lacks = isinstance(flow, TensorType) and flow.rank < -axis
        how = "has no such axis, and is repeated" if lacks else "is 1 there, and is repeated"
        yield _Line(2, f"broadcast along axis {axis}, counted from the last: {_code(of)} {how} to {_number(size)}")
    if not part.stretched:
        yield _Line(2, "the shapes are equal, so it goes number by number")


def _fact(fact: Fact, step: Explained, path: str, *, whole: bool) -> Iterator[_Line]:
    depth = 0 if whole else 1
    head = _strong(f"{_head(fact)} = {_number(fact.value)}")
    if fact.inferred:
        layer = step.made.layer
        of = f"`{layer.inputs[fact.output[0]]}`" if layer is not None and len(layer.inputs) > 1 else ""
        if not whole:
            yield _Line(depth, f"{head}, inferred: {_beginning(fact.history, path)}")
            return
        yield _Line(depth, f"{head}, inferred: the size of axis {fact.axis} of {of or 'what flows in'}")
        yield from _history(fact.history, path, 1)
    elif not fact.formula:
        if whole:
            head = head if _head(fact) != _number(fact.value) else _strong(_head(fact))
            yield _Line(depth, f"{head}, unchanged: {_lately(fact.history, path)}")
    elif fact.formula == fact.name and len(fact.sources) == 1:
        yield _Line(depth, f"{head}, an argument: {_says(fact.sources[0], path, step.made.span)}")
    else:
        same = (fact.formula, str(fact.value), _number(fact.value))
        numbers = f" = {_code(fact.numbers)}" if fact.numbers not in same else ""
        yield _Line(depth, f"{head}: {_code(fact.formula)}{numbers}")
        if whole:
            flowing = dict(fact.flowing)
            last: History | None = None
            for source in fact.sources:
                if source.name in flowing:
                    yield from _history(flowing[source.name], path, 1, source.name, last)
                    last = flowing[source.name]
                else:
                    yield _Line(1, _source(source, path, step.made.span))


def _head(fact: Fact) -> str:
    which = "".join(f"[{place}]" for place in fact.output) if not fact.inferred else ""
    return printable(f"{fact.name}{f' of output{which}' if which else ''}")


def _alike(one: Fact, other: Fact) -> bool:
    """Whether two sizes of a step came about in the same way, along different axes."""
    if one.inferred or other.inferred or one.name == one.formula or one.output != other.output:
        return False
    return (one.value, one.numbers) == (other.value, other.numbers) and one.formula != other.formula


def _history(history: History, path: str, depth: int, name: str = "", before: History | None = None) -> Iterator[_Line]:
    """A size back to where it began, as items of a list."""
    label = f"{_code(name)} = " if name else ""
    value = _strong(_number(history.value))
    if before is not None and before.alike(history):
        yield _Line(depth, f"{label}{value}: the same, along axis {history.axis}")
        return
    start = f"it began as {_number(history.start)}, " if history.changes else ""
    joint = " = " if history.kind == "several" and not start else f": {start}"
    yield _Line(depth, f"{label}{value}{joint}{_beginning(history, path)}")
    doing = _does(history.made) if history.before else ""
    if doing:
        yield _Line(depth + 1, doing)
    last: History | None = None
    for named, one in history.before:
        yield from _history(one, path, depth + 1, named, last)
        last = one
    for change in history.changes:
        by = f"{_number(change.before)} → {_number(change.after)}{_how(change.before, change.after)}"
        yield _Line(depth + 1, f"{by} {_step(change.made, path)}: {_code(change.numbers)}")


def _how(before: Any, after: Any) -> str:
    for factor, word in ((2, "halved"), (4, "quartered")):
        if equal(after * factor, before) is True:
            return f", {word} by"
    return ", doubled by" if equal(before * 2, after) is True else ", by"


def _lately(history: History, path: str) -> str:
    """What last made a size what it is."""
    if history.changes:
        return f"last changed by {_step(history.changes[-1].made, path)}"
    return _beginning(history, path)


def _beginning(history: History, path: str) -> str:
    """Where a size began, in words."""
    made, formula = history.made, _code(history.formula)
    step = _step(made, path)
    told = "; ".join(_source(source, path, made.span) for source in history.sources)
    match history.kind:
        case "input":
            return f"axis {history.axis} of {step}{f', {told}' if told else ''}"
        case "argument" if len(history.sources) == 1 and history.sources[0].name == history.formula:
            return f"{formula} of {step}, {_says(history.sources[0], path, made.span)}"
        case "argument":
            return f"{formula} of {step}{f'; {told}' if told else ''}"
        case "several":
            return f"{_code(history.numbers)}, as {step} makes it: {formula}"
        case "written":
            return f"{formula} in {step}{f'; {told}' if told else ''}"
    return f"made by {step}{', which explains the rest' if history.formula else ''}"


def _source(source: Definition, path: str, near: Span, passed: tuple[Span | None, ...] = ()) -> str:
    """What a name is, and which line says so; a line that was just named is not said again."""
    says = _says(source, path, near, passed)
    return f"{_code(source.name)} = {says}"


def _says(source: Definition, path: str, near: Span, passed: tuple[Span | None, ...] = ()) -> str:
    """The same without the name. `passed` are the lines that pass it on, the last one first."""
    value = _value(source.value)
    on = f", passed on in {' and '.join(_bare(one, path) for one in reversed(passed))}" if passed else ""
    span = source.span
    place = f" {_place(span, path)}" if span is not None and (span.path, span.line) != (near.path, near.line) else ""
    if not source.says or (source.says == source.name and not source.sources):  # a loop binds a name like it
        return f"{value}{place}{on}"
    if source.kind != "written":
        return f"{value}, {source.says}{place}{on}"
    around = span if span is not None else near
    if len(source.sources) == 1 and source.sources[0].name == source.says:  # passed on by a caller
        (inner,) = source.sources
        return (_says if inner.name == source.name else _source)(
            inner, path, around, (*passed, *([span] if place else ()))
        )
    told = "".join(f"; {_source(one, path, around)}" for one in source.sources)
    worth = f" = {value}" if value != source.says else ""
    return f"{_code(source.says)}{worth}{place}{on}{told}"


# Words.


def _place(span: Span | None, path: str) -> str:
    return f"({_bare(span, path)})"


def _bare(span: Span | None, path: str) -> str:
    if span is None:
        return ""
    return f"line {span.line}" if span.path == path else _code(f"{span.path}:{span.line}")


def _code(value: str) -> str:
    shown = printable(value).replace("`", "'")
    return f"`{shown}`"


def _strong(value: str) -> str:
    """In bold; as code, where the text holds what Markdown would read."""
    return f"**{printable(value)}**" if "*" not in value else _code(value)


def _flow(flow: Flow | None) -> str:
    """A type, its sizes as plain numbers."""
    if isinstance(flow, TensorType):
        return str(flow.reshaped(*map(plain, flow.shape)))
    if flow is None:
        return "null"
    return f"({', '.join(map(_flow, flow))})" if isinstance(flow, tuple) else flow_text(flow)


def _number(size: Any) -> str:
    """A size as people say it: 490, and not the 10 * 7 * 7 that it was multiplied from."""
    return str(int(size)) if isinstance(size, int) else show(size) if isinstance(size, Dimension) else str(size)


def _value(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if isinstance(value, int | Dimension):
        return _number(value)
    return _code(literal_text(value))
