"""A summary as people read it: text, Markdown, and comma-separated values."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING

from archspec.characters import printable
from archspec.dimensions import LEADING, Size
from archspec.graph import Flow
from archspec.views.summary.figures import LONGEST, aligned, data, figure, flow_text, human, tensors
from archspec.views.summary.folding import Line, lines

if TYPE_CHECKING:
    from archspec.views.summary import Summary

WIDTH = 120
"""Columns of the text that a table takes at most, wherever names and shapes leave room for that."""

_HEADS = ("Step", "Layer", "Input", "Output", "Parameters", "", "MACs", "", "Memory")
_INPUT, _SHARES, _MEMORY = {2}, {5, 7}, {8}
_RIGHT = range(4, 9)
_FIGURES = {_HEADS[place] for place in _RIGHT}
_LAYOUTS: tuple[tuple[int, set[int], str], ...] = (
    (LONGEST, set(), "  "),
    (14, set(), "  "),
    (14, _INPUT, "  "),
    (0, _INPUT, " "),
    (0, _INPUT | _SHARES, " "),
    (0, _INPUT | _SHARES | _MEMORY, " "),
)
"""The longest formula, the columns left out, the gap between columns; the first that fits."""

_EXPRESSION = 24
"""Characters of an expression."""


def text(summary: Summary, depth: int | None, width: int = WIDTH) -> Iterator[str]:
    """The lines of the table, those of its totals, and how to make every figure a number.

    Where the table is wider than `width`, formulas become `?` and columns are left out: rows stay whole.
    """
    shown = list(lines(summary.rows, depth))
    for longest, left_out, gap in _LAYOUTS:
        cells = _cells(summary, shown, longest, left_out)
        table = aligned(cells, gap, sum(head not in _FIGURES for head in cells[0]))
        if len(table[0]) <= width:
            break
    yield _title(summary)
    yield ""
    rule = "-" * len(table[0])
    yield from (table[0].rstrip(), rule, *map(str.rstrip, table[1:]), rule)
    for head, line in totals(summary):
        yield from map(printable, wrap(f"{head:11}  {line}", max(width, 40), subsequent_indent=" " * 13))
    if summary.hint:
        yield from ("", summary.hint)


def markdown(summary: Summary, depth: int | None) -> Iterator[str]:
    """The same for a page."""
    head, *body = _cells(summary, list(lines(summary.rows, depth)), LONGEST, set())
    yield f"**{_escaped(_title(summary))}**"
    yield ""
    yield _markdown_row(cell or "%" for cell in head)
    yield _markdown_row("--:" if place in _RIGHT else "---" for place in range(len(head)))
    for cells in body:
        indent = "&nbsp;" * (len(cells[0]) - len(cells[0].lstrip()))
        yield _markdown_row((indent + _escaped(cells[0].lstrip()), *map(_escaped, cells[1:])))
    yield ""
    yield from (f"- {head}: {_escaped(line)}" for head, line in totals(summary))
    if summary.hint:
        yield from ("", _escaped(summary.hint))


def csv(summary: Summary) -> Iterator[str]:
    """A line for each step, every step on its own, figures without units."""
    names = ("path", "layer", "input", "output", "parameters", "macs", "output_bytes", "receptive_field", "line")
    yield ",".join(names)
    for row in summary.rows:
        inputs = "; ".join(map(flow_text, row.inputs))
        figures = ("", "", "") if row.is_group else (data(row.parameters), data(row.macs), data(row.output_bytes))
        field = "x".join(str(data(size)) for size in row.receptive_field)
        cells = (printable(row.path), row.text or row.layer, inputs, flow_text(row.output), *figures, field, row.line)
        yield ",".join(map(_quoted, map(str, cells)))


def totals(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the network comes to, and what that is called."""
    per = ", ".join(f"{name} = {size}" for name, size in summary.sizes.items())
    per = per and f" for {per.replace(LEADING, '...')}"
    bytes_text = ", ".join(f"{human(size, 'B')} of {dtype}" for dtype, size in summary.parameter_bytes.items())
    learning = (
        "all trainable" if summary.frozen == 0 else f"of which {figure(summary.trainable, LONGEST)} are trainable"
    )
    yield "Parameters", _total(summary.parameters, f", {learning}: {bytes_text}" if bytes_text else "")
    yield "MACs", _total(summary.macs, f" multiply-accumulates{per}")
    made = human(summary.activation_bytes, "B")
    yield "Activations", made if made == "?" else f"{made}{per}, the outputs of all steps together"
    memory = summary.memory
    if isinstance(memory.training, int):
        saved, adam = human(memory.saved, "B"), human(2 * sum(summary.parameter_bytes.values()), "B")
        yield "Inference", f"{human(memory.inference, 'B')}{per} at its peak, with the parameters"
        training = f"{human(memory.training, 'B')}{per} at its peak, with parameters, gradients and {saved} saved"
        yield "Training", f"{training} for them; Adam adds {adam}"
    seen = [row for row in summary.rows if row.receptive_field]
    if seen:
        field = " x ".join(str(data(size)) for size in seen[-1].receptive_field)
        yield "Field", f"{field} of the input: the receptive field at {seen[-1].path}"
    if summary.own:
        yield "Besides", f"{', '.join(summary.own)}: your own, whose figures only PyTorch knows"


def _title(summary: Summary) -> str:
    inputs = ", ".join(f"{value.name} {flow_text(value.type)}" for value in summary.inputs)
    return f"{summary.name}: {inputs} -> {flow_text(summary.output)}"


def _cells(summary: Summary, shown: list[Line], longest: int, left_out: set[int]) -> list[tuple[str, ...]]:
    """The head, and the cells of each line; a column of shares only where there is something to share."""
    whole = summary.parameters, summary.macs
    everything = [_HEADS, *(_line_cells(whole, line, longest) for line in shown)]
    left_out = left_out | {place for place in _SHARES if not any(cells[place] for cells in everything)}
    return [tuple(cell for place, cell in enumerate(cells) if place not in left_out) for cells in everything]


def _line_cells(whole: tuple[Size, Size], line: Line, longest: int) -> tuple[str, ...]:
    row = line.row
    times = f" ×{line.times}" if line.times > 1 and line.name != row.name else ""
    name = "  " * line.depth + printable(line.name) + times
    label = _shortened(row.text) if row.text else row.layer
    shapes = (_inputs_text(row.inputs), _first_text(row.output))
    if line.is_open and row.is_group and line.parameters == 0:
        return (name, label, *shapes, "", "", "", "", "")
    return (
        name,
        label,
        *shapes,
        _times(line.times, figure(line.parameters, LONGEST)),
        _share(line.parameters, line.times, whole[0]),
        _times(line.times, _short(line.macs, longest)),
        _share(line.macs, line.times, whole[1]),
        _times(line.times, _short(line.output_bytes, longest, "B")),
    )


def _times(times: int, text: str) -> str:
    """`12 × 590,592`."""
    return f"{times} × {text}" if times > 1 and text not in ("-", "?") else text


def _short(size: Size, longest: int, unit: str = "") -> str:
    if isinstance(size, int):
        return human(size, unit) if size else "-"
    return figure(size, longest)


def _share(part: Size, times: int, whole: Size) -> str:
    """Of the whole, in percent."""
    if not isinstance(part, int) or not isinstance(whole, int) or part == 0 or whole == 0:
        return ""
    percent = 100 * times * part / whole
    return f"{percent:.1f}%" if percent >= 0.05 else "<0.1%"


def _inputs_text(inputs: tuple[Flow | None, ...]) -> str:
    flows = [tensor for flow in inputs for tensor in tensors(flow)]
    return _first_text(tuple(flows)) if flows else "?" if None in inputs else ""


def _first_text(flow: Flow | None) -> str:
    """The first tensor, and how many more there are."""
    flows = list(tensors(flow))
    more = f" +{len(flows) - 1}" if len(flows) > 1 else ""
    return flow_text(flows[0] if flows else flow) + more


def _shortened(expression: str) -> str:
    return expression if len(expression) <= _EXPRESSION else f"{expression[: _EXPRESSION - 3]}..."


def _total(size: Size, more: str) -> str:
    """A number with its human form, where that is shorter: `61,100,840 (61.1 M)`; and what there is to say of it."""
    text = figure(size, LONGEST)
    if isinstance(size, int):
        text = f"{text} ({human(size)})" if size >= 10_000 else str(text if size else 0)
    return text if text == "?" else f"{text}{more}"


def _markdown_row(cells: Iterator[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(cell: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|" else letter for letter in printable(cell))


def _quoted(cell: str) -> str:
    return '"{}"'.format(cell.replace('"', '""')) if any(letter in cell for letter in ',"\n') else cell
