"""Models that a careless comparison would call equal: each comes out exact, or not verified with a word on why."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional

import archspec
from archspec.importer.tracing import untraced

calls = 0


class _Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)


class FrozenBatch(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.fc(x[k]) for k in range(x.shape[0])])


class LostDropout(_Base):
    p = 0.01

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.dropout(self.fc(x), self.p)


class SwitchedDropout(_Base):
    p = 0.01

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.dropout(self.fc(x), self.p, self.training)


class StochasticDepth(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fc(x) if not self.training or random.random() > 1e-6 else x


class DropPath(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = (torch.rand(x.shape[0], 1) < 0.9).float() if self.training else torch.ones(x.shape[0], 1)
        return x + self.fc(x) * kept / 0.9


class Noise(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("noise", torch.randn(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) + self.noise


class Imaginary(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("phases", torch.polar(torch.ones(6), torch.arange(6.0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(self.fc(x) * self.phases).flatten(1)


class HalfFrozen(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.fc.bias.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


class Remembering(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.state = torch.zeros(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.state = 0.5 * self.state.detach() + x.mean(0)
        return self.fc(x) + self.state


class Counting(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.steps += 1
        return self.fc(x) * (2 if self.steps > 1000 else 1)


class CountingGlobally(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        global calls
        calls += 1
        return self.fc(x) * (2 if calls > 100_000 else 1)


class ByDtype(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * (2 if x.dtype == torch.float64 else 1)


class Detached(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return self.fc(x)


class Hidden(_Base):
    """A branch that its zero weight hides, and a hook within it."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(6))
        self.fc.register_forward_hook(lambda module, given, result: result * 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.scale * self.fc(x)


class Square(_Base):
    """4, 8 and 16 of them are two to a power, as far as two values show."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.out = nn.Linear(6, {2: 4, 4: 8}.get(width, width * width + 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.fc(x))


class WithoutGradients(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) if torch.is_grad_enabled() else self.fc(x) * 2


class Warmed(_Base):
    """Its evaluation depends on whether it was trained before."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.factor = 2
        return self.fc(x) * getattr(self, "factor", 1)


class CountingInADictionary(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.statistics = {"calls": 0}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.statistics["calls"] += 1
        return self.fc(x) * (2 if self.statistics["calls"] > 1000 else 1)


class ScaledGradient(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.fc.weight.register_hook(lambda gradient: gradient * 0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


class FrozenNorm(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def train(self, mode: bool = True) -> FrozenNorm:
        super().train(mode)
        self.norm.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.fc(x))


class CountingInASet(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.add(len(self.seen))
        return self.fc(x) * (2 if len(self.seen) > 1000 else 1)


class Counter:
    number = 0


class CountingInAnObject(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.counter = Counter()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.counter.number += 1
        return self.fc(x) * (2 if self.counter.number > 1000 else 1)


class CountingInAClosure(_Base):
    def __init__(self) -> None:
        super().__init__()
        number = 0

        def count() -> int:
            nonlocal number
            number += 1
            return number

        self.count = count

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * (2 if self.count() > 1000 else 1)


class Collecting(_Base):
    def forward(self, x: torch.Tensor, seen: list[int] = []) -> torch.Tensor:  # noqa: B006 - the list that outlives a call is what is tested
        seen.append(x.shape[0])
        return self.fc(x) * (2 if len(seen) > 1000 else 1)


class Caching(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.cache: dict[int, int] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        width = self.cache.setdefault(x.shape[1], x.shape[1])
        return self.fc(x) * width


class OneRow(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.fc(x)
        return hidden if len(x) == 1 else functional.normalize(hidden)


class ManyRows(_Base):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.fc(x)
        return hidden - hidden.mean(0) if len(x) > 8 else hidden


class TwoNames(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.alias = self.fc

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.alias(torch.relu(self.fc(x)))


class Uncopied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 6)
        self.doubled = self.fc.weight * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


class Teacher(_Base):
    """Trained on features that do not learn."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            features = torch.relu(self.fc(x))
        return self.head(features)


class Scaled(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.fc = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) * self.scale


class FrozenBackbone(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), Scaled(6))
        for one in self.backbone.parameters():
            one.requires_grad_(False)
        self.own = Scaled(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.own(self.backbone(x)))


class Activations(_Base):
    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleDict({"one": nn.Linear(6, 6), "two": nn.Linear(6, 6)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.heads["two"](self.heads["one"](self.fc(x)))


class Pair(NamedTuple):
    scores: torch.Tensor
    hidden: torch.Tensor


class Named(_Base):
    def forward(self, x: torch.Tensor) -> Pair:
        hidden = self.fc(x)
        return Pair(hidden.softmax(1), hidden)


class OwnStart(_Base):
    def __init__(self) -> None:
        super().__init__()
        nn.init.zeros_(self.fc.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x)


def _outputs(module: nn.Module, batch: int, training: bool) -> Iterator[torch.Tensor]:
    module.train(training)
    torch.manual_seed(5)
    x = torch.randn(batch, 6)
    for _ in range(2):
        yield module(x)


_NEVER = {
    FrozenBatch: "the model takes other sizes than 2",
    StochasticDepth: "draws random numbers outside of torch",
    Noise: "begins with other numbers",
    HalfFrozen: "other parameters learn",
    Counting: "changes from call to call",
    CountingGlobally: "changes from call to call",
    WithoutGradients: "without gradients",
    Warmed: "the other mode in turn",
    CountingInADictionary: "changes from call to call",
    ScaledGradient: "a hook on its gradient",
    FrozenNorm: "in training",
    CountingInASet: "changes from call to call",
    CountingInAnObject: "changes from call to call",
    CountingInAClosure: "changes from call to call",
    Collecting: "changes from call to call",
    OneRow: "on x [1, 6], the outputs differ",
    ManyRows: "on x [11, 6], the outputs differ",
    TwoNames: "are one module of the model",
    Uncopied: "cannot be copied",
}
_EXACT = [LostDropout, SwitchedDropout, DropPath, Imaginary, OwnStart, ByDtype, Detached, Teacher, FrozenBackbone]
_EXACT += [Caching, Activations]


@pytest.mark.parametrize("model", _NEVER)
def test_what_a_spec_loses_is_not_verified(model: type[nn.Module]) -> None:
    imported = archspec.import_module(model, {"x": (2, 6)}, partial=True)
    assert not imported.verified
    assert _NEVER[model] in " ".join(imported.differences), imported


@pytest.mark.parametrize("model", _EXACT)
def test_what_a_spec_says_is_exact(model: type[nn.Module]) -> None:
    imported = archspec.import_module(model, {"x": (2, 6)}, partial=True)
    assert imported.verified, imported
    assert bool(imported.notes) == (model in (OwnStart, ByDtype))
    made, network = model(), archspec.build(archspec.parse(imported.text))
    network.load_state_dict(made.state_dict())
    for batch in (2, 5):
        for training in (False, True):
            both = [list(_outputs(one, batch, training)) for one in (made, network)]
            for one, other in zip(*both, strict=True):
                torch.testing.assert_close(one, other)


@pytest.mark.parametrize("model", [Remembering, Hidden])
def test_what_no_function_says_is_a_gap(model: type[nn.Module]) -> None:
    imported = archspec.import_module(model, {"x": (2, 6)}, partial=True)
    assert (imported.verified, [one.path for one in imported.gaps]) == (False, [__file__])


class Language(nn.Module):
    def __init__(self, layers: int = 2, width: int = 8, eps: float = 1e-5, swapped: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, width)
        self.register_buffer("scale", torch.arange(width) / width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.norm = nn.LayerNorm(width, eps)
        self.head = nn.Linear(width, 11, bias=False)
        self.head.weight = self.embedding.weight
        self.swapped = swapped

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids) * self.scale
        for layer in reversed(self.layers) if self.swapped else self.layers:
            x = functional.dropout(torch.relu_(layer(x)), 0.1, self.training)
        return self.head(self.norm(x))


def _on_meta(**arguments: int) -> nn.Module:
    with torch.device("meta"):
        return Language(**arguments)


def test_what_differs_on_the_meta_device_is_seen() -> None:
    inputs = [{"ids": torch.zeros(2, 3, dtype=torch.int64)}]
    others = {"equal": Language, "eps": lambda: Language(eps=1e-6), "swapped": lambda: Language(swapped=True)}
    found = [*untraced(Language, others, inputs)]
    assert [one.partition(":")[0] for one in found] == ["eps", "swapped"]


@pytest.mark.slow
def test_a_model_of_billions_is_imported_without_its_numbers() -> None:
    ids = torch.zeros(2, 3, dtype=torch.int64)
    settings = {"layers": 100, "width": 8192}
    imported = archspec.import_module(_on_meta, {"ids": ids}, args=settings)
    assert imported.verified
    assert "meta device" in imported.notes[0]
    assert archspec.summary(archspec.parse(imported.text)).parameters > 6_000_000_000


def test_names_of_results_are_kept() -> None:
    imported = archspec.import_module(Named, {"x": (2, 6)})
    assert imported.verified
    network = archspec.build(archspec.parse(imported.text))
    assert network(torch.randn(3, 6))._fields == Pair._fields


def test_two_values_make_no_expression() -> None:
    imported = archspec.import_module(Square, {"x": (2, 6)}, args={"width": 2}, vary={"width": 4}, partial=True)
    assert not imported.verified
    (unasked,) = [archspec.import_module(Square, {"x": (2, 6)}, args={"width": 2})]
    assert (unasked.verified, "params" in unasked.text) == (True, False)


def test_a_model_that_fails_is_a_problem_at_its_line() -> None:
    with pytest.raises(archspec.SpecError, match="the model fails on the given inputs") as caught:
        archspec.import_module(HalfFrozen, {"x": (2, 7)})
    assert caught.value.problems[0].path.endswith("test_import_honesty.py")
