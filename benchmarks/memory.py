"""The peak of memory that `summary` works out, held against what PyTorch takes on the CPU.

    python benchmarks/memory.py [SPEC ...]

Every storage that a run makes is counted from the operation that returns it until it is freed. Training is the second
step, with the gradients of the first in place, of the sum of all outputs; inference runs without gradients. What a
kernel takes for a moment inside of one operation is in neither figure.
"""

from __future__ import annotations

import sys
import weakref
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

import archspec

SPECS = Path(__file__).parent.parent / "specs"
MODELS: list[tuple[str, dict[str, Any], dict[str, list[int]]]] = [
    ("vision/resnet.yaml", {}, {"x": [8, 3, 224, 224]}),
    ("vision/mobilenet_v2.yaml", {}, {"x": [8, 3, 224, 224]}),
    ("vision/unet.yaml", {}, {"x": [2, 3, 128, 128]}),
    ("text/gpt2.yaml", {"n_layer": 4, "dropout": 0.0}, {"idx": [2, 256]}),
    ("text/bert.yaml", {"num_hidden_layers": 4, "attention_probs_dropout_prob": 0.0}, {"input_ids": [2, 256]}),
]
"""Specs, parameters other than their defaults, sizes of their inputs."""


class Live(TorchDispatchMode):
    """Counts the bytes of all storages in use."""

    def __init__(self, known: list[Tensor]) -> None:
        super().__init__()
        self.seen: set[int] = set()
        self.bytes = self.peak = 0
        for tensor in known:
            self.add(tensor)

    def add(self, tensor: Tensor) -> None:
        """Counts a tensor's storage until it is freed."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self.seen:
            return
        self.seen.add(key)
        size = storage.nbytes()
        self.bytes += size
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self.free, key, size)

    def free(self, key: int, size: int) -> None:
        """Counts a storage no more."""
        self.seen.discard(key)
        self.bytes -= size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_flatten(result)[0]:
            if isinstance(leaf, Tensor):
                self.add(leaf)
        return result


def measure(model: nn.Module, inputs: list[Tensor]) -> tuple[int, int]:
    """Bytes at the peak of inference and of training."""
    known = [*model.parameters(), *model.buffers(), *inputs]
    with torch.no_grad(), Live(known) as live:
        model.eval()(*inputs)
    inference = live.peak
    model.train()
    total(model(*inputs)).backward()
    known += [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    with Live(known) as live:
        output = model(*inputs)
        total(output).backward()
    return inference, live.peak


def total(output: Any) -> Tensor:
    """The sum of everything that a network returns."""
    leaves = [leaf for leaf in tree_flatten(output)[0] if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    return torch.stack([leaf.sum() for leaf in leaves]).sum()


def main() -> None:
    """Prints a line for each model: megabytes worked out and measured, and by how much they differ."""
    torch.manual_seed(0)
    print(f"{'':28} {'inference MB':>23} {'':7} {'training MB':>23}")
    print(f"{'spec':28} {'summary':>11} {'PyTorch':>11} {'error':>7} {'summary':>11} {'PyTorch':>11} {'error':>7}")
    for name, params, sizes in MODELS:
        if len(sys.argv) > 1 and not any(one in name for one in sys.argv[1:]):
            continue
        spec = archspec.load(SPECS / name)
        memory = archspec.summary(spec, params=params, inputs=sizes).memory
        model = archspec.build(spec, **params)
        inputs = [
            torch.randn(sizes[value.name])
            if value.type.dtype == "float32"
            else torch.randint(0, 100, sizes[value.name], dtype=getattr(torch, value.type.dtype))
            for value in spec.graph().main.inputs
        ]
        cells = [f"{name:28}"]
        for ours, theirs in zip((memory.inference, memory.training), measure(model, inputs), strict=True):
            assert isinstance(ours, int)
            cells += [f"{ours / 1e6:11.1f}", f"{theirs / 1e6:11.1f}", f"{ours / theirs - 1:+7.1%}"]
        print(" ".join(cells))


if __name__ == "__main__":
    main()
