"""What a module is called with: its inputs by name, and whether what it is given fits them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

from archspec.document import Block
from archspec.lower.axes import input_origins
from archspec.lower.frames import Frame
from archspec.lower.given import Given
from archspec.problems import did_you_mean, echo
from archspec.source import Path
from archspec.tensors import TensorType, flow_text


class Signature(NamedTuple):
    """The inputs of a module."""

    name: str
    """The module's class."""
    inputs: tuple[str, ...]
    required: tuple[str, ...] = ()
    """Inputs that have to be named where they are not given by place."""
    lists: tuple[str, ...] = ()
    """Inputs that take a list of tensors."""
    omissible: frozenset[str] = frozenset()
    """Inputs that take None."""


@cache
def layer_signature(layer: Any) -> Signature:
    """The inputs of a layer's class."""
    parameters = list(inspect.signature(layer.forward).parameters.values())[1:]
    defaults = {name: one.default for name, one in zip(layer.inputs, parameters, strict=False)}
    omissible = frozenset(name for name, default in defaults.items() if default is None)
    by_place = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    required: Iterable[str] = ()
    if len(layer.inputs) > 1 and len(by_place) == len(parameters):
        required = (name for name, one in zip(layer.inputs, by_place, strict=False) if one.default is one.empty)
    return Signature(layer.__name__, layer.inputs, tuple(required), (), omissible)


def block_signature(name: str, block: Block) -> Signature:
    """The inputs of a block."""
    lists = tuple(one for one, declared in block.inputs.items() if declared.list_ is not None)
    omissible = frozenset(one for one, declared in block.inputs.items() if declared.optional)
    return Signature(name, tuple(block.inputs), (), lists, omissible)


def check_inputs(frame: Frame, signature: Signature, given: Given, at: Path) -> bool:
    """Whether a module takes what it is given: as many tensors, by those names, and no tuple for a tensor; reported."""
    name, inputs = signature.name, signature.inputs
    first = given.first()
    if (given.names[0] or next(iter(inputs), "")) in signature.lists:
        first = TensorType(())  # whether it is a list of tensors is asked where its sizes are bound
    if isinstance(first, tuple):
        message = f"{name} takes a tensor, but {given.label} returns {len(first)} values"
        advice = "unpack them first: `out, state: …` in a mapping, then `from: out`"
        if len(inputs) == len(first) > 1 and len(given.types) == 1 and not given.label.startswith("`("):
            message = f"{name} takes {len(inputs)} tensors, but {given.label} returns them as one value"
            names = ", ".join("pqrstuvw"[: len(inputs)])
            advice = f"unpack it first: `{names}: …` in a mapping, then `from: [{names}]`"
        if len(inputs) > 1 and len(given.types) == 1 and given.label.startswith("`("):  # a list that was written there
            advice = f'write a list of {len(inputs)} values, not a text: `from: [a, "b[0]"]` quotes each value alone'
        frame.report.add_to_type("AS502", message, at, advice, related=input_origins(given))
        return False
    if len(inputs) == 1 and not isinstance(first, TensorType):
        message = f"{name} takes a tensor, but {flow_text(first)} flows in"
        advice = "use the output of a step with `from:`"
        frame.report.add_to_type("AS502", message, at, advice, related=input_origins(given))
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
    for argument in signature.required:
        if argument not in there:
            message = f"`{argument}` of {name} has no value"
            source = given.label.strip("`").rpartition(".")[2] or "…"
            listed = ", ".join(f"{one}: {source}" for one in signature.required)
            frame.report.add_to_type("AS203", message, at, f"write `from: {{{listed}}}`", related=input_origins(given))
            return False
    return True
