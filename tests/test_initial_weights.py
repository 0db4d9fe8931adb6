"""Shipped specs begin as their originals: mean and deviation of each weight over ten seeds, as these document them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import archspec

Expected = tuple[float, float] | None
"""Mean and deviation of a weight; None where PyTorch's own is kept."""


def fan_out(layer: nn.Conv2d) -> float:
    """As torch.nn.init counts it: a group's outputs as those of the whole layer."""
    return layer.out_channels * math.prod(layer.kernel_size)


def convolutional(linear: Callable[[nn.Linear, str], Expected], fan: Callable[[Any], float] = fan_out) -> Any:
    """Kaiming's for convolutions, ones and zeros for normalizations."""

    def expected(path: str, layer: nn.Module, name: str) -> Expected:
        if isinstance(layer, nn.Conv2d):
            return (0, math.sqrt(2 / fan(layer))) if name == "weight" else (0, 0)
        if isinstance(layer, nn.BatchNorm2d):
            return (1, 0) if name == "weight" else (0, 0)
        return linear(layer, name) if isinstance(layer, nn.Linear) else None

    return expected


def fan_in(layer: nn.Conv2d) -> float:
    return layer.in_channels * math.prod(layer.kernel_size) / layer.groups


def gpt2(path: str, layer: nn.Module, name: str) -> Expected:
    if path.endswith("c_proj") and name == "weight":
        return 0, 0.02 / math.sqrt(2 * 2)
    if isinstance(layer, nn.Linear | nn.Embedding):
        return (0, 0.02) if name == "weight" else (0, 0)
    return (1, 0) if name == "weight" else (0, 0)


def dcgan(path: str, layer: nn.Module, name: str) -> Expected:
    if isinstance(layer, nn.BatchNorm2d):
        return (1, 0.02) if name == "weight" else (0, 0)
    return 0, 0.02


def truncated(path: str, layer: nn.Module, name: str) -> Expected:
    if isinstance(layer, nn.Conv2d | nn.Linear):
        return (0, 0.02) if name == "weight" else (0, 0)
    return None


def linear(path: str, layer: nn.Module, name: str) -> Expected:
    return truncated(path, layer, name) if isinstance(layer, nn.Linear) else None


def segmenting(path: str, layer: nn.Module, name: str) -> Expected:
    """Kaiming's in the backbone; the heads begin as PyTorch's layers do."""
    in_backbone = path.startswith("backbone.")
    return convolutional(lambda layer, name: None)(path, layer, name) if in_backbone else None


def retinanet(path: str, layer: nn.Module, name: str) -> Expected:
    if path.startswith("backbone.body."):
        return segmenting(path, layer, name)
    if not isinstance(layer, nn.Conv2d):
        return None
    if name == "bias":
        return (-math.log(99), 0) if path.endswith("cls_logits") else (0, 0)
    return 0, 1 / math.sqrt(fan_in(layer)) if path.startswith("backbone.fpn.") else 0.01


ORIGINALS: dict[str, tuple[dict[str, Any], Any]] = {
    "vision/resnet": ({"depths": [1, 1, 1, 1], "num_classes": 10}, convolutional(lambda layer, name: None)),
    "vision/resnet_basic": ({"depths": [1, 1, 1, 1], "num_classes": 10}, convolutional(lambda layer, name: None)),
    "vision/densenet": (
        {"growth_rate": 8, "block_config": [2, 2], "num_init_features": 16},
        convolutional(lambda layer, name: (0, 0) if name == "bias" else None, fan_in),
    ),
    "vision/mobilenet_v2": (
        {"settings": [[1, 16, 1, 1], [6, 24, 2, 2]]},
        convolutional(lambda layer, name: (0, 0.01) if name == "weight" else (0, 0)),
    ),
    "vision/efficientnet": (
        {"settings": [[1, 3, 1, 16, 1], [6, 5, 2, 24, 2]]},
        convolutional(lambda layer, name: (0, 1 / math.sqrt(3000)) if name == "weight" else (0, 0)),
    ),
    "vision/efficientnet_v2": (
        {"expand_ratios": [1, 4], "strides": [1, 2], "widths": [16, 24], "depths": [1, 1], "num_fused_stages": 1},
        convolutional(lambda layer, name: (0, 1 / math.sqrt(3000)) if name == "weight" else (0, 0)),
    ),
    "vision/convnext": ({"dims": [16, 24], "depths": [1, 2]}, truncated),
    "vision/swin_v2": ({"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 4], "window_size": 3}, linear),
    "vision/maxvit": (
        {"stem_channels": 16, "block_channels": [16, 32], "block_layers": [1, 1], "head_dim": 8, "partition_size": 2},
        truncated,
    ),
    "vision/fcn": ({"depths": [1, 1, 1, 1], "width": 4, "num_classes": 3}, segmenting),
    "vision/lraspp": ({"width_mult": 0.5, "settings": [[3, 64, 24, True, "RE", 2, 1]], "low_level": 0}, segmenting),
    "vision/retinanet": ({"depths": [1, 1, 1, 1], "width": 4, "fpn_channels": 16, "num_classes": 3}, retinanet),
    "text/gpt2": ({"n_layer": 2, "n_head": 2, "n_embd": 32, "vocab_size": 50, "block_size": 16}, gpt2),
    "generative/dcgan_generator": ({}, dcgan),
    "generative/dcgan_discriminator": ({}, dcgan),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ORIGINALS)
def test_weights_begin_as_the_originals(name: str) -> None:
    params, expected = ORIGINALS[name]
    found: dict[str, list[torch.Tensor]] = {}
    for seed in range(10):
        torch.manual_seed(seed)
        model = archspec.build(f"specs/{name}.yaml", **params)
        for key, weight in model.named_parameters():
            found.setdefault(key, []).append(weight.detach().flatten().double())
    compared = 0
    for key, drawn in found.items():
        path, _, weight = key.rpartition(".")
        told = expected(path, model.get_submodule(path), weight)
        if told is None:
            continue
        values = torch.cat(drawn)
        mean, deviation = told
        room = 6 / math.sqrt(len(values))
        assert abs(float(values.mean()) - mean) <= room * deviation + 1e-6, key
        assert abs(float(values.std()) - deviation) <= room * deviation + 1e-6, key
        compared += 1
    assert compared > 3
