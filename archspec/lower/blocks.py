"""Blocks: classes of their own, read once for each way in which they are used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from archspec import dimensions, graph
from archspec.dimensions import Dimension, Size
from archspec.document import Block, Input, Parameter, Step
from archspec.expressions import Literal, Name, Node, Symbolic, compile_value, evaluate, type_of, typed, unknown
from archspec.graph import Argument, Call, Class, Flow, Group, flow_text
from archspec.lower.calls import (
    argument_places,
    came_from,
    check_free,
    evaluated_argument,
    lost,
    takes,
    type_path,
)
from archspec.lower.classes import read_class
from archspec.lower.context import Frame, Given, Place, Scope
from archspec.lower.exports import exported, received, substitute
from archspec.lower.history import Made, became, since
from archspec.lower.names import constructor_reads, reads
from archspec.lower.parameters import compute_let, declare, kind_of, misfit
from archspec.lower.sizes import are_sizes, bind_size
from archspec.problems import Related, Span, did_you_mean, echo
from archspec.records import replace
from archspec.source import Path
from archspec.tensors import TensorType


def instance(
    frame: Frame, step: Step, name: str, path: Path, given: Given, place: Place, scope: Scope, key: str | None
) -> Call | Group:
    """A block in its place, with the class that it is there."""
    block = frame.context.document.blocks[name]
    at = type_path(frame.report, path, name)
    arguments = block_arguments(frame, block, step, name, path, scope)
    if arguments is None or any(flow is None for flow in given.types):
        return lost(frame, path, given)
    if not takes(frame, name, tuple(block.inputs), given, at):
        return lost(frame, path, given)
    types = _by_input(frame, block, name, given, at)
    if types is None:
        return lost(frame, path, given)
    span = frame.span(at, key=True)
    if frame.context.unroll:
        before = len(frame.report.problems)
        check_free(frame, tuple(arguments.values()), given, at)
        if len(frame.report.problems) > before:  # what the block makes of it follows
            return lost(frame, path, given)
        cls = _with_values(frame, block, name, arguments, types, place.dotted(key), at, given)
        if cls is None:
            return lost(frame, path, given)
        return Call(key, cls, tuple(arguments.values()), given.types, cls.output, span)
    cls = in_symbols(frame, block, name)
    if cls is None:
        return lost(frame, path, given)
    return _in_symbols(frame, block, cls, arguments, types, given, place, key, span, at)


def block_arguments(
    frame: Frame, block: Block, step: Step, name: str, path: Path, scope: Scope
) -> dict[str, Argument] | None:
    """The parameters that a step gives a block, by name."""
    required = [one for one, parameter in block.params.items() if parameter.required]
    single = required[0] if required else next(iter(block.params), None)
    places = argument_places(frame, step, path, single, list(block.params))
    if places is None:
        return None
    at = type_path(frame.report, path, name)
    found: dict[str, Argument] = {}
    failed = False
    for one, where, value in places:
        parameter = block.params.get(one)
        if parameter is None:
            hint = did_you_mean(one, list(block.params), f"{name} takes")
            frame.report.add("AS402", f"{name} has no parameter {echo(one)}", where, hint, key=True)
            failed = True
            continue
        words = frozenset(scope) if parameter.type == "str" or isinstance(parameter.default, str) else None
        argument = evaluated_argument(frame, one, value, where, scope, words)
        failed = failed or argument is None
        if argument is None:
            continue
        if not unknown(argument.value):
            why = misfit(argument.value, parameter)
            if why:
                message = f"{echo(argument.value)} is no value for `{one}` of {name}: {why}"
                advice = "change the value, or what the block's parameter says that it may be"
                place = frame.span(("blocks", name, "params", one), key=True)
                related = (Related(f"`{one}` is declared here", place), *frame.report.declared(where, value))
                frame.report.add("AS208", message, where, advice, related=related)
                failed = True
        found[one] = replace(argument, value=_as_declared(argument.value, parameter))
    for one in required:
        if one not in found and not failed:
            frame.report.add_to_type("AS403", f"{name} requires `{one}`", at, f"write `{name}: {{{one}: …}}`")
            failed = True
    return None if failed else found


def _as_declared(value: Any, parameter: Parameter) -> Any:
    """A value whose type nobody has told, such as an entry of a list of all kinds, as the parameter says it is."""
    if isinstance(value, Symbolic) and value.type == "any":
        kind = kind_of(parameter, parameter.default)
        return value if kind == "layer" else typed(value.node, kind)
    return value


def _by_input(frame: Frame, block: Block, name: str, given: Given, at: Path) -> dict[str, Flow] | None:
    """What flows into each input of a block."""
    names = list(block.inputs)
    found: dict[str, Flow] = {}
    positional = iter(names)
    for argument, flow in zip(given.names, given.types, strict=True):
        if flow is not None:
            found[argument if argument is not None else next(positional)] = flow
    for one, declared in block.inputs.items():
        if one not in found and not declared.optional:
            count = f"{len(names)} inputs" if len(names) > 1 else "1 input"
            message = f"{name} takes {count}; nothing flows into `{one}`"
            place = Related(f"`{one}` is declared here", frame.span(("blocks", name, "inputs", one), key=True))
            frame.report.add_to_type("AS203", message, at, f"say `from: [{', '.join(names)}]`", related=(place,))
            return None
    return found


def _are_sizes(frame: Frame, block: Block, name: str) -> bool:
    """Whether every size of a block's inputs is an expression; what is none is reported."""
    found = True
    for one, declared in block.inputs.items():
        path: Path = ("blocks", name, "inputs", one)
        path = (*path, "shape") if isinstance(frame.report.source.value(path), dict) else path
        found = are_sizes(frame, declared.shape, path) and found
    return found


def bind_inputs(
    frame: Frame, block: Block, name: str, types: dict[str, Flow], scope: dict[str, Any], at: Path, given: Given
) -> bool:
    """Binds the names in a block's inputs to the sizes that flow in; False (and reported) where they do not fit."""
    for one, declared in block.inputs.items():
        flow = types.get(one)
        if flow is None:
            continue
        wanted = f"[{', '.join(map(str, declared.shape))}]"
        if not isinstance(flow, TensorType) or flow.rank != len(declared.shape):
            message = f"{name} takes `{one}` as {wanted}, but {flow_text(flow)} flows in"
            history = since(given.made, lambda x: x.rank) if one == next(iter(block.inputs)) else ()
            frame.report.add_to_type("AS501", message, at, related=_declared(frame, name, one, given, history))
            return False
        for axis, (size, text) in enumerate(zip(flow.shape, declared.shape, strict=True)):
            problem = bind_size(text, size, scope)
            if problem is not None:
                history = became(given.made, (axis - flow.rank,)) if one == next(iter(block.inputs)) else ()
                message = f"axis {axis} of `{one}` does not fit {name}, which takes {text} there: {problem}"
                advice = ""
                if "multiple" in problem and graph.free_symbols(size):
                    advice = f"say in `inputs` what {dimensions.show(size)} is a multiple of, as {name} does: `{text}`"
                places = _declared(frame, name, one, given, history, axis)
                frame.report.add_to_type("AS502", message, at, advice, related=places)
                return False
        if flow.dtype != declared.dtype and not (declared.dtype == "float32" and flow.dtype in _FLOATS):
            message = f"{name} takes `{one}` as {declared.dtype}, but {flow_text(flow)} flows in"
            history = since(given.made, lambda x: x.dtype) if one == next(iter(block.inputs)) else ()
            frame.report.add_to_type("AS505", message, at, related=_declared(frame, name, one, given, history))
            return False
    return True


_FLOATS = ("float32", "float64", "float16", "bfloat16")  # where no dtype is written, a block takes any of these


def _declared(
    frame: Frame, name: str, one: str, given: Given, history: tuple[Related, ...], axis: int | None = None
) -> tuple[Related, ...]:
    """Where the value comes from, and where the block says what it takes: an input, or one axis of it."""
    path: Path = ("blocks", name, "inputs", one)
    place = Related(f"`{one}` is declared here", frame.span(path, key=True))
    if axis is not None:
        below = (*path, "shape", axis) if isinstance(frame.report.source.value(path), dict) else (*path, axis)
        place = Related(f"{name} takes this at axis {axis}", frame.span(below))
    return (*came_from(given), *history, place)


def _with_values(
    frame: Frame,
    block: Block,
    name: str,
    arguments: dict[str, Argument],
    types: dict[str, Flow],
    prefix: str,
    at: Path,
    given: Given,
) -> Class | None:
    """A block with its parameters bound: read once for equal parameters and inputs."""
    context = frame.context
    if name in context.open:
        report_cycle(frame, name, at)
        return None
    if not _are_sizes(frame, block, name):
        return None
    if prefix.count(".") >= context.report.source.limits.depth:
        message = f"modules within modules, more than {context.report.source.limits.depth} levels deep"
        frame.report.add("AS102", message, at, "put blocks together", key=True)
        return None
    key = (name, tuple((n, type_of(a.value), a.value) for n, a in sorted(arguments.items())), tuple(types.items()))
    if key in context.instances:
        cls = context.instances[key]
        context.add_layers(cls.count if cls is not None else 0, at)
        return cls
    base: tuple[str, str] = ("blocks", name)
    scope: dict[str, Any] = {}
    parameters = declare(frame.report, block.params, base, {n: a.value for n, a in arguments.items()}, scope)
    context.instances[key] = None
    if not bind_inputs(frame, block, name, types, scope, at, given):
        return None
    context.open.append(name)
    before, problems = context.count, len(frame.report.problems)
    cls = _read(frame, block, name, parameters, types, scope, f"{prefix}.", given.made)
    frame.report.used(problems, Related(f"`{prefix}` is made here", frame.span(at, key=True)))
    context.open.pop()
    if cls is not None:
        cls = _counted(cls, context.count - before)
    context.instances[key] = cls
    return cls


def _counted(cls: Class, count: int) -> Class:
    return replace(cls, count=count)


def report_cycle(frame: Frame, name: str, at: Path) -> None:
    """Says that a block uses itself, and by which way."""
    chain = " -> ".join([*frame.context.open[frame.context.open.index(name) :], name])
    frame.report.add_to_type("AS206", f"a block uses itself: {chain}", at, "blocks may use blocks, never themselves")


def in_symbols(frame: Frame, block: Block, name: str) -> Class | None:
    """A block with its parameters, and the sizes of its inputs, as symbols."""
    context = frame.context
    if name in context.open:
        report_cycle(frame, name, ("blocks", name))
        return None
    if name not in context.blocks:
        scope: dict[str, Any] = {}
        parameters = declare(frame.report, block.params, ("blocks", name), {}, scope, symbolic=True)
        types: dict[str, Flow] = {}
        for one, declared in block.inputs.items():
            types[one] = TensorType(tuple(_symbolic_size(size, scope) for size in declared.shape), declared.dtype)
        context.open.append(name)
        cls = _read(frame, block, name, parameters, types, scope, "")
        context.open.pop()
        context.blocks[name] = cls
    return context.blocks[name]


def _symbolic_size(text: int | str, scope: dict[str, Any]) -> Size:
    node = compile_value(text)
    for part in node.walk():
        if isinstance(part, Name) and part.name not in scope:
            # Not `free`: what the check with values has settled is not asked again.
            scope[part.name] = dimensions.symbol(part.name)
    value: Size = evaluate(node, scope)
    return value


def _read(
    frame: Frame,
    block: Block,
    name: str,
    parameters: tuple[graph.Parameter, ...],
    types: dict[str, Flow],
    scope: dict[str, Any],
    prefix: str,
    above: Made | None = None,
) -> Class | None:
    """The class that a block's declaration says, for those inputs."""
    base: Path = ("blocks", name)
    before = len(frame.report.problems)
    let = compute_let(frame.report, block.let, scope, (*base, "let"))
    inputs = tuple(_input(frame, declared, one, types.get(one), base) for one, declared in block.inputs.items())
    own = Frame(frame.context, scope, prefix)
    own.above = above
    cls = read_class(own, name, block, base, parameters, let, inputs)
    return cls if len(frame.report.problems) == before else None


def _input(frame: Frame, declared: Input, name: str, flow: Flow | None, base: Path) -> graph.Input:
    axes = tuple(compile_value(size) for size in declared.shape)
    span = frame.span((*base, "inputs", name), key=True)
    if flow is None:  # an optional one that nothing flows into
        flow = TensorType(tuple(dimensions.symbol(f"{name}_{i}") for i in range(len(axes))), declared.dtype)
    assert isinstance(flow, TensorType)
    return graph.Input(name, flow, span, axes, declared.optional)


def _in_symbols(
    frame: Frame,
    block: Block,
    cls: Class,
    arguments: dict[str, Argument],
    types: dict[str, Flow],
    given: Given,
    place: Place,
    key: str | None,
    span: Span,
    at: Path,
) -> Call | Group:
    """A block as generated code calls it: its own sizes passed on, its output in the caller's terms."""
    scope: dict[str, Any] = {n: a.value for n, a in arguments.items()}
    for parameter in cls.parameters:
        if not parameter.inferred and parameter.name not in scope and parameter.default is not None:
            scope[parameter.name] = evaluate(parameter.default, scope)
    if not bind_inputs(frame, block, cls.name, types, scope, at, given):
        return lost(frame, at, given)
    passed = [
        Argument(parameter.name, scope[parameter.name], None, span) if parameter.inferred else arguments[parameter.name]
        for parameter in cls.parameters
        if parameter.inferred or parameter.name in arguments
    ]
    check_free(frame, tuple(passed), given, at)
    output = substitute(cls.output, {**scope, **exported(frame, cls, place, key)})
    return Call(key, cls, tuple(passed), given.types, output, span)


def inline_block(
    frame: Frame,
    layers: dict[str, Step],
    path: Path,
    given: Given,
    place: Place,
    scope: Scope,
    name: str | None,
    span: Span,
) -> Call | Group:
    """A group whose steps are a graph: a class of its own that reads the names around it."""
    block = Block(inputs={}, layers=layers)
    if len(given.types) > 1:
        message = f"a group of named steps takes one value; {len(given.types)} flow in"
        advice = "it reads the names around it: `from:` says what its first step takes"
        frame.report.add("AS206", message, path, advice)
        return lost(frame, path, given)
    class_name = _group_class(frame, path)
    own = Frame(frame.context, dict(scope), f"{frame.prefix}{name}.", frame)
    variables = {one for around in _around(own) for one in around.locals.carried}
    own.locals.taken |= variables
    attributes = received(own, given.types)
    inside = {one: dimensions.symbol(here) for one, here in attributes.items()}
    given = given.with_types(tuple(substitute(flow, inside) for flow in given.types))
    inputs = _group_inputs(frame, layers, given, scope)
    before = len(frame.report.problems)
    count = frame.context.count
    cls = read_class(own, class_name, block, path, (), (), inputs)
    if cls is None or len(frame.report.problems) > before:
        return lost(frame, path, given)
    captured = tuple(
        graph.Input(one, value.type, value.span, _axes(value.type, scope), captured=True)
        for one, value in own.captured.items()
        if isinstance(value.type, TensorType)
    )
    cls = replace(cls, inputs=(*cls.inputs, *captured))
    sizes = {one for value in cls.inputs for node in value.axes for one in graph.names_in(node)}
    read = constructor_reads(cls) | (reads(cls) - sizes - own.captured.keys())
    known = {**scope, **{one: dimensions.symbol(one) for one in sorted(variables)}}
    values = {one: Argument(one, value, Name(one), span) for one, value in known.items()}
    values |= {here: Argument(here, dimensions.symbol(one), None, span) for one, here in attributes.items()}
    passed = tuple(argument for one, argument in values.items() if one in read)
    parameters = tuple(
        graph.Parameter(one.name, type_of(one.value), None, "", one.value, span, inferred=True) for one in passed
    )
    cls = replace(cls, parameters=parameters, count=frame.context.count - count)
    if not frame.context.unroll:
        frame.context.blocks[class_name] = cls
    outside = {here: dimensions.symbol(one) for one, here in attributes.items()}
    output = substitute(cls.output, {**outside, **exported(frame, cls, place, name)})
    return Call(name, cls, passed, given.types, output, span)


def _around(frame: Frame) -> Iterator[Frame]:
    """What a group stands in, from the inside out."""
    while frame.outer is not None:
        frame = frame.outer
        yield frame


def _group_class(frame: Frame, path: Path) -> str:
    """A name for a group's class: the group's own, with the name of what it stands in where that is taken."""
    context = frame.context
    if path not in context.groups:
        name, around = (_class_name(str(key)) for key in (_last_name(path), _class_around(frame, path)))
        taken = {str(context.document.name), *context.document.blocks, *context.groups.values()}
        candidates = (name, f"{around}{name}", *(f"{around}{name}{n}" for n in range(2, 10_000)))
        context.groups[path] = next(one for one in candidates if one not in taken)
    return context.groups[path]


def _last_name(path: Path) -> str:
    return next((key for key in reversed(path) if isinstance(key, str) and key != "layers"), "group")


def _class_around(frame: Frame, path: Path) -> str:
    return str(path[1]) if path[0] == "blocks" else str(frame.context.document.name)


def _class_name(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _group_inputs(frame: Frame, layers: dict[str, Step], given: Given, scope: Scope) -> tuple[graph.Input, ...]:
    """What flows into a group, by the name that it has outside."""
    first = given.first()
    if not isinstance(first, TensorType):
        return ()
    name = given.label.strip("`").rpartition(".")[2]
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) or name in scope or name in layers:
        name = "x"
    return (graph.Input(name, first, given.span, _axes(first, scope)),)


def _axes(flow: TensorType, scope: Scope) -> tuple[Node, ...]:
    """The sizes of what flows into a group, where a name stands for one."""
    found: list[Node] = []
    for size in flow.shape:
        name = next((s.text for s in dimensions.symbols(size)), "") if isinstance(size, Dimension) else ""
        found.append(Name(name) if name in scope and scope[name] == size else Literal(1))
    return tuple(found)
