"""How many models of packages `archspec import` says exactly: python benchmarks/packages.py PACKAGE [NAME...]

PACKAGE is torchvision (every classifier, without auxiliary heads), timm (a small model of each family) or transformers
(small configurations of eight architectures); the extra `import-tests` brings them. Prints a line for each model, how
many are exact, and the others by cause. A model takes between a second and several minutes; with names, only those run.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import archspec

Case = tuple[str, Callable[..., nn.Module], dict[str, torch.Tensor]]

_SIZES = {"inception": 96, "googlenet": 64, "alexnet": 64, "vgg": 32, "vit": 32, "swin": 64, "maxvit": 224}
"""Of images by the beginning of a name; 64 otherwise."""
_TEXT = {"vocab_size": 99, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
_CONFIGURATIONS: dict[str, tuple[str | None, dict[str, Any]]] = {
    "gpt2": ("GPT2LMHeadModel", {"n_embd": 16, "n_layer": 2, "n_head": 4, "vocab_size": 99, "n_positions": 32}),
    "bert": ("BertModel", {**_TEXT, "max_position_embeddings": 32}),
    "llama": ("LlamaForCausalLM", {**_TEXT, "num_key_value_heads": 2}),
    "mistral": ("MistralForCausalLM", {**_TEXT, "num_key_value_heads": 2}),
    "qwen2": ("Qwen2ForCausalLM", {**_TEXT, "num_key_value_heads": 2}),
    "t5": ("T5EncoderModel", {"vocab_size": 99, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 4}),
    "vit": ("ViTModel", {**_TEXT, "image_size": 16, "patch_size": 4}),
    "whisper": (
        "WhisperEncoder",
        {"d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 24, "num_mel_bins": 8}
        | {"max_source_positions": 16},
    ),
}


_LIBRARIES: list[Any] = []
"""What would be taken back if nobody held it."""


def operators() -> None:
    """Lets torchvision be imported where its compiled part does not fit: its operators get a schema and no more."""
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _LIBRARIES.append(library)


def image(size: int) -> dict[str, torch.Tensor]:
    """Two images."""
    return {"x": torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))}


def of_torchvision() -> Iterator[Case]:
    """Its classifiers."""
    models = importlib.import_module("torchvision.models")
    for name in models.list_models(models):
        builder = models.get_model_builder(name)
        size = next((one for start, one in _SIZES.items() if name.startswith(start)), 64)
        options: dict[str, Any] = {"image_size": 32} if name.startswith("vit") else {}
        if name in ("googlenet", "inception_v3"):
            options = {"aux_logits": False, "init_weights": False}
        yield name, named(builder, options), image(size)


def named(builder: Callable[..., nn.Module], options: dict[str, Any]) -> Callable[[], nn.Module]:
    """A factory without arguments, so that every model is imported at one setting."""

    def make() -> nn.Module:
        return builder(**options)

    return make


def of_timm() -> Iterator[Case]:
    """A small model of each family."""
    timm = importlib.import_module("timm")
    for family in timm.list_modules():
        names = timm.list_models(module=family, exclude_filters=["*_clip*", "*_dino*"]) or timm.list_models(
            module=family
        )
        smallest = min(names, key=lambda name: weight(timm, name), default=None)
        if smallest is None:
            continue
        size = int(timm.get_pretrained_cfg(smallest).input_size[-1])
        yield f"{family}:{smallest}", named(timm.create_model, {"model_name": smallest}), image(size)


def weight(timm: Any, name: str) -> tuple[float, str]:
    """A guess at a model's size without making it: words of sizes in its name, then numbers."""
    words = ("femto", "atto", "pico", "nano", "xxs", "xxt", "xs", "xt", "tiny", "_ti", "micro", "mini", "small", "_s")
    found = next((number for number, word in enumerate(words) if word in name), len(words))
    return found + len(name) / 1000, name


def of_transformers() -> Iterator[Case]:
    """Small configurations."""
    transformers = importlib.import_module("transformers")
    tokens = torch.randint(0, 90, (2, 7), generator=torch.Generator().manual_seed(0))
    inputs = {
        "vit": {"pixel_values": image(16)["x"]},
        "whisper": {"input_features": torch.randn(2, 8, 32, generator=torch.Generator().manual_seed(0))},
    }
    for name, (kind, settings) in _CONFIGURATIONS.items():
        config = transformers.AutoConfig.for_model(name, **settings, use_cache=False)
        module = importlib.import_module(type(config).__module__.replace(".configuration_", ".modeling_"))
        yield name, named(getattr(module, str(kind)), {"config": config}), inputs.get(name, {"input_ids": tokens})


def outcome(make: Callable[..., nn.Module], inputs: dict[str, torch.Tensor]) -> tuple[str, str]:
    """Empty where a model is said exactly, else why it is not; and the spec."""
    try:
        given = inputs if len(inputs) != 1 or "x" not in inputs else {argument(make()): inputs["x"]}
        imported = archspec.import_module(make, given, partial=True)
    except Exception as error:
        return f"{type(error).__name__}: {error}".splitlines()[0][:160], ""
    if imported.verified and not imported.gaps:
        return "", imported.text
    causes = [*(one.message for one in imported.gaps), *imported.differences, "nothing was found out"]
    return causes[0].splitlines()[0][:160], imported.text


def argument(model: nn.Module) -> str:
    """The first argument of a model's forward method."""
    return next(iter(inspect.signature(model.forward).parameters))


def main() -> None:
    """Prints a line for each model, the count, and the causes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", choices=("torchvision", "timm", "transformers"))
    parser.add_argument("names", nargs="*", help="models, or beginnings of their names")
    parser.add_argument("--specs", help="a folder for the specs")
    options = parser.parse_intermixed_args()
    warnings.simplefilter("ignore")
    operators()
    cases = {"torchvision": of_torchvision, "timm": of_timm, "transformers": of_transformers}[options.package]()
    causes: Counter[str] = Counter()
    count = 0
    for name, make, inputs in cases:
        if options.names and not name.startswith(tuple(options.names)):
            continue
        start = time.process_time()
        cause, text = outcome(make, inputs)
        seconds, count = time.process_time() - start, count + 1
        causes[re.sub(r"`[^`]*`|\d+", "…", cause)] += 1
        print(f"{name:36} {cause or 'exact'}  ({len(text.splitlines())} lines, {seconds:.0f} s)", flush=True)
        if options.specs and text:
            Path(options.specs, f"{name.replace(':', '-')}.yaml").write_text(text, "utf-8")
    print(f"{causes.pop('', 0)} of {count} exact")
    for cause, number in causes.most_common():
        print(f"{number:4} {cause}")


if __name__ == "__main__":
    main()
