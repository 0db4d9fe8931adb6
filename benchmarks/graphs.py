"""Checks of networks that are graphs: against PyTorch's own ways to learn shapes, and how they grow.

Run `python benchmarks/graphs.py`; it takes about two minutes. Goals: a check of ResNet-152, from the text of its spec,
ten times as fast as a forward pass of the built network over fake tensors, and as torch.fx's ShapeProp; a check of
Llama 3.1 405B in less than a second; check and generate at most 12 times as long for 10 times as many blocks.

The passes over fake tensors are timed without what comes before them: building the network, tracing it.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

from measure import SPECS, compare

import archspec

LLAMA_405B = {
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_hidden_layers": 126,
    "num_attention_heads": 128,
}

STACK = """
inputs: {{x: [N, T, dim]}}
params: {{dim: 64}}
layers:
{steps}
blocks:
  Feed:
    params: {{width: int}}
    inputs: {{x: [N, T, dim]}}
    layers:
      norm: LayerNorm
      up: {{Linear: width}}
      act: GELU
      down: {{Linear: dim}}
      y: x + down
"""


def checked(text: str, name: str = "<text>") -> archspec.Spec:
    """The spec that a text says, which has to be right."""
    return archspec.parse(text, name)


def resnet() -> None:
    """ResNet-152 against a forward pass over fake tensors, and against ShapeProp."""
    import torch
    from torch._subclasses import FakeTensorMode
    from torch.fx.passes.shape_prop import ShapeProp

    text = (SPECS / "vision" / "resnet.yaml").read_text("utf-8")
    assert "default: [3, 4, 6, 3]" in text
    text = text.replace("default: [3, 4, 6, 3]", "default: [3, 8, 36, 3]")
    with FakeTensorMode(), torch.no_grad():
        model = archspec.build(checked(text)).eval()
        x = torch.empty(1, 3, 224, 224)
        shapes = ShapeProp(torch.fx.symbolic_trace(model))
        subjects = {
            "check, from its text": lambda: checked(text),
            "forward, fake tensors": lambda: model(x),
            "ShapeProp": lambda: shapes.propagate(x),
        }
        compare(subjects, {}, rounds=15)
    print("goal: ratios of at least 10")


def llama() -> None:
    """The largest Llama 3, from its file."""
    path = SPECS / "text" / "llama.yaml"
    archspec.check(path)
    start = time.perf_counter()
    problems = archspec.check(path, params=LLAMA_405B)
    seconds = time.perf_counter() - start
    assert not problems, problems[0]
    graph = archspec.load(path).graph(LLAMA_405B)
    count = sum(int(layer.parameter_count()) for _, _, layer in graph.layers())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024) / 1024
    met = "met" if seconds < 1 else "MISSED"
    print(f"{count / 1e9:.1f} billion parameters: {seconds * 1e3:.0f} ms, goal 1 s, {met}; {peak:.0f} MiB in all")


def blocks(folder: Path) -> None:
    """Stacks of blocks: each written out, each of another width, and in a loop."""
    forms = {
        "equal blocks, each a step": lambda n: "\n".join(f"  b{i}: {{Feed: 256}}" for i in range(n)),
        "a loop": lambda n: f"  body: {{Feed: 256, repeat: {n}}}",
        "unlike blocks, in a loop": lambda n: f'  body: {{Feed: "64 + i", for: i in range({n})}}',
    }
    limits = archspec.source.Limits(nodes=10**6, layers=10**6, bytes=2**24)
    for form, steps in forms.items():
        print(form)
        for what in ("check", "generate"):
            subjects = {}
            for count in (100, 1_000, 10_000):
                text = STACK.format(steps=steps(count))
                spec = archspec.Spec(text, str(folder / "stack.yaml"), limits)
                again = lambda text=text: archspec.Spec(text, "stack.yaml", limits)  # noqa: E731
                subjects[f"{what}, {count:6,}"] = again if what == "check" else spec.generate
            compare(subjects, {}, rounds=3)


if __name__ == "__main__":
    llama()  # first: before torch takes memory of its own
    print()
    with tempfile.TemporaryDirectory() as name:
        blocks(Path(name))
    print()
    resnet()
