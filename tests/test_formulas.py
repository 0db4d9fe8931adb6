"""The shape rules as text, held against the rules themselves: what is told of a layer is what it does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import test_functions
import test_layers
import test_layers_of_several_inputs as several
from hypothesis import HealthCheck, Phase, given, settings

from archspec.dimensions import LARGEST
from archspec.formulas import AppliedRule, Axis, ShapeRule
from archspec.functions import FUNCTIONS
from archspec.layers import LAYERS, Layer
from archspec.refusals import RefusalError
from archspec.tensors import TensorType

EXAMPLES = 12
IN_PART = "gather bilinear hstack vstack row_stack dstack swapaxes swapdims transpose squeeze".split()
"""Functions whose formulas leave open which axes are meant: these depend on arguments."""
LEAST_ACCEPTED = 0.05  # of all draws; below, hardly anything would be compared


rule = cache(ShapeRule)


def worked_out(use: AppliedRule, output: Any, inputs: list[Any]) -> Any:
    """The shapes that formulas come to, given those of the inputs."""
    if output is None:
        return None
    if not all(isinstance(axis, Axis) for axis in output):
        return tuple(worked_out(use, one, inputs) for one in output)
    return tuple(inputs[axis.origin[0]][axis.origin[1]] if axis.origin else use.value(axis.formula) for axis in output)


def shapes(flow: Any) -> Any:
    if flow is None or isinstance(flow, TensorType):
        return None if flow is None else flow.shape
    return tuple(map(shapes, flow))


def tensors(arguments: dict[str, Any]) -> Iterator[Any]:
    """The shapes of what a call takes, a number's being []."""
    for value in arguments.values():
        if isinstance(value, TensorType):
            yield value.shape
        elif isinstance(value, int | float):
            yield ()


def formal(name: str) -> bool:
    """Whether a function says its shapes in a formula, and not in words."""
    try:
        return bool(rule(FUNCTIONS[name].shape))
    except ValueError:
        return False


def compare(layer: Layer, named: dict[str, Any], output: Any) -> None:
    inputs = [named.get(name) for name in layer.inputs]
    known = [x.shape if isinstance(x, TensorType) else None for x in inputs]
    defaults = {"need_weights": True, "average_attn_weights": True}
    values = {name: getattr(layer, name) for name in layer.arguments if name in vars(layer)}
    others = {name: value for name, value in named.items() if not isinstance(value, TensorType)}
    use = rule(layer.shape).use(known, {**defaults, **values, **others}, layer.spatial)
    assert use is not None, f"no case for {known}"
    several_flow = isinstance(output, tuple)
    if isinstance(output, TensorType) and any(size > LARGEST for size in output.shape if isinstance(size, int)):
        return  # refused by the step that it flows out of, whatever its formula comes to
    said = worked_out(use, use.outputs if several_flow else use.outputs[0], known)
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
        except RefusalError:
            return
        tally[False] += 1
        compare(made, named, output)

    run()
    assert tally[False] > LEAST_ACCEPTED * tally[True], tally


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if formal(name)])
def test_a_functions_formula_comes_to_what_its_rule_says_where_it_says_anything(name: str) -> None:
    function = FUNCTIONS[name]
    tally: Counter[bool] = Counter()

    def run(draw: Any) -> None:
        args, kwargs = test_functions.called(function, draw.known(), draw.positional)
        try:
            bound, output = function.bind(*args, **kwargs), function(*args, **kwargs)
        except RefusalError:
            return
        bound.apply_defaults()
        flows = [value.shape for value in bound.arguments.values() if isinstance(value, TensorType)]
        if "broadcast" in function.shape:
            flows = list(tensors(bound.arguments))
        use = rule(function.shape).use(flows, bound.arguments, function.spatial)
        tally[use is not None] += 1
        if use is not None:
            said = use.outputs[0] if isinstance(output, TensorType) else use.outputs
            assert worked_out(use, said, flows) == shapes(output), use.text

    for count in (EXAMPLES, 25 * EXAMPLES):  # more, where none of the first ones came to a formula
        settings(max_examples=count, derandomize=True, deadline=None, database=None, phases=(Phase.generate,),
                 suppress_health_check=list(HealthCheck))(given(test_functions.draws(function))(run))()  # fmt: skip
        if tally[True] or name in IN_PART:
            return
    pytest.fail(f"no draw of {name} came to its formula: {tally}")
