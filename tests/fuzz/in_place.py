"""Drawn networks with layers that work in place, and what PyTorch makes of each: the oracle for what overwriting does.

A network is drawn as steps, written as a spec, and run by PyTorch from those steps alone. Wherever a layer writes, the
runner makes sure that the numbers change, and each value that is read is compared with what it was when it was made.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

IN_PLACE: dict[str, Callable[[], nn.Module]] = {
    "ReLU": lambda: nn.ReLU(inplace=True),
    "ReLU6": lambda: nn.ReLU6(inplace=True),
    "Dropout": lambda: nn.Dropout(0.5, inplace=True),
    "Dropout1d": lambda: nn.Dropout1d(0.5, inplace=True),
    "AlphaDropout": lambda: nn.AlphaDropout(0.5, inplace=True),
    "FeatureAlphaDropout": lambda: nn.FeatureAlphaDropout(0.5, inplace=True),
    "Hardtanh": lambda: nn.Hardtanh(inplace=True),
    "ELU": lambda: nn.ELU(inplace=True),
    "SELU": lambda: nn.SELU(inplace=True),
    "CELU": lambda: nn.CELU(inplace=True),
    "LeakyReLU": lambda: nn.LeakyReLU(inplace=True),
    "RReLU": lambda: nn.RReLU(inplace=True),
    "SiLU": lambda: nn.SiLU(inplace=True),
    "Mish": lambda: nn.Mish(inplace=True),
    "Hardswish": lambda: nn.Hardswish(inplace=True),
    "Hardsigmoid": lambda: nn.Hardsigmoid(inplace=True),
}
FRESH: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "Linear": ("Linear: 4", lambda: nn.Linear(4, 4)),
    "LayerNorm": ("LayerNorm", lambda: nn.LayerNorm(4)),
    "GroupNorm": ("GroupNorm: {num_groups: 1}", lambda: nn.GroupNorm(1, 4)),
    "BatchNorm1d": ("BatchNorm1d", lambda: nn.BatchNorm1d(4)),
    "Conv1d": ("Conv1d: {out_channels: 4, kernel_size: 1}", lambda: nn.Conv1d(4, 4, 1)),
    "ReLU": ("ReLU", nn.ReLU),
    "Sigmoid": ("Sigmoid", nn.Sigmoid),
    "Tanh": ("Tanh", nn.Tanh),
    "GELU": ("GELU", nn.GELU),
    "SiLU": ("SiLU", nn.SiLU),
    "Softmax": ("Softmax: {dim: -1}", lambda: nn.Softmax(-1)),
    "Softplus": ("Softplus", nn.Softplus),
    "Dropout": ("Dropout: 0.5", lambda: nn.Dropout(0.5)),
    "Identity": ("Identity", nn.Identity),
    "PReLU": ("PReLU", nn.PReLU),
    "MaxPool1d": ("MaxPool1d: {kernel_size: 3, stride: 1, padding: 1}", lambda: nn.MaxPool1d(3, 1, 1)),
    "AvgPool1d": ("AvgPool1d: {kernel_size: 3, stride: 1, padding: 1}", lambda: nn.AvgPool1d(3, 1, 1)),
    "Flatten": ("Flatten: {start_dim: 2}", lambda: nn.Flatten(2)),
    "ZeroPad1d": ("ZeroPad1d: 0", lambda: nn.ZeroPad1d(0)),
}
"""Layers that take [N, 4, 4] and return it: how each is written, and how it is made."""

ONE: tuple[tuple[str, Callable[[Tensor], Any]], ...] = (
    ("exp({0})", torch.exp),
    ("sigmoid({0})", torch.sigmoid),
    ("tanh({0})", torch.tanh),
    ("relu({0})", torch.relu),
    ("softmax({0}, -1)", lambda x: torch.softmax(x, -1)),
    ("gelu({0})", functional.gelu),
    ("2 * {0}", lambda x: 2 * x),
    ("{0} + 1", lambda x: x + 1),
    ("{0} / 3", lambda x: x / 3),
    ("-{0}", lambda x: -x),
    ("{0} ** 2", lambda x: x**2),
    ("abs({0})", torch.abs),
    ("transpose({0}, 1, 2)", lambda x: x.transpose(1, 2)),
    ("permute({0}, [0, 2, 1])", lambda x: x.permute(0, 2, 1)),
    ("unflatten(flatten({0}, 1), 1, [4, 4])", lambda x: x.flatten(1).unflatten(1, (4, 4))),
    ("reshape({0}, [-1, 4, 4])", lambda x: x.reshape(-1, 4, 4)),
    ("squeeze(unsqueeze({0}, 1), 1)", lambda x: x.unsqueeze(1).squeeze(1)),
    ("{0}[None][0]", lambda x: x[None][0]),
    ("{0}[:, 0:4]", lambda x: x[:, 0:4]),
    ("flip({0}, [1])", lambda x: x.flip([1])),
    ("cumsum({0}, 1)", lambda x: x.cumsum(1)),
    ("zeros_like({0})", torch.zeros_like),
    ("where({0} > 0, {0}, 2 * {0})", lambda x: torch.where(x > 0, x, 2 * x)),
    ("dropout({0}, 0.5)", lambda x: functional.dropout(x, 0.5)),
    ("broadcast_to({0}[:, 0:1], [N, 4, 4])", lambda x: x[:, 0:1].broadcast_to(x.shape)),
    ("broadcast_to({0}, [N, 4, 4])", lambda x: x.broadcast_to(x.shape)),
    ("mean({0}, 1, True) + {0}", lambda x: x.mean(1, True) + x),
    ("stack(unbind({0}, 1), 1)", lambda x: torch.stack(x.unbind(1), 1)),
    ("narrow({0}, 1, 0, 4)", lambda x: x.narrow(1, 0, 4)),
    ("roll({0}, 1)", lambda x: x.roll(1)),
)
TWO: tuple[tuple[str, Callable[[Tensor, Tensor], Any]], ...] = (
    ("{0} + {1}", lambda a, b: a + b),
    ("{0} - {1}", lambda a, b: a - b),
    ("{0} * {1}", lambda a, b: a * b),
    ("{0} @ {1}", lambda a, b: a @ b),
    ("{0} / (2 + abs({1}))", lambda a, b: a / (2 + b.abs())),
    ("maximum({0}, {1})", torch.maximum),
    ("cat([{0}[:, 0:2], {1}[:, 2:4]], 1)", lambda a, b: torch.cat([a[:, 0:2], b[:, 2:4]], 1)),
    ("lerp({0}, {1}, 0.3)", lambda a, b: torch.lerp(a, b, 0.3)),
)
PARTS: tuple[tuple[str, Callable[[Tensor], Any]], ...] = (
    ("chunk({0}, 2, 1)", lambda x: x.chunk(2, 1)),
    ("split({0}, 2, 1)", lambda x: x.split(2, 1)),
    ("tensor_split({0}, 2, 1)", lambda x: x.tensor_split(2, 1)),
    ("[{0}[:, 0:2], {0}[:, 2:4]]", lambda x: (x[:, 0:2], x[:, 2:4])),
    ("[{0}[:, 1:3], {0}[:, 2:4]]", lambda x: (x[:, 1:3], x[:, 2:4])),
    ("[narrow({0}, 1, 0, 2), narrow({0}, 1, 2, 2)]", lambda x: (x.narrow(1, 0, 2), x.narrow(1, 2, 2))),
    ("[{0}[:, 0], {0}[:, 1]]", lambda x: (x[:, 0], x[:, 1])),
    ("[select({0}, 1, 2), select({0}, 1, -1)]", lambda x: (x.select(1, 2), x.select(1, -1))),
)
"""Functions that return two parts of a value, each of which is of the shape of the other."""


BLOCKS: dict[str, tuple[str, Callable[[Tensor, nn.Module, nn.Module], Tensor]]] = {
    "Overwriting": (
        "{inputs: {x: [N, 4, 4]}, layers: {act: {ELU: {inplace: true}}, y: 2 * act}}",
        lambda x, act, linear: 2 * act(x),
    ),
    "Residual": (
        "{inputs: {x: [N, 4, 4]}, layers: {fc: {Linear: 4}, act: {ELU: {inplace: true}}, y: x + act}}",
        lambda x, act, linear: x + act(linear(x)),
    ),
    "Ending": (
        "{inputs: {x: [N, 4, 4]}, layers: [Linear: 4, {ELU: {inplace: true}}]}",
        lambda x, act, linear: act(linear(x)),
    ),
    "Beginning": (
        "{inputs: {x: [N, 4, 4]}, layers: [{ELU: {inplace: true}}, Linear: 4]}",
        lambda x, act, linear: linear(act(x)),
    ),
}
"""Blocks that hold an ELU in place: how each is written, and what it does."""


class StaleError(Exception):
    """A value is read after it has been overwritten."""


class Writing(nn.Module):
    """A layer that works in place. Where it has written, the numbers are others than before, whatever they were."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        before = x._version
        y: Tensor = self.layer(x)
        if x._version != before:
            x.data.add_(torch.rand(()) + 0.1)
        return y


class Residual(nn.Module):
    """A block: its layer in place, and a linear one."""

    def __init__(self, body: Callable[[Tensor, nn.Module, nn.Module], Tensor]) -> None:
        super().__init__()
        self.act, self.linear, self.body = Writing(nn.ELU(inplace=True)), nn.Linear(4, 4), body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x, self.act, self.linear)


class Chosen(nn.Module):
    """One of two values, by the mode."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a if self.training else b


class Step(NamedTuple):
    """One line: the names that it binds, those that it reads, how it is written, and what it does."""

    names: tuple[str, ...]
    reads: tuple[str, ...]
    text: str
    run: Callable[..., Any]


class Verdict(NamedTuple):
    """What PyTorch makes of a network: what is wrong with it, and whether it changes its input."""

    wrong: str
    changes_input: bool


class Drawn:
    """A network of a few steps."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.steps: list[Step] = []
        self.shapes = {"x": "whole"}
        self.held: dict[str, Tensor] = {}
        for _ in range(self.random.randint(3, 8)):
            self.step()
        if not any("inplace" in step.text or step.text[1:-1].partition(", ")[2] in BLOCKS for step in self.steps):
            self.in_place()
        read = {name for step in self.steps for name in step.reads}
        self.outputs = [name for name in self.shapes if name not in read and name not in self.held]
        others = [name for name in self.shapes if name not in self.outputs and name not in self.held]
        if others and self.random.random() < 0.15:
            self.outputs.append(self.random.choice(others))

    def one(self, *shapes: str) -> str:
        """A value of one of those shapes: mostly the last one."""
        names = [name for name, shape in self.shapes.items() if shape in (shapes or ("whole",))]
        return names[-1] if self.random.random() < 0.5 else self.random.choice(names)

    def step(self) -> None:
        kinds = (
            *(self.in_place,) * 8,
            *(self.fresh,) * 4,
            *(self.expression,) * 5,
            *(self.two,) * 4,
            *(self.parts, self.parts, self.join, self.either, self.listed, self.listed, self.loop),
            *(self.block, self.block, self.tensor),
        )
        self.random.choice(kinds)()

    def add(self, reads: tuple[str, ...], text: str, run: Callable[..., Any], shape: str, parts: str = "") -> str:
        name = f"v{len(self.steps)}"
        names = tuple(f"{name}{part}" for part in parts) or (name,)
        self.steps.append(Step(names, reads, text, run))
        self.shapes.update(dict.fromkeys(names, shape))
        return name

    def layer(self, *, place: bool) -> tuple[str, Callable[[], nn.Module]]:
        """How a layer is written, and what makes it."""
        name = self.random.choice(list(IN_PLACE if place else FRESH))
        if place:
            return f"{name}: {{inplace: true}}", lambda: Writing(IN_PLACE[name]())
        text, make = FRESH[name]
        return text if ":" in text else f"{text}: {{}}", make

    def in_place(self) -> None:
        value = self.one("whole", "half", "row", "held")
        text, make = self.layer(place=True)
        if self.shapes[value] != "whole":  # a layer for any number of axes
            text, make = "ELU: {inplace: true}", lambda: Writing(nn.ELU(inplace=True))
        self.add((value,), f"{{from: {value}, {text}}}", make(), self.shapes[value])

    def fresh(self) -> None:
        text, make = self.layer(place=False)
        value = self.one()
        self.add((value,), f"{{from: {value}, {text}}}", make(), "whole")

    def expression(self) -> None:
        text, run = self.random.choice(ONE)
        value = self.one()
        self.add((value,), f'"{text.format(value)}"', run, "whole")

    def two(self) -> None:
        values = self.one(), self.one("whole", "held")
        text, run = self.random.choice(TWO[:6] if self.shapes[values[1]] == "held" else TWO)
        self.add(values, f'"{text.format(*values)}"', run, "whole")

    def parts(self) -> None:
        text, run = self.random.choice(PARTS)
        value = self.one()
        row = ", 0]" in text or "select" in text
        self.add((value,), f'"{text.format(value)}"', run, "row" if row else "half", "ab")

    def join(self) -> None:
        if "half" not in self.shapes.values():
            return self.parts()
        values = self.one("half"), self.one("half")
        self.add(values, f'"cat([{values[0]}, {values[1]}], 1)"', lambda a, b: torch.cat([a, b], 1), "whole")
        return None

    def either(self) -> None:
        values = self.one(), self.one()
        self.add(values, f'"{values[0]} if training else {values[1]}"', Chosen(), "whole")

    def listed(self) -> None:
        layers = [self.layer(place=self.random.random() < 0.5) for _ in range(self.random.randint(1, 3))]
        text = ", ".join(f"{{{one}}}" for one, _ in layers)
        value = self.one()
        run = nn.Sequential(*(make() for _, make in layers))
        self.add((value,), f"{{from: {value}, layers: [{text}]}}", run, "whole")

    def loop(self) -> None:
        layers = [self.layer(place=True), self.layer(place=False)]
        self.random.shuffle(layers)
        text = ", ".join(f"{{{one}}}" for one, _ in layers)
        value = self.one()
        run = nn.Sequential(*(make() for _ in range(2) for _, make in layers))
        self.add((value,), f"{{from: {value}, repeat: 2, layers: [{text}]}}", run, "whole")

    def block(self) -> None:
        name = self.random.choice(list(BLOCKS))
        value = self.one()
        self.add((value,), f"{{from: {value}, {name}: {{}}}}", Residual(BLOCKS[name][1]), "whole")

    def tensor(self) -> None:
        kind = self.random.choice(("Parameter", "Buffer"))
        made = nn.Parameter(torch.rand(4, 4)) if kind == "Parameter" else torch.rand(4, 4)
        name = self.add((), f'{{{kind}: "rand(4, 4)"}}', lambda: made, "held")
        self.held[name] = made
        values = name, self.one()
        self.add(values, f'"{name} + {values[1]}"', lambda a, b: a + b, "whole")

    def text(self) -> str:
        """The spec."""
        lines = ["inputs: {x: [N, 4, 4]}", "layers:"]
        lines += [f"  {', '.join(step.names)}: {step.text}" for step in self.steps]
        used = [name for name in BLOCKS if any(f" {name}: " in step.text for step in self.steps)]
        lines += [f"outputs: [{', '.join(self.outputs)}]"]
        lines += ["blocks:"] if used else []
        lines += [f"  {name}: {BLOCKS[name][0]}" for name in used]
        return "\n".join(lines) + "\n"

    def verdict(self) -> Verdict:
        """What PyTorch makes of it, in training and in evaluation."""
        changes = False
        for training in (True, False):
            for step in self.steps:
                if isinstance(step.run, nn.Module):
                    step.run.train(training)
            mode = "training" if training else "evaluation"
            try:
                changes = self.run() or changes
            except (StaleError, RuntimeError) as error:
                return Verdict(f"{mode}: {str(error)[:120]}", changes)
        return Verdict("", changes)

    def run(self) -> bool:
        """One pass forward and backward; whether the input has changed."""
        x = torch.randn(3, 4, 4)
        values, were = {"x": x}, {"x": x.clone()}

        def current(names: Iterable[str]) -> list[Tensor]:
            for name in names:
                if not torch.equal(values[name], were[name]):
                    raise StaleError(f"{name} has changed")
            return [values[name] for name in names]

        for step in self.steps:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read = step.reads[:0] if "zeros_like" in step.text else step.reads  # it asks for a shape
                if isinstance(step.run, Chosen):
                    read = step.reads[:1] if step.run.training else step.reads[1:]
                current(read)
                result = step.run(*(values[name] for name in step.reads))
            parts = result if len(step.names) > 1 else (result,)
            values.update(zip(step.names, parts, strict=True))
            were.update({name: part.detach().clone() for name, part in zip(step.names, parts, strict=True)})
        outputs = current(self.outputs)
        total = sum((one.sum() for one in outputs if one.requires_grad), torch.zeros(()))
        if total.requires_grad:
            total.backward()
        if any(not torch.equal(one, were[name]) for name, one in self.held.items()):
            raise StaleError("a tensor of the module has changed")
        return not torch.equal(x, were["x"])
