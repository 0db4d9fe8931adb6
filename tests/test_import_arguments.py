"""Models whose arguments are lists and layers, and classes that stay as they are: what becomes of them in a spec."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

import archspec
from archspec.importer.gaps import Imported


class Mlp(nn.Module):
    def __init__(self, width: int, act_layer: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.act = act_layer()
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Mixer(nn.Module):
    def __init__(self, width: int = 8, act_layer: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        self.first = Mlp(6, act_layer=act_layer)
        self.wide = nn.Linear(6, width)
        self.last = Mlp(width, nn.Tanh)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.wide(self.first(x)))


class Stack(nn.Module):
    """The rounds differ in width, and there are as many as widths."""

    def __init__(self, channels: Sequence[int] = (4, 6), num_classes: int = 3) -> None:
        super().__init__()
        blocks, before = [], 3
        for width in channels:
            blocks.append(nn.Sequential(nn.Conv2d(before, width, 3, padding=1), nn.ReLU()))
            before = width
        self.features = nn.Sequential(*blocks)
        self.head = nn.Linear(before, num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


class Stage(nn.Module):
    def __init__(self, before: int, width: int, depth: int) -> None:
        super().__init__()
        self.down = nn.Linear(before, width)
        self.blocks = nn.Sequential(*(Mlp(width) for _ in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.down(x))


class Stages(nn.Module):
    def __init__(self, depths: Sequence[int] = (2, 2), channels: Sequence[int] = (4, 6)) -> None:
        super().__init__()
        before = [6, *channels]
        self.stages = nn.ModuleList(Stage(*sizes) for sizes in zip(before, channels, depths, strict=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            x = stage(x)
        return x


class Gate(nn.Module):
    """Two paths, chosen by numbers."""

    def __init__(self, width: int, factor: float = 2.0, wide: int = 1) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width * wide)
        self.factor = factor

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        if x.abs().mean() > 1.0:  # the gap
            return self.fc(x) * scale
        return self.fc(x) * self.factor


class Gated(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.gate = Gate(width, 3.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.gate(torch.relu(self.fc(x)), scale=0.5)


class Routed(nn.Module):
    def __init__(self, width: int = 8, depth: int = 2, wide: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.blocks = nn.Sequential(*(Gated(width) for _ in range(depth)))
        self.last = Gate(width, wide=wide)
        self.head = nn.Linear(width * wide, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.blocks(self.first(x))))


class Table(nn.Module):
    """Numbers of a buffer that no expression gives; made with more than words, so that it cannot be named itself."""

    def __init__(self, numbers: object) -> None:
        super().__init__()
        table = torch.zeros(1, 90)
        for k in range(90):
            table[0, k] = (7 * k * k) % 31
        self.register_buffer("table", table)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table[:, :6]


class Holder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = Table(object())
        self.fc = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.table(x))


class Held(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.holder = Holder()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.holder(x).relu()


def equal(imported: Imported, model: nn.Module, shape: tuple[int, ...], **params: object) -> bool:
    """Whether a spec with other arguments is a model that was made with them."""
    network = archspec.build(archspec.parse(imported.text, allow=imported.allow), params=params)
    network.load_state_dict(model.state_dict())
    x = torch.randn(shape)
    return torch.allclose(model.eval()(x), network.eval()(x))


def test_a_layer_that_is_handed_in_is_a_parameter_of_specs_and_blocks() -> None:
    imported = archspec.import_module(Mixer, {"x": (2, 6)}, vary={"act_layer": nn.ReLU})
    assert "params: {act_layer: GELU, width: 8}" in imported.text
    assert "{layer: act_layer}" in imported.text
    assert "last: {Mlp: {act_layer: Tanh}}" in imported.text
    assert imported.text.count("fc1:") == 1, "one block for all of them"
    assert equal(imported, Mixer(12, nn.SiLU), (3, 6), width=12, act_layer=nn.SiLU)


def test_a_list_is_a_parameter_of_any_length_where_a_loop_follows_it() -> None:
    imported = archspec.import_module(Stack, {"x": (2, 3, 8, 8)}, vary={"channels": [5, 7]})
    assert "for: channel in channels" in imported.text
    assert equal(imported, Stack([2, 3, 4, 5]), (2, 3, 8, 8), channels=[2, 3, 4, 5])


def test_lists_side_by_side_are_read_round_by_round() -> None:
    imported = archspec.import_module(Stages, {"x": (2, 6)}, args={"depths": [2, 2]}, vary={"depths": [1, 3]})
    assert "depths[i]" in imported.text
    settings = {"depths": [3, 1], "channels": [9, 5]}
    assert equal(imported, Stages(**settings), (2, 6), **settings)


def test_a_class_that_no_spec_can_say_stays_as_it_is() -> None:
    with pytest.raises(archspec.SpecError, match="branches on the values"):
        archspec.import_module(Routed, {"x": (2, 6)})
    imported = archspec.import_module(Routed, {"x": (2, 6)}, partial=True)
    (gap,) = imported.gaps
    assert Path(gap.path).read_text("utf-8").splitlines()[gap.line - 1].endswith("# the gap")
    assert (imported.verified, imported.allow) == (True, (__name__,))
    assert f"last: {{{__name__}.Gate: {{width: width, wide: wide}}, shape: [N, wide * width]}}" in imported.text
    settings = {"width": 5, "depth": 1, "wide": 3}
    assert equal(imported, Routed(**settings), (2, 6), **settings)
    with pytest.raises(archspec.SpecError, match="AS408"):
        archspec.parse(imported.text).graph()


def test_a_class_that_cannot_be_named_stays_within_the_one_around_it() -> None:
    imported = archspec.import_module(Held, {"x": (2, 6)}, partial=True)
    assert f"holder: {__name__}.Holder" in imported.text, imported
    assert imported.gaps
    assert imported.verified


class Turns(nn.Module):
    """What a round does is more than one module, and reads what came before the rounds."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(depth))
        self.gates = nn.ModuleList(nn.Linear(6, 6) for _ in range(depth))
        self.register_buffer("numbers", torch.arange(6.0))
        self.act = nn.Hardswish()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = torch.tanh(x)
        for layer, gate in zip(self.layers, self.gates, strict=True):
            x = self.act(layer(x)) * torch.sigmoid(gate(x)) + given * self.numbers
        return x + given


class Pairs(nn.Module):
    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        pairs = ([nn.Linear(6, 6), nn.Sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 6))] for _ in range(depth))
        self.layers = nn.ModuleList(map(nn.ModuleList, pairs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for attention, mlp in self.layers:
            x = attention(x) + x
            x = mlp(x) + x
        return x


class OneNorm(nn.Module):
    """Its norm has weights, and is the same in all rounds."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(depth))
        self.norm = nn.LayerNorm(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = x + self.norm(layer(x))
        return x


class Overwriting(nn.Module):
    """Its own backward pass fails, as it overwrites what that needs."""

    def __init__(self, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(depth))
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x.clone()
        for layer in self.layers:
            y = torch.sigmoid(layer(h))
            y *= self.scale
            h = h.add_(y)
        return h


@pytest.mark.parametrize(
    ("kind", "words"), [(Turns, "for: i in range(depth)"), (Pairs, "repeat: depth"), (Overwriting, "range(depth)")]
)
def test_rounds_of_several_steps_are_a_loop(kind: type[nn.Module], words: str) -> None:
    imported = archspec.import_module(kind, {"x": (2, 6)})
    assert words in imported.text
    assert equal(imported, kind(4), (3, 6), depth=4)
    assert any("backward pass fails" in one for one in imported.notes) == (kind is Overwriting)


def test_a_module_of_all_rounds_keeps_them_written_out() -> None:
    imported = archspec.import_module(OneNorm, {"x": (2, 6)})
    assert (imported.verified, "params" in imported.text) == (True, False)
