"""Models that do something else where no comparison looks: rarely, elsewhere, or with other sizes and arguments."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import numpy
import pytest
import torch
from torch import nn
from torch.nn import functional

import archspec


class _Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * self.factor(x)

    def factor(self, x: torch.Tensor) -> float:
        return 1


def clipped(gradients: Any) -> Any:
    return tuple(one.clamp(-100, 100) for one in gradients)


class HookedLayer(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.fc.register_forward_hook(lambda module, given, out: out if out.abs().max() < 1e3 else out * 0)


class PatchedLayer(_Base):
    def __init__(self) -> None:
        super().__init__()
        plain = self.fc.forward
        self.fc.forward = lambda x: plain(x) if x.abs().max() < 1e3 else x  # type: ignore[method-assign]


class HookedGradient(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.fc.register_full_backward_hook(lambda module, given, made: clipped(given))


class HookedValue(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x)
        if y.requires_grad:
            y.register_hook(lambda gradient: gradient.clamp(-100, 100))
        return y


def often() -> bool:
    vars(often)["calls"] = vars(often).get("calls", 0) + 1
    return bool(vars(often)["calls"] > 1000)


class CountingInAFunction(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if often() else 1


class Statistics:
    __slots__ = ("number",)
    total = 0

    def __init__(self) -> None:
        self.number = 0


class CountingInAClass(_Base):
    def factor(self, x: torch.Tensor) -> float:
        Statistics.total += 1
        return 2 if Statistics.total > 1000 else 1


class CountingInSlots(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.statistics = Statistics()

    def factor(self, x: torch.Tensor) -> float:
        self.statistics.number += 1
        return 2 if self.statistics.number > 1000 else 1


class CountingInATensor(_Base):
    def factor(self, x: torch.Tensor) -> float:
        held = vars(self.fc.weight)
        held["calls"] = held.get("calls", 0) + 1
        return 2 if held["calls"] > 1000 else 1


def counting() -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number


NUMBERS = counting()
RANGE = iter(range(10**9))
GENERATOR = numpy.random.default_rng(0)


class CountingInAGenerator(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if next(NUMBERS) > 1000 else 1


class CountingInAnIterator(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if next(RANGE) > 1000 else 1


class NumpyGenerator(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if GENERATOR.random() < 1e-6 else 1


class FreshGenerator(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if random.SystemRandom().random() < 1e-6 else 1


class Clock(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if time.time() % 1000 < 1e-6 else 1


class SeedingItself(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(20)
        return functional.dropout(self.fc(x), 0.5, self.training)


class ChangingItsInput(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.add_(1))


class ClippingItsWeights(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.fc.weight.data.clamp_(-50, 50)
        return self.fc(x)


class SharedMemory(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.back = nn.Parameter(self.fc.weight.data.t())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) @ self.back


class LengthOfAMask(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if len(x[x > 1e3]) else 1


class TextOfATensor(_Base):
    def factor(self, x: torch.Tensor) -> float:
        return 2 if "e+" in f"{x}" else 1


class Truncated(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x if x.shape[0] <= 40 else x[-40:])


_CHANGES = "changes from call to call"
_REFUSED = {
    HookedLayer: "a hook, or a forward method of its own",
    PatchedLayer: "a hook, or a forward method of its own",
    HookedGradient: "has a hook on its gradient",
    HookedValue: "calls `torch.Tensor.register_hook`",
    CountingInAFunction: _CHANGES,
    CountingInAClass: _CHANGES,
    CountingInSlots: _CHANGES,
    CountingInATensor: _CHANGES,
    CountingInAGenerator: _CHANGES,
    CountingInAnIterator: _CHANGES,
    NumpyGenerator: _CHANGES,
    FreshGenerator: "draws random numbers outside of torch",
    Clock: "reads the clock",
    SeedingItself: "differ",
    ChangingItsInput: "`x` is changed in place",
    ClippingItsWeights: "changes `fc.weight`, a tensor of the module",
    SharedMemory: "share memory",
    LengthOfAMask: "whose size depends on the values",
    TextOfATensor: "reads the values of a tensor",
    Truncated: "the model takes other sizes than 2 at axis 0",
}


@pytest.mark.parametrize("model", _REFUSED)
def test_what_hides_is_not_verified(model: type[nn.Module]) -> None:
    imported = archspec.import_module(model, {"x": (2, 6)}, partial=True)
    assert not imported.verified
    assert _REFUSED[model] in " ".join([*map(str, imported.gaps), *imported.differences])


class AtMost(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)[:, : min(x.shape[1], 16)]


class Cut(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x[:, -16:] if x.shape[1] > 16 else x)


@pytest.mark.parametrize("model", [AtMost, Cut])
def test_sizes_are_free_as_far_as_the_model_does_the_same(model: type[nn.Module]) -> None:
    imported = archspec.import_module(model, {"x": (2, 7, 6)})
    assert imported.verified
    spec, made = archspec.parse(imported.text), model()
    network = archspec.build(spec)
    network.load_state_dict(made.state_dict())
    x = torch.randn(2, 7 if "[N, 7, 6]" in imported.text else 30, 6)
    torch.testing.assert_close(network(x), made(x))


class Narrowed(nn.Module):
    def __init__(self, width: int = 64, depth: int = 2) -> None:
        super().__init__()
        self.down = nn.Linear(6, max(8, width // 4))
        self.body = nn.ModuleList(nn.Linear(max(8, width // 4), max(8, width // 4)) for _ in range(depth))
        self.depth = depth

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.down(x)
        for one in self.body:
            x = one(x)
        return x.relu() if self.depth > 5 else x


def test_arguments_are_parameters_as_far_as_the_model_does_the_same() -> None:
    imported = archspec.import_module(Narrowed, {"x": (2, 6)})
    assert imported.verified
    assert "max(8, width // 4)" in imported.text
    assert "depth" not in imported.text
    assert not archspec.import_module(Narrowed, {"x": (2, 6)}, vary={"depth": 3}, partial=True).verified
