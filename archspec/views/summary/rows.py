"""One row for each step of a network, in the order in which its modules are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from archspec import dimensions
from archspec.characters import printable
from archspec.dimensions import Size
from archspec.expressions import UndecidedError
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Input, Item, Loop, Step, free_symbols
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.tensors import TensorType
from archspec.views.summary.figures import above, at, bytes_each, plain, unknown
from archspec.views.summary.trace import Trace


@dataclass(frozen=True, slots=True)
class Row:
    """One step. A group of layers has a row of its own, without figures, so that every column adds up."""

    path: str
    """Dotted, as in the state_dict."""
    depth: int
    layer: str
    """The name of its class."""
    inputs: tuple[Flow | None, ...]
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
    """Memory that it takes for what it makes: none for a view of its input."""
    is_group: bool = False
    is_computed: bool = False
    """Whether it is a computation, and no module of its own."""
    is_idle: bool = False
    """Whether the network holds it and never runs it."""
    is_own: bool = False
    """Whether it is of a class of the user's, whose figures only PyTorch knows."""
    text: str = ""
    """A computation's expression."""
    receptive_field: tuple[Size, ...] = ()
    """How many places of the input a value depends on, along each axis of a feature map; empty where it is none."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]


class Rows:
    """Makes the rows of a network, with its trace at hand."""

    def __init__(self, trace: Trace) -> None:
        self.sizes: Mapping[str, int] = trace.sizes
        self.taken: dict[str, Size] = {}  # bytes by the path of the step
        self.fields = dict(trace.seen)
        for operation in trace.operations:
            made = sum((one.bytes for one in operation.makes), start=0)
            self.taken[operation.path] = self.taken.get(operation.path, 0) + made
        self.taken_below: dict[str, Size] = {}  # by the path of a step: its own, and those of the steps within it
        for path, size in self.taken.items():
            for one in (*above(path), path):
                self.taken_below[one] = self.taken_below.get(one, 0) + size

    def of_class(self, cls: Class, depth: int, prefix: str) -> Iterator[Row]:
        """The rows of a class's steps."""
        for step in cls.written():
            if not cls.runs(step) and step.item is not None:
                yield from self.idle(step.item, depth, prefix)
            elif not cls.runs(step):
                continue  # what the constructor makes tensors of
            elif step.kind == "weight":
                continue  # its layer has a row
            elif step.kind in ("parameter", "buffer") and isinstance(step.output, TensorType):
                yield self.tensor(step, step.output, depth, prefix)
            elif step.item is not None:
                yield from self.of((step.item,), depth, prefix)
                if step.macs != 0:  # of what its `from` computes
                    yield self.computed(step, depth, prefix, ", ".join(node.text for _, node in step.arguments))
            elif step.again is not None:
                yield self.again(step, step.again, depth, prefix)
            else:
                yield self.computed(step, depth, prefix, step.arguments[0][1].text)
        if cls.outputs is not None and cls.outputs.macs != 0:
            path, macs = f"{prefix}outputs", at(cls.outputs.macs, self.sizes)
            text, line = ", ".join(node.text for node in cls.outputs.values), cls.steps[-1].span.line
            taken = self.taken.get(path, 0)
            yield Row(
                path, depth, "Expression", (), cls.output, 0, macs, line, 0, "float32", taken,
                is_computed=True, text=printable(text),
            )  # fmt: skip
        yield from self.of(cls.items, depth, prefix)

    def of(self, items: tuple[Item, ...], depth: int, prefix: str) -> Iterator[Row]:
        """The items' rows, outer ones first."""
        for item in items:
            path = f"{prefix}{getattr(item, 'name', None) or '*'}"
            if isinstance(item, Group) and item.module is not None:
                yield from self.runs(item, item.module, depth, prefix)
                continue
            if isinstance(item, Call) and isinstance(item.layer, Layer):
                yield self.layer(item, item.layer, path, depth)
                continue
            yield _group(item, path, depth)
            if isinstance(item, Call):
                assert isinstance(item.layer, Class)
                yield from self.of_class(item.layer, depth + 1, f"{path}.")
            else:
                yield from self.of(item.items, depth + 1, f"{path}.")

    def idle(self, item: Item, depth: int, prefix: str) -> Iterator[Row]:
        """The rows of a module that nothing runs: it holds weights, and costs nothing else."""
        for place, row in enumerate(self.of((item,), depth, prefix)):
            layer = row.layer if place else f"{row.layer}, not called"
            yield replace(row, layer=layer, macs=0, output_bytes=0, receptive_field=(), is_idle=True)

    def runs(self, group: Group, module: Item, depth: int, prefix: str) -> Iterator[Row]:
        """The rows of one module that runs in every round: what all its runs cost, and its weights once."""
        first, *others = [list(self.of((run,), depth, prefix)) for run in group.items] or [[]]
        if not first:
            rows = self.of((module,), depth, prefix)
            yield from (replace(row, macs=0, output_bytes=0, is_idle=True) for row in rows)
            return
        for place, row in enumerate(first):
            row = replace(row, macs=sum((other[place].macs for other in others), start=row.macs))
            if not place:
                rounds = f"{len(group.items)} rounds" if others else "1 round"
                row = replace(row, layer=f"{row.layer}, {rounds}", inputs=group.inputs, output=group.output)
            yield row

    def layer(self, call: Call, layer: Layer, path: str, depth: int) -> Row:
        """The row of a layer."""
        dtype = str(vars(layer).get("dtype") or "float32")
        count = plain(call.parameter_count()) - _tied(call, layer)
        return Row(
            path=path,
            depth=depth,
            layer=call.type_name,
            inputs=call.inputs,
            output=call.output,
            parameters=count,
            macs=at(call.macs(), self.sizes),
            line=call.span.line,
            parameter_bytes=count * bytes_each(dtype),
            dtype=dtype,
            output_bytes=self.taken.get(path, 0),
            is_own=isinstance(layer, OwnLayer),
            receptive_field=self.field(path),
        )

    def field(self, path: str) -> tuple[Size, ...]:
        """The receptive field of what a step makes."""
        return tuple(places for places, _ in self.fields.get(path, ()))

    def tensor(self, step: Step, output: TensorType, depth: int, prefix: str) -> Row:
        """The row of a Parameter or Buffer."""
        count = plain(output.numel) if step.kind == "parameter" else 0
        size, line = count * bytes_each(output.dtype), step.span.line
        label, path = step.kind.capitalize(), f"{prefix}{step.name}"
        return Row(path, depth, label, (), output, count, 0, line, size, output.dtype, 0)

    def computed(self, step: Step, depth: int, prefix: str, text: str) -> Row:
        """The row of an expression."""
        path, macs, line = f"{prefix}{step.target.text}", at(step.macs, self.sizes), step.span.line
        taken = self.taken.get(path, 0) if step.item is None else 0
        return Row(
            path, depth, "Expression", step.inputs, step.output, 0, macs, line, 0, "float32", taken,
            is_computed=True, text=printable(text), receptive_field=self.field(path),
        )  # fmt: skip

    def again(self, step: Step, item: Item, depth: int, prefix: str) -> Row:
        """The row of a module that runs once more."""
        path = f"{prefix}{step.target.text}"
        macs = sum((row.macs for row in self.of((item,), 0, "")), start=at(step.macs, self.sizes))
        taken = self.taken_below.get(path, 0)
        return Row(
            path, depth, f"{step.module} again", step.inputs, step.output, 0, macs, step.span.line, 0, "float32", taken,
            is_computed=True, receptive_field=self.field(path),
        )  # fmt: skip


def rows(graph: Graph, trace: Trace) -> tuple[Row, ...]:
    """The rows of a network."""
    return tuple(Rows(trace).of_class(graph.main, 0, ""))


def batch(inputs: tuple[Input, ...]) -> list[str]:
    """The names of batch sizes: free names that are the first axis of an input, and no further axis of another."""
    first = [size for value in inputs for size in value.tensor.shape[:1]]
    further = {symbol for value in inputs[1:] for size in value.tensor.shape[1:] for symbol in free_symbols(size)}
    return [s.text for size in first for s in free_symbols(size) if size == dimensions.of(s) and s not in further]


def _group(item: Item, path: str, depth: int) -> Row:
    label, line, none = "Sequential", item.span.line, 0
    figure: Size = none
    if isinstance(item, Call):
        label = item.type_name
    elif isinstance(item, Group):
        label = "ModuleList" if item.listed else "Sequential"
    elif isinstance(item, Loop | Branch):
        # How often a loop runs, or whether a branch is taken, depends on a parameter that has no value.
        figure, path = unknown("a parameter has no value"), ""
        text = f"for {item.target.text} in {item.iterable.text}" if isinstance(item, Loop) else ""
        label = printable(text or f"if {item.condition.text}" if isinstance(item, Branch) else text)
    return Row(
        path, depth, label, item.inputs, item.output, figure, figure, line, figure, "float32", figure, is_group=True
    )


def _tied(call: Call, layer: Layer) -> Size:
    """How many of a layer's numbers are another one's, and counted there."""
    names = {tie.weight for tie in call.ties}
    try:
        weights = layer.weights() if names else ()
    except UndecidedError:
        return unknown("a parameter has no value")
    return sum((plain(weight.numel) for weight in weights if weight.name in names), start=0)
