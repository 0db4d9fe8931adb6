"""The summary against PyTorch itself: the built network runs once, without numbers, under torchinfo and a FLOP counter.

torchinfo tells output shapes and parameters, `torch.utils.flop_counter` the multiply-accumulates. torchinfo has
multiply-adds of its own, by a rule of thumb; where they differ, the text says why.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from archspec import dimensions
from archspec.dimensions import Size
from archspec.graph import Call, Flow, Graph
from archspec.layers import Layer
from archspec.problems import Problem, SpecError
from archspec.records import Record, replace
from archspec.tensors import TensorType
from archspec.views.summary import Summary, summarize
from archspec.views.summary_rows import Row

if TYPE_CHECKING:
    from torch import Tensor, nn

_INSTALL = "verifying needs PyTorch and torchinfo: pip install 'archspec-nn[torch]'"
_REPORT = "this is a bug of archspec: please report it, with the spec"

# Why torchinfo's mult-adds are not the MACs of a layer.
BIAS = "it counts the bias, which is added and not multiplied"
ELEMENTWISE = "it counts each parameter once a sample, though no matrix is multiplied"
ROWS = "it counts one row a sample, and the bias"
TRANSPOSED = "it counts the places of the output, not of the input, and the bias"
INSIDE = "it counts the layers inside by their parameters, and no products of what flows"
BETWEEN = "it counts modules, not what is computed between them"
NO_BATCH = "it takes the channels of a single sample for the batch"


_CONTAINERS = ("Sequential", "ModuleList")


class Figures(Record):
    """What PyTorch says of one module."""

    shape: tuple[int, ...]
    parameters: int
    macs: int
    """As torch.utils.flop_counter counts."""
    mult_adds: int
    """As torchinfo counts."""
    runs: int = 1
    """How often it ran."""


class Measured(Record):
    """What PyTorch says of a whole network, and of each of its innermost modules by its path."""

    layers: Mapping[str, Figures]
    parameters: int
    macs: int


def verify(model: nn.Module, graph: Graph) -> str:
    """Compares every layer's output shape, parameters and MACs with those of the built module; the comparison as text.

    Runs the model once, in evaluation mode, for one sample, on the meta device: kernels of other devices that do
    several steps at once, as for LSTM and attention, are beyond PyTorch's counter. SpecError where a figure differs or
    an input's size is not known, ImportError where torchinfo or PyTorch is not installed.
    """
    try:
        import torch  # here: whoever does not verify may not have them
        import torchinfo  # here: likewise
    except ImportError as error:
        raise ImportError(_INSTALL, name=error.name) from error
    summary = summarize(graph)
    if summary.hint:
        message = "the network cannot run before all its sizes are known"
        raise SpecError([Problem("AS203", message, graph.main.inputs[0].span, summary.hint)])
    parameters = sum(parameter.numel() for parameter in model.parameters())  # a copy unties them
    if any(tensor.device.type != "meta" for tensor in (*model.parameters(), *model.buffers())):
        model = copy.deepcopy(model).to("meta")
    inputs = [
        torch.zeros(_shape(value.type, summary.sizes), dtype=getattr(torch, value.type.dtype), device="meta")
        for value in graph.main.inputs
    ]
    measured = replace(measure(model, inputs), parameters=parameters)
    problems = list(_differences(graph, summary, measured))
    if problems:
        raise SpecError(problems)
    version = f"PyTorch {torch.__version__} and torchinfo {torchinfo.__version__}"
    return "\n".join(_lines(graph, summary, measured, version))


def measure(model: nn.Module, inputs: list[Tensor]) -> Measured:
    """What PyTorch says of a network that is on the meta device."""
    import torch  # here: as above
    import torchinfo  # here: as above
    from torch.utils.flop_counter import FlopCounterMode  # here: as above

    # The counter hooks into the gradients of what flows; a learnable tensor that flows in has none under no_grad alone.
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        statistics = torchinfo.summary(model, input_data=inputs, verbose=0)
    flops = counter.get_flop_counts()
    paths = {id(module): path for path, module in model.named_modules()}
    found: dict[str, Figures] = {}
    for info in statistics.summary_list:
        path = paths[id(info.module)]
        # A layer of torch.nn that holds others, such as MultiheadAttention, is one layer here.
        inner = type(info.module).__module__.startswith("torch.nn.") and type(info.module).__name__ not in _CONTAINERS
        if not (info.is_leaf_layer or inner) or not path or any(path.startswith(f"{one}.") for one in found):
            continue
        before = found.get(path, Figures((), 0, 0, 0, runs=0))
        flops_here = sum(flops.get(f"{type(model).__name__}.{path}", {}).values()) // 2
        count = sum(tensor.numel() for tensor in info.module.parameters())
        shape = tuple(info.output_size) if info.is_leaf_layer else ()
        found[path] = Figures(shape, count, flops_here, before.mult_adds + info.macs, before.runs + 1)
    total = sum(parameter.numel() for parameter in model.parameters())
    return Measured(found, total, counter.get_total_flops() // 2)


def _shape(flow: Flow | None, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The sizes of a tensor; those of the first, where several flow."""
    while isinstance(flow, tuple) and not isinstance(flow, TensorType):
        flow = flow[0]
    assert isinstance(flow, TensorType)
    return tuple(dimensions.evaluate(axis, sizes) for axis in flow.shape)


def _layers(graph: Graph, summary: Summary) -> Iterator[tuple[Call, Row]]:
    return zip(
        (call for _, call, _ in graph.layers()),
        (row for row in summary.rows if not (row.is_group or row.is_computed or row.layer in ("Parameter", "Buffer"))),
        strict=True,
    )


def _differences(graph: Graph, summary: Summary, measured: Measured) -> Iterator[Problem]:
    found = measured.layers
    for call, row in _layers(graph, summary):
        if row.is_own:
            continue
        if row.path not in found:
            yield Problem("AS606", f"`{row.path}` is no module of the built network", call.span, _REPORT)
            continue
        figures = found[row.path]
        ran_once = figures.runs == 1  # what runs again has other sizes, and its MACs stand where it does
        tied = any(weight == "weight" for weight, _ in call.ties)  # counted where the weight is made
        for what, ours, theirs, known in (
            ("output shape", list(_shape(row.output, summary.sizes)), list(figures.shape), ran_once and figures.shape),
            ("number of parameters", row.parameters, figures.parameters, not tied),
            ("number of MACs", row.macs, figures.macs, ran_once),
        ):
            if known and ours != theirs:
                message = f"the {what} of `{row.path}` is {theirs} in PyTorch; the summary says {ours}"
                yield Problem("AS606", message, call.span, _REPORT)
    span = graph.main.inputs[0].span
    for what, ours, theirs in (
        ("parameters", summary.parameters, measured.parameters),
        ("MACs", summary.macs, measured.macs),
    ):
        if isinstance(ours, int) and ours != theirs:  # with classes of the user's it is not known
            message = f"the network has {theirs:,} {what} in PyTorch; the summary says {ours:,}"
            yield Problem("AS606", message, span, _REPORT)
    own = tuple(f"{row.path}." for row in summary.rows if row.is_own)
    steps = {row.path for row in summary.rows}
    more = sorted(path for path in found if path not in steps and not path.startswith(own))
    if more:
        message = f"the built network has modules that are no steps: {', '.join(more)}"
        yield Problem("AS606", message, span, _REPORT)


# The text.


def _lines(graph: Graph, summary: Summary, measured: Measured, version: str) -> Iterator[str]:
    inputs = ", ".join(f"{value.name} {list(_shape(value.type, summary.sizes))}" for value in summary.inputs)
    steps = [call for call, _ in _layers(graph, summary)]
    own = sum(row.is_own for row in summary.rows)
    compared = sum(row.path in measured.layers and not row.is_own for _, row in _layers(graph, summary))
    there = sum(row.path in measured.layers for _, row in _layers(graph, summary))
    yield f"{summary.name} as {version} run it, for {inputs}"
    yield ""
    yield from _columns(
        [
            ("", "archspec", "PyTorch", ""),
            ("Layers", f"{len(steps):,}", f"{there:,}", "torchinfo"),
            ("Parameters", _text(summary.parameters), f"{measured.parameters:,}", ""),
            ("MACs", _text(summary.macs), f"{measured.macs:,}", "torch.utils.flop_counter"),
            ("", "", f"{sum(figures.mult_adds for figures in measured.layers.values()):,}", "torchinfo's mult-adds"),
        ]
    )
    yield ""
    reasons = _reasons(graph, summary, measured)
    if reasons:
        yield "torchinfo's mult-adds differ:"
        for why, (difference, layers) in reasons.items():
            yield f"  by {difference:+,} in {layers}: {why}"
        yield ""
    if own:
        yield f"{own} of your own classes, which only PyTorch knows: nothing to compare."
    yield f"All {compared} layers agree in output shape, parameters and MACs."


def _text(figure: Size) -> str:
    return f"{figure:,}" if isinstance(figure, int) else "?"


def _columns(rows: list[tuple[str, str, str, str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, ours, theirs, source in rows:
        yield f"{name:{widths[0]}}  {ours:>{widths[1]}}  {theirs:>{widths[2]}}  {source}".rstrip()


def _reasons(graph: Graph, summary: Summary, measured: Measured) -> dict[str, tuple[int, str]]:
    """Why torchinfo's figures differ: by how much in all, and in which layers."""
    grouped: dict[str, list[tuple[str, int]]] = {}
    for call, row in _layers(graph, summary):
        figures = measured.layers.get(row.path)
        if figures is None:  # a class of the user's that holds others
            continue
        if figures.mult_adds != figures.macs and not row.is_own:
            grouped.setdefault(reason(call), []).append((row.layer, figures.mult_adds - figures.macs))
    reasons = {
        why: (sum(difference for _, difference in layers), _counted(layer for layer, _ in layers))
        for why, layers in grouped.items()
    }
    between = measured.macs - sum(figures.macs for figures in measured.layers.values())
    return reasons | ({BETWEEN: (-between, "expressions")} if between else {})


def reason(call: Call) -> str:
    """Why torchinfo's mult-adds of a layer are not its MACs: one of the reasons above.

    torchinfo 1.8 multiplies all of a layer's weights and biases by the size of the first axis of its output and, where
    the class is called `…Conv…`, by the sizes of all axes after the second.
    """
    name = call.type_name
    rank = call.output.rank if isinstance(call.output, TensorType) else 0
    layer = call.layer
    assert isinstance(layer, Layer)
    macs = call.macs()
    if isinstance(macs, int) and macs == 0:
        return ELEMENTWISE
    if len(layer.inputs) > 1:
        return INSIDE
    if "Conv" in name and rank != layer.spatial + 2:
        return NO_BATCH
    if name.startswith("ConvTranspose"):
        return TRANSPOSED
    return BIAS if "Conv" in name or rank == 2 else ROWS


def _counted(names: Iterable[str]) -> str:
    """As in `13 Conv2d, 3 Linear`."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} {name}" for name, count in counts.items())
