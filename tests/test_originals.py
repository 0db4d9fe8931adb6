"""Specs that ship and the models of torchvision: every classifier that is a variant of a spec has that model's weights."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec

SPECS = Path(__file__).parent.parent / "specs"

NOT_WRITTEN = {
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
    "maxvit_t",
    "swin_v2_b",
    "swin_v2_s",
    "swin_v2_t",
}
"""Classifiers of torchvision that no spec describes yet."""

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def torchvision_models() -> Any:
    """The package's models. Where its compiled operators do not load, no classifier needs them, but importing it does."""
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # it is defined
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return pytest.importorskip("torchvision").models


def variants() -> dict[str, Path]:
    """The spec that has a variant of each name."""
    paths = sorted(SPECS.rglob("*.yaml"))
    return {name: path for path in paths for name in archspec.load(path).document.variants}


@pytest.mark.slow
def test_torchvision_classifiers_are_variants_of_specs() -> None:
    models = torchvision_models()
    specs = variants()
    names = set(models.list_models(module=models))
    assert names - set(specs) == NOT_WRITTEN
    assert len(names & set(specs)) >= 73
    for name in sorted(names & set(specs)):
        arguments = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        with torch.device("meta"):
            expected = models.get_model(name, weights=None, **arguments).state_dict()
        found = archspec.build(specs[name], variant=name, device="meta", limit=None).state_dict()
        assert [(key, tensor.shape) for key, tensor in found.items()] == [
            (key, tensor.shape) for key, tensor in expected.items()
        ], name
