"""Parameters that hold a layer: whether one call of a constructor fits all the layers that a spec gives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archspec.document import Document
from archspec.expressions import UndecidedError
from archspec.graph import Call, Graph
from archspec.layers import LAYERS, Layer
from archspec.lower.arguments import in_signature_order
from archspec.lower.frames import Frame
from archspec.lower.reading import steps_of
from archspec.problems import Span
from archspec.refusals import RefusalError
from archspec.source import Path


def holds_layers(document: Document) -> bool:
    """Whether a step of the document puts in place what a parameter holds."""
    return any(step.layer is not None for one in (document, *document.blocks.values()) for step in steps_of(one.layers))


def settings_of_layers(graph: Graph) -> Iterator[Mapping[str, Any]]:
    """The settings, beside the defaults, with which the spec gives other layers: its variants, and what is a choice."""
    yield from (variant.settings for variant in graph.variants)
    for parameter in graph.main.parameters:
        if parameter.type == "layer":
            yield from ({parameter.name: choice} for choice in parameter.choices or ())


def layers_held(graphs: Iterable[Graph]) -> dict[Span, set[str]]:
    """The layers that parameters hold in those unrolled networks, by the places of the steps."""
    found: dict[Span, set[str]] = {}
    for graph in graphs:
        for _, call, _ in graph.layers():
            if call.held is not None:
                found.setdefault(call.span, set()).add(call.type_name)
    return found


def refuse_unlike(frame: Frame, call: Call, at: Path) -> None:
    """Reports a layer that the spec gives in place of the default, and that a constructor calls otherwise.

    So it is of one that has other arguments, gives another shape, or has weights of which a rule says more.
    """
    for name in sorted(frame.lowering.held.get(call.span, set()) - {call.type_name}):
        if (why := _difference(frame, call, name)) is not None:
            message = f"`{call.held}` holds {call.type_name} by default, and elsewhere {name}, {why}"
            advice = f"write the layers as steps of their own, each with `when:`: `when: {call.held} == '{name}'`"
            declared = frame.report.declared(at, call.held)
            frame.report.add("AS508", message, at, advice, related=declared)
            return


def _difference(frame: Frame, call: Call, name: str) -> str | None:
    """What is another with that layer, in words; None where nothing is, or nothing is known of what flows in."""
    if call.output is None:
        return None
    other: Layer = LAYERS[name]({})
    if frame.lowering.floating != other.floating:
        other.floating = frame.lowering.floating
    try:
        positional, named = other.bind(call.keys, call.inputs)
        output = other.forward(*positional, **named)
    except (RefusalError, UndecidedError):
        return "which cannot be used here in its place"
    arguments = [(one.name, one.value) for one in in_signature_order(other, {}, call.span)]
    if arguments != [(one.name, one.value) for one in call.arguments]:
        taken = " and ".join(f"`{one}`" for one, _ in arguments)
        return f"which takes {taken}" if taken else f"which takes no `{call.arguments[0].name}`"
    if output != call.output:
        return "which returns another shape"
    assert isinstance(call.layer, Layer)
    lacked = {one.name for one in other.weights()} - {one.name for one in call.layer.weights()}
    if lacked and _says_of(frame.lowering.document, name):
        return f"whose `{min(lacked)}` begins as `init` says"
    return None


def _says_of(document: Document, layer: str) -> bool:
    """Whether the spec may say how the weights of a layer begin."""
    if any(key == layer or key not in LAYERS for key in document.init):
        return True
    return any(step.init is not None for one in (document, *document.blocks.values()) for step in steps_of(one.layers))
