"""Document -> Graph, or all its problems.

The same rules run in two ways: with the parameters bound to values and loops unrolled, which is the check; and with
parameters as symbols and loops kept as loops, which is what source is generated from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from archspec.document import Block, Document, StepEntry, variable_problem
from archspec.document.imports import Sources
from archspec.graph import Call, Class, Graph, Group, Variant, free_symbols
from archspec.layers import ABSENT, LAYERS
from archspec.lower import leading
from archspec.lower._problems import Report
from archspec.lower.block_classes import symbolic_class
from archspec.lower.blocks import call_block
from archspec.lower.casting import may_mix
from archspec.lower.classes import read_class
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.groups import call_group
from archspec.lower.held_layers import holds_layers, layers_held, settings_of_layers
from archspec.lower.initial_rules import Rules
from archspec.lower.inputs import read_inputs
from archspec.lower.let_sizes import spelled_out
from archspec.lower.lifetimes import exports_read, read_too_early
from archspec.lower.lowering import NO_HINTS, Hints, Lowering
from archspec.lower.parameters import bind, compute_let
from archspec.lower.reading import steps_of
from archspec.lower.sites import Site
from archspec.lower.unsayable import of_unnamed_axes, ranks_apart, unsayable
from archspec.lower.variants import read_variants
from archspec.lower.widening import widened
from archspec.problems import Problem, Span, SpecError, echo

__all__ = ["Settings", "check_library", "lower", "lower_partly", "mixed_dtypes"]


class _Run(Lowering):
    """One run, with the rooms that read blocks and groups."""

    def call_block(self, frame: Frame, step: StepEntry, name: str, site: Site, given: Given) -> Call | Group:
        return call_block(frame, step, name, site, given)

    def call_group(self, frame: Frame, block: Block, site: Site, given: Given) -> Call | Group:
        return call_group(frame, block, site, given)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the caller says, and no spec."""

    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters with other values than their defaults."""
    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Inputs whose sizes are known."""
    allow: Collection[str] = ()
    """Packages whose classes may be used."""


DEFAULTS = Settings()


def lower(source: Sources, document: Document, settings: Settings = DEFAULTS, *, symbolic: bool = False) -> Graph:
    """The graph of a document; SpecError with every problem found.

    With `symbolic` the parameters stay symbols and the loops loops.
    """
    document = spelled_out(widened(document))
    if not leading.has_any_rank(document):
        return _lower(source, document, settings, symbolic=symbolic)
    count = leading.count_given(document, settings.inputs)
    if symbolic or count is not None:
        document = leading.at_rank(document, 2 if count is None else count)  # of two axes none looks like all
        return _lower(source, document, settings, symbolic=symbolic)
    graph, *_ = [_at_rank(source, document, settings, count) for count in leading.CHECKED]
    return graph


def _at_rank(source: Sources, document: Document, settings: Settings, count: int) -> Graph:
    """The graph with so many leading axes; what is wrong with more than one alone says so."""
    try:
        return _lower(source, leading.at_rank(document, count), settings, symbolic=False)
    except SpecError as error:
        raise SpecError([_with_count(problem, count) for problem in error.problems]) from None


def _with_count(problem: Problem, count: int) -> Problem:
    if count == 1:
        return problem
    return replace(problem, message=f"{problem.message} (with {count} axes in place of `...`)")


def _lower(source: Sources, document: Document, settings: Settings, *, symbolic: bool) -> Graph:
    """The graph of a document whose axes are all written; in symbols read again until a reading shows nothing new."""
    hints = NO_HINTS
    held = _layers_held(source, document, settings) if symbolic and holds_layers(document) else {}
    while True:
        graph, shown = _read(source, document, settings, hints, held, symbolic=symbolic)
        if shown == hints or not symbolic:
            return graph
        hints = shown


def _layers_held(source: Sources, document: Document, settings: Settings) -> Mapping[Span, set[str]]:
    """The layers that the spec gives to parameters that hold one: its defaults, its blocks' uses, its variants."""
    graphs = [_read(source, document, settings, NO_HINTS, {}, symbolic=False)[0]]
    for params in settings_of_layers(graphs[0]):
        with suppress(SpecError):  # what is wrong with a variant is told of the variant
            graphs.append(_read(source, document, replace(settings, params=params), NO_HINTS, {}, symbolic=False)[0])
    return layers_held(graphs)


def lower_partly(
    source: Sources, document: Document, *, allow: Collection[str] = (), incomplete: bool = False
) -> tuple[Graph | None, list[Problem]]:
    """The graph of a document as far as it can be read, and what is wrong with it.

    The types are unknown that depend on what is wrong, or on what an `incomplete` document lacks. Without problems the
    graph is the one that `lower` gives; it is None where what the steps stand on cannot be read.
    """
    document = spelled_out(widened(document))
    if not leading.has_any_rank(document):
        return _lower_partly(source, document, allow, incomplete)
    graph, problems = _lower_partly(source, leading.at_rank(document, 1), allow, incomplete)
    for count in leading.CHECKED[1:]:
        if not problems:
            _, found = _lower_partly(source, leading.at_rank(document, count), allow, incomplete)
            problems = [_with_count(problem, count) for problem in found]
    return graph, problems


def _lower_partly(
    source: Sources, document: Document, allow: Collection[str], incomplete: bool
) -> tuple[Graph | None, list[Problem]]:
    report = Report(source)
    report.passed_over = incomplete
    run = _Run(report=report, document=document, unroll=True, allow=allow, partial=True)
    try:
        main, variants = _read_main(run, Settings())
        if main is None:
            return None, report.problems
        _report_unused(report, document)
        idle: tuple[tuple[str, str, Span], ...] = ()
        if not report.problems and not report.passed_over:
            main, idle = _with_rules(run, main)
    except SpecError as error:
        return None, list(error.problems)
    own, doubts = tuple(sorted(run.own_classes.values())), tuple(report.doubts.values())
    blocks = tuple(cls for cls in run.symbolic_classes.values() if cls is not None)
    return Graph(source.path, main, blocks, own, variants, idle, doubts, source.files), report.problems


def check_library(source: Sources, document: Document, *, allow: Collection[str] = ()) -> None:
    """SpecError with what is wrong with blocks that nothing uses yet, whatever their parameters and inputs may be."""
    document = spelled_out(document)
    counts = leading.CHECKED if any(map(leading.has_any_rank, document.blocks.values())) else (1,)
    if problems := min((_in_library(source, document, allow, count) for count in counts), key=len):
        raise SpecError(problems)


def _in_library(source: Sources, document: Document, allow: Collection[str], count: int) -> list[Problem]:
    """What is wrong with blocks, with so many axes in place of `...`."""
    report = Report(source)
    run = _Run(report=report, document=document, unroll=False, allow=allow)
    run.rules = Rules(report, document, {})
    _refuse_hidden_classes(report, document)
    for name, block in document.blocks.items():
        symbolic_class(Frame(run, {}), leading.at_rank(block, count), name)
    # That a size has no formula is told where the block is used: there it may be known.
    return [problem for problem in report.problems if problem.code != "AS508"]


def _read(
    source: Sources,
    document: Document,
    settings: Settings,
    hints: Hints,
    held: Mapping[Span, set[str]],
    *,
    symbolic: bool,
) -> tuple[Graph, Hints]:
    """One reading of the document; and what it has shown to the next one."""
    report = Report(source)
    run = _Run(report=report, document=document, unroll=not symbolic, allow=settings.allow, hints=hints, held=held)
    main, variants = _read_main(run, settings)
    if not symbolic and main is not None:
        _report_unused(report, document)
    if report.problems or main is None:
        assert report.problems or report.passed_over, "a class that cannot be read, without a reason"
        raise SpecError(report.problems)
    blocks: tuple[Class, ...] = tuple(cls for cls in run.symbolic_classes.values() if cls is not None)
    main, idle = _with_rules(run, main)
    if not symbolic and report.problems:
        raise SpecError(report.problems)
    own, doubts = tuple(sorted(run.own_classes.values())), tuple(report.doubts.values())
    graph = Graph(source.path, main, blocks, own, variants, idle, doubts, source.files)
    if not symbolic:
        return graph, hints
    read = frozenset().union(*(exports_read(cls) for cls in (*blocks, main)))
    succeeding = hints.succeeding | run.succeeding if hints == NO_HINTS else hints.succeeding
    shown = Hints(succeeding, read, hints.received | run.received, frozenset(run.entries))
    if shown == hints:
        _refuse_read_too_early(report, (*blocks, main))
        problems = [problem for cls in (*blocks, main) for problem in unsayable(cls)]
        problems += [problem for pair in _ranks(run) for problem in ranks_apart(*pair)]
        problems = problems or [problem for cls in (*blocks, main) for problem in of_unnamed_axes(cls)]
        if problems:
            raise SpecError(problems)
    return graph, shown


def _ranks(run: Lowering) -> Iterator[tuple[Class, Class]]:
    """The printed class of each block beside its readings at other ranks."""
    for (name, _), cls in run.symbolic_by_rank.items():
        printed = run.symbolic_classes[name]
        if cls is not None and printed is not None and cls is not printed:
            yield printed, cls


def _with_rules(run: Lowering, main: Class) -> tuple[Class, tuple[tuple[str, str, Span], ...]]:
    """The network's class with the rules by which weights begin; and what of them matches no weight."""
    rules = run.rules
    assert rules is not None, "the main class has been read"
    idle = (*run.idle_rules, *rules.judge(main)) if run.unroll else ()
    return replace(main, rules=rules.last(main)), idle


def _read_main(run: Lowering, settings: Settings) -> tuple[Class | None, tuple[Variant, ...]]:
    """The document's own class, None where it cannot be read; and its variants."""
    report, document, symbolic = run.report, run.document, not run.unroll
    report.parameters = document.params
    parameters, scope = bind(report, document, settings.params, symbolic)
    variants = read_variants(report, document, parameters) if document.variants else ()
    let = compute_let(report, document.let, scope, symbolic=symbolic)
    run.rules = Rules(report, document, dict(scope))
    input_types = read_inputs(report, document, scope, settings.inputs, run.floating)
    if not input_types:
        report.add("AS203", "nothing flows in", ("inputs",), "declare an input: `x: [N, 3, 224, 224]`", key=True)
        raise SpecError(report.problems)
    _refuse_hidden_classes(report, document)
    declared = Class(str(document.name), document.doc, parameters, let, input_types, None)
    return read_class(Frame(run, scope), declared, document, ()), variants


def mixed_dtypes(source: Sources, document: Document, graph: Graph, settings: Settings = DEFAULTS) -> list[Problem]:
    """Where a document without errors, whose unrolled graph that is, mixes dtypes as a network of bfloat16.

    Its inputs and weights are of bfloat16 then, and tensors that it makes out of numbers are of float32.
    """
    if not may_mix(graph):
        return []
    report, document = Report(source), leading.at_rank(document, 1)
    run = _Run(report=report, document=document, unroll=True, allow=settings.allow, floating="bfloat16")
    with suppress(SpecError):
        _read_main(run, settings)
    return report.mixed


def _refuse_read_too_early(report: Report, classes: Iterable[Class]) -> None:
    """A size that a constructor would need before it has it, as `order:` may ask for."""
    for cls in classes:
        free = {symbol.text for one in cls.inputs for symbol in free_symbols(one.type)}
        for event in read_too_early(cls):
            if event.name in free:  # where no round runs, a loop leaves the size as it was
                message = f"this depends on the free dimension `{event.name}`"
                report.add_at("AS506", message, event.by.span, f"make `{event.name}` a parameter or a number")
                continue
            message = f"this depends on `{event.name}`, which has no value yet at this point"
            report.add_at("AS508", message, event.by.span, "write the size as a number, or change `order:`")
    if report.problems:
        raise SpecError(report.problems)


def _refuse_hidden_classes(report: Report, document: Document) -> None:
    """A block may not hide a layer: who reads `ReLU` has PyTorch's in mind. Nor another class of the file."""
    returning = {str(document.name): document, **document.blocks}
    returning = {name: one for name, one in returning.items() if isinstance(one.outputs, dict)}
    for name in document.blocks:
        if name in LAYERS or name in ABSENT:
            advice = f"choose another name, such as `My{name}`"
            report.add("AS204", f"`{name}` is a layer of torch.nn", ("blocks", name), advice, key=True)
        elif name == document.name:
            message, advice = f"`{name}` is the name of the network", f"rename the block, for example to `{name}Block`"
            report.add("AS205", message, ("blocks", name), advice, key=True)
        elif (other := name.removesuffix("Output")) in returning and other != name:
            message = f"`{name}` is the name of the class for the outputs of `{other}`"
            report.add("AS205", message, ("blocks", name), "choose another name", key=True)
        elif problem := variable_problem(name):
            report.add("AS204", f"{echo(name)} {problem}", ("blocks", name), "choose another name", key=True)


def _report_unused(report: Report, document: Document) -> None:
    """A block that nothing uses is a mistake, or left over; one that is not there for these values is neither."""
    blocks = (document, *document.blocks.values())
    used = {step.type for block in blocks for step in steps_of(block.layers)}
    for name in document.blocks:
        if name not in used and not report.problems:
            at = ("blocks", name)
            report.add("AS509", f"nothing uses the block `{name}`", at, "use it, or remove it", key=True)
