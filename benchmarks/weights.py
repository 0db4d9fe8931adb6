"""How many keys of other libraries `archspec weights` matches without help: python benchmarks/weights.py [NAME...]

Each case is a small model of torchvision, timm or transformers with random weights, and the shipped spec of the same
network. Prints how many weights of the network are matched, and whether the network computes what the model does with
them: a pair that is wrong shows in the outputs. Nothing is downloaded. The extra `import-tests` brings the packages.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from packages import operators
from torch import Tensor, nn

import archspec
from archspec.checkpoints.pickled import tensor_of

SPECS = Path(__file__).parent.parent / "specs"
IMAGES = torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)
TOKENS = (torch.arange(24) * 7 % 90 + 3).reshape(2, 12)

RESNET = {"depths": [2, 1, 3, 2], "num_classes": 7}
VIT = {"image_size": 32, "patch_size": 8, "num_layers": 3, "num_heads": 6, "hidden_dim": 48, "mlp_dim": 96}
VIT_HF = {"image_size": 32, "patch_size": 8, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6}
VIT_HF |= {"intermediate_size": 96}
BERT = {"vocab_size": 99, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6}
BERT |= {"intermediate_size": 80, "max_position_embeddings": 64}
GPT2 = {"n_layer": 3, "n_head": 6, "n_embd": 48, "vocab_size": 99, "block_size": 64}
LLAMA = {"vocab_size": 99, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3}
LLAMA |= {"num_attention_heads": 6, "num_key_value_heads": 2, "rope_theta": 10000.0, "rms_norm_eps": 1e-6}


@dataclass(frozen=True)
class Case:
    """A model of a package, and the spec of the same network."""

    spec: str
    params: Mapping[str, object]
    make: Callable[[], nn.Module]
    x: Tensor
    answer: Callable[[Any, nn.Module], Tensor] = lambda outputs, _: outputs
    """What of the model's outputs is compared."""
    ours: Callable[[Any], Tensor] = lambda outputs: outputs
    """What of the network's outputs is compared."""
    absent: tuple[str, ...] = ()
    """Paths of weights that the model does not have; zeros take their place."""
    rename: Mapping[Any, Any] = field(default_factory=dict)


def _torchvision(name: str, **settings: Any) -> nn.Module:
    operators()
    import torchvision

    found: nn.Module = getattr(torchvision.models, name)(**settings)
    return found


def _resnet_torchvision() -> nn.Module:
    operators()
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(Bottleneck, [2, 1, 3, 2], num_classes=7)


def _timm(name: str, **settings: Any) -> nn.Module:
    operators()
    import timm

    found: nn.Module = timm.create_model(name, **settings)
    return found


def _transformers(name: str, configuration: str, **settings: Any) -> nn.Module:
    operators()  # what transformers imports of torchvision needs them
    import transformers

    found: nn.Module = getattr(transformers, name)(getattr(transformers, configuration)(**settings))
    return found


def _hidden(outputs: Any, _: object = None) -> Tensor:
    found: Tensor = outputs.last_hidden_state
    return found


def _logits(outputs: Any, _: object = None) -> Tensor:
    found: Tensor = outputs.logits
    return found


_IMAGE = {
    "num_classes": 7,
    "img_size": 32,
    "patch_size": 8,
    "depth": 3,
    "num_heads": 6,
    "embed_dim": 48,
    "mlp_ratio": 2,
}
_ENCODER = {"image_size": 32, "patch_size": 8, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6}

CASES: dict[str, Case] = {
    "ResNet torchvision": Case("vision/resnet", RESNET, _resnet_torchvision, IMAGES),
    "ResNet timm": Case(
        "vision/resnet",
        RESNET,
        lambda: _timm("resnet50", layers=[2, 1, 3, 2], num_classes=7),
        IMAGES,
    ),
    "ResNet transformers": Case(
        "vision/resnet",
        RESNET,
        lambda: _transformers("ResNetForImageClassification", "ResNetConfig", depths=[2, 1, 3, 2], num_labels=7),
        IMAGES,
        _logits,
    ),
    "ViT torchvision": Case(
        "vision/vit",
        VIT | {"num_classes": 7},
        lambda: _torchvision("VisionTransformer", **VIT, num_classes=7),
        IMAGES,
    ),
    "ViT timm": Case(
        "vision/vit",
        VIT | {"num_classes": 7},
        lambda: _timm("vit_base_patch16_224", **_IMAGE),
        IMAGES,
    ),
    "ViT transformers": Case(
        "text/vit_hf",
        VIT_HF,
        lambda: _transformers("ViTModel", "ViTConfig", **_ENCODER, intermediate_size=96),
        IMAGES,
        _hidden,
        _hidden,
    ),
    "BERT transformers": Case(
        "text/bert", BERT, lambda: _transformers("BertModel", "BertConfig", **BERT), TOKENS, _hidden, _hidden
    ),
    "BERT transformers, DistilBERT": Case(
        "text/bert",
        BERT,
        lambda: _transformers(
            "DistilBertModel",
            "DistilBertConfig",
            vocab_size=99,
            dim=48,
            n_layers=3,
            n_heads=6,
            hidden_dim=80,
            max_position_embeddings=64,
        ),
        TOKENS,
        _hidden,
        _hidden,
        ("embeddings.token_type_embeddings", "pooler"),
    ),
    "BERT transformers, ELECTRA": Case(
        "text/bert",
        BERT,
        lambda: _transformers(
            "ElectraForPreTraining", "ElectraConfig", **BERT, embedding_size=48, output_hidden_states=True
        ),
        TOKENS,
        lambda outputs, _: outputs.hidden_states[-1],
        _hidden,
        ("pooler",),
    ),
    "GPT-2 transformers": Case(
        "text/gpt2",
        GPT2,
        lambda: _transformers(
            "GPT2LMHeadModel",
            "GPT2Config",
            n_layer=3,
            n_head=6,
            n_embd=48,
            vocab_size=99,
            n_positions=64,
            activation_function="gelu",
        ),
        TOKENS,
        _logits,
    ),
    "GPT-2 transformers, CLIP's text encoder": Case(
        "text/gpt2",
        GPT2,
        lambda: _transformers(
            "CLIPTextModel",
            "CLIPTextConfig",
            num_hidden_layers=3,
            num_attention_heads=6,
            hidden_size=48,
            intermediate_size=192,
            vocab_size=99,
            max_position_embeddings=64,
            hidden_act="gelu",
        ),
        TOKENS,
        lambda outputs, model: outputs.last_hidden_state @ model.get_input_embeddings().weight.T,
        rename={"*.q_proj,*.k_proj,*.v_proj": "*.c_attn"},
    ),
    "Llama transformers": Case(
        "text/llama",
        LLAMA,
        lambda: _transformers("LlamaForCausalLM", "LlamaConfig", **LLAMA),
        TOKENS,
        _logits,
    ),
    "Llama transformers, Phi-3": Case(
        "text/llama",
        LLAMA,
        lambda: _transformers("Phi3ForCausalLM", "Phi3Config", **LLAMA, pad_token_id=0, max_position_embeddings=64),
        TOKENS,
        _logits,
        rename={
            "*.qkv_proj": "*.q_proj,*.k_proj,*.v_proj",
            "*.gate_up_proj": "*.gate_proj,*.up_proj",
        },
    ),
}


def main() -> int:
    """Runs the cases; 1 where a network does not compute what its model does."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of the names of cases; all by default")
    names = parser.parse_args().names
    warnings.simplefilter("ignore")
    wrong = 0
    for name, case in CASES.items():
        if not names or any(one.lower() in name.lower() for one in names):
            line = tried(case)
            wrong += "differ" in line
            print(f"{name:44} {line}", flush=True)
    return wrong > 0


def tried(case: Case) -> str:
    """What `archspec weights` makes of a model, in a line."""
    torch.manual_seed(0)
    model = case.make().eval()
    for tensor in model.state_dict().values():  # norms and statistics begin alike, which would hide wrong pairs
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) * 0.2 + (0.4 if tensor.dim() < 2 else -0.1))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.pt"
        torch.save(model.state_dict(), path)
        report = archspec.match_weights(SPECS / f"{case.spec}.yaml", path, params=dict(case.params), rename=case.rename)
    matched = {**report.sources, **{new: old for old, new in report.transposed.items()}}
    absent = [key for key in report.wanted if key.startswith(case.absent)] if case.absent else []
    wrong = len(matched)
    matched = {key: old for key, old in matched.items() if key not in absent}
    wrong -= len(matched)
    wanted = len(report.wanted) - len(absent)
    counts = f"{len(matched):3} of {wanted:3} ({len(report.by_order)} by order alone, {wrong} wrong)"
    if len(matched) < wanted:
        lost = [key for key in report.wanted if key not in matched and key not in absent]
        return f"{counts}, left: {', '.join(lost[:3])}"
    found = archspec.build(SPECS / f"{case.spec}.yaml", params=dict(case.params)).eval()
    turned = set(report.transposed)
    stored = {new: tensor_of(report.archive.tensors[old]) for new, old in matched.items()}
    values = {new: value.T if matched[new] in turned else value for new, value in stored.items()}
    values |= {key: torch.zeros(tuple(map(int, report.wanted[key].shape))) for key in absent}
    found.load_state_dict(values)
    with torch.no_grad():
        ours, theirs = case.ours(found(case.x)), case.answer(model(case.x), model)
    apart = float((ours - theirs).abs().max() / theirs.abs().max())
    outputs = "equal" if torch.equal(ours, theirs) else f"{apart:.0e} apart" if apart < 1e-4 else f"differ: {apart:.0e}"
    return f"{counts}, outputs {outputs}"


if __name__ == "__main__":
    sys.exit(main())
