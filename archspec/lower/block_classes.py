"""The class that a block is: with values, read once for equal parameters and inputs; in symbols, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from archspec import dimensions, graph
from archspec.dimensions import Size
from archspec.document import Block, InputEntry
from archspec.expressions import Name, Symbolic, evaluate, type_of
from archspec.graph import Argument, Class, Flow
from archspec.lower import leading, listed
from archspec.lower.block_inputs import BlockInputs
from archspec.lower.classes import read_class
from archspec.lower.frames import Frame
from archspec.lower.inputs import hide_sizes, refuse_optional_first
from archspec.lower.lowering import Lowering
from archspec.lower.parameters import compute_let, declare
from archspec.problems import Related
from archspec.source import Path
from archspec.tensors import TensorType


def bound_class(
    inputs: BlockInputs, arguments: dict[str, Argument], types: dict[str, Flow], prefix: str
) -> Class | None:
    """A block with its parameters bound, where its module stands at the path `prefix`; None, and reported, if wrong."""
    frame, lowering, name, at = inputs.frame, inputs.frame.lowering, inputs.name, inputs.at
    limits = frame.report.source.limits
    if name in lowering.open_blocks:
        _report_cycle(frame, name, at)
        return None
    if not inputs.are_expressions():
        return None
    if prefix.count(".") >= limits.depth:
        message = f"modules within modules, more than {limits.depth} levels deep"
        frame.report.add("AS102", message, at, "put blocks together", key=True)
        return None
    key = (name, tuple((n, type_of(a.value), a.value) for n, a in sorted(arguments.items())), tuple(types.items()))
    if key in lowering.bound_classes:
        cls = lowering.bound_classes[key]
        lowering.add_layers(cls.count if cls is not None else 0, at)
        return cls
    values = {n: a.value for n, a in arguments.items()}
    parameters, scope = declare(frame.report, inputs.block.params, ("blocks", name), values)
    lowering.bound_classes[key] = None
    if not inputs.bind(types, scope):
        return None
    before, problems = lowering.count, len(frame.report.problems)
    own = Frame(lowering, scope, f"{prefix}.")
    own.above = inputs.given.made
    cls = _read(own, name, inputs.block, parameters, types)
    frame.report.used(problems, Related(f"`{prefix}` is defined here", frame.span(at, key=True)))
    lowering.bound_classes[key] = cls if cls is None else replace(cls, count=lowering.count - before)
    return lowering.bound_classes[key]


def symbolic_class(frame: Frame, block: Block, name: str) -> Class | None:
    """A block with its parameters, and the sizes of its inputs, as symbols; None, and reported, if wrong."""
    lowering = frame.lowering
    if name in lowering.open_blocks:
        _report_cycle(frame, name, ("blocks", name))
        return None
    block = leading.for_types(block, {})
    key = (name, leading.key_of(block))
    if key not in lowering.symbolic_by_rank:
        parameters, scope = declare(frame.report, block.params, ("blocks", name), {}, symbolic=True)
        scope |= _lists_of_one_type(lowering, name, scope)
        types: dict[str, Flow] = {}
        for one, declared in block.inputs.items():
            inside = scope if not listed.differing(declared) else {**scope, listed.DIFFERS: 1}
            sizes = tuple(_symbolic_size(size, inside) for size in declared.axes)
            scope |= {key: value for key, value in inside.items() if key != listed.DIFFERS}
            types[one] = TensorType(sizes, declared.dtype)
            if declared.list_ is not None:
                types[one] = listed.symbolic(one, declared, sizes, scope)
        hide_sizes(block, scope)
        cls = _read(Frame(lowering, scope), name, block, parameters, types)
        lowering.symbolic_by_rank[key] = cls
        known = lowering.symbolic_classes.get(name)
        if known is None or (cls is not None and _count_axes(cls) > _count_axes(known)):
            lowering.symbolic_classes[name] = (
                cls  # the one of the highest rank is printed: there no two sizes look alike
            )
    return lowering.symbolic_by_rank[key]


def _lists_of_one_type(lowering: Lowering, block: str, scope: Mapping[str, Any]) -> dict[str, Any]:
    """The lists of anything, as lists of what all steps give for them."""
    found = {}
    for name, value in scope.items():
        kind = lowering.hints.type_of_list(block, name) if type_of(value) == "list[any]" else None
        if kind is not None:
            found[name] = Symbolic(Name(name), kind)
    return found


def _report_cycle(frame: Frame, name: str, at: Path) -> None:
    """Says that a block uses itself, and by which way."""
    chain = " -> ".join([*frame.lowering.open_blocks[frame.lowering.open_blocks.index(name) :], name])
    frame.report.add_to_type(
        "AS206", f"a block uses itself: {chain}", at, "blocks may use other blocks, but not themselves"
    )


def _count_axes(cls: Class) -> int:
    """How many axes flow into a class."""
    return sum(len(one.axes) for one in cls.inputs)


def _read(
    own: Frame, name: str, block: Block, parameters: tuple[graph.Parameter, ...], types: dict[str, Flow]
) -> Class | None:
    """The class that a block's declaration says, for those inputs; `own` is the frame of its names."""
    base: Path = ("blocks", name)
    report, lowering = own.report, own.lowering
    lowering.open_blocks.append(name)
    before = len(report.problems)
    let = compute_let(report, block.let, own.scope, (*base, "let"), symbolic=not lowering.unroll)
    refuse_optional_first(report, block.inputs, base)
    inputs = tuple(
        _input(own, declared, types.get(one), (*base, "inputs", one)) for one, declared in block.inputs.items()
    )
    cls = read_class(own, Class(name, block.doc, parameters, let, inputs, None), block, base)
    lowering.open_blocks.pop()
    return cls if lowering.partial or len(report.problems) == before else None


def _input(own: Frame, declared: InputEntry, flow: Flow | None, path: Path) -> graph.Input:
    """An input of a block's class."""
    name, axes = str(path[-1]), listed.axes_of(declared, tuple(map(leading.compile_size, declared.axes)))
    span = own.span(path, key=True)
    if declared.list_ is not None:
        return graph.Input(name, flow, span, axes, listed=True)
    if flow is None:  # an optional one that nothing flows into
        inside = dict(own.scope)
        flow = TensorType(tuple(_symbolic_size(size, inside) for size in declared.axes), declared.dtype)
    assert isinstance(flow, TensorType)
    return graph.Input(name, flow, span, axes, declared.optional)


def _symbolic_size(text: int | str, scope: dict[str, Any]) -> Size:
    """A size of an input, whose new names become symbols of the scope."""
    node = leading.compile_size(text)
    for part in node.walk():
        if isinstance(part, Name) and part.name not in scope:
            # Not `free`: what the check with values has settled is not asked again.
            scope[part.name] = dimensions.symbol(part.name)
    value: Size = evaluate(node, scope)
    return value
