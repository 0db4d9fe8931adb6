"""Groups of named steps that are a graph: a class of their own, which reads the names around it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain

from archspec import dimensions, graph
from archspec.dimensions import Dimension, Size
from archspec.document import Block, StepEntry, variable_problem
from archspec.expressions import ExpressionError, Literal, Name, Node, Scope, compile_value, type_of
from archspec.graph import Argument, Call, Class, Group, free_symbols
from archspec.lower.classes import read_class
from archspec.lower.exports import exported_sizes, received_sizes
from archspec.lower.frames import Frame, OuterValue
from archspec.lower.given import Given
from archspec.lower.leading import is_name
from archspec.lower.lists import substitute
from archspec.lower.modules import group_span
from archspec.lower.names import constructor_reads, reads
from archspec.lower.optional import refuse_left_out
from archspec.lower.reading import number_names
from archspec.lower.sites import Site
from archspec.problems import Span
from archspec.source import Path
from archspec.tensors import TensorType


def call_group(frame: Frame, block: Block, site: Site, given: Given) -> Call | Group:
    """A group in its place: the steps of `block`, which are named, and what it returns; `site` is that of its steps."""
    assert isinstance(block.layers, dict)
    if not takes_one_tensor(frame, site, given):
        return frame.unreadable(site.path, given)
    name, span = site.name, group_span(frame, site)
    class_name = _group_class(frame, site.path)
    own = Frame(frame.lowering, dict(site.scope), f"{site.container.dotted(name)}.", frame)
    variables = {one: around.locals.value(one) for around in _around(own) for one in around.locals.carried}
    own.locals.taken.update(variables)
    attributes = received_sizes(own, given.types)
    inside = {one: dimensions.symbol(here) for one, here in attributes.items()}
    given = given.with_types(tuple(substitute(flow, inside) for flow in given.types))
    inputs = _group_inputs(own, block.layers, given, span)
    before, count = len(frame.report.problems), frame.lowering.count
    cls = read_class(own, Class(class_name, block.doc, (), (), inputs, None), block, site.path)
    if cls is None or (len(frame.report.problems) > before and not frame.lowering.partial):
        if cls is not None:
            frame.wrong_groups.append(Call(name, cls, (), given.types, None, span))
        return frame.unreadable(site.path, given)
    captured = tuple(
        graph.Input(one, value.type, value.span, (), value.optional, captured=True)
        for one, value in sorted(own.captured.items(), key=lambda one: one[1].optional)
    )
    received = {one for path, one in frame.lowering.hints.received if path == site.path}
    of_axes = {one: size for one, size in site.scope.items() if one not in received}
    cls = replace(cls, inputs=tuple(_with_axes((*cls.inputs, *captured), of_axes, reads(cls))))
    values = {
        one: Argument(one, value, frame.for_constructor(Name(one), site.scope), span)
        for one, value in site.scope.items()
    }
    values |= {one: Argument(one, value, None, span) for one, value in sorted(variables.items())}
    values |= {here: Argument(here, dimensions.symbol(one), None, span) for one, here in attributes.items()}
    read = _names_needed(cls, own)
    free = next((one for one in sorted(read) if frame.lowering.unroll and free_symbols(site.scope.get(one))), None)
    if free is not None:
        message = f"this group reads `{free}`, but nothing that flows into it has an axis of that size"
        advice = f"read a value with this axis in the group, or make `{free}` a parameter"
        frame.report.add("AS506", message, site.path, advice, key=True)
        return frame.unreadable(site.path, given)
    if not frame.lowering.unroll:
        found: set[tuple[str, tuple[int, int] | None]] = {(one, None) for one in read}
        found.update(_axes_read(cls))
        first = frame.lowering.needed.setdefault(site.path, found)
        frame.lowering.received |= {(site.path, one) for one, _ in first ^ found if one in site.scope}
    passed = tuple(argument for one, argument in values.items() if one in read)
    parameters = tuple(
        graph.Parameter(one.name, type_of(one.value).partition(":")[0], None, "", one.value, span, inferred=True)
        for one in passed
    )
    cls = replace(cls, parameters=parameters, count=frame.lowering.count - count, grouped=True)
    if not frame.lowering.unroll:
        frame.lowering.symbolic_classes[class_name] = cls
    outside = {here: dimensions.symbol(one) for one, here in attributes.items()}
    output = substitute(cls.output, {**outside, **exported_sizes(frame, cls, site)})
    return Call(name, cls, passed, given.types, output, span)


def takes_one_tensor(frame: Frame, site: Site, given: Given) -> bool:
    """Whether a single value flows in, of which something is known; reported if not."""
    if len(given.types) > 1:
        message = f"a group of named steps takes one value, but gets {len(given.types)}"
        advice = "it can read the names around it; `from:` is the input of its first step"
        frame.report.add("AS206", message, site.path, advice)
        return False
    if refuse_left_out(frame, f"the group `{site.name}`", (), given, site.path):
        return False
    if given.first() is not None:
        return True
    if not frame.report.problems and not frame.report.passed_over:
        message = f"the shape of {given.label} depends on a parameter in a way that no expression describes"
        advice = "give its sizes with `shape:`, or write the parameter as a number"
        frame.report.add("AS508", message, site.path, advice, key=True)
    return False


def _names_needed(cls: Class, own: Frame) -> set[str]:
    """The names around a group whose values its constructor needs: sizes of its inputs come with those."""
    sizes = {one for value in cls.inputs for node in value.axes for one in graph.names_in(node)}
    return constructor_reads(cls) | (reads(cls) - sizes - own.captured.keys())


def _axes_read(cls: Class) -> Iterator[tuple[str, tuple[int, int]]]:
    """The sizes that a group's forward method reads of its inputs, each with the input and the axis."""
    read, found = reads(cls), set[str]()
    for place, value in enumerate(cls.inputs):
        for axis, node in enumerate(value.axes):
            for one in graph.names_in(node) & read - found:
                found.add(one)
                yield one, (place, axis)


def _around(frame: Frame) -> Iterator[Frame]:
    """What a group stands in, from the inside out."""
    while frame.outer is not None:
        frame = frame.outer
        yield frame


def _group_class(frame: Frame, path: Path) -> str:
    """A name for a group's class: the group's own, with the name of what it stands in where that is taken."""
    lowering = frame.lowering
    if path not in lowering.group_classes:
        name, around = (_class_name(str(key)) for key in (_last_name(path), _class_around(frame, path)))
        taken = lowering.taken_by_classes
        if not taken:
            classes = (str(lowering.document.name), *lowering.document.blocks)
            taken.update(classes, (f"{one}Output" for one in classes))
            taken.update(number_names(lowering.document), lowering.document.variants)
        candidates = chain((name, f"{around}{name}"), (f"{around}{name}{n}" for n in range(2, 10_000)))
        lowering.group_classes[path] = chosen = next(
            one for one in candidates if one not in taken and not variable_problem(one)
        )
        taken.update((chosen, f"{chosen}Output"))
    return lowering.group_classes[path]


def _last_name(path: Path) -> str:
    return next((key for key in reversed(path) if isinstance(key, str) and key != "layers"), "group")


def _class_around(frame: Frame, path: Path) -> str:
    return str(path[1]) if path[0] == "blocks" else str(frame.lowering.document.name)


def _class_name(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _group_inputs(own: Frame, layers: dict[str, StepEntry], given: Given, span: Span) -> tuple[graph.Input, ...]:
    """What flows into a group: by the name that it has outside, if it has one, else by one that nothing else has."""
    first, name = given.first(), given.first_name
    steps = {one for key in layers for one in re.findall(r"\w+", key)}
    if name is None or variable_problem(name) or name in own.scope or name in steps:
        taken = {*steps, *own.scope, *_names_read(layers)}
        name = next(one for one in chain(("x",), (f"x_{n}" for n in range(2, 10_000))) if one not in taken)
        own.entry = OuterValue(given.label, span)
    return (graph.Input(name, first, given.span),)


def _names_read(layers: list[StepEntry] | dict[str, StepEntry]) -> Iterator[str]:
    """The names that steps read, those of groups within them included."""
    for step in layers.values() if isinstance(layers, dict) else layers:
        source = step.from_
        values = source.values() if isinstance(source, dict) else source if isinstance(source, list) else [source]
        for text in (step.expression, *values):
            try:
                yield from graph.names_in(compile_value(text)) if isinstance(text, str) else ()
            except ExpressionError:
                continue  # reported where it is read
        for inner in (step.layers, step.nested):
            yield from _names_read(inner) if inner else ()


def _with_axes(inputs: tuple[graph.Input, ...], scope: Scope, read: Collection[str]) -> Iterator[graph.Input]:
    """Inputs with names for the sizes of their axes, where there are some.

    Where several names have one size, as a free one may, each that is `read` has an axis, as far as there are axes.
    """
    named: dict[Size, list[str]] = {}
    for name, value in scope.items():
        if isinstance(value, Dimension):
            named.setdefault(value, []).append(name)
    for size, names in named.items():
        names.sort(key=lambda name: (name not in read, is_name(name)))
        named[size] = [name for name in names if name in read] or names[:1]
    place: Counter[Size] = Counter()
    for one in inputs:
        axes: list[Node] = []
        for size in one.type.shape if isinstance(one.type, TensorType) else ():
            names = named.get(size, [])
            axes.append(Name(names[place[size] % len(names)]) if names else Literal(1))
            place[size] += 1
        yield replace(one, axes=tuple(axes))
