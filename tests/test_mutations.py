"""What PyTorch rejects of the mutated specs, `check` rejects, at the place of the edit; and nothing else.

The figures of a long run come from `tests/fuzz/mutations.py`; here it is run for a moment.
"""

from __future__ import annotations

import edits
import mutations
import oracle
import pytest
from shipped import NAMES, each

QUICK = ("tinyvgg", "mlp_configurable", "autoencoder", "conv2d_depthwise", "text/gpt2", "vision/siamese")
LEAST_AT_THE_LINE = 0.9


def examine(specs: tuple[str, ...], count: int, seed: int) -> None:
    """The figures of so many mutations have no exception without a reason."""
    figures = mutations.Figures()
    known = mutations.Known(None)
    for mutation in mutations.chosen(count, seed, specs):
        figures.add(mutations.verdict(mutation, known))
    wrong = [(what, verdict) for what, verdict in figures.exceptions if what != "elsewhere"]
    assert wrong == [], figures.table()
    total = figures.total()
    assert total["tried"] == count
    assert total["rejected"] > count / 5
    assert total["accepted"] > count / 10
    assert total["elsewhere"] <= total["rejected"] * (1 - LEAST_AT_THE_LINE), figures.exceptions


def test_mutations_of_some_specs() -> None:
    examine(QUICK, 40, seed=0)


@pytest.mark.slow
def test_mutations_of_all_specs() -> None:
    examine(tuple(NAMES), 200, seed=1)


@pytest.mark.parametrize("name", each())
def test_the_oracle_accepts_what_ships(name: str) -> None:
    assert oracle.judge(edits.base(name)) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("inputs: {x: [N, 8]}\nlayers: [Linear: 4, Linear: {in_features: 5, out_features: 2}]", "RuntimeError"),
        ("inputs: {x: [N, T, 8]}\nlayers: [Flatten, Linear: 4]", "DependsError"),
        (
            "inputs: {x: [N, 3, H, W]}\nlayers: {a: {MaxPool2d: 2}, up: {Upsample: {scale_factor: 2}}, s: x + up}",
            "RuntimeError",
        ),
        ("inputs: {x: {shape: [N, 8], dtype: float64}}\nlayers: [Linear: 4]", "dtype"),
        ("inputs: {x: [N, 8]}\nlayers: {y: 'softmax(z, -1)'}", "NameError"),
    ],
)
def test_the_oracle_rejects_what_pytorch_rejects(text: str, why: str) -> None:
    refusal = oracle.judge(text)
    assert refusal is not None
    assert why in refusal
