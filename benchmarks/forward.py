"""The forward pass of the built and of the generated module, against the same network written by hand.

Small batches, where Python's share is largest. Run `python benchmarks/forward.py`; it takes about a minute.
Goal: within 2 %.
"""

from __future__ import annotations

import importlib
import sys

import torch
from handwritten import MLPClassifier, TinyVGG
from measure import ROOT, SPECS, Subject, compare
from torch import Tensor, nn

import archspec


def forward(module: nn.Module, x: Tensor) -> Subject:
    """One forward pass, without gradients."""
    module.eval()

    def run() -> Tensor:
        with torch.no_grad():
            return module(x)

    return run


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    torch.set_num_threads(1)
    for name, by_hand, shape in (("tinyvgg", TinyVGG, (1, 1, 28, 28)), ("mlp", MLPClassifier, (1, 3, 32, 32))):
        generated = getattr(importlib.import_module(f"generated.{name}"), by_hand.__name__)
        modules = {"by hand": by_hand(), "built": archspec.build(SPECS / f"{name}.yaml"), "generated": generated()}
        for module in modules.values():
            # The very same tensors: where weights lie in memory makes more of a difference than what is measured here.
            module.load_state_dict(modules["by hand"].state_dict(), assign=True)
        x = torch.randn(shape)
        print(f"{name}, {list(shape)}")
        subjects = {key: forward(module, x) for key, module in modules.items()}
        compare(subjects, {"built": 1.02, "generated": 1.02}, rounds=500, calls=20)
        print()
