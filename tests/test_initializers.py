"""The catalogue of torch.nn.init and of parametrizations against PyTorch, and what a network makes of them."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import archspec
from archspec.initializers import INITIALIZERS, PARAMETRIZATIONS, Initializer, parametrized
from archspec.refusals import RefusalError

SHAPES = [(), (4,), (4, 6), (4, 6, 3), (4, 6, 3, 2), (4, 6, 2, 2, 2), (2, 2, 2, 2, 2, 2)]
VALUES: dict[str, list[Any]] = {
    "a": [0, 0.5, 3, -1],
    "b": [0.25, 2.0],
    "dim": [0, 1, -1, None],
    "eps": [1e-6],
    "gain": [0.5, 2],
    "groups": [1, 2],
    "mean": [0, -1.5],
    "mode": ["fan_in", "fan_out", "fan"],
    "n_power_iterations": [1, 3, 0],
    "nonlinearity": ["relu", "selu", "linear", "gelu"],
    "orthogonal_map": ["cayley", "householder", "matrix_exp", "qr"],
    "sparsity": [0.1, 0.5],
    "std": [0, 0.02],
    "use_trivialization": [True, False],
    "val": [0, 1.5],
}


def test_the_catalogue_is_pytorchs() -> None:
    assert set(INITIALIZERS) == {name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")}
    assert set(PARAMETRIZATIONS) == set(parametrizations.__all__)


@pytest.mark.parametrize("function", [*INITIALIZERS.values(), *PARAMETRIZATIONS.values()], ids=lambda one: one.name)
def test_arguments_and_defaults_are_pytorchs(function: Initializer) -> None:
    module = nn.init if function.name in INITIALIZERS else parametrizations
    signature = inspect.signature(getattr(module, function.name)).parameters
    theirs = {key: one for key, one in signature.items() if key not in ("tensor", "generator", "module", "name")}
    assert [one.name for one in function.options] == list(theirs)
    for one in function.options:
        default = theirs[one.name].default
        assert one.required == (default is inspect.Parameter.empty)
        assert one.required or one.default == default
        assert (one.name in function.named) == (theirs[one.name].kind is inspect.Parameter.KEYWORD_ONLY)


def calls(function: Initializer) -> list[dict[str, Any]]:
    """The required arguments alone, and each value of each other one."""
    needed = {one.name: VALUES[one.name][0] for one in function.options if one.required}
    return [needed, *({**needed, one.name: value} for one in function.options for value in VALUES[one.name])]


def accepts(function: Initializer, values: dict[str, Any], shape: tuple[int, ...]) -> bool:
    try:
        function.check(values)
        function.check_shape("weight", shape)
    except RefusalError:
        return False
    return True


@pytest.mark.parametrize("function", INITIALIZERS.values(), ids=lambda one: one.name)
def test_it_accepts_what_pytorch_accepts(function: Initializer) -> None:
    for values in calls(function):
        for shape in SHAPES:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    getattr(nn.init, function.name)(torch.empty(shape), **values)
                runs = True
            except (ValueError, RuntimeError, NotImplementedError, ArithmeticError, IndexError):
                runs = False
            assert accepts(function, values, shape) == runs, (values, shape)


LAYERS = {
    "Linear": lambda: nn.Linear(6, 4),
    "Conv2d": lambda: nn.Conv2d(6, 4, 3),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(6, 4, 3),
    "Embedding": lambda: nn.Embedding(7, 4),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("function", PARAMETRIZATIONS.values(), ids=lambda one: one.name)
def test_what_a_parametrization_puts_into_the_state_dict(function: Initializer, name: str) -> None:
    for values in calls(function):
        layer = LAYERS[name]()
        weight = tuple(layer.weight.shape)
        try:
            getattr(parametrizations, function.name)(layer, **values)
        except (ValueError, RuntimeError):
            assert not accepts(function, values, weight), values
            continue
        if not accepts(function, values, weight):
            continue  # what PyTorch takes in silence: no power iterations at all
        told = parametrized(function.name, "weight", weight, values, name.startswith("ConvTranspose"))
        state = layer.state_dict()
        found = [(key, tuple(state[key].shape)) for key in state if key.startswith("parametrizations")]
        learning = dict(layer.named_parameters())
        assert [(key, shape) for key, shape, _ in told] == found, values
        assert [learns for _, _, learns in told] == [key in learning for key, _ in found]


@pytest.mark.parametrize("rule", ["init_beside_steps", "parametrize", "trainable", "init_where_both_speak"])
def test_what_is_told_of_weights_is_so(rule: str) -> None:
    path = f"tests/language/{rule}.yaml"
    model = archspec.build(path)
    assert archspec.weights(path) == {key: tuple(value.shape) for key, value in model.state_dict().items()}
    summary = archspec.summary(path)
    assert summary.parameters == sum(one.numel() for one in model.parameters())
    assert summary.trainable == sum(one.numel() for one in model.parameters() if one.requires_grad)


def test_a_summary_says_how_many_learn() -> None:
    assert "are trainable" in str(archspec.summary("tests/language/trainable.yaml"))


def test_rules_are_told_apart_by_how_exact_they_are() -> None:
    spec = {
        "inputs": {"x": ["N", 4]},
        "init": {
            "Linear": {"weight": "constant_(1)", "bias": "constant_(1)"},
            "*.weight": "constant_(2)",
            "*.fc.weight": "constant_(3)",
            "body.fc.weight": "constant_(4)",
        },
        "layers": {
            "body": {"layers": {"fc": {"Linear": 4}, "other": {"Linear": 4}}},
            "tail": {"layers": {"fc": {"Linear": 4}}},
            "last": {"Linear": 4, "init": {"weight": "constant_(5)"}},
            "free": {"Linear": {"out_features": 4, "bias": False}},
        },
    }
    state = archspec.build(spec).state_dict()
    values = {key: float(value.flatten()[0]) for key, value in state.items()}
    assert values == {
        "body.fc.weight": 4,
        "body.fc.bias": 1,
        "body.other.weight": 2,
        "body.other.bias": 1,
        "tail.fc.weight": 3,
        "tail.fc.bias": 1,
        "last.weight": 5,
        "last.bias": 1,
        "free.weight": 2,
    }
