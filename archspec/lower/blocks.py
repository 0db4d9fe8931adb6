"""Blocks: classes of their own, read once for each way in which they are used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from archspec import dimensions, graph
from archspec.dimensions import Dimension, Size
from archspec.document import Block, Input, Parameter, Step, variable_problem
from archspec.expressions import (
    ExpressionError,
    Literal,
    Name,
    Node,
    Symbolic,
    compile_value,
    evaluate,
    type_of,
    typed,
    unknown,
)
from archspec.graph import Argument, Call, Class, Flow, Group
from archspec.lower import leading, listed
from archspec.lower._problems import type_path
from archspec.lower.axes import came_from
from archspec.lower.calls import (
    argument_places,
    check_free,
    evaluated_argument,
    lost,
    takes,
)
from archspec.lower.classes import read_class
from archspec.lower.context import Frame, Given, OuterValue, Place, Scope
from archspec.lower.exports import exported, received, substitute
from archspec.lower.history import HistoryStep, became, since
from archspec.lower.names import constructor_reads, reads
from archspec.lower.optional import by_name, presence_of, refuse_left_out
from archspec.lower.parameters import (
    compute_let,
    declare,
    hide_sizes,
    kind_of,
    misfit,
    refuse_optional_first,
    size_names,
)
from archspec.lower.reading import number_names
from archspec.lower.sizes import Axis, are_sizes, bind_sizes
from archspec.problems import Related, Span, did_you_mean, echo
from archspec.source import Path
from archspec.tensors import TensorType, flow_text


def instance(
    frame: Frame, step: Step, name: str, path: Path, given: Given, place: Place, scope: Scope, key: str | None
) -> Call | Group:
    """A block in its place, with the class that it is there."""
    block = frame.context.document.blocks[name]
    at = type_path(frame.report, path, name)
    arguments = block_arguments(frame, block, step, name, path, scope)
    if arguments is None:
        return lost(frame, path, given)
    if any(flow is None for flow in given.types):
        return _of_unknown(frame, block, name, arguments, given, key, frame.span(at, key=True), path)
    lists = [one for one, declared in block.inputs.items() if declared.list_ is not None]
    if not takes(frame, name, tuple(block.inputs), given, at, lists=tuple(lists)):
        return lost(frame, path, given)
    types = _by_input(frame, block, name, given, at)
    if types is None:
        return lost(frame, path, given)
    block = leading.for_types(block, types)
    omissible = [one for one, declared in block.inputs.items() if declared.optional]
    given = by_name(given, tuple(block.inputs))
    if refuse_left_out(frame, name, omissible, given, at):
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
        output = substitute(cls.output, presence_of(block.inputs, given))
        return Call(key, cls, tuple(arguments.values()), given.types, output, span)
    cls = in_symbols(frame, block, name)
    if cls is None:
        return lost(frame, path, given)
    return _in_symbols(frame, block, cls, arguments, types, given, place, key, span, at)


def _of_unknown(
    frame: Frame,
    block: Block,
    name: str,
    arguments: dict[str, Argument],
    given: Given,
    key: str | None,
    span: Span,
    path: Path,
) -> Call | Group:
    """A block on a value of which no shape is known: as it is in symbols, its sizes are missing where it needs some."""
    cls = None if frame.context.unroll or frame.report.problems else in_symbols(frame, block, name)
    if cls is None:
        return lost(frame, path, given)
    passed = tuple(arguments[parameter.name] for parameter in cls.parameters if parameter.name in arguments)
    return Call(key, cls, passed, given.types, None, span)


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
            span, edits = frame.span(where, key=True), frame.report.renaming(value, hint, where, scope)
            frame.report.add_at("AS402", f"{name} has no parameter {echo(one)}", span, hint, edits=edits)
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


def _are_sizes(frame: Frame, name: str) -> bool:
    """Whether every size of a block's inputs is an expression; what is none is reported."""
    found = True
    for one, declared in frame.context.document.blocks[name].inputs.items():
        path: Path = ("blocks", name, "inputs", one)
        key = "shape" if declared.list_ is None else "list"
        path = (*path, key) if isinstance(frame.report.source.value(path), dict) else path
        hidden = listed.differing(declared)
        shape = [1 if axis in hidden else size for axis, size in enumerate(declared.axes)]
        found = are_sizes(frame, shape, path) and found
    return found


def bind_inputs(
    frame: Frame, block: Block, name: str, types: dict[str, Flow], scope: dict[str, Any], at: Path, given: Given
) -> bool:
    """Binds the names in a block's inputs to the sizes that flow in; False (and reported) where they do not fit."""
    places: list[tuple[str, int]] = []
    axes: list[Axis] = []
    for one, declared in sorted(block.inputs.items(), key=lambda pair: pair[1].optional):
        flow = types.get(one)
        if flow is None:
            continue
        found = [flow]
        if declared.list_ is not None and not listed.is_list_of_tensors(flow):
            wanted = f"a list of {leading.written(declared.axes)}"
            message = f"{name} takes `{one}` as {wanted}, but {flow_text(flow)} flows in"
            advice = f'write a list of values: `from: "[{given.label.strip("`")}]"`'
            frame.report.add_to_type("AS501", message, at, advice, related=_declared(frame, name, one, given, ()))
            return False
        if declared.list_ is not None:
            if not frame.context.unroll:
                listed.bind(one, declared, flow, scope)
            found = list(listed.tensors(flow))
        hidden = listed.differing(declared)
        for x in found:
            if not _is_taken(frame, name, one, declared, x, at, given):
                return False
            assert isinstance(x, TensorType)
            known = [axis for axis in range(x.rank) if axis not in hidden]
            places += [(one, axis) for axis in known]
            axes += [(declared.axes[axis], x.shape[axis]) for axis in known]
    wrong = bind_sizes(axes, scope, settled=not frame.context.unroll)
    if wrong is not None:
        place, problem = wrong
        (one, axis), (text, size) = places[place], axes[place]
        first = one == next(iter(block.inputs))
        history = became(given.made, (axis - len(block.inputs[one].axes),)) if first else ()
        message = f"axis {axis} of `{one}` does not fit {name}, which takes {text} there: {problem}"
        axis = leading.place_of(block.inputs[one].axes, axis)
        advice = ""
        if "multiple" in problem and graph.free_symbols(size):
            advice = f"say in `inputs` what {dimensions.show(size)} is a multiple of, as {name} does: `{text}`"
        frame.report.add_to_type(
            "AS502", message, at, advice, related=_declared(frame, name, one, given, history, axis)
        )
        return False
    hide_sizes(block.inputs, block.params, scope)
    return True


def _is_taken(frame: Frame, name: str, one: str, declared: Input, flow: Flow, at: Path, given: Given) -> bool:
    """Whether what flows in has as many axes as the block says, and its dtype; reported if not."""
    first = one == next(iter(frame.context.document.blocks[name].inputs))
    if not isinstance(flow, TensorType) or flow.rank != len(declared.axes):
        wanted = leading.written(declared.axes)
        wanted = f"a list of {wanted}" if declared.list_ is not None else wanted
        message = f"{name} takes `{one}` as {wanted}, but {flow_text(flow)} flows in"
        history = since(given.made, lambda x: x.rank) if first else ()
        frame.report.add_to_type("AS501", message, at, related=_declared(frame, name, one, given, history))
        return False
    if flow.dtype != declared.dtype and not (declared.dtype == "float32" and flow.dtype in _FLOATS):
        message = f"{name} takes `{one}` as {declared.dtype}, but {flow_text(flow)} flows in"
        history = since(given.made, lambda x: x.dtype) if first else ()
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
        written = frame.report.source.value(path)
        key = "list" if isinstance(written, dict) and "list" in written else "shape"
        below = (*path, key, axis) if isinstance(written, dict) else (*path, axis)
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
    if not _are_sizes(frame, name):
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
    block = leading.for_types(block, {})
    key = (name, leading.key_of(block))
    if key not in context.ranks:
        scope: dict[str, Any] = {}
        parameters = declare(frame.report, block.params, ("blocks", name), {}, scope, symbolic=True)
        types: dict[str, Flow] = {}
        for one, declared in block.inputs.items():
            inside = scope if not listed.differing(declared) else {**scope, listed.DIFFERS: 1}
            sizes = tuple(_symbolic_size(size, inside) for size in declared.axes)
            scope |= {key: value for key, value in inside.items() if key != listed.DIFFERS}
            types[one] = TensorType(sizes, declared.dtype)
            if declared.list_ is not None:
                types[one] = listed.symbolic(one, declared, sizes, scope)
        hide_sizes(block.inputs, block.params, scope)
        context.open.append(name)
        cls = _read(frame, block, name, parameters, types, scope, "")
        context.open.pop()
        context.ranks[key] = cls
        known = context.blocks.get(name)
        if known is None or (cls is not None and _axes_of(cls) > _axes_of(known)):
            context.blocks[name] = cls  # the one of the highest rank is printed: there no two sizes look alike
    return context.ranks[key]


def _axes_of(cls: Class) -> int:
    """How many axes flow into a class."""
    return sum(len(one.axes) for one in cls.inputs)


def _symbolic_size(text: int | str, scope: dict[str, Any]) -> Size:
    node = leading.compile_size(text)
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
    above: HistoryStep | None = None,
) -> Class | None:
    """The class that a block's declaration says, for those inputs."""
    base: Path = ("blocks", name)
    before = len(frame.report.problems)
    let = compute_let(frame.report, block.let, scope, (*base, "let"), symbolic=not frame.context.unroll)
    refuse_optional_first(frame.report, block.inputs, base)
    inputs = tuple(_input(frame, declared, one, types.get(one), base, scope) for one, declared in block.inputs.items())
    own = Frame(frame.context, scope, prefix)
    own.above = above
    cls = read_class(own, name, block, base, parameters, let, inputs)
    return cls if frame.context.partial or len(frame.report.problems) == before else None


def _input(
    frame: Frame, declared: Input, name: str, flow: Flow | None, base: Path, scope: dict[str, Any]
) -> graph.Input:
    axes = listed.axes_of(declared, tuple(map(leading.compile_size, declared.axes)))
    span = frame.span((*base, "inputs", name), key=True)
    if declared.list_ is not None:
        return graph.Input(name, flow, span, axes, listed=True)
    if flow is None:  # an optional one that nothing flows into
        inside = dict(scope)
        flow = TensorType(tuple(_symbolic_size(size, inside) for size in declared.axes), declared.dtype)
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
    sizes = {**_optional_sizes(block, types, scope), **scope, **presence_of(block.inputs, given)}
    output = substitute(cls.output, {**sizes, **exported(frame, cls, place, key)})
    return Call(key, cls, tuple(passed), given.types, output, span)


def _optional_sizes(block: Block, types: dict[str, Flow], scope: dict[str, Any]) -> dict[str, Any]:
    """The sizes that optional inputs alone have, which the block's output may depend on."""
    found = dict(scope)
    for one, declared in block.inputs.items():
        flow = types.get(one)
        if declared.list_ is not None:
            continue
        if isinstance(flow, TensorType):
            bind_sizes(list(zip(declared.axes, flow.shape, strict=False)), found, settled=True)
        for name in size_names(declared.axes) - found.keys():
            found[name] = dimensions.of(dimensions.Unknown(f"only `{one}`, which is left out, has it"))
    return found


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
    block = Block.model_construct(inputs={}, layers=layers)  # its steps have been validated
    if len(given.types) > 1:
        message = f"a group of named steps takes one value; {len(given.types)} flow in"
        advice = "it reads the names around it: `from:` says what its first step takes"
        frame.report.add("AS206", message, path, advice)
        return lost(frame, path, given)
    if refuse_left_out(frame, f"the group `{name}`", (), given, path):
        return lost(frame, path, given)
    if given.first() is None:
        if not frame.report.problems and not frame.report.passed_over:
            message = f"the shape of {given.label} depends on a parameter in a way that no expression says"
            frame.report.add(
                "AS508", message, path, "write its sizes by `shape:`, or the parameter as a number", key=True
            )
        return lost(frame, path, given)
    class_name = _group_class(frame, path)
    own = Frame(frame.context, dict(scope), f"{frame.prefix}{name}.", frame)
    variables = {one: around.locals.value(one) for around in _around(own) for one in around.locals.carried}
    own.locals.taken.update(variables)
    attributes = received(own, given.types)
    inside = {one: dimensions.symbol(here) for one, here in attributes.items()}
    given = given.with_types(tuple(substitute(flow, inside) for flow in given.types))
    inputs = _group_inputs(own, layers, given, span)
    before = len(frame.report.problems)
    count = frame.context.count
    cls = read_class(own, class_name, block, path, (), (), inputs)
    if cls is None or (len(frame.report.problems) > before and not frame.context.partial):
        if cls is not None:
            frame.lost_groups.append(Call(name, cls, (), given.types, None, span))
        return lost(frame, path, given)
    captured = tuple(
        graph.Input(one, value.type, value.span, _axes(value.type, scope), value.optional, captured=True)
        for one, value in sorted(own.captured.items(), key=lambda one: one[1].optional)
    )
    cls = replace(cls, inputs=(*cls.inputs, *captured))
    sizes = {one for value in cls.inputs for node in value.axes for one in graph.names_in(node)}
    read = constructor_reads(cls) | (reads(cls) - sizes - own.captured.keys())
    values = {one: Argument(one, value, frame.constructed(Name(one), scope), span) for one, value in scope.items()}
    values |= {one: Argument(one, value, None, span) for one, value in sorted(variables.items())}
    values |= {here: Argument(here, dimensions.symbol(one), None, span) for one, here in attributes.items()}
    passed = tuple(argument for one, argument in values.items() if one in read)
    parameters = tuple(
        graph.Parameter(one.name, type_of(one.value).partition(":")[0], None, "", one.value, span, inferred=True)
        for one in passed
    )
    cls = replace(cls, parameters=parameters, count=frame.context.count - count, grouped=True)
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
        taken = context.taken_by_classes
        if not taken:
            classes = (str(context.document.name), *context.document.blocks)
            taken.update(classes, (f"{one}Output" for one in classes))
            taken.update(number_names(context.document), context.document.variants)
        candidates = (name, f"{around}{name}", *(f"{around}{name}{n}" for n in range(2, 10_000)))
        context.groups[path] = chosen = next(
            one for one in candidates if one not in taken and not variable_problem(one)
        )
        taken.update((chosen, f"{chosen}Output"))
    return context.groups[path]


def _last_name(path: Path) -> str:
    return next((key for key in reversed(path) if isinstance(key, str) and key != "layers"), "group")


def _class_around(frame: Frame, path: Path) -> str:
    return str(path[1]) if path[0] == "blocks" else str(frame.context.document.name)


def _class_name(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _group_inputs(own: Frame, layers: dict[str, Step], given: Given, span: Span) -> tuple[graph.Input, ...]:
    """What flows into a group: by the name that it has outside, if it has one, else by one that nothing else has."""
    first, name = given.first(), given.first_name
    steps = {one for key in layers for one in re.findall(r"\w+", key)}
    if name is None or variable_problem(name) or name in own.scope or name in steps:
        taken = {*steps, *own.scope, *names_read(layers)}
        name = next(one for one in ("x", *(f"x_{number}" for number in range(2, 10_000))) if one not in taken)
        own.entry = OuterValue(given.label, span)
    return (graph.Input(name, first, given.span, _axes(first, own.scope)),)


def names_read(layers: list[Step] | dict[str, Step]) -> Iterator[str]:
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
            yield from names_read(inner) if inner else ()


def _axes(flow: Flow | None, scope: Scope) -> tuple[Node, ...]:
    """The sizes of what flows into a group, where a name stands for one; none of several values."""
    if not isinstance(flow, TensorType):
        return ()
    named: dict[Size, str] = {}
    for name, value in scope.items():
        if isinstance(value, Dimension):
            named.setdefault(value, name)
    return tuple(Name(named[size]) if size in named else Literal(1) for size in flow.shape)
