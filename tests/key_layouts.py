"""The keys of checkpoints as libraries write them, with shapes: five families, each in several styles.

Written out by hand, in a small size: what matters is how keys are called, grouped, numbered and ordered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Layout = dict[str, tuple[int, ...]]
_Entries = Iterator[tuple[str, tuple[int, ...]]]


def _linear(name: str, out: int, into: int) -> _Entries:
    yield f"{name}.weight", (out, into)
    yield f"{name}.bias", (out,)


def _norm(name: str, size: int) -> _Entries:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)


def _batch_norm(name: str, size: int) -> _Entries:
    yield from _norm(name, size)
    yield f"{name}.running_mean", (size,)
    yield f"{name}.running_var", (size,)
    yield f"{name}.num_batches_tracked", ()


# ResNet with bottlenecks.

RESNET = {"depths": [2, 1, 3, 2], "num_classes": 7}
_DEPTHS = (2, 1, 3, 2)


def _stages() -> Iterator[tuple[int, int, int, int, bool]]:
    """Of each block: its stage, its number, the channels that flow in, its width, whether it has a projection."""
    channels = 64
    for stage, depth in enumerate(_DEPTHS):
        for block in range(depth):
            width = 64 * 2**stage
            yield stage, block, channels, width, block == 0
            channels = 4 * width


def resnet_torchvision() -> _Entries:
    """As torchvision and timm have it."""
    yield "conv1.weight", (64, 3, 7, 7)
    yield from _batch_norm("bn1", 64)
    for stage, block, channels, width, projects in _stages():
        at = f"layer{stage + 1}.{block}"
        for number, shape in enumerate(_convolutions(channels, width), 1):
            yield f"{at}.conv{number}.weight", shape
            yield from _batch_norm(f"{at}.bn{number}", shape[0])
        if projects:
            yield f"{at}.downsample.0.weight", (4 * width, channels, 1, 1)
            yield from _batch_norm(f"{at}.downsample.1", 4 * width)
    yield from _linear("fc", 7, 2048)


def _convolutions(channels: int, width: int) -> tuple[tuple[int, int, int, int], ...]:
    return (width, channels, 1, 1), (width, width, 3, 3), (4 * width, width, 1, 1)


def resnet_hugging_face() -> _Entries:
    """As Hugging Face's `ResNetForImageClassification` has it."""
    yield "resnet.embedder.embedder.convolution.weight", (64, 3, 7, 7)
    yield from _batch_norm("resnet.embedder.embedder.normalization", 64)
    for stage, block, channels, width, projects in _stages():
        at = f"resnet.encoder.stages.{stage}.layers.{block}"
        if projects:
            yield f"{at}.shortcut.convolution.weight", (4 * width, channels, 1, 1)
            yield from _batch_norm(f"{at}.shortcut.normalization", 4 * width)
        for number, shape in enumerate(_convolutions(channels, width)):
            yield f"{at}.layer.{number}.convolution.weight", shape
            yield from _batch_norm(f"{at}.layer.{number}.normalization", shape[0])
    yield from _linear("classifier.1", 7, 2048)


def resnet_detectron() -> _Entries:
    """As detectron2 has it: the stem apart, `res2` to `res5`, the norm within the convolution."""
    yield "stem.conv1.weight", (64, 3, 7, 7)
    yield from _batch_norm("stem.conv1.norm", 64)
    for stage, block, channels, width, projects in _stages():
        at = f"res{stage + 2}.{block}"
        if projects:
            yield f"{at}.shortcut.weight", (4 * width, channels, 1, 1)
            yield from _batch_norm(f"{at}.shortcut.norm", 4 * width)
        for number, shape in enumerate(_convolutions(channels, width), 1):
            yield f"{at}.conv{number}.weight", shape
            yield from _batch_norm(f"{at}.conv{number}.norm", shape[0])
    yield from _linear("linear", 7, 2048)


# Vision Transformer: width 48, MLP 80, 3 layers, patches of 8 in images of 32.

VIT = {
    "image_size": 32,
    "patch_size": 8,
    "num_layers": 3,
    "num_heads": 6,
    "hidden_dim": 48,
    "mlp_dim": 80,
    "num_classes": 7,
}
VIT_HF = {
    "image_size": 32,
    "patch_size": 8,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 80,
}


def vit_torchvision() -> _Entries:
    """As torchvision has it."""
    yield "class_token", (1, 1, 48)
    yield from (("conv_proj.weight", (48, 3, 8, 8)), ("conv_proj.bias", (48,)))
    yield "encoder.pos_embedding", (1, 17, 48)
    for layer in range(3):
        at = f"encoder.layers.encoder_layer_{layer}"
        yield from _norm(f"{at}.ln_1", 48)
        yield f"{at}.self_attention.in_proj_weight", (144, 48)
        yield f"{at}.self_attention.in_proj_bias", (144,)
        yield from _linear(f"{at}.self_attention.out_proj", 48, 48)
        yield from _norm(f"{at}.ln_2", 48)
        yield from _linear(f"{at}.mlp.0", 80, 48)
        yield from _linear(f"{at}.mlp.3", 48, 80)
    yield from _norm("encoder.ln", 48)
    yield from _linear("heads.head", 7, 48)


def vit_timm() -> _Entries:
    """As timm has it."""
    yield from (("cls_token", (1, 1, 48)), ("pos_embed", (1, 17, 48)))
    yield from (("patch_embed.proj.weight", (48, 3, 8, 8)), ("patch_embed.proj.bias", (48,)))
    for layer in range(3):
        at = f"blocks.{layer}"
        yield from _norm(f"{at}.norm1", 48)
        yield from _linear(f"{at}.attn.qkv", 144, 48)
        yield from _linear(f"{at}.attn.proj", 48, 48)
        yield from _norm(f"{at}.norm2", 48)
        yield from _linear(f"{at}.mlp.fc1", 80, 48)
        yield from _linear(f"{at}.mlp.fc2", 48, 80)
    yield from _norm("norm", 48)
    yield from _linear("head", 7, 48)


def vit_clip() -> _Entries:
    """As OpenAI's CLIP names the blocks of its image encoder."""
    yield from (("class_embedding", (1, 1, 48)), ("positional_embedding", (1, 17, 48)))
    yield from (("conv1.weight", (48, 3, 8, 8)), ("conv1.bias", (48,)))
    for layer in range(3):
        at = f"transformer.resblocks.{layer}"
        yield f"{at}.attn.in_proj_weight", (144, 48)
        yield f"{at}.attn.in_proj_bias", (144,)
        yield from _linear(f"{at}.attn.out_proj", 48, 48)
        yield from _norm(f"{at}.ln_1", 48)
        yield from _linear(f"{at}.mlp.c_fc", 80, 48)
        yield from _linear(f"{at}.mlp.c_proj", 48, 80)
        yield from _norm(f"{at}.ln_2", 48)
    yield from _norm("ln_post", 48)
    yield from _linear("head", 7, 48)


def vit_hugging_face(prefix: str = "vit.") -> _Entries:
    """As Hugging Face's library had it for years: attention and output nested."""
    yield f"{prefix}embeddings.cls_token", (1, 1, 48)
    yield f"{prefix}embeddings.position_embeddings", (1, 17, 48)
    yield f"{prefix}embeddings.patch_embeddings.projection.weight", (48, 3, 8, 8)
    yield f"{prefix}embeddings.patch_embeddings.projection.bias", (48,)
    for layer in range(3):
        at = f"{prefix}encoder.layer.{layer}"
        for name in ("query", "key", "value"):
            yield from _linear(f"{at}.attention.attention.{name}", 48, 48)
        yield from _linear(f"{at}.attention.output.dense", 48, 48)
        yield from _linear(f"{at}.intermediate.dense", 80, 48)
        yield from _linear(f"{at}.output.dense", 48, 80)
        yield from _norm(f"{at}.layernorm_before", 48)
        yield from _norm(f"{at}.layernorm_after", 48)
    yield from _norm(f"{prefix}layernorm", 48)
    yield from _linear(f"{prefix}pooler.dense", 48, 48)


# BERT: width 48, MLP 80, 3 layers.

BERT = {
    "vocab_size": 99,
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 80,
    "max_position_embeddings": 64,
}


def bert_hugging_face() -> _Entries:
    """As Hugging Face's `BertForPreTraining` has it: below `bert`, with heads beside it and old buffers."""
    yield "bert.embeddings.position_ids", (1, 64)
    yield "bert.embeddings.word_embeddings.weight", (99, 48)
    yield "bert.embeddings.position_embeddings.weight", (64, 48)
    yield "bert.embeddings.token_type_embeddings.weight", (2, 48)
    yield from (("bert.embeddings.LayerNorm.gamma", (48,)), ("bert.embeddings.LayerNorm.beta", (48,)))
    for layer in range(3):
        at = f"bert.encoder.layer.{layer}"
        for name in ("query", "key", "value"):
            yield from _linear(f"{at}.attention.self.{name}", 48, 48)
        yield from _linear(f"{at}.attention.output.dense", 48, 48)
        yield from ((f"{at}.attention.output.LayerNorm.{name}", (48,)) for name in ("gamma", "beta"))
        yield from _linear(f"{at}.intermediate.dense", 80, 48)
        yield from _linear(f"{at}.output.dense", 48, 80)
        yield from ((f"{at}.output.LayerNorm.{name}", (48,)) for name in ("gamma", "beta"))
    yield from _linear("bert.pooler.dense", 48, 48)
    yield from _linear("cls.seq_relationship", 2, 48)


def bert_distil() -> _Entries:
    """In the style of DistilBERT, with a pooler."""
    yield "embeddings.word_embeddings.weight", (99, 48)
    yield "embeddings.position_embeddings.weight", (64, 48)
    yield "embeddings.token_type_embeddings.weight", (2, 48)
    yield from _norm("embeddings.LayerNorm", 48)
    for layer in range(3):
        at = f"transformer.layer.{layer}"
        for name in ("q_lin", "k_lin", "v_lin", "out_lin"):
            yield from _linear(f"{at}.attention.{name}", 48, 48)
        yield from _norm(f"{at}.sa_layer_norm", 48)
        yield from _linear(f"{at}.ffn.lin1", 80, 48)
        yield from _linear(f"{at}.ffn.lin2", 48, 80)
        yield from _norm(f"{at}.output_layer_norm", 48)
    yield from _linear("pooler", 48, 48)


def bert_fairseq() -> _Entries:
    """In the style of fairseq."""
    yield "decoder.sentence_encoder.embed_tokens.weight", (99, 48)
    yield "decoder.sentence_encoder.embed_positions.weight", (64, 48)
    yield "decoder.sentence_encoder.segment_embeddings.weight", (2, 48)
    for layer in range(3):
        at = f"decoder.sentence_encoder.layers.{layer}"
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield from _linear(f"{at}.self_attn.{name}", 48, 48)
        yield from _norm(f"{at}.self_attn_layer_norm", 48)
        yield from _linear(f"{at}.fc1", 80, 48)
        yield from _linear(f"{at}.fc2", 48, 80)
        yield from _norm(f"{at}.final_layer_norm", 48)
    yield from _norm("decoder.sentence_encoder.emb_layer_norm", 48)
    yield from _linear("pooler.dense", 48, 48)


# GPT-2: width 48, 3 layers.

GPT2 = {"n_layer": 3, "n_head": 6, "n_embd": 48, "vocab_size": 99, "block_size": 64}


def gpt2_hugging_face(prefix: str = "transformer.") -> _Entries:
    """As Hugging Face's library has it: matrices of `Conv1D` the other way round, masks as buffers, no head."""
    yield f"{prefix}wte.weight", (99, 48)
    yield f"{prefix}wpe.weight", (64, 48)
    for layer in range(3):
        at = f"{prefix}h.{layer}"
        yield from _norm(f"{at}.ln_1", 48)
        yield from ((f"{at}.attn.bias", (1, 1, 64, 64)), (f"{at}.attn.masked_bias", ()))
        yield from _conv1d(f"{at}.attn.c_attn", 144, 48)
        yield from _conv1d(f"{at}.attn.c_proj", 48, 48)
        yield from _norm(f"{at}.ln_2", 48)
        yield from _conv1d(f"{at}.mlp.c_fc", 192, 48)
        yield from _conv1d(f"{at}.mlp.c_proj", 48, 192)
    yield from _norm(f"{prefix}ln_f", 48)


def _conv1d(name: str, out: int, into: int) -> _Entries:
    yield f"{name}.weight", (into, out)
    yield f"{name}.bias", (out,)


def gpt2_nano() -> _Entries:
    """As nanoGPT writes it from a compiled module."""
    yield "_orig_mod.transformer.wte.weight", (99, 48)
    yield "_orig_mod.transformer.wpe.weight", (64, 48)
    for layer in range(3):
        at = f"_orig_mod.transformer.h.{layer}"
        yield from _norm(f"{at}.ln_1", 48)
        yield from _linear(f"{at}.attn.c_attn", 144, 48)
        yield from _linear(f"{at}.attn.c_proj", 48, 48)
        yield from _norm(f"{at}.ln_2", 48)
        yield from _linear(f"{at}.mlp.c_fc", 192, 48)
        yield from _linear(f"{at}.mlp.c_proj", 48, 192)
    yield from _norm("_orig_mod.transformer.ln_f", 48)
    yield "_orig_mod.lm_head.weight", (99, 48)


def gpt2_neox() -> _Entries:
    """In the style of GPT-NeoX, with a table of positions."""
    yield "gpt_neox.embed_in.weight", (99, 48)
    yield "gpt_neox.embed_positions.weight", (64, 48)
    for layer in range(3):
        at = f"gpt_neox.layers.{layer}"
        yield from _norm(f"{at}.input_layernorm", 48)
        yield from _norm(f"{at}.post_attention_layernorm", 48)
        yield from _linear(f"{at}.attention.query_key_value", 144, 48)
        yield from _linear(f"{at}.attention.dense", 48, 48)
        yield from _linear(f"{at}.mlp.dense_h_to_4h", 192, 48)
        yield from _linear(f"{at}.mlp.dense_4h_to_h", 48, 192)
    yield from _norm("gpt_neox.final_layer_norm", 48)
    yield "embed_out.weight", (99, 48)


# Llama: width 48, MLP 80, 3 layers, 6 heads, 2 of keys and values.

LLAMA = {
    "vocab_size": 99,
    "hidden_size": 48,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
}


def llama_hugging_face() -> _Entries:
    """As Hugging Face's library has it, from distributed training."""
    yield "module.model.embed_tokens.weight", (99, 48)
    for layer in range(3):
        at = f"module.model.layers.{layer}"
        yield from ((f"{at}.self_attn.{name}_proj.weight", (48 if name in "qo" else 16, 48)) for name in "qkvo")
        yield f"{at}.self_attn.rotary_emb.inv_freq", (4,)
        yield from ((f"{at}.mlp.{name}_proj.weight", (80, 48)) for name in ("gate", "up"))
        yield f"{at}.mlp.down_proj.weight", (48, 80)
        yield f"{at}.input_layernorm.weight", (48,)
        yield f"{at}.post_attention_layernorm.weight", (48,)
    yield from (("module.model.norm.weight", (48,)), ("module.lm_head.weight", (99, 48)))


def llama_meta() -> _Entries:
    """As Meta publishes it."""
    yield "tok_embeddings.weight", (99, 48)
    yield from (("norm.weight", (48,)), ("output.weight", (99, 48)))
    for layer in range(3):
        at = f"layers.{layer}"
        yield from ((f"{at}.attention.w{name}.weight", (48 if name in "qo" else 16, 48)) for name in "qkvo")
        yield f"{at}.feed_forward.w1.weight", (80, 48)
        yield f"{at}.feed_forward.w3.weight", (80, 48)
        yield f"{at}.feed_forward.w2.weight", (48, 80)
        yield from ((f"{at}.{name}_norm.weight", (48,)) for name in ("attention", "ffn"))
    yield "rope.freqs", (4,)


def llama_lit() -> _Entries:
    """In the style of LitGPT, its projections apart."""
    yield from (("lm_head.weight", (99, 48)), ("transformer.wte.weight", (99, 48)))
    for layer in range(3):
        at = f"transformer.h.{layer}"
        yield f"{at}.norm_1.weight", (48,)
        yield from ((f"{at}.attn.{name}_proj.weight", (16 if name in "kv" else 48, 48)) for name in "qkv")
        yield f"{at}.attn.proj.weight", (48, 48)
        yield f"{at}.norm_2.weight", (48,)
        yield from ((f"{at}.mlp.{name}.weight", (80, 48)) for name in ("fc_1", "fc_2"))
        yield f"{at}.mlp.proj.weight", (48, 80)
    yield "transformer.ln_f.weight", (48,)


# What each style calls what: patterns of its keys, and what the shipped spec has in their place.

Rules = tuple[tuple[str, str], ...]

STYLES: dict[str, tuple[str, dict[str, object], Layout, Rules]] = {
    "resnet torchvision": ("vision/resnet", RESNET, dict(resnet_torchvision()), ()),
    "resnet hugging face": (
        "vision/resnet",
        RESNET,
        dict(resnet_hugging_face()),
        (
            (r"resnet\.embedder\.embedder\.convolution", "conv1"),
            (r"resnet\.embedder\.embedder\.normalization", "bn1"),
            (r"resnet\.encoder\.stages\.(\d)\.layers\.(\d)\.", r"layer<\1>.\2."),
            (r"shortcut\.convolution", "downsample.0"),
            (r"shortcut\.normalization", "downsample.1"),
            (r"layer\.(\d)\.convolution", r"conv<\1>"),
            (r"layer\.(\d)\.normalization", r"bn<\1>"),
            (r"classifier\.1", "fc"),
        ),
    ),
    "resnet detectron2": (
        "vision/resnet",
        RESNET,
        dict(resnet_detectron()),
        (
            (r"stem\.", ""),
            (r"res2", "layer1"),
            (r"res3", "layer2"),
            (r"res4", "layer3"),
            (r"res5", "layer4"),
            (r"conv(\d)\.norm", r"bn\1"),
            (r"shortcut\.norm", "downsample.1"),
            (r"shortcut", "downsample.0"),
            (r"linear", "fc"),
        ),
    ),
    "vit torchvision": ("vision/vit", VIT, dict(vit_torchvision()), ()),
    "vit timm": (
        "vision/vit",
        VIT,
        dict(vit_timm()),
        (
            (r"^norm\.", "encoder.ln."),
            (r"^head", "heads.head"),
            (r"cls_token", "class_token"),
            (r"pos_embed", "encoder.pos_embedding"),
            (r"patch_embed\.proj", "conv_proj"),
            (r"blocks\.", "encoder.layers.encoder_layer_"),
            (r"norm(\d)", r"ln_\1"),
            (r"attn\.qkv\.", "self_attention.in_proj_"),
            (r"attn\.proj", "self_attention.out_proj"),
            (r"mlp\.fc1", "mlp.0"),
            (r"mlp\.fc2", "mlp.3"),
        ),
    ),
    "vit clip": (
        "vision/vit",
        VIT,
        dict(vit_clip()),
        (
            (r"^conv1", "conv_proj"),
            (r"^head", "heads.head"),
            (r"class_embedding", "class_token"),
            (r"positional_embedding", "encoder.pos_embedding"),
            (r"ln_post", "encoder.ln"),
            (r"transformer\.resblocks\.", "encoder.layers.encoder_layer_"),
            (r"\.attn\.", ".self_attention."),
            (r"mlp\.c_fc", "mlp.0"),
            (r"mlp\.c_proj", "mlp.3"),
        ),
    ),
    "vit hugging face": (
        "text/vit_hf",
        VIT_HF,
        dict(vit_hugging_face()),
        (
            (r"^vit\.", ""),
            (r"encoder\.layer\.", "layers."),
            (r"attention\.attention\.(.)\w*", r"attention.\1_proj"),
            (r"attention\.output\.dense", "attention.o_proj"),
            (r"intermediate\.dense", "mlp.fc1"),
            (r"output\.dense", "mlp.fc2"),
        ),
    ),
    "bert hugging face": (
        "text/bert",
        BERT,
        dict(bert_hugging_face()),
        ((r"^bert\.", ""), (r"gamma", "weight"), (r"beta", "bias"), (r"^cls.*", ""), (r".*position_ids", "")),
    ),
    "bert distil": (
        "text/bert",
        BERT,
        dict(bert_distil()),
        (
            (r"transformer\.", "encoder."),
            (r"attention\.q_lin", "attention.self.query"),
            (r"attention\.k_lin", "attention.self.key"),
            (r"attention\.v_lin", "attention.self.value"),
            (r"attention\.out_lin", "attention.output.dense"),
            (r"sa_layer_norm", "attention.output.LayerNorm"),
            (r"output_layer_norm", "output.LayerNorm"),
            (r"ffn\.lin1", "intermediate.dense"),
            (r"ffn\.lin2", "output.dense"),
            (r"pooler", "pooler.dense"),
        ),
    ),
    "bert fairseq": (
        "text/bert",
        BERT,
        dict(bert_fairseq()),
        (
            (r"decoder\.sentence_encoder\.layers", "encoder.layer"),
            (r"decoder\.sentence_encoder", "embeddings"),
            (r"embed_tokens", "word_embeddings"),
            (r"embed_positions", "position_embeddings"),
            (r"segment_embeddings", "token_type_embeddings"),
            (r"emb_layer_norm", "LayerNorm"),
            (r"self_attn_layer_norm", "attention.output.LayerNorm"),
            (r"final_layer_norm", "output.LayerNorm"),
            (r"self_attn\.q_proj", "attention.self.query"),
            (r"self_attn\.k_proj", "attention.self.key"),
            (r"self_attn\.v_proj", "attention.self.value"),
            (r"self_attn\.out_proj", "attention.output.dense"),
            (r"fc1", "intermediate.dense"),
            (r"fc2", "output.dense"),
        ),
    ),
    "gpt2 hugging face": (
        "text/gpt2",
        GPT2,
        dict(gpt2_hugging_face("")),
        ((r".*\.attn\.(masked_)?bias", ""), (r"^(.)", r"transformer.\1")),
    ),
    "gpt2 nano": ("text/gpt2", GPT2, dict(gpt2_nano()), ((r"^_orig_mod\.", ""),)),
    "gpt2 neox": (
        "text/gpt2",
        GPT2,
        dict(gpt2_neox()),
        (
            (r"gpt_neox\.layers", "transformer.h"),
            (r"gpt_neox\.embed_in", "transformer.wte"),
            (r"gpt_neox\.embed_positions", "transformer.wpe"),
            (r"gpt_neox\.final_layer_norm", "transformer.ln_f"),
            (r"embed_out", "lm_head"),
            (r"input_layernorm", "ln_1"),
            (r"post_attention_layernorm", "ln_2"),
            (r"attention\.query_key_value", "attn.c_attn"),
            (r"attention\.dense", "attn.c_proj"),
            (r"dense_h_to_4h", "c_fc"),
            (r"dense_4h_to_h", "c_proj"),
        ),
    ),
    "llama hugging face": (
        "text/llama",
        LLAMA,
        dict(llama_hugging_face()),
        ((r"^module\.", ""), (r".*inv_freq", "")),
    ),
    "llama meta": (
        "text/llama",
        LLAMA,
        dict(llama_meta()),
        (
            (r"rope.*", ""),
            (r"tok_embeddings", "model.embed_tokens"),
            (r"^norm", "model.norm"),
            (r"^output", "lm_head"),
            (r"^layers", "model.layers"),
            (r"attention\.w(.)", r"self_attn.\1_proj"),
            (r"feed_forward\.w1", "mlp.gate_proj"),
            (r"feed_forward\.w2", "mlp.down_proj"),
            (r"feed_forward\.w3", "mlp.up_proj"),
            (r"attention_norm", "input_layernorm"),
            (r"ffn_norm", "post_attention_layernorm"),
        ),
    ),
    "llama litgpt": (
        "text/llama",
        LLAMA,
        dict(llama_lit()),
        (
            (r"transformer\.wte", "model.embed_tokens"),
            (r"transformer\.ln_f", "model.norm"),
            (r"transformer\.h", "model.layers"),
            (r"norm_1", "input_layernorm"),
            (r"norm_2", "post_attention_layernorm"),
            (r"attn\.proj", "self_attn.o_proj"),
            (r"\.attn\.", ".self_attn."),
            (r"mlp\.fc_1", "mlp.gate_proj"),
            (r"mlp\.fc_2", "mlp.up_proj"),
            (r"mlp\.proj", "mlp.down_proj"),
        ),
    ),
}
"""By the name of a style: the spec, its parameters, the keys, and the truth, pattern by pattern. `<n>` is n + 1; what
becomes of nothing has no place in the network."""


def truth(keys: Layout, rules: Rules) -> dict[str, str]:
    """What each key is called in the spec."""
    found = {}
    for key in keys:
        new = key
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, new)
        if new:
            found[key] = re.sub(r"<(\d)>", lambda match: str(int(match[1]) + 1), new)
    return found
