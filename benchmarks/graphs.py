"""Checks of networks that are graphs: against PyTorch's own ways to learn shapes, and how they grow.

Run `python benchmarks/graphs.py`; it takes about three minutes. Goals: a check of ResNet-152, for a size of its input,
ten times as fast as a forward pass of the built network over fake tensors of that size, and as torch.fx's ShapeProp; a
check of the Llama with 405 billion parameters in less than a second; at most 12 times as long for 10 times as many
blocks.

What comes before is not timed: reading the spec, building the network, tracing it. A check from the text, which holds
for all sizes, stands beside.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from itertools import count

import torch
from measure import SPECS, compare
from torch._subclasses import FakeTensorMode
from torch.fx.passes.shape_prop import ShapeProp

import archspec
from archspec.source import Limits

LLAMA_405B = {
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
}

STACK = """
params: {dim: 64}
inputs: {x: [N, T, dim]}
layers:
STEPS
blocks:
  Feed:
    params: {width: int}
    inputs: {x: [N, T, dim]}
    layers:
      norm: LayerNorm
      up: {Linear: width}
      act: GELU
      down: {Linear: dim}
      y: x + down
"""

FORMS: dict[str, Callable[[int], str]] = {
    "equal blocks, each a step of its own": lambda blocks: "\n".join(f"  b{i}: {{Feed: 256}}" for i in range(blocks)),
    "equal blocks, in a loop": lambda blocks: f"  body: {{Feed: 256, repeat: {blocks}}}",
    "blocks of different widths, in a loop": lambda blocks: f'  body: {{Feed: 64 + i, for: "i in range({blocks})"}}',
}


def llama() -> None:
    """The largest Llama 3, from its file."""
    path = SPECS / "text" / "llama.yaml"
    start = time.perf_counter()
    problems = archspec.check(path, params=LLAMA_405B)
    seconds = time.perf_counter() - start
    if problems:
        raise AssertionError(problems[0])
    graph = archspec.load(path).graph(LLAMA_405B)
    size = sum(int(layer.parameter_count()) for _, _, layer in graph.layers())
    print(f"Llama, {size / 1e9:.1f} billion parameters: {seconds * 1e3:.0f} ms")
    print(f"goal 1 s  {'met' if seconds < 1 else 'MISSED'}; {memory():.0f} MiB, of which {BEFORE:.0f} before it\n")


def memory() -> float:
    """The most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def resnet() -> None:
    """ResNet-152 against a forward pass over fake tensors, and against ShapeProp."""
    text = (SPECS / "vision" / "resnet.yaml").read_text("utf-8")
    deeper = text.replace("default: [3, 4, 6, 3]", "default: [3, 8, 36, 3]")
    if deeper == text:
        raise AssertionError("resnet.yaml has changed")
    spec, batches = archspec.parse(deeper), count(1)
    with FakeTensorMode():
        model = archspec.build(spec).eval()
        x = torch.empty(1, 3, 224, 224)
        shapes = ShapeProp(torch.fx.symbolic_trace(model))
        subjects = {
            # Each time another batch, as what was checked once is not checked again.
            "check for a size": lambda: archspec.check(spec, inputs={"x": (next(batches), 3, 224, 224)}),
            "check from the text, for all sizes": lambda: archspec.parse(deeper),
            "fake tensors": lambda: model(x),
            "fake tensors, no_grad": torch.no_grad()(lambda: model(x)),
            "ShapeProp": lambda: shapes.propagate(x),
        }
        print("ResNet-152; goal: ratios of at least 10")
        compare(subjects, {}, rounds=15)
    print()


def growth(form: str, work: Callable[[archspec.Spec], object], what: str) -> None:
    """How long one form of stack takes, for three sizes of it."""
    limits = Limits(bytes=2**24, nodes=10**6, layers=10**6)
    subjects = {}
    for blocks in (1_000, 100, 10_000):
        text = STACK.replace("STEPS", FORMS[form](blocks))
        subjects[f"{blocks:6,} blocks"] = lambda text=text: work(archspec.Spec(text, "stack.yaml", limits))
    print(f"{form}: {what}")
    compare(subjects, {"10,000 blocks": 12.0}, rounds=3)
    print()


if __name__ == "__main__":
    BEFORE = memory()
    llama()
    resnet()
    for name in FORMS:
        growth(name, lambda spec: spec, "check")
        growth(name, archspec.Spec.generate, "check and generate")
