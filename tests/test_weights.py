"""The keys and shapes of a state_dict, worked out without PyTorch, against PyTorch's own."""

from __future__ import annotations

from typing import Any

import pytest
from test_models import NAMES, OTHER_PARAMETERS, load

import archspec
from archspec.views.weights import state

SLOW = [pytest.mark.slow]
CASES = [
    pytest.param(name, params, id=f"{name}-{number}", marks=[] if number == 1 or name not in OTHER_PARAMETERS else SLOW)
    for name in NAMES
    for number, params in enumerate(({}, *OTHER_PARAMETERS.get(name, [])))
]


@pytest.mark.parametrize(("name", "params"), CASES)
def test_they_are_those_of_the_built_module_in_its_order(name: str, params: dict[str, Any]) -> None:
    built = archspec.build(load(name), device="meta", limit=None, **params)
    known = state(load(name).graph(params))
    found = built.state_dict()
    assert [(key, weight.shape, weight.dtype) for key, weight in known.items()] == [
        (key, tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for key, tensor in found.items()
    ]
    assert archspec.weights(load(name), params=params) == {key: tuple(value.shape) for key, value in found.items()}
    learnable = {key for key, weight in known.items() if weight.learnable}
    assert learnable == {key for key, _ in built.named_parameters(remove_duplicate=False)}


def test_parameters_come_before_buffers_and_both_before_modules_whatever_the_flow() -> None:
    text = """
inputs: {x: [N, 4]}
order: [last]
layers:
  scale: {Buffer: ones(4)}
  first: {from: x * scale, Linear: 3}
  shift: {Parameter: zeros(3)}
  last: {from: first + shift, Linear: {out_features: 4}}
  again: {from: last, again: first}
"""
    spec = archspec.parse(text)
    keys = ["shift", "scale", "last.weight", "last.bias", "first.weight", "first.bias"]
    assert list(archspec.weights(spec)) == list(archspec.build(spec).state_dict()) == keys


def test_without_values_for_its_parameters_there_is_no_answer() -> None:
    spec = archspec.parse("params: {n: int}\ninputs: {x: [N, 4]}\nlayers: [{Linear: 4, repeat: n}]\n")
    with pytest.raises(archspec.SpecError, match="`n` has no value"):
        archspec.weights(spec)
    assert list(archspec.weights(spec, params={"n": 2})) == ["0.weight", "0.bias", "1.weight", "1.bias"]
