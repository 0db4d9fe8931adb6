"""Models of torchvision, timm and transformers as specs; benchmarks/packages.py has many more."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import archspec
from archspec.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 99,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def package(name: str) -> Any:
    """A package, with schemas for torchvision's operators where its compiled part does not fit."""
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} is not installed: pip install '.[import-tests]'")
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            LIBRARIES.append(library)
    return importlib.import_module(name)


LIBRARIES: list[Any] = []
"""What would be taken back if nobody held it."""


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v3_small", "squeezenet1_1"])
def test_models_of_torchvision(name: str) -> None:
    builder = package("torchvision.models").get_model_builder(name)
    assert archspec.import_module(lambda: builder(), {"x": (2, 3, 64, 64)}).verified


def test_a_model_of_timm() -> None:
    timm = package("timm")
    assert archspec.import_module(lambda: timm.create_model("resnet10t"), {"x": (2, 3, 64, 64)}).verified


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("BertModel", {"model_type": "bert", "max_position_embeddings": 32}),
        ("LlamaForCausalLM", {}),
        ("T5EncoderModel", {"model_type": "t5", "d_model": 16, "d_kv": 4, "num_layers": 2, "num_heads": 4}),
        ("Qwen2ForCausalLM", {"model_type": "qwen2"}),
    ],
)
def test_configurations_of_transformers(
    architecture: str, settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package("transformers")
    target = tmp_path / "config.json"
    target.write_text(json.dumps({**LLAMA, **settings, "architectures": [architecture]}), "utf-8")
    given = [str(target), "--format", "transformers", "--input", "input_ids=2,7:int64"]
    assert main(["import", *given, "-o", str(tmp_path / "spec.yaml")]) == 0
    assert f"name: {architecture}" in (tmp_path / "spec.yaml").read_text("utf-8")
    assert "verified" in capsys.readouterr().err


def test_fields_of_a_configuration_become_parameters(tmp_path: Path) -> None:
    package("transformers")
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), "utf-8")
    given = [str(tmp_path / "config.json"), "--format", "transformers", "--input", "input_ids=2,7:int64"]
    output = tmp_path / "spec.yaml"
    assert main(["import", *given, "--vary", "num_hidden_layers=3", "-o", str(output)]) == 0
    model = archspec.build(str(output), params={"num_hidden_layers": 5})
    assert "model.layers.4.mlp.up_proj.weight" in model.state_dict()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"model_type": "llama",\n', "this is no JSON"),
        ("[]", "there is no `model_type`: this is not a configuration of transformers"),
        ('{"model_type": "lama"}', "transformers makes no model of it"),
        (json.dumps({**LLAMA, "vocab_size": 10**8}), "and up to 1,073,741,824 are made to compare a spec with"),
    ],
)
def test_what_is_no_configuration_is_told(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package("transformers")
    (tmp_path / "config.json").write_text(text, "utf-8")
    given = [str(tmp_path / "config.json"), "--format", "transformers", "--input", "input_ids=2,7:int64"]
    assert main(["import", *given]) == 1
    said = capsys.readouterr().err
    assert "error[AS620]" in said
    assert message in said
    assert "help:" in said
