"""The specs that ship, for tests that run once for each of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

SPECS = Path(__file__).parent.parent / "specs"
NAMES = sorted(path.relative_to(SPECS).with_suffix("").as_posix() for path in SPECS.rglob("*.yaml"))

LARGE = {
    "audio/hifigan",
    "generative/dit",
    "generative/diffusion_unet",
    "text/mamba",
    "text/mixtral",
    "text/t5",
    "vision/deeplabv3_mobilenet",
    "vision/densenet",
    "vision/efficientnet",
    "vision/efficientnet_v2",
    "vision/googlenet",
    "vision/inception_v3",
    "vision/lraspp",
    "vision/maxvit",
    "vision/regnet",
    "vision/retinanet",
    "vision/swin",
    "vision/swin_v2",
    "vision/yolov8",
}
"""Specs that take long: tests with one case for each spec leave them to the slow run."""


def marks(name: str) -> list[Any]:
    """What a case for a spec is marked with."""
    return [pytest.mark.slow] if name in LARGE else []


def each(names: Iterable[str] = NAMES) -> list[Any]:
    """A case for each spec by its name."""
    return [pytest.param(name, id=name, marks=marks(name)) for name in names]
