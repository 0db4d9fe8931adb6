"""Weights of layers that expressions read: `qkv.weight`."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Set

from archspec.expressions import ExpressionError, Literal, Name, Node, replaced
from archspec.graph import Branch, Call, Item, Step
from archspec.layers import Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.lower.frames import Frame, UnknownTypeError, Value
from archspec.lower.state import State
from archspec.lower.weights import weights_of_layer
from archspec.problems import did_you_mean
from archspec.source import Path
from archspec.tensors import TensorType


class ReachedWeights:
    """The weights that the expressions of a class read. `ahead` are the names of all its steps."""

    def __init__(self, frame: Frame, state: State, ahead: Set[str]) -> None:
        self.frame = frame
        self.state = state
        self.ahead = ahead
        self.holding: dict[str, Item] = {}  # the modules of the steps above
        self._steps: list[Step] = []

    def new_steps(self) -> Iterator[Step]:
        """The graph's steps for weights that have been read first since the last call."""
        yield from self._steps
        self._steps.clear()

    def resolve(self, node: Node, path: Path) -> Node:
        """An expression whose weights are values of the flow, or None where a layer has not the one."""
        missing: dict[str, Node] = {}
        for part in node.walk():
            if not isinstance(part, Name) or "." not in part.name or part.name in self.frame.values:
                continue
            weight = self.weight(part)
            self.frame.tie(part.name.partition(".")[0])
            if weight is None:
                missing[part.name] = Literal(None)
                continue
            target, span, output = Name(part.name), self.frame.span(path), TensorType(weight.shape, weight.dtype)
            self._steps.append(Step(part.name, "weight", target, (), None, None, (), output, span))
            self.frame.values[part.name] = Value(self.state.cast(output), f"`{part.name}`", span, target)
        return replaced(node, missing) if missing else node

    def weight(self, name: Name) -> Weight | None:
        """The weight of a step above that an expression names."""
        key = name.name.partition(".")[0]
        if key in self.holding:
            return layer_weight(self.holding[key], name)
        message, advice = f"there is no layer `{key}` above", did_you_mean(key, list(self.holding), "layers above")
        if self.frame.outer is not None and self.frame.outer.value(key) is not None:
            message = f"`{key}` is outside of this group, so its weights cannot be read here"
            advice = f"read it outside, in a separate step: `w: {name.name}`"
        elif key in self.frame.values:
            if self.frame.values[key].type is None:
                raise UnknownTypeError(key)  # what is wrong with the layer is told
            message, advice = f"`{key}` is not a layer, so it has no weights", "dimensions have names: `x: [N, C]`"
        elif key in self.ahead:
            advice = f"`{key}` is defined below: a step can read only the steps above it"
        raise _refusal(name, message, advice)


def layer_weight(item: Item, name: Name) -> Weight | None:
    """The weight of a step's layer that an expression names; None where the layer has it on other settings alone.

    Where a setting that has no value yet decides whether it is there, it is.
    """
    step, _, weight = name.name.partition(".")
    while isinstance(item, Branch) and item.items:
        item = item.items[0]
    if not isinstance(item, Call) or not isinstance(item.layer, Layer) or isinstance(item.layer, OwnLayer):
        advice = "an expression can read the weights of single layers only; inside a block or group, use a step there"
        raise _refusal(name, f"`{step}` is not a single layer", advice)
    with_all = copy.copy(item.layer)
    declared = item.layer.arguments
    vars(with_all).update({one: True for one in _OPTIONAL if one in declared and declared[one].kind == "flag"})
    every, present = _weights(with_all), _weights(item.layer)
    if not {weight, "*"} & every.keys():
        known = [f"{step}.{one}" for one in every]
        advice = did_you_mean(name.name, known, "its weights") if known else "the layer has no weights"
        raise _refusal(name, f"{item.type_name} has no weight `{weight}`", advice)
    found = every.get(weight)
    if found is None:
        advice = "write what it depends on as a number"
        raise _refusal(name, f"whether `{name.name}` is there depends on parameters", advice, "AS508")
    return found if weight in present else None


def _weights(layer: Layer) -> dict[str, Weight | None]:
    """The learnable weights of a layer; None for those that it may have, as a setting without a value decides."""
    return {name: weight if certain else None for name, weight, certain in weights_of_layer(layer)}


_OPTIONAL = ("affine", "bias", "elementwise_affine")
"""The settings that say whether a layer has a weight."""


def _refusal(name: Name, message: str, help: str, code: str = "AS303") -> ExpressionError:
    return ExpressionError(code, message, help, name.offset, len(name.name))
