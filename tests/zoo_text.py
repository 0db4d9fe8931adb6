"""Networks over text, and transformers: the settings that they are tested with, and what is known of them."""

from __future__ import annotations

from typing import Any

TINY = {
    "hidden_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "intermediate_size": 80,
}
"""What the configurations of the references share."""

BERT = {**TINY, "vocab_size": 99, "max_position_embeddings": 64}
LLAMA = {**TINY, "vocab_size": 99, "num_key_value_heads": 2, "rms_norm_eps": 1e-6, "rope_theta": 10000.0}
MIXTRAL = {**LLAMA, "num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 20}
VIT = {**TINY, "image_size": 32, "patch_size": 8}
TRANSLATOR = {
    "source_vocab": 11,
    "target_vocab": 9,
    "d_model": 8,
    "nhead": 2,
    "num_encoder_layers": 2,
    "num_decoder_layers": 2,
    "dim_feedforward": 12,
}
ALBERT = {**TINY, "vocab_size": 99, "embedding_size": 16, "max_position_embeddings": 64}
T5 = {"vocab_size": 99, "d_model": 24, "d_kv": 6, "d_ff": 40, "num_layers": 2, "num_heads": 3}
MAMBA = {"vocab_size": 99, "hidden_size": 24, "state_size": 5, "num_hidden_layers": 2, "conv_kernel": 3}
T5_WHOLE = {**T5, "num_decoder_layers": 3}
GPT2 = {"n_layer": 2, "n_head": 3, "n_embd": 12, "vocab_size": 11, "block_size": 16}

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "text/albert": [
        ALBERT,
        {**ALBERT, "num_hidden_layers": 1, "inner_group_num": 2, "hidden_dropout_prob": 0.1},
        {**ALBERT, "attention_probs_dropout_prob": 0.2, "layer_norm_eps": 1e-5, "type_vocab_size": 3},
    ],
    "text/bert": [
        BERT,
        {**BERT, "num_hidden_layers": 1, "num_attention_heads": 4, "hidden_dropout_prob": 0.0, "pad_token_id": 3},
        {**BERT, "attention_probs_dropout_prob": 0.0, "layer_norm_eps": 1e-5, "type_vocab_size": 3},
    ],
    "text/gpt2": [
        GPT2,
        {**GPT2, "dropout": 0.3, "bias": False},
        {**GPT2, "n_layer": 1, "n_head": 1, "n_embd": 5},
    ],
    "text/llama": [
        LLAMA,
        {**LLAMA, "num_hidden_layers": 1, "num_key_value_heads": 6, "head_dim": 4},
        {**LLAMA, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 6, "rms_norm_eps": 1e-3},
    ],
    "text/mamba": [
        {**MAMBA, "max_length": 16},
        {**MAMBA, "num_hidden_layers": 1, "expand": 3, "use_bias": True, "use_conv_bias": False, "max_length": 8},
        {**MAMBA, "time_step_rank": 3, "conv_kernel": 1, "layer_norm_epsilon": 1e-6, "max_length": 5},
    ],
    "text/mixtral": [
        MIXTRAL,
        {**MIXTRAL, "num_hidden_layers": 1, "num_experts_per_tok": 1, "head_dim": 4},
        {**MIXTRAL, "num_local_experts": 2, "num_key_value_heads": 6, "rope_theta": 500.0},
    ],
    "text/t5": [
        T5_WHOLE,
        {**T5_WHOLE, "num_layers": 1, "num_buckets": 8, "max_distance": 6},
        {**T5_WHOLE, "num_decoder_layers": 1, "dropout_rate": 0.0, "layer_norm_epsilon": 1e-5},
    ],
    "text/t5_encoder": [
        T5,
        {**T5, "num_layers": 3, "num_buckets": 8, "max_distance": 6},
        {**T5, "num_layers": 1, "dropout_rate": 0.0, "layer_norm_epsilon": 1e-5},
    ],
    "text/transformer": [
        TRANSLATOR,
        {**TRANSLATOR, "norm_first": True, "dropout": 0.0},
        {**TRANSLATOR, "d_model": 9, "nhead": 3, "num_encoder_layers": 1},
    ],
    "text/vit_hf": [
        VIT,
        {**VIT, "num_hidden_layers": 1, "qkv_bias": False, "hidden_dropout_prob": 0.2},
        {**VIT, "patch_size": 16, "num_channels": 1, "pooler_output_size": 5},
    ],
}

SLOW = {
    "text/albert",
    "text/bert",
    "text/gpt2",
    "text/mamba",
    "text/t5",
    "text/t5_encoder",
    "text/transformer",
    "text/vit_hf",
}
HUGE = {"text/llama", "text/mixtral"}
"""Specs whose defaults are beyond a test machine's memory."""

REFERENCES: list[tuple[str, str, dict[str, Any]]] = [
    ("bert", "text/bert", BERT),
    ("llama", "text/llama", LLAMA),
    ("vit", "text/vit_hf", VIT),
]

LLAMA_70B = {"num_hidden_layers": 80, "hidden_size": 8192, "num_attention_heads": 64, "intermediate_size": 28672}
PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("text/albert", {}, 11_683_584),
    ("text/bert", {}, 109_482_240),
    ("text/gpt2", {}, 124_439_808),
    ("text/gpt2", {"n_layer": 48, "n_embd": 1600, "n_head": 25}, 1_557_611_200),
    ("text/llama", {}, 8_030_261_248),
    ("text/llama", LLAMA_70B, 70_553_706_496),
    ("text/mamba", {"num_hidden_layers": 24}, 129_135_360),
    ("text/mamba", {"hidden_size": 2560, "num_hidden_layers": 64}, 2_768_345_600),
    ("text/mixtral", {}, 46_702_792_704),
    ("text/t5", {}, 60_506_624),
    ("text/vit_hf", {}, 86_389_248),
]
"""What the authors of a network count."""
