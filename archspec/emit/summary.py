"""Graph -> the table of its steps: output shapes, parameters, multiply-accumulates, memory. Runs no PyTorch.

Shapes stay symbolic. Figures that depend on the batch size alone are those of one sample; what depends on more than
that, such as an image's height, stays a formula, and the table says how to put numbers in its place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from archspec import dimensions
from archspec.dimensions import Dimension, Size, Unknown
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Input, Item, Loop, free_symbols
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.problems import printable
from archspec.records import Record
from archspec.tensors import BYTES, TensorType

WIDTH = 100
"""Columns of the table, wherever names and shapes leave room for that."""

_HEADS = ("Step", "Layer", "Output", "Parameters", "MACs")
_LONGEST = 28  # of a formula
_LAYOUTS = ((_LONGEST, "  "), (14, "  "), (0, "  "), (0, " "))  # the MACs' longest formula, and the gap; first fit
_EXAMPLES = (224, 1024, 16384)  # a free size: of an image, of a text, of two seconds of sound
_UNITS = ("", "k", "M", "G", "T", "P", "E")


class Row(Record):
    """One step. A group of layers has a row of its own, without figures, so that every column adds up."""

    path: str
    """Dotted, as in the state_dict."""
    depth: int
    layer: str
    """The name of its class."""
    output: Flow | None
    parameters: Size
    """Learnable numbers."""
    macs: Size
    """Multiply-accumulates of one forward pass, as torch.utils.flop_counter counts them, halved."""
    line: int
    """In the spec."""
    parameter_bytes: Size
    dtype: str
    """Of its parameters."""
    output_bytes: Size
    is_group: bool = False
    is_computed: bool = False
    """Whether it is a computation, and no module of its own."""
    is_own: bool = False
    """Whether it is of a class of the user's, whose figures only PyTorch knows."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


class Summary(Record):
    """What a network comes to. A figure is an int, or a Dimension where it is not known. `str()` is the table."""

    name: str
    path: str
    inputs: tuple[Input, ...]
    output: Flow | None
    rows: tuple[Row, ...]
    sizes: Mapping[str, int]
    """The free dimensions that have a number in all figures (not in the shapes): `{"N": 1}`, one sample."""
    hint: str
    """What to say besides for every figure to be a number; empty where each is one."""

    @property
    def parameters(self) -> Size:
        """Learnable numbers of the whole network."""
        return sum((row.parameters for row in self.rows), start=0)

    @property
    def trainable(self) -> Size:
        """Those that training changes: all of them, as PyTorch makes layers."""
        return self.parameters

    @property
    def macs(self) -> Size:
        """Multiply-accumulates of one forward pass."""
        return sum((row.macs for row in self.rows), start=0)

    @property
    def parameter_bytes(self) -> dict[str, Size]:
        """Memory of the parameters by their dtype."""
        total: dict[str, Size] = {}
        for row in self.rows:
            if row.parameter_bytes != 0:
                total[row.dtype] = total.get(row.dtype, 0) + row.parameter_bytes
        return total

    @property
    def activation_bytes(self) -> Size:
        """Memory of the outputs of all layers together, of one forward pass."""
        return sum((row.output_bytes for row in self.rows), start=0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what is known is an integer, everything else a string."""
        totals = {name: _data(getattr(self, name)) for name in ("parameters", "trainable", "macs", "activation_bytes")}
        return {
            "name": self.name,
            "path": self.path,
            "inputs": {value.name: _flow_data(value.type) for value in self.inputs},
            "output": _flow_data(self.output),
            "sizes": dict(self.sizes),
            "steps": list(map(_row_data, self.rows)),
            "totals": totals | {"parameter_bytes": {key: _data(size) for key, size in self.parameter_bytes.items()}},
        }

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def summarize(graph: Graph) -> Summary:
    """The summary of a network whose parameters are bound (`lower` without `symbolic`)."""
    main = graph.main
    sizes = dict.fromkeys(_batch(main.inputs), 1)
    rows = tuple(_class_rows(main, 0, "", sizes))
    figures = (size for row in rows if not row.is_own for size in (row.parameters, row.macs, row.output_bytes))
    hint = "" if all(isinstance(size, int) for size in figures) else _hint(main, rows, sizes)
    return Summary(main.name, graph.path, main.inputs, main.output, rows, sizes, hint)


def _batch(inputs: tuple[Input, ...]) -> list[str]:
    """The names of batch sizes: free names that are the first axis of an input, and no further axis of another."""
    first = [size for value in inputs for size in value.type.shape[:1]]
    further = {symbol for value in inputs[1:] for size in value.type.shape[1:] for symbol in free_symbols(size)}
    return [s.text for size in first for s in free_symbols(size) if size == dimensions.of(s) and s not in further]


def _class_rows(cls: Class, depth: int, prefix: str, sizes: Mapping[str, int]) -> Iterator[Row]:
    """The rows of a class's steps, in the order in which they are made."""
    for step in cls.steps:
        if step.kind in ("parameter", "buffer") and isinstance(step.output, TensorType):
            count = _plain(step.output.numel) if step.kind == "parameter" else 0
            label, line = step.kind.capitalize(), step.span.line
            size, dtype = count * _bytes_each(step.output.dtype), step.output.dtype
            yield Row(f"{prefix}{step.name}", depth, label, step.output, count, 0, line, size, dtype, 0)
        elif step.item is not None:
            yield from _rows((step.item,), depth, prefix, sizes)
        macs = step.macs
        label = "Expression"
        if step.again is not None:
            macs = macs + sum((row.macs for row in _rows((step.again,), 0, "", sizes)), start=0)
            label = f"{step.module} again"
        if macs != 0:
            path, figure = f"{prefix}{step.target.text}", _at(macs, sizes)
            held = _at(_flow_bytes(step.output), sizes)
            yield Row(path, depth, label, step.output, 0, figure, step.span.line, 0, "float32", held, is_computed=True)
    if cls.outputs is not None and cls.outputs.macs != 0:
        figure, line = _at(cls.outputs.macs, sizes), cls.steps[-1].span.line
        path = f"{prefix}outputs"
        yield Row(path, depth, "Expression", cls.output, 0, figure, line, 0, "float32", 0, is_computed=True)
    yield from _rows(cls.items, depth, prefix, sizes)


def _rows(items: tuple[Item, ...], depth: int, prefix: str, sizes: Mapping[str, int]) -> Iterator[Row]:
    """The items' rows, outer ones first."""
    for item in items:
        path = f"{prefix}{getattr(item, 'name', None) or '*'}"
        if isinstance(item, Call) and isinstance(item.layer, Layer):
            yield _layer_row(item, item.layer, path, depth, sizes)
        elif isinstance(item, Call):
            assert isinstance(item.layer, Class)
            yield Row(path, depth, item.layer.name, item.output, 0, 0, item.span.line, 0, "float32", 0, is_group=True)
            yield from _class_rows(item.layer, depth + 1, f"{path}.", sizes)
        else:
            yield _group_row(item, path, depth)
            yield from _rows(item.items, depth + 1, f"{path}.", sizes)


def _group_row(item: Group | Loop | Branch, path: str, depth: int) -> Row:
    if isinstance(item, Group):
        label = "ModuleList" if item.listed else "Sequential"
        return Row(path, depth, label, item.output, 0, 0, item.span.line, 0, "float32", 0, is_group=True)
    # How often a loop runs, or whether a branch is taken, depends on a parameter that has no value.
    unknown = dimensions.of(Unknown("a parameter has no value"))
    text = f"for {item.target.text} in {item.iterable.text}" if isinstance(item, Loop) else f"if {item.condition.text}"
    label, line = printable(text), item.span.line
    return Row("", depth, label, item.output, unknown, unknown, line, unknown, "float32", unknown, is_group=True)


def _layer_row(call: Call, layer: Layer, path: str, depth: int, sizes: Mapping[str, int]) -> Row:
    dtype = str(vars(layer).get("dtype") or "float32")
    tied = sum(weight == "weight" for weight, _ in call.ties) and _tied(layer)
    count = _plain(layer.parameter_count()) - tied
    return Row(
        path=path,
        depth=depth,
        layer=call.type_name,
        output=call.output,
        parameters=count,
        macs=_at(call.macs(), sizes),
        line=call.span.line,
        parameter_bytes=count * _bytes_each(dtype),
        dtype=dtype,
        output_bytes=_at(_flow_bytes(call.output), sizes),
        is_own=isinstance(layer, OwnLayer),
    )


def _tied(layer: Layer) -> Size:
    """How many numbers a layer's weight has: it is another layer's, and counted there."""
    bias = layer.arguments.get("bias")
    without = type(layer)({**layer.given, "bias": False}) if bias is not None else layer
    for name, value in vars(layer).items():
        if name in layer.arguments and name not in vars(without):
            vars(without)[name] = value
    return _plain(without.parameter_count())


def _flow_bytes(flow: Flow | None) -> Size:
    if isinstance(flow, TensorType):
        return flow.numel * _bytes_each(flow.dtype)
    if flow is None:
        return dimensions.of(Unknown("what flows is not known"))
    return sum((_flow_bytes(part) for part in flow if part is not None), start=0)


def _bytes_each(dtype: str) -> int:
    return BYTES.get(dtype, 1)


def _at(size: Size, sizes: Mapping[str, int]) -> Size:
    try:
        return _plain(dimensions.substitute(size, sizes))
    except ZeroDivisionError:  # an input of 64 // (N - 1) channels
        return dimensions.of(Unknown("there is no such size"))


def _plain(size: Size) -> Size:
    """As briefly as can be: `576 * h * w`, and not the `4 * h * w * 16 * 3 * 3` that it was multiplied from."""
    if isinstance(size, int):
        return int(size)
    known = math.prod(factor for factor in size.factors if isinstance(factor, int))
    folded = dimensions.product([known, *(factor for factor in size.factors if not isinstance(factor, int))])
    return min(Dimension(size.terms), folded, key=lambda form: len(str(form))) if size.factors else size


# What to pass for every figure to be a number.


def _hint(main: Class, rows: tuple[Row, ...], sizes: Mapping[str, int]) -> str:
    """As in `H and W are not known: --input x=1,3,224,224 makes every figure a number`."""
    names = [parameter.name for parameter in main.parameters if parameter.value is None]
    options = [f"--param {name}=..." for name in names]
    free = {symbol.text for value in main.inputs for symbol in free_symbols(value.type)}
    if not names and free <= sizes.keys():
        sizes = {}  # there is no network for the batch that the figures are for
    shapes = [value.type.shape for value in main.inputs]
    examples = next(filter(None, (_examples(shapes, rows, sizes, size) for size in _EXAMPLES)), None)
    for value in main.inputs:
        missing = sorted(symbol.text for symbol in free_symbols(value.type) if symbol.text not in sizes)
        if missing:
            names += [name for name in missing if name not in names]
            numbers = ["..."] if examples is None else [str(_data(_at(axis, examples))) for axis in value.type.shape]
            options.append(f"--input {value.name}={','.join(numbers)}")
    if not names:
        return ""
    what = f"{names[0]} is" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are"
    return f"{what} not known: {' '.join(options)} makes every figure a number"


def _examples(
    shapes: list[tuple[Size, ...]], rows: tuple[Row, ...], sizes: Mapping[str, int], size: int
) -> dict[str, int] | None:
    """A number for each free name such that the axis on which it stands is about `size`; None if a step refuses."""
    found: dict[str, int] = {}
    try:
        for axis in (axis for shape in shapes for axis in shape):
            names = {symbol.text for symbol in dimensions.symbols(axis)}
            if len(names) == 1:
                (name,) = names
                found.setdefault(name, max(1, size // max(1, dimensions.evaluate(axis, {name: 1}))))
        found |= sizes
        flows = (*map(TensorType, shapes), *(row.output for row in rows))
        return found if all(_fits(flow, found) for flow in flows) else None
    except ZeroDivisionError:
        return None


def _fits(flow: Flow | None, sizes: Mapping[str, int]) -> bool:
    """Whether no axis would be empty."""
    if isinstance(flow, TensorType):
        return all(dimensions.at_least(dimensions.substitute(axis, sizes), 1) is not False for axis in flow.shape)
    return flow is None or all(_fits(part, sizes) for part in flow)


# For programs.


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "depth": row.depth,
        "layer": row.layer,
        "output": _flow_data(row.output),
        "parameters": _data(row.parameters),
        "macs": _data(row.macs),
        "output_bytes": _data(row.output_bytes),
        "line": row.line,
    }


def _flow_data(flow: Flow | None) -> Any:
    if isinstance(flow, TensorType):
        return {"shape": list(map(_data, flow.shape)), "dtype": flow.dtype}
    return None if flow is None else list(map(_flow_data, flow))


def _data(size: Size) -> int | str:
    if isinstance(size, int):
        return int(size)
    return "?" if "?" in str(size) else str(size)


# For people.


def _lines(summary: Summary) -> Iterator[str]:
    for longest, gap in _LAYOUTS:
        table = _table(summary.rows, longest, gap)
        if len(table[0]) <= WIDTH:
            break
    inputs = ", ".join(f"{value.name} {_flow_text(value.type)}" for value in summary.inputs)
    yield f"{summary.name}: {inputs} -> {_flow_text(summary.output)}"
    yield ""
    rule = "-" * len(table[0])
    yield from (table[0].rstrip(), rule, *map(str.rstrip, table[1:]), rule)
    yield from _totals(summary)


def _table(rows: tuple[Row, ...], longest: int, gap: str) -> list[str]:
    """The head and a line for each row, all of one length."""
    cells = [_HEADS, *(_cells(row, longest) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        gap.join(
            cell.rjust(width) if head in ("Parameters", "MACs") else cell.ljust(width)
            for head, cell, width in zip(_HEADS, line, widths, strict=True)
        )
        for line in cells
    ]


def _cells(row: Row, longest: int) -> tuple[str, ...]:
    figures = ("", "") if row.is_group else (_figure(row.parameters, _LONGEST), _figure(row.macs, longest))
    return ("  " * row.depth + row.name, row.layer, _flow_text(row.output), *figures)


def _totals(summary: Summary) -> Iterator[str]:
    per = ", ".join(f"{name} = {size}" for name, size in summary.sizes.items())
    per = per and f" for {per}"
    memory = ", ".join(f"{_human(size, 'B')} of {dtype}" for dtype, size in summary.parameter_bytes.items())
    yield from _line("Parameters", _total(summary.parameters), f", all trainable: {memory}" if memory else "")
    yield from _line("MACs", _total(summary.macs), f" multiply-accumulates{per}")
    yield from _line("Activations", _human(summary.activation_bytes, "B"), f"{per}, the outputs of all layers together")
    if summary.hint:
        yield from ("", summary.hint)


def _line(head: str, figure: str, more: str) -> Iterator[str]:
    yield f"{head:11}  {figure}" + ("" if figure == "?" else more)


def _total(size: Size) -> str:
    """A number with its human form, where that is shorter: `61,100,840 (61.1 M)`."""
    text = _figure(size, _LONGEST)
    if not isinstance(size, int):
        return text
    return f"{text} ({_human(size, '')})" if size >= 10_000 else str(text if size else 0)


def _human(size: Size, unit: str) -> str:
    """Three digits and a decimal prefix: `244 MB`."""
    if not isinstance(size, int):
        text = _figure(size, _LONGEST)
        return text if text == "?" else f"{text} {unit}".rstrip()
    rounded = int(float(f"{size:.3g}"))
    power = min((len(str(rounded)) - 1) // 3, len(_UNITS) - 1)
    digits = 2 - (len(str(rounded)) - 1) % 3 if power else 0
    return f"{rounded / 1000**power:.{max(0, digits)}f} {_UNITS[power]}{unit}".rstrip()


def _figure(size: Size, longest: int) -> str:
    if isinstance(size, int):
        return f"{size:,}" if size else "-"
    text = re.sub(r"\b\d{4,}\b", lambda match: f"{int(match[0]):,}", str(size))
    return text if len(text) <= longest and "?" not in text else "?"


def _flow_text(flow: Flow | None) -> str:
    if isinstance(flow, TensorType):
        text = f"[{', '.join(str(_data(axis)) for axis in flow.shape)}]"
        return text if flow.dtype == "float32" else f"{text} {flow.dtype}"
    return "?" if flow is None else f"({', '.join('null' if part is None else _flow_text(part) for part in flow)})"
