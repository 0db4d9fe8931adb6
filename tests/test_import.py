"""Models that exist become specs: the same network, in few lines, or a word on why not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import archspec
from archspec.cli import main
from archspec.importer.solving import solve


class Stack(nn.Module):
    def __init__(self, channels: int = 4, classes: int = 3, rate: float = 0.25) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(True))
        self.dropout = nn.Dropout(rate)
        self.fc = nn.Linear(channels * 2 * 2, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.adaptive_avg_pool2d(self.features(x), 2)
        return functional.log_softmax(self.fc(self.dropout(x.flatten(1))), dim=1)


STACK = """\
name: Stack
params: {channels: 4, classes: 3, rate: 0.25}

inputs:
  x: [N, 1, H, W]

layers:
  features:
    layers:
      - Conv2d: {out_channels: channels, kernel_size: 3, padding: 1}
      - BatchNorm2d
      - ReLU
  dropout: {from: "flatten(adaptive_avg_pool2d(features, 2), 1)", Dropout: rate}
  fc: {Linear: classes}
  log_softmax: log_softmax(fc, dim=1)
"""


class Residual(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = functional.gelu(self.up(self.norm(x)))
        x = x + self.down(h)
        return x * 2 if self.training else x


class Deep(nn.Module):
    def __init__(self, width: int = 8, depth: int = 2) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.register_buffer("mask", torch.tril(torch.ones(width, width)))
        self.blocks = nn.ModuleList(Residual(width, 4 * width) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.scale * x @ self.mask
        for block in self.blocks:
            x = block(x)
        return x


class Router(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.mean() > 0:
            return self.fc(x)
        return x


class Drifting(nn.Module):
    """Counts its calls in a tensor that no spec changes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x * self.calls


def test_a_stack_becomes_the_spec_that_a_person_would_write() -> None:
    imported = archspec.import_module(Stack, {"x": (2, 1, 8, 8)}, vary={"channels": 6})
    assert (imported.text, imported.verified, imported.gaps) == (STACK, True, ())


def test_equal_blocks_become_one_and_take_values_that_were_not_shown() -> None:
    imported = archspec.import_module(Deep, {"x": (2, 5, 8)}, args={"width": 8})
    assert imported.verified
    assert imported.text.count("Residual:") == 2
    assert "repeat: depth" in imported.text
    assert 'mask: {Buffer: "tril(ones(' in imported.text
    model, network = Deep(8, 5), archspec.build(imported.text and archspec.parse(imported.text), depth=5)
    network.load_state_dict(model.state_dict())
    x = torch.randn(3, 4, 8)
    for training in (True, False):
        torch.testing.assert_close(network.train(training)(x), model.train(training)(x))


@pytest.mark.parametrize(("model", "words"), [(Router, "branches on the values"), (Drifting, "changes `calls`")])
def test_what_no_spec_can_say_is_told_with_its_line(model: type[nn.Module], words: str) -> None:
    with pytest.raises(archspec.SpecError, match=words) as caught:
        archspec.import_module(model, {"x": (2, 4)})
    (problem,) = caught.value.problems
    assert problem.code == "AS620"
    assert words.split(" ")[0].rstrip("s") in problem.message
    line = Path(__file__).read_text("utf-8").splitlines()[problem.line - 1]
    assert line.strip() in ("if x.mean() > 0:", "self.calls += 1")
    imported = archspec.import_module(model, {"x": (2, 4)}, partial=True)
    assert not imported.verified
    assert [gap.line for gap in imported.gaps] == [problem.line]


class Documented(nn.Module):
    """Projects, "twice".

    Args:
        width: How wide.
    """

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        # what comes in
        self.up = nn.Linear(3, width)  # TODO: say why
        self.down = nn.Linear(width, 3)  # and back
        # self.gone = nn.Linear(3, 3)
        self.norm = nn.LayerNorm(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.up(x)
        y = functional.gelu(h) * 2  # (N, width)
        # the shortcut
        return self.norm(self.down(y)) + x


DOCUMENTED = """\
  # what comes in
  up: {Linear: width}
  y: gelu(up) * 2  # (N, width)
  down: {Linear: 3}  # and back
  # the shortcut
  norm: LayerNorm
  sum: norm + x
"""


def test_docstrings_and_comments_are_carried_over() -> None:
    imported = archspec.import_module(Documented, {"x": (2, 3)})
    assert imported.text.startswith('name: Documented\ndoc: "Projects, \\"twice\\"."\n')
    assert imported.text.endswith(DOCUMENTED)


class Auxiliary(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.fc(x))


class Idle(nn.Module):
    """Modules that do not run: a head, a layer for other sizes, a table that is read."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.stem = nn.Linear(3, width)
        self.head = Auxiliary(width)
        self.other = nn.Conv2d(7, 2, 3)
        self.table = nn.Embedding(5, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        return x @ self.table.weight.t()


def test_modules_that_do_not_run_are_kept() -> None:
    imported = archspec.import_module(Idle, {"x": (2, 3)})
    assert imported.verified
    assert imported.text.count("call: false") == 3
    assert list(Idle().state_dict()) == list(archspec.build(archspec.parse(imported.text)).state_dict())


class Optional(nn.Module):
    """A block whose steps depend on its arguments, as those of most networks for images do."""

    def __init__(self, width: int, out: int, expand: int) -> None:
        super().__init__()
        hidden = width * expand
        steps = [nn.Linear(width, hidden), nn.ReLU6()] if expand != 1 else []
        self.steps = nn.Sequential(*steps, nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, out))
        self.shortcut = nn.Linear(width, out) if width != out else None
        self.doubles = expand == 1
        self.drop = nn.Dropout(0.1) if self.doubles else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.shortcut is None else self.shortcut(x)
        x = self.drop(self.steps(x))
        return (x * 2 if self.doubles else x) + shortcut


class Options(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.a = Optional(width, width, 1)
        self.b = Optional(width, 2 * width, 4)
        self.c = Optional(2 * width, 2 * width, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.c(self.b(self.a(x)))


OPTIONAL = """\
    params: {out: int, expand: int}
    inputs: {x: [N, width]}
    layers:
      shortcut: {Linear: out, when: width != out}
      steps:
        from: x
        layers:
          - when: expand != 1
            layers:
              - Linear: expand * width
              - ReLU6
          - Linear: expand * width
          - Tanh
          - Linear: out
      drop: {Dropout: 0.1, when: expand == 1}
      sum: (drop * 2 if expand == 1 else drop) + shortcut
    order: [steps, shortcut]
"""


def test_steps_that_some_uses_of_a_class_leave_out_have_a_condition() -> None:
    imported = archspec.import_module(Options, {"x": (2, 4)})
    assert imported.verified
    assert imported.text.endswith(OPTIONAL), imported.text


def test_numbers_are_said_by_names() -> None:
    names = {"width": (8, 12, 20), "heads": (2, 3, 5), "k": (3, 5, 7)}
    wanted = {"4 * width": (32, 48, 80), "width // heads": (4, 4, 4), "(k - 1) // 2": (1, 2, 3), "k + 2": (5, 7, 9)}
    for text, values in wanted.items():
        found = solve(values, names)
        assert found is not None
        rows = [dict(zip(names, row, strict=True)) for row in zip(*names.values(), strict=True)]
        assert [eval(found, row) for row in rows] == list(values), text
    assert solve((1, 2, 1), names) is None


def test_the_command_writes_what_is_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from torch import nn\n\n\ndef net(width=4):\n    return nn.Sequential(nn.Linear(3, width), nn.Tanh())\n"
    )
    weights = str(tmp_path / "net.safetensors")
    command = ["import", "own.py:net", "--input", "input=2,3", "--arg", "width=6", "-o", "net.yaml"]
    assert main([*command, "--weights", weights]) == 0
    assert "verified" in capsys.readouterr().err
    network = archspec.build("net.yaml")
    archspec.load_weights(network, weights)
    assert network[0].weight.shape == (6, 3)
    assert main(["import", "own.py:nett", "--input", "input=2,3"]) == 1
    assert "did you mean `net`?" in capsys.readouterr().err
    assert main(["import", "own.py", "--input", "input=2,3"]) == 2


class Halves(nn.Module):
    """Reads the second half of what it unpacks first."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = x.chunk(2, 1)
        return torch.cat([first, self.branch(second)], 1)


class Positions(nn.Module):
    """Branches on numbers that follow from the sizes, and takes an input for its dtype alone."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = Scales()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(x.shape[1])
        if (positions.diff() != 1).any():
            raise ValueError("positions have gaps")
        scale, _ = self.scales(x, positions)
        return self.linear(x) * scale[:, None]


class Scales(nn.Module):
    def forward(self, x: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, None]:
        return (positions + 1).to(dtype=x.dtype, device=x.device), None


@pytest.mark.parametrize(("kind", "shape"), [(Halves, (3, 8)), (Positions, (3, 5, 4))])
def test_what_is_unread_is_left_out(kind: type[nn.Module], shape: tuple[int, ...]) -> None:
    imported = archspec.import_module(kind, {"x": shape})
    assert imported.verified, imported.differences
    assert "diff" not in imported.text


class Within(nn.Module):
    def __init__(self, shared: nn.Embedding, inner: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 6)
        self.embedding.weight = shared.weight
        self.head: nn.Module = nn.Tanh()
        if inner:
            linear = nn.Linear(6, 9, bias=False)
            linear.weight = shared.weight
            self.head = nn.Sequential(linear, nn.Tanh())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embedding(ids).mul(2))


class TiedToInner(nn.Module):
    """As the encoders of transformers, which keep the embedding that their blocks share."""

    def __init__(self, inner: bool = False) -> None:
        super().__init__()
        self.shared = nn.Embedding(9, 6)
        self.encoder = Within(self.shared, inner)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.encoder(ids)


@pytest.mark.parametrize("inner", [False, True])
def test_a_layer_is_tied_to_one_within_a_block(inner: bool) -> None:
    ids = {"ids": torch.tensor([[1, 2, 3], [4, 5, 6]])}
    assert archspec.import_module(TiedToInner, ids, args={"inner": inner}).verified


class Growing(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.fc = nn.Linear(width, 4)

    def forward(self, values: list[torch.Tensor]) -> torch.Tensor:
        return self.fc(self.norm(torch.cat(values, 1)))


class GrowingBlock(nn.ModuleDict):
    """Each layer takes what all layers before it made, as in DenseNet."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__({f"layer{k + 1}": Growing(width + 4 * k) for k in range(depth)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values = [x]
        for layer in self.values():
            values.append(layer(values))
        return torch.cat(values, 1)


class Dense(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = GrowingBlock(6, 3)
        self.second = GrowingBlock(18, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def test_a_list_that_grows_is_a_loop_over_one_value() -> None:
    imported = archspec.import_module(Dense, {"x": (3, 6)})
    assert imported.verified
    assert 'for: i in range(depth)\n        name: "layer{i + 1}"' in imported.text
    assert imported.text.count("Growing: {}") == 1
