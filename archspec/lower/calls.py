"""One module in its place: a layer of the catalogue, a block, or a class that the caller allows."""

from __future__ import annotations

import math
from typing import Any

from archspec import dimensions
from archspec.dimensions import LARGEST, Size
from archspec.document import StepEntry
from archspec.expressions import Scope, Symbolic, UndecidedError
from archspec.graph import Call, Flow, Group
from archspec.layers import LAYERS, Layer
from archspec.lower._problems import type_path
from archspec.lower.arguments import check_constant, in_signature_order, layer_arguments
from archspec.lower.axes import in_order_of_axes, input_origins
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.lower.held_layers import refuse_unlike
from archspec.lower.history import origin_of, size_drop, size_origins
from archspec.lower.optional import by_name, refuse_left_out
from archspec.lower.own import own_call
from archspec.lower.signatures import check_inputs, layer_signature
from archspec.lower.sites import Site
from archspec.problems import Advice, Related, did_you_mean, echo
from archspec.refusals import RefusalError
from archspec.source import Path
from archspec.tensors import TensorType, flow_text


def call(frame: Frame, step: StepEntry, site: Site, given: Given) -> Call | Group:
    """The module that a step's type names."""
    type_name = str(step.type)
    if not type_name:  # it could not be read
        return frame.unreadable(site.path, given)
    if step.layer is not None:
        found = held_layer(frame, step.layer, site.at("layer"), site.scope)
        if found is None:
            return frame.unreadable(site.path, given)
        type_name = found
    if type_name in frame.lowering.document.blocks:
        return frame.lowering.call_block(frame, step, type_name, site, given)
    if "." in type_name:
        return own_call(frame, step, type_name, site, given)
    if step.type is None and step.layer is None:
        written = frame.report.source.value(site.path) or ()
        at = next((site.at(key) for key in ("layers", "layer") if key in written), site.path)
        message = "this step has no layer"
        frame.report.add("AS206", message, at, "write a layer, such as `ReLU`, or the steps of a group")
        return frame.unreadable(at, given)
    frame.lowering.add_layers(1, site.path)
    layer_type = LAYERS.get(type_name)
    if layer_type is None:
        from archspec.lower.spellings import unknown_layer  # here: only a mistake needs it

        unknown_layer(frame, type_name, site.path)
        return frame.unreadable(site.path, given)
    return layer_call(frame, layer_type, step, site, given)


def layer_call(frame: Frame, layer_type: type[Layer], step: StepEntry, site: Site, given: Given) -> Call:
    """A layer of the catalogue, with what it makes of its input."""
    at = type_path(frame.report, site.path, "layer" if step.layer is not None else str(step.type))
    span = frame.span(at, key=True)
    read = layer_arguments(frame, layer_type, step, site) if step.layer is None else ({}, {})
    layer = None
    if read is not None:
        layer = _make_layer(frame, layer_type, {name: one.value for name, one in read[0].items()}, at)
    if layer is None or read is None:
        return Call(site.name, layer_type.unchecked(), (), given.types, None, span)
    arguments, ties = read
    output = infer_output(frame, layer, given, at)
    ordered = in_signature_order(layer, arguments, span)
    if not check_constant(frame, ordered, given, at):
        output = None  # what comes of it follows from that
    if output is not None:
        refuse_ties(frame, layer, [*ties], at)
    held = step.layer
    made = Call(site.name, layer, ordered, given.types, output, span, held, tuple(ties.values()), given.names)
    if held is not None and not frame.lowering.unroll:
        refuse_unlike(frame, made, site.at("layer"))
    return made


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


def held_layer(frame: Frame, name: str, path: Path, scope: Scope) -> str | None:
    """The layer that a parameter holds."""
    value = scope.get(name)
    if isinstance(value, Symbolic) and value.type.startswith("layer:"):
        return value.type.partition(":")[2]
    if isinstance(value, str) and value in LAYERS:
        return value
    message = f"{echo(name)} is not a parameter that holds a layer"
    advice = "give the parameter a layer as its default: `activation: ReLU`"
    if name in LAYERS:
        advice = f"it is a layer: write `{name}` without `layer:`"
    frame.report.add("AS303", message, path, advice)
    return None


def _make_layer(frame: Frame, layer_type: type[Layer], values: dict[str, Any], at: Path) -> Layer | None:
    """The layer with its arguments, if each of them is one."""
    try:
        layer = layer_type(values)
    except RefusalError as error:
        report_refusal(frame, error, at, None)
        return None
    if frame.lowering.floating != layer.floating:
        layer.floating = frame.lowering.floating
    return layer


def infer_output(frame: Frame, layer: Layer, given: Given, at: Path) -> Flow | None:
    """What flows out of a layer; None where that cannot be said."""
    if any(flow is None for flow in given.types):
        return None
    kind: Any = type(layer)  # a class, which has a hash
    signature = layer_signature(kind)
    if not check_inputs(frame, signature, given, at):
        return None
    if refuse_left_out(frame, signature.name, signature.omissible, by_name(given, layer.inputs), at):
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
        if frame.lowering.unroll:
            weights = layer.parameter_count()
    except RefusalError as error:
        report_refusal(frame, error, at, given, layer.spatial)
        return None
    except UndecidedError:
        return None
    if too_large(output):
        message = f"{signature.name} returns {flow_text(output)}, which exceeds 64 bits"
        frame.report.add_to_type("AS507", message, at)
        return None
    if isinstance(weights, int) and 8 * weights > LARGEST:
        message = f"{signature.name} would have {int(weights)} weights, more than 64 bits can address"
        frame.report.add_to_type("AS507", message, at, "write smaller sizes", related=input_origins(given))
        return None
    return output


def too_large(output: Flow | None) -> bool:
    """Whether a size or a number of elements exceeds 64 bits."""
    if output is None:  # attention's weights, where nobody wants them
        return False
    if not isinstance(output, TensorType):
        return isinstance(output, tuple) and any(map(too_large, output))
    least = [size if isinstance(size, int) else max(0, dimensions.bounds(size)[0] or 0) for size in output.shape]
    return max(least, default=0) > LARGEST or math.prod(least) > LARGEST


def report_refusal(frame: Frame, error: RefusalError, at: Path, given: Given | None, axes: int = 0) -> None:
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
    related = input_origins(given) if given is not None else ()
    if error.code == "AS504" and given is not None and axes:
        history = size_drop(given.made, axes)
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
        return origin_of(given.made, lambda x: x.rank)
    if code == "AS505":
        return origin_of(given.made, lambda x: x.dtype)
    return size_origins(given.made, (-1 - axes,)) if code in ("AS406", "AS502", "AS503") else ()


def _is_type_key(frame: Frame, at: Path) -> bool:
    return isinstance(frame.report.source.value(at[:-1]), dict) and isinstance(at[-1], str) and at[-1][:1].isupper()
