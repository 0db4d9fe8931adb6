"""Specs that ship equal their originals: torchvision's weights by name, the outputs of transformers.

A network without a package stands in tests/originals as its paper describes it, under the spec's own name: the module
`Net` and its `inputs`, which take the spec's parameters. It is tested by existing.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fill
import pytest
import torch
import zoo_other
import zoo_text
from test_by_hand import compare, imported
from torch import nn

import archspec

SPECS = Path(__file__).parent.parent / "specs"
PAPERS = Path(__file__).parent / "originals"
OF_PAPERS = sorted(path.relative_to(PAPERS).with_suffix("").as_posix() for path in PAPERS.rglob("*.py"))
SETTINGS = zoo_other.SETTINGS | zoo_text.SETTINGS

OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def torchvision_models() -> Any:
    """The package's models, also where its compiled operators, which no classifier calls, do not load."""
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):  # it is defined
            OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return pytest.importorskip("torchvision").models


REGISTER = nn.Module.register_parameter


def register_on_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
    """What `nn.Module.register_parameter` does, without memory; constructors may still compute with other tensors."""
    REGISTER(module, name, None if parameter is None else nn.Parameter(parameter.to("meta"), parameter.requires_grad))


def variants() -> dict[str, Path]:
    """The spec that has a variant of each name."""
    paths = sorted(SPECS.rglob("*.yaml"))
    return {name: path for path in paths for name in archspec.load(path).document.variants}


@pytest.mark.slow
def test_torchvision_models_are_variants_of_specs(monkeypatch: pytest.MonkeyPatch) -> None:
    models = torchvision_models()
    specs = variants()
    classifiers, segmenters = set(models.list_models(module=models)), models.list_models(module=models.segmentation)
    assert len(classifiers) >= 80
    arguments: dict[str, dict[str, Any]] = {name: {} for name in classifiers}
    arguments |= {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}
    arguments |= {name: {"weights_backbone": None, "aux_loss": not name.startswith("lraspp")} for name in segmenters}
    arguments |= {name: {"weights_backbone": None} for name in ("retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2")}
    assert set(arguments) - set(specs) == set()
    for name in sorted(arguments):
        with monkeypatch.context() as patched:
            patched.setattr(nn.Module, "register_parameter", register_on_meta)
            expected = models.get_model(name, weights=None, **arguments[name]).state_dict()
        found = archspec.build(specs[name], variant=name, device="meta", limit=None).state_dict()
        assert [(key, tensor.shape) for key, tensor in found.items()] == [
            (key, tensor.shape) for key, tensor in expected.items()
        ], name


def whisper() -> nn.Module:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    module: nn.Module = WhisperEncoder(WhisperConfig(**zoo_other.WHISPER))
    return module


def hifigan() -> nn.Module:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    module: nn.Module = SpeechT5HifiGan(SpeechT5HifiGanConfig(**zoo_other.HIFIGAN))
    return module


def albert() -> nn.Module:
    from transformers import AlbertConfig, AlbertModel

    module: nn.Module = AlbertModel(AlbertConfig(**zoo_text.ALBERT))
    return module


def t5() -> nn.Module:
    from transformers import T5Config, T5EncoderModel

    module: nn.Module = T5EncoderModel(T5Config(**zoo_text.T5))
    return module


def mamba() -> nn.Module:
    from transformers import MambaConfig, MambaForCausalLM

    module: nn.Module = MambaForCausalLM(MambaConfig(**zoo_text.MAMBA, use_cache=False))
    return module


def t5_whole() -> nn.Module:
    from transformers import T5Config, T5ForConditionalGeneration

    module: nn.Module = T5ForConditionalGeneration(T5Config(**zoo_text.T5_WHOLE))
    return module


def mixtral() -> nn.Module:
    from transformers import MixtralConfig, MixtralForCausalLM

    params = {**zoo_text.MIXTRAL, "attn_implementation": "eager", "experts_implementation": "eager"}
    module: nn.Module = MixtralForCausalLM(MixtralConfig(**params))
    return module


PAIR = {"input_ids": fill.tokens([2, 150], 99), "decoder_input_ids": fill.tokens([2, 140], 99)}

OF_TRANSFORMERS = {
    "audio/hifigan": (hifigan, zoo_other.HIFIGAN, fill.example([2, 7, 5])),
    "audio/whisper_encoder": (whisper, zoo_other.WHISPER, fill.example([2, 5, 14])),
    "text/albert": (albert, zoo_text.ALBERT, fill.tokens([2, 11], 99)),
    "text/mamba": (mamba, {**zoo_text.MAMBA, "max_length": 16}, fill.tokens([2, 11], 99)),
    "text/mixtral": (mixtral, zoo_text.MIXTRAL, fill.tokens([2, 11], 99)),
    "text/t5_encoder": (t5, zoo_text.T5, fill.tokens([2, 150], 99)),
    "text/t5": (t5_whole, zoo_text.T5_WHOLE, PAIR),
}


def call(model: nn.Module, given: Any) -> Any:
    """What a model returns for one input, or for several by their names."""
    return model(**given) if isinstance(given, dict) else model(given)


def tensors(output: Any) -> list[torch.Tensor]:
    """The tensors that a model returns: one, a tuple of them, or an output of transformers by its names."""
    values = output.values() if isinstance(output, dict) else output if isinstance(output, tuple) else [output]
    return [value for value in values if isinstance(value, torch.Tensor)]


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TRANSFORMERS)
def test_specs_equal_the_models_of_transformers(name: str) -> None:
    pytest.importorskip("transformers")
    make, params, given = OF_TRANSFORMERS[name]
    expected, found = make().eval(), archspec.build(SPECS / f"{name}.yaml", params=params).eval()
    fill.fill(expected)
    assert list(found.state_dict()) == list(expected.state_dict())
    found.load_state_dict(expected.state_dict())
    with torch.no_grad():
        answers, wanted = tensors(call(found, given)), tensors(call(expected, given))
    assert len(answers) == len(wanted)
    for one, other in zip(answers, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OF_PAPERS)
def test_specs_equal_the_networks_of_their_papers(name: str) -> None:
    original, spec = imported(PAPERS / f"{name}.py"), archspec.load(SPECS / f"{name}.yaml")
    for params in SETTINGS[name]:
        torch.manual_seed(0)
        hand, found = original.Net(**params).double(), archspec.build(spec, params=params).double()
        inputs = [x.double() if x.is_floating_point() else x for x in original.inputs(**params)]
        compare(found, hand, tuple(inputs))


Moments = dict[str, tuple[torch.Size, float, float]]


def beginnings(make: Callable[[], nn.Module]) -> Moments:
    """Shape, mean and deviation of each weight over ten seeds."""
    drawn: dict[str, list[torch.Tensor]] = {}
    for seed in range(10):
        torch.manual_seed(seed)
        for key, weight in make().named_parameters():
            drawn.setdefault(key, []).append(weight.detach().double())
    stacked = {key: torch.stack(values) for key, values in drawn.items()}
    return {key: (one.shape, one.mean().item(), one.std().item()) for key, one in stacked.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_PAPERS)
def test_weights_begin_as_those_of_the_papers(name: str) -> None:
    original, params = imported(PAPERS / f"{name}.py"), SETTINGS[name][0]
    model = archspec.build(SPECS / f"{name}.yaml", params=params)
    assert_alike(beginnings(lambda: type(model)(**params)), beginnings(lambda: original.Net(**params)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["audio/hifigan", "text/mamba", "text/mixtral"])
def test_weights_begin_as_those_of_transformers(name: str) -> None:
    pytest.importorskip("transformers")
    make, params, _ = OF_TRANSFORMERS[name]
    model = archspec.build(SPECS / f"{name}.yaml", params=params)
    assert_alike(beginnings(lambda: type(model)(**params)), beginnings(make))


def assert_alike(found: Moments, expected: Moments) -> None:
    """Means and deviations differ by no more than what so many draws show."""
    assert list(found) == list(expected)
    for key, (shape, mean, deviation) in expected.items():
        room = 6 * math.sqrt(2 / shape.numel()) * deviation + 1e-7
        assert found[key][0] == shape, key
        assert abs(found[key][1] - mean) <= room, key
        assert abs(found[key][2] - deviation) <= room, key
