"""Small networks in the language, each beside the same network as a module that was written by hand.

A pair in tests/by_hand is tested by existing: `name.yaml`, and `name.py` with the module `Net` and its `inputs`. Keys
in order, values of outputs and gradients are equal for what is built and what is generated.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archspec

FOLDER = Path(__file__).parent / "by_hand"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def imported(path: Path) -> Any:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@functools.cache
def spec(name: str) -> archspec.Spec:
    return archspec.load(FOLDER / f"{name}.yaml")


def by_hand(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    module = imported(FOLDER / f"{name}.py")
    torch.manual_seed(0)
    return module.Net(), module.inputs()


def flat(value: Any) -> list[Tensor]:
    """The tensors in what a module returns."""
    return [value] if isinstance(value, Tensor) else [tensor for part in value for tensor in flat(part)]


def choices(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
    """All inputs, and the required ones alone where some are optional."""
    required = [p for p in inspect.signature(module.forward).parameters.values() if p.default is p.empty]
    return [inputs] if len(required) == len(inputs) else [inputs, inputs[: len(required)]]


def run(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[list[Tensor], dict[str, Tensor | None]]:
    """What a module returns, and the gradients of its weights."""
    module.zero_grad()
    torch.manual_seed(1)
    outputs = flat(module(*inputs))
    learning = [output.float().square().mean() for output in outputs if output.requires_grad]
    if learning:
        torch.autograd.backward(sum(learning, torch.zeros(())))
    return outputs, {name: weight.grad for name, weight in module.named_parameters()}


def compare(module: nn.Module, hand: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    assert list(module.state_dict()) == list(hand.state_dict())
    shapes = {key: value.shape for key, value in hand.state_dict().items()}
    assert {key: value.shape for key, value in module.state_dict().items()} == shapes
    module.load_state_dict(hand.state_dict())
    assert [w.requires_grad for w in module.parameters()] == [w.requires_grad for w in hand.parameters()]
    for given in choices(hand, inputs):
        for training in (True, False):
            state = {key: value.clone() for key, value in hand.state_dict().items()}
            outputs, gradients = run(module.train(training), given)
            expected, wanted = run(hand.train(training), given)
            assert len(outputs) == len(expected)
            for one, other in zip(outputs, expected, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
            assert gradients.keys() == wanted.keys()
            for name, gradient in gradients.items():
                torch.testing.assert_close(gradient, wanted[name], rtol=1e-4, atol=1e-6, msg=name)
            module.load_state_dict(state)  # running statistics have gone on
            hand.load_state_dict(state)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_built_is_the_module_by_hand(name: str) -> None:
    hand, inputs = by_hand(name)
    compare(archspec.build(spec(name)), hand, inputs)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_generated_is_the_module_by_hand(name: str, tmp_path: Path) -> None:
    hand, inputs = by_hand(name)
    path = tmp_path / f"{name}.py"
    path.write_text(spec(name).generate(), "utf-8")
    compare(getattr(imported(path), spec(name).name)(), hand, inputs)


def test_no_pair_warns_of_anything() -> None:
    """What a person would write gives no warnings, but of the scores that the smallest networks end with."""
    found = [str(problem) for name in NAMES for problem in spec(name).warnings()]
    assert found == []
