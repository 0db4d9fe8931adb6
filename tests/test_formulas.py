"""The shape rules as text, held against the rules themselves: what is told of a layer is what it does."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import pytest
import test_layers
import test_layers_of_several_inputs as several
from hypothesis import HealthCheck, Phase, given, settings

from archspec.formulas import Axis, Rule, Use
from archspec.layers import LAYERS, Layer
from archspec.refusals import Refusal
from archspec.tensors import TensorType

EXAMPLES = 12
LEAST_ACCEPTED = 0.05  # of all draws; below, hardly anything would be compared


rule = cache(Rule)


def worked_out(use: Use, output: Any, inputs: list[Any]) -> Any:
    """The shapes that formulas come to."""
    if output is None:
        return None
    if not all(isinstance(axis, Axis) for axis in output):
        return tuple(worked_out(use, one, inputs) for one in output)
    return tuple(
        inputs[axis.origin[0]].shape[axis.origin[1]] if axis.origin else use.value(axis.formula) for axis in output
    )


def shapes(flow: Any) -> Any:
    if flow is None or isinstance(flow, TensorType):
        return None if flow is None else flow.shape
    return tuple(map(shapes, flow))


def compare(layer: Layer, named: dict[str, Any], output: Any) -> None:
    inputs = [named.get(name) for name in layer.inputs]
    known = [x.shape if isinstance(x, TensorType) else None for x in inputs]
    defaults = {"need_weights": True, "average_attn_weights": True}
    values = {name: getattr(layer, name) for name in layer.arguments if name in vars(layer)}
    others = {name: value for name, value in named.items() if not isinstance(value, TensorType)}
    use = rule(layer.shape).use(known, {**defaults, **values, **others}, layer.spatial)
    assert use is not None, f"no case for {known}"
    several_flow = isinstance(output, tuple) and not isinstance(output, TensorType)
    said = worked_out(use, use.outputs if several_flow else use.outputs[0], inputs)
    assert said == shapes(output), use.text
    for name, (number, axis) in use.origins.items():
        if name in layer.arguments and layer.arguments[name].inferred and isinstance(vars(layer).get(name), int):
            assert vars(layer)[name] == known[number][axis], name


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_formula_comes_to_what_its_rule_says(name: str) -> None:
    layer = LAYERS[name]
    tally: Counter[bool] = Counter()
    alone = name in test_layers.TAKES_ONE
    phases = (Phase.explicit, Phase.generate)

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=phases,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(test_layers.draws(layer) if alone else several.draws(layer))
    def run(draw: Any) -> None:
        tally[True] += 1
        try:
            made = layer(draw.arguments)
            named = {layer.inputs[0]: draw.input} if alone else draw.inputs(dict(draw.sizes))
            made, output = (made, made.forward(draw.input)) if alone else several.run(layer, draw.arguments, named)
        except Refusal:
            return
        tally[False] += 1
        compare(made, named, output)

    run()
    assert tally[False] > LEAST_ACCEPTED * tally[True], tally
