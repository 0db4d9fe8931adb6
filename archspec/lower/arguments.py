"""The arguments of a module: as they are written, with their values, and what they may depend on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from archspec import dimensions, graph
from archspec.dimensions import Dimension
from archspec.document import OwnName, StepEntry
from archspec.expressions import ExpressionError, Scope, lift
from archspec.graph import (
    Argument,
    Branch,
    Call,
    Class,
    Item,
    Loop,
    Tie,
    argument_text,
    free_symbols,
    modules,
    names_in,
)
from archspec.layers import LAYERS, Layer
from archspec.lower.axes import input_origins
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.leading import is_name
from archspec.lower.sites import Site
from archspec.lower.sizes import TOLD
from archspec.problems import Edit, Span
from archspec.refusals import settled
from archspec.source import Path
from archspec.tensors import TensorType, flow_text

_OF_CHANNELS = ("in_channels", "num_channels", "num_features")
"""Arguments that count channels, which no pooling takes away."""
_TIE = re.compile(r"[A-Za-z]\w*(\.\w+)+", re.ASCII)


class WrittenArgument(NamedTuple):
    """An argument as the spec writes it."""

    name: str
    path: Path
    value: Any


def layer_arguments(
    frame: Frame, layer_type: type[Layer], step: StepEntry, site: Site
) -> tuple[dict[str, Argument], dict[str, Tie]] | None:
    """The arguments that a step gives a layer, and the weights that it takes of others, both by name.

    None, and reported, where one is no argument or has no value.
    """
    written = written_arguments(frame, step, site.path, layer_type.single(), list(layer_type.arguments))
    if written is None:
        return None
    found: dict[str, Argument] = {}
    ties: dict[str, Tie] = {}
    failed = False
    for one in written:
        name, at, value = one
        argument = layer_type.arguments.get(name)
        if (argument is None or name == "bias") and isinstance(value, str) and is_tie(frame, value):
            ties[name] = Tie(name, value, frame.span(at))
            frame.tie(value)
            continue
        if argument is None:
            from archspec.lower.spellings import unknown_argument  # here: only a mistake needs it

            unknown_argument(frame, layer_type, name, value, at)
            failed = True
            continue
        takes_words = bool(argument.choices) or argument.kind in ("word", "device", "dtype")
        evaluated = evaluate_argument(frame, one, site.scope, takes_words=takes_words)
        failed = failed or evaluated is None
        if evaluated is not None:
            found[name] = evaluated
    return None if failed else (found, ties)


def is_tie(frame: Frame, value: str) -> bool:
    """Whether an argument's value names a parameter: `wte.weight`, or a Parameter of the spec."""
    return value in frame.parameters or _TIE.fullmatch(value) is not None


def written_arguments(
    frame: Frame, step: StepEntry, path: Path, single: str | None, known: list[str]
) -> list[WrittenArgument] | None:
    """The arguments of a step: by name, or one value for the argument `single`. None, and reported, if wrong.

    `known` are the names of all arguments that there are.
    """
    if step.arguments is None:
        return []
    base = (*path, str(step.type))
    if isinstance(step.arguments, dict):
        return [WrittenArgument(name, (*base, name), value) for name, value in step.arguments.items()]
    if isinstance(step.arguments, list) and single is not None and not may_be_list(LAYERS.get(str(step.type)), single):
        from archspec.lower.spellings import several  # here: only a mistake needs it

        several(frame, str(step.type), step.arguments, base)
        return None
    if single is None:
        message = f"{step.type} has no argument that a single value could mean"
        inferred = getattr(LAYERS.get(str(step.type)), "arguments", {}).get(known[0]) if known else None
        advice = f"name the argument: {', '.join(known)}" if known else "leave it out"
        edits: tuple[Edit, ...] = ()
        if inferred is not None and inferred.inferred:
            advice = f"leave it out: `{known[0]}` is inferred; pass the others by name: {', '.join(known[1:])}"
            alone = len(frame.report.source.value(path)) == 1
            edits = (Edit(frame.span(path), str(step.type)) if alone else Edit(frame.span(base), "{}"),)
        frame.report.add_at("AS405", message, frame.span(base), advice, edits=edits)
        return None
    return [WrittenArgument(single, base, step.arguments)]


def may_be_list(layer_type: type[Layer] | None, single: str) -> bool:
    """Whether the one value that stands for the argument `single` may be a list."""
    if layer_type is None:  # a block says what it takes by itself
        return True
    required = sum(argument.required for argument in layer_type.arguments.values())
    return required < 2 and layer_type.arguments[single].kind in ("integers", "numbers")


def evaluate_argument(
    frame: Frame, written: WrittenArgument, scope: Scope, *, takes_words: bool = False
) -> Argument | None:
    """An argument with its value; None, and reported, if it has none.

    One that `takes_words` is a word where the spec writes one that nothing is called.
    """
    name, at, value = written
    words = frozenset(scope) if takes_words and not isinstance(value, OwnName) else None
    try:
        node, result = frame.report.evaluate(value, at, scope, words, flowing=frame.values)
    except ExpressionError:
        return None
    bound = frame.bound_around() & names_in(node)
    return Argument(name, result, lift(result) if bound else node, frame.span(at))


def in_signature_order(layer: Layer, arguments: dict[str, Argument], span: Span) -> tuple[Argument, ...]:
    """Given and inferred arguments in PyTorch's order."""
    ordered = []
    for name, argument in layer.arguments.items():
        if name in arguments:
            ordered.append(arguments[name])
        elif argument.inferred and name in layer.__dict__:
            ordered.append(Argument(name, layer.__dict__[name], None, span))
    return tuple(ordered)


def check_constant(frame: Frame, arguments: tuple[Argument, ...], given: Given, at: Path) -> bool:
    """Whether a constructor can have its arguments: reports a free dimension, and a size that no expression says."""
    for argument in arguments:
        free = free_symbols(argument.value)
        if free:
            names = ", ".join(sorted(f"`{symbol.shown}`" for symbol in free))
            what = "a list of sizes" if isinstance(argument.value, tuple) else show_value(argument.value)
            plural = "s" if len(free) > 1 else ""
            whole = f"the free dimension{plural} {names}"
            depends = f"{what}, which depends on {whole}"
            message = f"`{argument.name}` would be {whole if f'`{what}`' == names else depends}"
            fixed = "parameters or numbers" if plural else "a parameter or a number"
            advice = f"make {names.replace(', ', ' and ')} {fixed}"
            if {symbol.text for symbol in free} == {"training"}:
                message = (
                    f"`{argument.name}` would be {show_value(argument.value)}: a module is created once for both modes"
                )
                advice = "give its input the same size in training and in evaluation"
            if argument.name not in _OF_CHANNELS:
                advice += f", or pool {'them' if plural else 'it'} away before (`AdaptiveAvgPool2d: 1`)"
            sizes = frame.report.declared(at, sorted(symbol.text for symbol in free), sizes=True)
            places = (*input_origins(given), *sizes)
            if any(map(is_name, (symbol.text for symbol in free))):
                advice = "name these axes, as parameters or numbers: `x: [..., T, C]`"
            if argument.node is None:
                frame.report.add_to_type("AS506", message, at, advice, related=places)
            else:
                frame.report.add_at("AS506", message, argument.span, advice, related=places)
            return False
        why = unknown_reason(argument.value)
        if why == TOLD:
            return False
        if why is not None:
            message = f"`{argument.name}` depends on a size that is not an expression of the parameters: {why}"
            frame.report.add_to_type("AS508", message, at, f"write `{argument.name}` out", related=input_origins(given))
            return False
    return True


def unknown_reason(value: object) -> str | None:
    """Why a size has no expression, if it has none."""
    if isinstance(value, tuple):
        return next((why for item in value if (why := unknown_reason(item))), None)
    return dimensions.reason(value) if isinstance(value, Dimension) else None


def difference(first: Item, second: Item) -> str | None:
    """In words, in what two readings of one module differ, of all that it is made with; None where they do not."""
    for (name, a), (_, b) in zip(modules((first,)), modules((second,)), strict=False):
        if not isinstance(a, Call) or not isinstance(b, Call):
            continue
        inside = f" of `{name}`" if "." in name else ""
        for one, other in _pairs(a, b):
            if not _same(one.value, other.value):
                verb = "flow in" if one.node is None else "are meant"
                return f"`{one.name}`{inside} is {show_value(one.value)}, and here {show_value(other.value)} {verb}"
        for tensor, again in zip(_held(a), _held(b), strict=False):
            if not _same(tensor.output, again.output):
                there, here = flow_text(tensor.output), flow_text(again.output)
                return f"`{tensor.name}`{inside} is {there}, and here {here} is meant"
    return None


def _pairs(a: Call, b: Call) -> Iterator[tuple[Argument, Argument]]:
    """The arguments of two calls by their names.

    A group is given a size around it only where no axis of its inputs says it: with the other, its value there counts.
    """
    if not isinstance(a.layer, Class) or not isinstance(b.layer, Class) or not a.layer.grouped:
        pairs = zip(a.arguments, b.arguments, strict=False)
        yield from ((one, other) for one, other in pairs if one.name == other.name)
        return
    given, others = ({one.name: one for one in call.arguments} for call in (a, b))
    for name in {**given, **others}:
        one, other = given.get(name), others.get(name)
        if one is None and other is not None and name in a.layer.values:
            one = replace(other, value=a.layer.values[name])
        if other is None and one is not None and name in b.layer.values:
            other = replace(one, value=b.layer.values[name])
        if one is not None and other is not None:
            yield one, other


def _held(call: Call) -> list[graph.Step]:
    """The Parameters and Buffers of a block."""
    steps = call.layer.written() if isinstance(call.layer, Class) else ()
    return [step for step in steps if step.kind in ("parameter", "buffer")]


def _same(a: object, b: object) -> bool:
    if isinstance(a, int | Dimension) and isinstance(b, int | Dimension):
        return settled(dimensions.equal(a, b), a, b)
    if isinstance(a, TensorType) and isinstance(b, TensorType):
        return a.dtype == b.dtype and a.rank == b.rank and all(map(_same, a.shape, b.shape))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


def show_value(value: Any) -> str:
    """A value of an argument, for a message."""
    return dimensions.show(value) if isinstance(value, int | Dimension) else str(value)


def constructor_text(item: Item) -> Any:
    """What a constructor writes for a module; None where that depends."""
    if isinstance(item, Call):
        arguments = tuple((one.name, argument_text(one)) for one in item.arguments)
        return (item.type_name, item.held, arguments) if not item.ties else None
    if isinstance(item, Loop | Branch):
        return None
    inside = tuple(map(constructor_text, item.items))
    return (item.listed, *inside) if None not in inside else None
