"""The summary against PyTorch itself: the built network runs once, without numbers, under torchinfo and a FLOP counter.

torchinfo tells output shapes and parameters, `torch.utils.flop_counter` the multiply-accumulates. torchinfo has
multiply-adds of its own, by a rule of thumb; where they differ, the text says why.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from archspec import dimensions
from archspec.dimensions import Size
from archspec.graph import Call, Flow, Graph
from archspec.layers import Layer
from archspec.problems import Problem, SpecError
from archspec.tensors import TensorType
from archspec.views.summary import Summary, summarize
from archspec.views.summary.rows import Row

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


_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict")


@dataclass(frozen=True, slots=True)
class Figures:
    """What PyTorch says of one module."""

    shape: tuple[int, ...]
    parameters: int
    macs: int
    """As torch.utils.flop_counter counts."""
    mult_adds: int
    """As torchinfo counts."""
    runs: int = 1
    """How often it ran."""


@dataclass(frozen=True, slots=True)
class Measured:
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
        torch.zeros(_shape(value.type, summary.sizes), dtype=getattr(torch, value.tensor.dtype), device="meta")
        for value in graph.main.inputs
    ]
    watch = Watch(model)
    try:
        measured = replace(measure(model, inputs), parameters=parameters)
    except Exception as error:  # whatever a network may raise: the classes of the user's are theirs
        raise SpecError([_failure(graph, summary, watch, error)]) from error
    finally:
        watch.close()
    problems = list(_differences(graph, summary, measured))
    problems = problems or list(_returned(graph, summary, watch))
    if problems:
        raise SpecError(problems)
    version = f"PyTorch {torch.__version__} and torchinfo {torchinfo.__version__}"
    return "\n".join(_lines(graph, summary, measured, version))


def measure(model: nn.Module, inputs: list[Tensor]) -> Measured:
    """What PyTorch says of a network that is on the meta device."""
    import torchinfo  # here: as above
    from torch.utils.flop_counter import FlopCounterMode  # here: as above

    with FlopCounterMode(display=False) as counter, _frozen(model), _without_numbers():
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


class Watch:
    """What each module of a network returns, and which of them run at the moment."""

    def __init__(self, model: nn.Module) -> None:
        self.returned: dict[str, list[Any]] = {}
        self.running: list[str] = []
        self._hooks: list[Any] = []
        for path, module in model.named_modules():
            self._hooks.append(module.register_forward_pre_hook(partial(self._enter, path)))
            self._hooks.append(module.register_forward_hook(partial(self._leave, path)))

    def close(self) -> None:
        """Watches no longer."""
        for hook in self._hooks:
            hook.remove()

    def _enter(self, path: str, module: nn.Module, inputs: Any) -> None:
        self.running.append(path)

    def _leave(self, path: str, module: nn.Module, inputs: Any, output: Any) -> None:
        self.running.pop()
        self.returned.setdefault(path, []).append(output)


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """No parameter requires gradients.

    The counter hooks into the gradient of each tensor that a module takes and that requires one. A parameter, or a view
    of one, may still require it under `no_grad` and in inference mode, where there is no node to hook into.
    """
    learnable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learnable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learnable:
            parameter.requires_grad_(True)


def _without_numbers() -> Any:
    """On the meta device there are no numbers: where a layer asks whether one is true, as of a mask, it is not."""
    import torch  # here: as above
    from torch.overrides import TorchFunctionMode  # here: as above

    class NothingIsTrue(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.Tensor.__bool__ and args[0].is_meta:
                return False
            return func(*args, **(kwargs or {}))

    return NothingIsTrue()


def _failure(graph: Graph, summary: Summary, watch: Watch, error: Exception) -> Problem:
    """Why a network does not run: a class of the user's that returns something else, or the module that raises."""
    for problem in _returned(graph, summary, watch):
        return problem
    cause = error.__cause__ or error  # torchinfo raises an error of its own
    calls = {row.path: call for call, row in _layers(graph, summary)}
    path = next((path for path in reversed(watch.running) if path in calls), "")
    span = calls[path].span if path else graph.main.inputs[0].span
    where = f"`{path}`, {calls[path].type_name}," if path else "the network"
    reason = (str(cause).strip() or "no reason is given").splitlines()[0]
    message = f"{where} fails in PyTorch, on the meta device: {type(cause).__name__}: {reason}"
    own = any(row.is_own and row.path == path for row in summary.rows)
    advice = "tensors of the meta device have shapes, and no numbers to read" if own else _REPORT
    return Problem("AS606", message, span, advice)


def _returned(graph: Graph, summary: Summary, watch: Watch) -> Iterator[Problem]:
    """Where classes of the user's, or the network itself, return something else than the summary says."""
    for call, row in _layers(graph, summary):
        outputs = watch.returned.get(row.path, [])
        ours, theirs = _wanted(row.output, summary.sizes), _types(outputs[0]) if outputs else None
        if row.is_own and len(outputs) == 1 and ours != theirs:
            message = (
                f"`{row.path}`, {call.type_name}, returns {_told(theirs)} in PyTorch; the summary says {_told(ours)}"
            )
            yield Problem("AS606", message, call.span, "say beside it what it returns: `shape: […]`")
    for output in watch.returned.get("", [])[-1:]:
        ours, theirs = _wanted(summary.output, summary.sizes), _types(output)
        if ours != theirs:
            message = f"the network returns {_told(theirs)} in PyTorch; the summary says {_told(ours)}"
            yield Problem("AS606", message, graph.main.inputs[0].span, _REPORT)


def _types(value: Any) -> Any:
    """The shapes and dtypes of tensors, in tuples as they stand."""
    if isinstance(value, tuple | list):
        return tuple(map(_types, value))
    return TensorType(tuple(value.shape), str(value.dtype).removeprefix("torch.")) if hasattr(value, "shape") else None


def _wanted(flow: Flow | None, sizes: Mapping[str, int]) -> Any:
    """The same of what the summary says."""
    if isinstance(flow, TensorType):
        return TensorType(_shape(flow, sizes), flow.dtype)
    return tuple(_wanted(part, sizes) for part in flow) if isinstance(flow, tuple) else None


def _told(types: Any) -> str:
    """Types, for a message."""
    if isinstance(types, tuple):
        return f"({', '.join(map(_told, types))})"
    return str(types) if types is not None else "no tensor"


def _shape(flow: Flow | None, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The sizes of a tensor; those of the first, where several flow."""
    while isinstance(flow, tuple):
        flow = flow[0]
    assert isinstance(flow, TensorType)
    return tuple(dimensions.evaluate(axis, sizes) for axis in flow.shape)


def _layers(graph: Graph, summary: Summary) -> Iterator[tuple[Call, Row]]:
    calls = {path: call for path, call, _ in graph.layers()}  # in the order of making; rows are in that of the flow
    for row in summary.rows:
        if not (row.is_group or row.is_computed or row.is_idle or row.layer in ("Parameter", "Buffer")):
            yield calls[row.path], row


def _differences(graph: Graph, summary: Summary, measured: Measured) -> Iterator[Problem]:
    found = measured.layers
    for call, row in _layers(graph, summary):
        if row.is_own:
            continue
        if row.path not in found:
            yield Problem("AS606", f"`{row.path}` is not a module of the built network", call.span, _REPORT)
            continue
        figures = found[row.path]
        ran_once = figures.runs == 1  # what runs again has other sizes, and its MACs stand where it does
        tied = bool(call.ties)  # what it shares is counted where it is made
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
        message = f"the built network has modules that are not steps: {', '.join(more)}"
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
