"""Graph -> what a network comes to: shapes, parameters, multiply-accumulates, memory. Runs no PyTorch.

Shapes stay symbolic. Figures that depend on the batch size alone are those of one sample; what depends on more than
that, such as an image's height, stays a formula, and the table says how to put numbers in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from archspec.dimensions import Size, show
from archspec.graph import Class, Flow, Graph, Input
from archspec.views.summary import table as summary_table
from archspec.views.summary.figures import at, data, flow_data, unknown
from archspec.views.summary.frozen import frozen
from archspec.views.summary.hint import hint
from archspec.views.summary.memory import Memory, known, peaks
from archspec.views.summary.rows import Row, batch, rows
from archspec.views.summary.trace import Trace


@dataclass(frozen=True, slots=True)
class Summary:
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
    memory: Memory
    """Peaks of memory."""
    frozen: Size = 0
    """Learnable numbers that do not learn, as a step says `trainable: false`."""

    @property
    def own(self) -> tuple[str, ...]:
        """The user's own classes, whose figures only PyTorch knows."""
        return tuple(dict.fromkeys(row.layer for row in self.rows if row.is_own))

    @property
    def parameters(self) -> Size:
        """Learnable numbers of the whole network."""
        return sum((row.parameters for row in self.rows), start=0)

    @property
    def trainable(self) -> Size:
        """Those that training changes: all but the frozen ones."""
        return self.parameters - self.frozen

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
        """Memory of the outputs of all steps together, in one forward pass."""
        return sum((row.output_bytes for row in self.rows), start=0)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what is known is an integer, everything else a string."""
        return {
            "name": self.name,
            "path": self.path,
            "inputs": {value.name: flow_data(value.type) for value in self.inputs},
            "output": flow_data(self.output),
            "sizes": dict(self.sizes),
            "steps": list(map(_row_data, self.rows)),
            "totals": self.totals(),
        }

    def totals(self) -> dict[str, Any]:
        """What the whole network comes to, for JSON."""
        figures = ("parameters", "trainable", "macs", "activation_bytes")
        return (
            {name: data(getattr(self, name)) for name in figures}
            | {"parameter_bytes": {key: data(size) for key, size in self.parameter_bytes.items()}}
            | {f"{name}_bytes": data(getattr(self.memory, name)) for name in ("inference", "training", "saved")}
        )

    def text(self, depth: int | None = None, width: int = summary_table.WIDTH) -> str:
        """The table, `depth` levels of it; columns are left out where it is wider than `width` characters."""
        return "\n".join(summary_table.text(self, depth, width))

    def markdown(self, depth: int | None = None) -> str:
        """The table for a page, `depth` levels of it."""
        return "\n".join(summary_table.markdown(self, depth))

    def csv(self) -> str:
        """Comma-separated values, a line for each step."""
        return "\n".join(summary_table.csv(self))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Summary({self.name}: {show(self.parameters)} parameters, {show(self.macs)} MACs)"

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        from archspec.views.markdown import as_html  # here: only notebooks show HTML

        return as_html(self.markdown())


def summarize(graph: Graph, samples: int = 1) -> Summary:
    """The summary of a network whose parameters are bound (`lower` without `symbolic`), for so many samples."""
    main = graph.main
    sizes = dict.fromkeys(batch(main.inputs), samples)
    trace = Trace(sizes, training=True)
    trace.run(main)
    found = rows(graph, trace)
    figures = (size for row in found if not row.is_own for size in (row.parameters, row.macs, row.output_bytes))
    advice = "" if all(isinstance(size, int) for size in figures) else hint(main, found, sizes)
    memory = _memory(main, trace, at(sum((row.parameter_bytes for row in found), start=0), sizes))
    return Summary(main.name, graph.path, main.inputs, main.output, found, sizes, advice, memory, frozen(graph))


def _memory(main: Class, training: Trace, parameters: Size) -> Memory:
    if known(training) and isinstance(parameters, int):
        inference = Trace(training.sizes, training=False)
        inference.run(main)
        if known(inference):  # a condition on `training` may hide what is not
            return peaks(training, inference, parameters)
    nothing = unknown("a size is not known")
    return Memory(nothing, nothing, nothing)


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "depth": row.depth,
        "layer": row.layer,
        **({"expression": row.text} if row.text else {}),
        "input": [flow_data(flow) for flow in row.inputs],
        "output": flow_data(row.output),
        "parameters": data(row.parameters),
        "macs": data(row.macs),
        "output_bytes": data(row.output_bytes),
        "receptive_field": list(map(data, row.receptive_field)),
        "line": row.line,
    }
