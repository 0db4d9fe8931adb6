"""One row for each step of a network, in the order in which its modules are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archspec import dimensions
from archspec.dimensions import Size
from archspec.graph import Branch, Call, Class, Flow, Graph, Group, Input, Item, Loop, Step, free_symbols
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.problems import printable
from archspec.records import Record
from archspec.tensors import TensorType
from archspec.views.summary_figures import at, bytes_each, plain, unknown
from archspec.views.summary_trace import Trace


class Row(Record):
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

    def of_class(self, cls: Class, depth: int, prefix: str) -> Iterator[Row]:
        """The rows of a class's steps."""
        for step in cls.steps:
            if step.kind in ("parameter", "buffer") and isinstance(step.output, TensorType):
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
            if isinstance(item, Call) and isinstance(item.layer, Layer):
                yield self.layer(item, item.layer, path, depth)
                continue
            yield _group(item, path, depth)
            if isinstance(item, Call):
                assert isinstance(item.layer, Class)
                yield from self.of_class(item.layer, depth + 1, f"{path}.")
            else:
                yield from self.of(item.items, depth + 1, f"{path}.")

    def layer(self, call: Call, layer: Layer, path: str, depth: int) -> Row:
        """The row of a layer."""
        dtype = str(vars(layer).get("dtype") or "float32")
        tied = sum(weight == "weight" for weight, _ in call.ties) and _tied(layer)
        count = plain(layer.parameter_count()) - tied
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
        taken = sum((size for at, size in self.taken.items() if f"{at}.".startswith(f"{path}.")), start=0)
        return Row(
            path, depth, f"{step.module} again", step.inputs, step.output, 0, macs, step.span.line, 0, "float32", taken,
            is_computed=True, receptive_field=self.field(path),
        )  # fmt: skip


def rows(graph: Graph, trace: Trace) -> tuple[Row, ...]:
    """The rows of a network."""
    return tuple(Rows(trace).of_class(graph.main, 0, ""))


def batch(inputs: tuple[Input, ...]) -> list[str]:
    """The names of batch sizes: free names that are the first axis of an input, and no further axis of another."""
    first = [size for value in inputs for size in value.type.shape[:1]]
    further = {symbol for value in inputs[1:] for size in value.type.shape[1:] for symbol in free_symbols(size)}
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


def _tied(layer: Layer) -> Size:
    """How many numbers a layer's weight has: it is another layer's, and counted there."""
    bias = layer.arguments.get("bias")
    without = type(layer)({**layer.given, "bias": False}) if bias is not None else layer
    for name, value in vars(layer).items():
        if name in layer.arguments and name not in vars(without):
            vars(without)[name] = value
    return plain(without.parameter_count())
