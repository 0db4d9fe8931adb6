"""Document -> Graph, or all its problems.

The same rules run in two ways: with the parameters bound to values and loops unrolled, which is the check; and with
parameters as symbols and loops kept as loops, which is what source is generated from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from archspec.document import Document, Layers, variable_problem
from archspec.graph import Class, Graph
from archspec.imports import Sources
from archspec.layers import ABSENT, LAYERS
from archspec.lower._problems import Report
from archspec.lower.blocks import inline_block, instance
from archspec.lower.classes import read_class
from archspec.lower.context import NO_HINTS, Context, Frame, Hints
from archspec.lower.lifetimes import exports_read, read_too_early
from archspec.lower.parameters import bind, compute_let, read_inputs
from archspec.problems import SpecError, echo

__all__ = ["lower"]


def lower(
    source: Sources,
    document: Document,
    *,
    params: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    symbolic: bool = False,
    allow: Collection[str] = (),
) -> Graph:
    """The graph of a document; SpecError with every problem found.

    `params` gives parameters values other than their defaults, `inputs` gives inputs their sizes.
    With `symbolic` the parameters stay symbols and the loops loops. `allow` names packages whose classes may be used.
    """
    hints = NO_HINTS
    while True:
        graph, shown = _read(source, document, params or {}, inputs or {}, symbolic, allow, hints)
        if shown == hints or not symbolic:
            return graph
        hints = shown


def _read(
    source: Sources,
    document: Document,
    params: Mapping[str, Any],
    inputs: Mapping[str, Sequence[int]],
    symbolic: bool,
    allow: Collection[str],
    hints: Hints,
) -> tuple[Graph, Hints]:
    """One reading of the document; and what it has shown to the next one."""
    report = Report(source)
    report.parameters = document.params
    context = Context(report, document, unroll=not symbolic, allow=allow, hints=hints)
    context.instance, context.inline = instance, inline_block
    parameters, scope = bind(report, document, params, symbolic)
    let = compute_let(report, document.let, scope)
    input_types = read_inputs(report, document, scope, inputs, symbolic)
    if not input_types:
        report.add("AS203", "nothing flows in", ("inputs",), "declare an input: `x: [N, 3, 224, 224]`", key=True)
        raise SpecError(report.problems)
    _refuse_hidden_layers(report, document)
    main = read_class(Frame(context, scope), str(document.name), document, (), parameters, let, input_types)
    if not symbolic and main is not None:
        _report_unused(report, document)
    if report.problems or main is None:
        assert report.problems or report.passed_over, "a class that cannot be read, without a reason"
        raise SpecError(report.problems)
    blocks: tuple[Class, ...] = tuple(cls for cls in context.blocks.values() if cls is not None)
    graph = Graph(source.path, main, blocks, tuple(sorted(context.own.values())))
    if not symbolic:
        return graph, hints
    read = frozenset().union(*(exports_read(cls) for cls in (*blocks, main)))
    shown = Hints(hints.succeeding | context.succeeding if hints == NO_HINTS else hints.succeeding, read)
    if shown == hints:
        _refuse_read_too_early(report, (*blocks, main))
    return graph, shown


def _refuse_read_too_early(report: Report, classes: Iterable[Class]) -> None:
    """A size that a constructor would need before it has it, as `order:` may ask for."""
    for event in (event for cls in classes for event in read_too_early(cls)):
        message = f"what this is made of depends on `{event.name}`, which has no value yet where it is made"
        report.add_at("AS508", message, event.by.span, "write the size out, or change `order:`")
    if report.problems:
        raise SpecError(report.problems)


def _refuse_hidden_layers(report: Report, document: Document) -> None:
    """A block may not hide a layer: who reads `ReLU` has PyTorch's in mind."""
    for name in document.blocks:
        if name in LAYERS or name in ABSENT:
            advice = f"choose another name, such as `My{name}`"
            report.add("AS204", f"`{name}` is a layer of torch.nn", ("blocks", name), advice, key=True)
        elif problem := variable_problem(name):
            report.add("AS204", f"{echo(name)} {problem}", ("blocks", name), "choose another name", key=True)


def _report_unused(report: Report, document: Document) -> None:
    """A block that nothing uses is a mistake, or left over; one that is not there for these values is neither."""
    used = {name for block in (document, *document.blocks.values()) for name in _types(block.layers)}
    for name in document.blocks:
        if name not in used and not report.problems:
            at = ("blocks", name)
            report.add("AS509", f"nothing uses the block `{name}`", at, "use it, or take it out", key=True)


def _types(layers: Layers) -> Iterator[str]:
    """What the steps are of, those in groups too."""
    for step in layers.values() if isinstance(layers, dict) else layers:
        if step.type is not None:
            yield step.type
        for inside in (step.layers, step.nested):
            yield from _types(inside) if inside is not None else ()
