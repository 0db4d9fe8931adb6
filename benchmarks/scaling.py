"""How the time to check a spec grows with its size: stacks of 1,000 and of 10,000 layers.

Run `python benchmarks/scaling.py`; it takes about a minute. Goal: at most 12 times as long for 10 times as many.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import compare

import archspec

HEAD = "inputs: {x: [N, 3, H, W]}\nlayers:\n"
CONVOLUTION = "  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}\n"
ACTIVATION = "  - ReLU\n"


def written(layers: int) -> str:
    """Every layer a step of its own."""
    return HEAD + (CONVOLUTION + ACTIVATION) * (layers // 2)


def repeated(layers: int) -> str:
    """Two steps in a loop."""
    steps = "".join(f"      {line}\n" for line in (CONVOLUTION + ACTIVATION).splitlines())
    return f"{HEAD}  - repeat: {layers // 2}\n    layers:\n{steps}"


def check(path: Path) -> None:
    """Check a spec that has to be right."""
    problems = archspec.check(path)
    if problems:
        raise AssertionError(problems[0])


def measure(form: Callable[[int], str], folder: Path) -> None:
    """Compare two sizes of one form of spec."""
    subjects = {}
    for layers in (1_000, 10_000):
        path = folder / f"stack_{layers}.yaml"
        path.write_text(form(layers), encoding="utf-8")
        subjects[f"{layers:6,} layers"] = lambda path=path: check(path)
    compare(subjects, {"10,000 layers": 12.0}, rounds=7)


if __name__ == "__main__":
    for form in (written, repeated):
        print(form.__doc__)
        with tempfile.TemporaryDirectory() as folder:
            measure(form, Path(folder))
        print()
