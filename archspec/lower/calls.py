"""One module in its place: a layer of the catalogue or a block, its arguments evaluated and checked."""

from __future__ import annotations

import inspect
import math
import re
from functools import cache
from typing import Any

from archspec import dimensions
from archspec.dimensions import LARGEST, Dimension, Size
from archspec.document import OwnName, Step
from archspec.expressions import ExpressionError, Symbolic, UndecidedError, lift
from archspec.graph import Argument, Call, Flow, Group, Item, Tie, free_symbols, modules, names_in
from archspec.layers import LAYERS, Layer
from archspec.lower._problems import type_path
from archspec.lower.axes import came_from, in_order_of_axes
from archspec.lower.context import Frame, Given, Place, Scope
from archspec.lower.history import became, fell, since
from archspec.lower.leading import is_name
from archspec.lower.optional import by_name, omissible, refuse_left_out
from archspec.lower.own import own_layer
from archspec.problems import Advice, Edit, Related, Span, did_you_mean, echo
from archspec.refusals import RefusalError, settled
from archspec.source import Path
from archspec.tensors import TensorType, flow_text

_OF_CHANNELS = ("in_channels", "num_channels", "num_features")
"""Arguments that count channels, which no pooling takes away."""
_TIE = re.compile(r"[A-Za-z]\w*(\.\w+)+", re.ASCII)


def call(
    frame: Frame, step: Step, path: Path, given: Given, place: Place, scope: Scope, key: str | None
) -> Call | Group:
    """The module that a step's type names."""
    held = None
    type_name = str(step.type)
    if not type_name:  # it could not be read
        return lost(frame, path, given)
    if step.layer is not None:
        held = step.layer
        found = held_layer(frame, held, (*path, "layer"), scope)
        if found is None:
            return lost(frame, path, given)
        type_name = found
    if type_name in frame.context.document.blocks:
        return frame.context.instance(frame, step, type_name, path, given, place, scope, key)
    if "." in type_name:
        return own_call(frame, step, type_name, path, given, scope, key)
    if step.type is None and held is None:
        message = "a step without a layer: nothing stands below its key"
        path = next(
            ((*path, key) for key in ("layers", "layer") if key in (frame.report.source.value(path) or ())), path
        )
        frame.report.add("AS206", message, path, "write a layer, as in `ReLU`, or the steps of the group")
        return lost(frame, path, given)
    frame.context.add_layers(1, path)
    layer_type = LAYERS.get(type_name)
    if layer_type is None:
        from archspec.lower.spellings import unknown_layer  # here: only a mistake needs it

        unknown_layer(frame, type_name, path)
        return lost(frame, path, given)
    at = type_path(frame.report, path, (held and "layer") or type_name)
    span = frame.span(at, key=True)
    ties: dict[str, Tie] = {}
    arguments = layer_arguments(frame, layer_type, step, path, scope, ties) if held is None else {}
    layer = None
    if arguments is not None:
        layer = _checked(frame, layer_type, {name: a.value for name, a in arguments.items()}, at)
    if layer is None or arguments is None:
        return Call(key, layer_type.unchecked(), (), given.types, None, span)
    output = flow(frame, layer, given, at)
    ordered = in_order(layer, arguments, span)
    if not check_free(frame, ordered, given, at):
        output = None  # what comes of it follows from that
    if output is not None:
        refuse_ties(frame, layer, [*ties], at)
    return Call(key, layer, ordered, given.types, output, span, held, tuple(ties.values()), given.names)


def refuse_ties(frame: Frame, layer: Layer, names: list[str], at: Path) -> None:
    """Reports ties of what is none of a layer's own parameters."""
    try:
        own = [weight.name for weight in layer.weights() if weight.learnable] if names else []
    except UndecidedError:
        return
    kind = type(layer).__name__
    for name in names:
        if name not in own:
            hint = did_you_mean(name, [*layer.arguments, *own], f"{kind} takes")
            frame.report.add(
                "AS402", f"this {kind} has no argument or parameter {echo(name)}", (*at, name), hint, key=True
            )


def own_call(
    frame: Frame, step: Step, target: str, path: Path, given: Given, scope: Scope, key: str | None
) -> Call | Group:
    """A class of the user's, with its arguments."""
    frame.context.add_layers(1, path)
    if step.arguments is not None and not isinstance(step.arguments, dict) and target.startswith(("nn.", "torch.nn.")):
        step = step.model_copy(update={"arguments": None})  # one value, as for PyTorch's own, which own_layer names
    places = argument_places(frame, step, path, None, [])
    arguments = {}
    for name, at, value in places or ():
        argument = evaluated_argument(frame, name, value, at, scope, frozenset(scope))
        if argument is not None:
            arguments[name] = argument
    if places is None or len(arguments) < len(places):
        return lost(frame, path, given)
    made = own_layer(frame, step, target, arguments, given, scope, key, path, type_path(frame.report, path, target))
    return made if made is not None else lost(frame, path, given)


def lost(frame: Frame, path: Path, given: Given) -> Group:
    """In place of a step that cannot be read: what flows on is unknown."""
    return Group(None, (), given.types, None, frame.span(path))


def held_layer(frame: Frame, name: str, path: Path, scope: Scope) -> str | None:
    """The layer that a parameter holds."""
    value = scope.get(name)
    if isinstance(value, Symbolic) and value.type.startswith("layer:"):
        return value.type.partition(":")[2]
    if isinstance(value, str) and value in LAYERS:
        return value
    message = f"{echo(name)} is no parameter that holds a layer"
    advice = "give the parameter a layer's name as its default: `activation: ReLU`"
    if name in LAYERS:
        advice = f"it is a layer itself: write `{name}` without `layer:`"
    frame.report.add("AS303", message, path, advice)
    return None


def layer_arguments(
    frame: Frame, layer_type: type[Layer], step: Step, path: Path, scope: Scope, ties: dict[str, Tie]
) -> dict[str, Argument] | None:
    """The arguments that a step gives, by name; None if one of them is no argument or has no value."""
    places = argument_places(frame, step, path, layer_type.single(), list(layer_type.arguments))
    if places is None:
        return None
    found: dict[str, Argument] = {}
    failed = False
    for name, at, value in places:
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
        words = frozenset(scope) if argument.choices or argument.kind in ("word", "device", "dtype") else None
        evaluated = evaluated_argument(frame, name, value, at, scope, words)
        failed = failed or evaluated is None
        if evaluated is not None:
            found[name] = evaluated
    return None if failed else found


def is_tie(frame: Frame, value: str) -> bool:
    """Whether an argument's value names a parameter: `wte.weight`, or a Parameter of the spec."""
    return value in frame.parameters or _TIE.fullmatch(value) is not None


def argument_places(
    frame: Frame, step: Step, path: Path, single: str | None, known: list[str]
) -> list[tuple[str, Path, Any]] | None:
    """The arguments of a step as written: by name, or one value for the argument `single`."""
    if step.arguments is None:
        return []
    base = (*path, str(step.type))
    if isinstance(step.arguments, dict):
        return [(name, (*base, name), value) for name, value in step.arguments.items()]
    if isinstance(step.arguments, list) and single is not None and not takes_list(LAYERS.get(str(step.type)), single):
        from archspec.lower.spellings import several  # here: only a mistake needs it

        several(frame, str(step.type), step.arguments, base)
        return None
    if single is None:
        message = f"{step.type} requires no argument that one value could stand for"
        inferred = getattr(LAYERS.get(str(step.type)), "arguments", {}).get(known[0]) if known else None
        advice = f"name the argument: {', '.join(known)}" if known else "leave it out"
        edits: tuple[Edit, ...] = ()
        if inferred is not None and inferred.inferred:
            advice = f"leave it out: `{known[0]}` is inferred; the others go by their names: {', '.join(known[1:])}"
            alone = len(frame.report.source.value(path)) == 1
            edits = (Edit(frame.span(path), str(step.type)) if alone else Edit(frame.span(base), "{}"),)
        frame.report.add_at("AS405", message, frame.span(base), advice, edits=edits)
        return None
    return [(single, base, step.arguments)]


def takes_list(layer_type: type[Layer] | None, single: str) -> bool:
    """Whether the one value that stands for the argument `single` may be a list."""
    if layer_type is None:  # a block says what it takes by itself
        return True
    required = sum(argument.required for argument in layer_type.arguments.values())
    return required < 2 and layer_type.arguments[single].kind in ("integers", "numbers")


def evaluated_argument(
    frame: Frame, name: str, value: object, at: Path, scope: Scope, words: frozenset[str] | None
) -> Argument | None:
    """An argument with its value; None (and reported) if it has none."""
    words = None if isinstance(value, OwnName) else words  # a name, which no word stands for
    try:
        node, result = frame.report.evaluate(value, at, scope, words, flowing=frame.values)
    except ExpressionError:
        return None
    bound = frame.bound_around() & names_in(node)
    return Argument(name, result, lift(result) if bound else node, frame.span(at))


def _checked(frame: Frame, layer_type: type[Layer], values: dict[str, Any], at: Path) -> Layer | None:
    """The layer with its arguments, if each of them is one."""
    try:
        layer = layer_type(values)
    except RefusalError as error:
        layer_error(frame, error, at, None)
        return None
    if frame.context.floating != layer.floating:
        layer.floating = frame.context.floating
    return layer


def flow(frame: Frame, layer: Layer, given: Given, at: Path) -> Flow | None:
    """What flows out of a layer; None where that cannot be said."""
    if any(flow is None for flow in given.types):
        return None
    kind: Any = type(layer)
    name = kind.__name__
    if not takes(frame, name, layer.inputs, given, at, _required(kind)):
        return None
    if refuse_left_out(frame, name, omissible(kind), by_name(given, layer.inputs), at):
        return None
    if not in_order_of_axes(frame, layer, given, at):
        return None
    weights: Size = 0
    try:
        if given.optional:
            positional, named = layer.bind(*given.without_optional())
            layer.forward(*positional, **named)
        positional, named = layer.bind(given.names, given.types)
        output: Flow = layer.forward(*positional, **named)
        if frame.context.unroll:
            weights = layer.parameter_count()
    except RefusalError as error:
        layer_error(frame, error, at, given, layer.spatial)
        return None
    except UndecidedError:
        return None
    if too_large(output):
        message = f"{type(layer).__name__} returns {flow_text(output)}, which is beyond 64 bits"
        frame.report.add_to_type("AS507", message, at)
        return None
    if isinstance(weights, int) and 8 * weights > LARGEST:
        message = f"{type(layer).__name__} would have {int(weights)} weights, more than 64 bits can address"
        frame.report.add_to_type("AS507", message, at, "write smaller sizes", related=came_from(given))
        return None
    return output


@cache
def _required(layer: Any) -> tuple[str, ...]:
    """The inputs that a layer's forward method has no default for."""
    parameters = list(inspect.signature(layer.forward).parameters.values())[1:]
    by_place = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    if len(layer.inputs) < 2 or len(by_place) < len(parameters):
        return ()
    return tuple(name for name, one in zip(layer.inputs, by_place, strict=False) if one.default is one.empty)


def takes(
    frame: Frame,
    name: str,
    inputs: tuple[str, ...],
    given: Given,
    at: Path,
    required: tuple[str, ...] = (),
    lists: tuple[str, ...] = (),
) -> bool:
    """Whether a module takes what it is given: as many tensors, by those names, and no tuple for a tensor."""
    first = given.first()
    if (given.names[0] or next(iter(inputs), "")) in lists:
        first = TensorType(())  # whether it is a list of tensors is asked where its sizes are bound
    if isinstance(first, tuple):
        message = f"{name} takes a tensor, but {given.label} returns {len(first)} values"
        advice = "unpack them first: `out, state: …` in a mapping, then `from: out`"
        frame.report.add_to_type("AS502", message, at, advice, related=came_from(given))
        return False
    if len(inputs) == 1 and not isinstance(first, TensorType):
        message = f"{name} takes a tensor, but {flow_text(first)} flows in"
        advice = "take a value of the flow by `from:`"
        frame.report.add_to_type("AS502", message, at, advice, related=came_from(given))
        return False
    for argument in given.names:
        if argument is not None and argument not in inputs:
            hint = did_you_mean(argument, list(inputs), f"{name} is called with")
            written = (*at[:-1], "from", argument)
            message = f"{name} takes no input {echo(argument)}"
            if isinstance(frame.report.source.value(written[:-1]), dict):
                frame.report.add("AS402", message, written, hint, key=True)
            else:
                frame.report.add_to_type("AS402", message, at, hint)
            return False
    if sum(argument is None for argument in given.names) > len(inputs):
        message = f"{name} takes {len(inputs)} input{'s' if len(inputs) > 1 else ''}, not {len(given.names)}"
        advice = f"its inputs: {', '.join(inputs)}" if len(inputs) > 1 else "name one value: `from: x`"
        frame.report.add_to_type("AS501", message, at, advice)
        return False
    there = {*inputs[: sum(argument is None for argument in given.names)], *filter(None, given.names)}
    for argument in required:
        if argument not in there:
            message = f"nothing flows into `{argument}` of {name}"
            source = given.label.strip("`").rpartition(".")[2] or "…"
            listed = ", ".join(f"{one}: {source}" for one in required)
            frame.report.add_to_type("AS203", message, at, f"write `from: {{{listed}}}`", related=came_from(given))
            return False
    return True


def too_large(output: Flow | None) -> bool:
    """Whether a size or a number of elements is beyond 64 bits."""
    if output is None:  # attention's weights, where nobody wants them
        return False
    if not isinstance(output, TensorType):
        return isinstance(output, tuple) and any(map(too_large, output))
    least = [size if isinstance(size, int) else max(0, dimensions.bounds(size)[0] or 0) for size in output.shape]
    return max(least, default=0) > LARGEST or math.prod(least) > LARGEST


def unlike(first: Item, second: Item) -> str | None:
    """In words, which inferred argument two readings of one module do not share; None where they are the same."""
    for (name, a), (_, b) in zip(modules((first,)), modules((second,)), strict=False):
        if not isinstance(a, Call) or not isinstance(b, Call):
            continue
        for one, other in zip(a.arguments, b.arguments, strict=False):
            if one.name == other.name and one.node is None and not _same(one.value, other.value):
                inside = f" of `{name}`" if "." in name else ""
                return f"`{one.name}`{inside} is {show_value(one.value)}, and here {show_value(other.value)} flow in"
    return None


def _same(a: object, b: object) -> bool:
    if isinstance(a, int | Dimension) and isinstance(b, int | Dimension):
        return settled(dimensions.equal(a, b), a, b)
    return a == b


def show_value(value: Any) -> str:
    """A value of an argument, for a message."""
    return dimensions.show(value) if isinstance(value, int | Dimension) else str(value)


def layer_error(frame: Frame, error: RefusalError, at: Path, given: Given | None, axes: int = 0) -> None:
    """A layer's refusal, at the argument to blame if the spec writes it."""
    key = True
    read = frame.report.source.value(at)
    below = read
    if error.argument is not None and isinstance(below, dict) and error.argument in below:
        read = below[error.argument]
        at, key = (*at, error.argument), False
    elif error.argument is not None and below is not None and not isinstance(below, dict) and _is_type_key(frame, at):
        key = False
    advice = error.help
    if isinstance(advice, Advice) and (key or (not advice.new and not isinstance(below, dict))):
        advice = str(advice)  # it is about an argument that is not written, or that is all there is
    related = came_from(given) if given is not None else ()
    if error.code == "AS504" and given is not None and axes:
        history = fell(given.made, axes)
        if history is not None and related and history.span == related[0].span:
            related = (Related(f"{related[0].message}; {history.message}", history.span),)
        elif history is not None:
            related = (*related, history)
    elif given is not None:
        related = (*related, *_since(error.code, given, axes))
    if not key:
        related = (*related, *frame.report.declared(at, read))
    add = frame.report.add_to_type if key else frame.report.add
    add(error.code, error.message, at, advice, related=related, mixes=bool(error.mixes))


def _since(code: str, given: Given, axes: int) -> tuple[Related, ...]:
    """The step that an input has its rank, its dtype or its channels from; `axes` stand behind those."""
    if code == "AS501":
        return since(given.made, lambda x: x.rank)
    if code == "AS505":
        return since(given.made, lambda x: x.dtype)
    return became(given.made, (-1 - axes,)) if code in ("AS406", "AS502", "AS503") else ()


def _is_type_key(frame: Frame, at: Path) -> bool:
    return isinstance(frame.report.source.value(at[:-1]), dict) and isinstance(at[-1], str) and at[-1][:1].isupper()


def in_order(layer: Layer, arguments: dict[str, Argument], span: Span) -> tuple[Argument, ...]:
    """Given and inferred arguments in PyTorch's order."""
    ordered = []
    for name, argument in layer.arguments.items():
        if name in arguments:
            ordered.append(arguments[name])
        elif argument.inferred and name in layer.__dict__:
            ordered.append(Argument(name, layer.__dict__[name], None, span))
    return tuple(ordered)


def check_free(frame: Frame, arguments: tuple[Argument, ...], given: Given, at: Path) -> bool:
    """Whether no argument of a constructor depends on a free dimension, or is a size that no expression says."""
    for argument in arguments:
        free = free_symbols(argument.value)
        if free:
            names = ", ".join(sorted(f"`{symbol.shown}`" for symbol in free))
            what = "a list of sizes" if isinstance(argument.value, tuple) else show_value(argument.value)
            plural = "s" if len(free) > 1 else ""
            message = f"`{argument.name}` would be {what}, which depends on the free dimension{plural} {names}"
            fixed = "parameters or numbers" if plural else "a parameter or a number"
            advice = f"make {names.replace(', ', ' and ')} {fixed}"
            if {symbol.text for symbol in free} == {"training"}:
                message = (
                    f"`{argument.name}` would be {show_value(argument.value)}: a module is made once for both modes"
                )
                advice = "let what flows in have one size in training and in evaluation"
            if argument.name not in _OF_CHANNELS:
                advice += f", or pool {'them' if plural else 'it'} away before (`AdaptiveAvgPool2d: 1`)"
            sizes = frame.report.declared(at, sorted(symbol.text for symbol in free), sizes=True)
            places = (*came_from(given), *sizes)
            if any(map(is_name, (symbol.text for symbol in free))):
                advice = "name the axes that it is made of, as parameters or numbers: `x: [..., T, C]`"
            if argument.node is None:
                frame.report.add_to_type("AS506", message, at, advice, related=places)
            else:
                frame.report.add_at("AS506", message, argument.span, advice, related=places)
            return False
        why = unknown_reason(argument.value)
        if why is not None:
            message = f"`{argument.name}` depends on a size that no expression of the parameters gives: {why}"
            frame.report.add_to_type("AS508", message, at, f"write `{argument.name}` out", related=came_from(given))
            return False
    return True


def unknown_reason(value: object) -> str | None:
    """Why a size has no expression, if it has none."""
    if isinstance(value, tuple):
        return next((why for item in value if (why := unknown_reason(item))), None)
    return dimensions.reason(value) if isinstance(value, Dimension) else None
