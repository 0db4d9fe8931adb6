"""One class: what it declares, its steps, what it returns, and the sizes that its constructor needs."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

from archspec import graph
from archspec.document import Block, variable_problem
from archspec.expressions import Name, type_of
from archspec.graph import Class, names_in
from archspec.lower.class_lists import holds_dotted, in_lists
from archspec.lower.computed import with_computed_names
from archspec.lower.exports import with_exports
from archspec.lower.frames import Frame, Value
from archspec.lower.given import Given
from archspec.lower.history import HistoryStep
from archspec.lower.leading import is_name
from archspec.lower.lifetimes import succeeding
from archspec.lower.modules import ModuleReader, refuse_captured
from archspec.lower.names import constructor_reads, forward_reads, without_unread
from archspec.lower.sites import Container, Site
from archspec.lower.steps import StepReader
from archspec.lower.ties import with_ties
from archspec.problems import did_you_mean, echo
from archspec.source import Path


def read_class(frame: Frame, declared: Class, block: Block, path: Path) -> Class | None:
    """The class with the steps of a document or block; None, and reported, where its form is wrong.

    `declared` has its parameters, computed names and inputs. `frame` is that of its names, and `path` its place.
    """
    declare_inputs(frame, declared, is_document=not path and frame.outer is None)
    below = path if frame.outer is not None else (*path, "layers")
    if isinstance(block.layers, list):
        return _sequential(frame, declared, block, below)
    return _graph(frame, declared, block, path, below)


def declare_inputs(frame: Frame, declared: Class, *, is_document: bool) -> None:
    """Gives the values that flow in their names."""
    for one in declared.inputs:
        made = frame.above if one is declared.inputs[0] else None
        if is_document:
            made = HistoryStep(f"`{one.name}`", one.span, None, None)
        label, node = frame.entry.label if frame.entry is not None else f"`{one.name}`", Name(one.name)
        frame.values[one.name] = Value(one.type, label, one.span, node, made, optional=one.optional)
        known = {parameter.name for parameter in declared.parameters}
        sizes = {size for axis in one.axes for size in names_in(axis)} - known if not one.optional else ()
        frame.sizes |= {size: one.name for size in sizes if size not in frame.sizes}
    for _, computed in declared.let:
        frame.count_as_read(names_in(computed), sizes=True)


def _graph(frame: Frame, declared: Class, block: Block, path: Path, below: Path) -> Class | None:
    """A class whose steps are named, which stand at `below`."""
    assert isinstance(block.layers, dict)
    reader, started = StepReader(frame, block.layers), len(frame.report.problems)
    frame.parameters |= {key for key, one in block.layers.items() if one.type == "Parameter"}
    reader.current = next(iter(frame.values.values())) if len(declared.inputs) == 1 else None
    steps: list[graph.Step] = []
    idle: list[tuple[int, graph.Step]] = []
    for key, written in block.layers.items():
        read = reader.idle if written.call is False else reader.step
        for step in read(key, written, (*below, key)):
            if step.kind == "call" and written.call is False:
                idle.append((len(steps), step))
            else:
                steps.append(step)
    if not block.layers:
        frame.report.add("AS203", "there are no steps", below, "add one: `fc: {Linear: 10}`")
        return None
    before = len(frame.report.problems)
    around = path if frame.outer is None else path[:-1]
    outputs, output = reader.outputs(block, (*around, "outputs"), below)
    steps += reader.reached.new_steps()
    if len(frame.report.problems) == before:
        reader.report_unread()
    if not steps and not idle and not frame.wrong_groups:
        return None
    sound = len(frame.report.problems) == started
    made = (*steps, *(step for _, step in idle))
    order = _order(frame, block, made, (*path, "order")) if sound else ()  # what cannot be read is not a step
    cls = replace(declared, output=output, steps=tuple(steps), outputs=outputs, order=order, idle=tuple(idle))
    cls = without_unread(cls) if sound else cls
    return _with_sizes(frame, in_lists(frame, cls) if frame.outer is None else cls)


def _order(frame: Frame, block: Block, steps: tuple[graph.Step, ...], path: Path) -> tuple[str, ...]:
    """The order in which modules are made, where it is not that of the flow."""
    made = [step.name for step in steps if step.item is not None or step.kind in ("parameter", "buffer")]
    order = tuple(block.order or ())
    for place, name in enumerate(order):
        if name not in made:
            hint = did_you_mean(name, made, "modules")
            frame.report.add("AS303", f"this class has no module {echo(name)}", (*path, place), hint)
        elif name in order[:place]:
            frame.report.add("AS205", f"`{name}` occurs twice in the order", (*path, place), "remove one of them")
    if len(set(order).intersection(made)) == len(order):
        _refuse_made_early(frame, sorted(steps, key=lambda step: _place(step.name, order)), path)
    return order


def _place(name: str, order: tuple[str, ...]) -> int:
    return order.index(name) if name in order else len(order)


def _refuse_made_early(frame: Frame, ordered: list[graph.Step], path: Path) -> None:
    """Refuses an order that makes a Parameter or Buffer before one that it is made of."""
    later = {step.name for step in ordered if step.kind in ("parameter", "buffer")}
    for place, step in enumerate(ordered):
        later.discard(step.name)
        if step.kind not in ("parameter", "buffer"):
            continue
        nodes = (*(node for _, node in step.arguments), *(line.node for line in step.lines))
        for of in sorted(later.intersection(chain.from_iterable(map(names_in, nodes)))):
            message = f"`{step.name}` is made of `{of}`, which the order has after it"
            frame.report.add("AS508", message, (*path, place), f"put `{of}` before `{step.name}`")


def _sequential(frame: Frame, declared: Class, block: Block, below: Path) -> Class | None:
    """A class whose steps are a list: an nn.Sequential."""
    if len(declared.inputs) != 1:
        message = f"a list takes one input, but {len(declared.inputs)} are declared"
        frame.report.add("AS206", message, below, "name the steps in a mapping, and use `from:`")
        return None
    if block.outputs is not None:
        at = (*below[:-1], "outputs")
        advice = "remove `outputs`, or name the steps"
        frame.report.add("AS206", "a list returns its last value", at, advice, key=True)
    (value,) = frame.values.values()
    site = Site(below, Container(frame.prefix), frame.scope)
    items, last = ModuleReader(frame).sequence(block.layers, site, Given.one(value))
    refuse_captured(frame, items, site)
    if not block.layers:
        frame.report.add("AS203", "there are no steps", below, "add one: `- Linear: 10`")
        return None
    output = last.first() if len(last.types) == 1 else last.types
    return _with_sizes(frame, replace(declared, output=output, items=items))


def _with_sizes(frame: Frame, cls: Class) -> Class:
    """The class with those sizes of its inputs as parameters that its constructor reads (of a block in symbols)."""
    _refuse_reserved(frame, cls)
    if frame.outer is None or not holds_dotted(cls):
        cls = with_ties(frame, cls)  # else they are those of the class around it, whose lists hold the modules
    if frame.lowering.unroll:
        return replace(cls, values=dict(frame.scope))
    frame.lowering.succeeding |= set(succeeding(cls, frame.locals))
    cls = with_computed_names(with_exports(frame, cls), frame.scope)
    parameters = tuple(replace(one, decides=one.name in frame.floats) for one in cls.parameters)
    cls = replace(cls, parameters=parameters)
    if not frame.lowering.open_blocks:
        return cls
    declared = {parameter.name for parameter in cls.parameters}
    axes = [one for value in cls.inputs for node in value.axes for one in sorted(names_in(node))]
    axes += [one for value in cls.inputs if value.listed for one in sorted(graph.size_names(value.type))]
    needed = constructor_reads(cls)
    kinds = {one: type_of(frame.scope[one]) for one in axes if one in needed}
    sizes = tuple(
        graph.Parameter(one, kinds[one], None, "", frame.scope[one], cls.inputs[0].span, inferred=True)
        for one in dict.fromkeys(axes)
        if one in needed and one not in declared
    )
    return replace(cls, parameters=(*sizes, *cls.parameters))


def _refuse_reserved(frame: Frame, cls: Class) -> None:
    """A size that generated code reads is a variable there; in a comment alone it may have any name."""
    sizes = {name for value in cls.inputs for node in value.axes for name in names_in(node)} | frame.bound
    sizes -= {parameter.name for parameter in cls.parameters if not parameter.inferred}  # `self` holds those
    if suspects := {name for name in sizes if variable_problem(name) and not is_name(name)}:
        read = forward_reads(cls) | (constructor_reads(cls) - {"F"})
        for name in sorted(suspects & read):
            advice = "use another name for this size"
            frame.report.add_at("AS204", f"{echo(name)} {variable_problem(name)}", cls.inputs[0].span, advice)
