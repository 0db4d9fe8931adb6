"""Networks that neither classify images nor are transformers over text: the settings that they are tested with."""

from __future__ import annotations

from typing import Any

CLIP = {
    "embed_dim": 6,
    "image_resolution": 8,
    "patch_size": 4,
    "vision_width": 8,
    "vision_layers": 2,
    "vision_heads": 2,
    "vocab_size": 11,
    "context_length": 5,
    "text_width": 12,
    "text_layers": 2,
    "text_heads": 3,
}
CONFORMER = {"input_dim": 12, "num_heads": 3, "ffn_dim": 20, "num_layers": 2, "depthwise_conv_kernel_size": 5}
DIT = {
    "input_size": 8,
    "patch_size": 4,
    "hidden_size": 12,
    "depth": 2,
    "num_heads": 3,
    "class_dropout_prob": 0.5,
    "num_classes": 9,
}
DLRM = {"table_sizes": [9, 9, 9], "dense_features": 4, "embedding_dim": 6, "bottom": [7], "top": [5, 3]}
FT_TRANSFORMER = {
    "n_cont_features": 4,
    "cat_cardinalities": [9, 12],
    "d_out": 3,
    "n_blocks": 2,
    "d_block": 12,
    "attention_n_heads": 3,
}
HIFIGAN = {
    "model_in_dim": 5,
    "upsample_initial_channel": 12,
    "upsample_rates": [4, 2],
    "upsample_kernel_sizes": [8, 4],
    "resblock_kernel_sizes": [3, 5, 7],
    "resblock_dilation_sizes": [[1, 3], [1], [2, 1]],
}
LSTM = {"vocab_size": 11, "embedding_dim": 4, "hidden_size": 3}
NERF = {"depth": 4, "width": 10, "position_frequencies": 3, "direction_frequencies": 2, "skips": [1]}
PERCEIVER = {
    "input_dim": 4,
    "num_latents": 5,
    "latent_dim": 8,
    "depth": 2,
    "self_layers": 2,
    "latent_heads": 2,
    "num_classes": 3,
}
SEQ2SEQ = {"source_vocab": 11, "target_vocab": 9, "embedding_dim": 4, "hidden_size": 6}
WAVENET = {
    "classes": 9,
    "stacks": 2,
    "layers_per_stack": 3,
    "residual_channels": 4,
    "dilation_channels": 5,
    "skip_channels": 6,
}

WHISPER = {
    "num_mel_bins": 5,
    "d_model": 12,
    "encoder_layers": 2,
    "encoder_attention_heads": 3,
    "encoder_ffn_dim": 20,
    "max_source_positions": 7,
}

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "audio/conformer": [
        CONFORMER,
        {**CONFORMER, "num_layers": 1, "use_group_norm": True, "dropout": 0.0},
        {**CONFORMER, "num_heads": 2, "depthwise_conv_kernel_size": 1, "ffn_dim": 7},
    ],
    "audio/hifigan": [
        HIFIGAN,
        {**HIFIGAN, "normalize_before": False, "leaky_relu_slope": 0.3},
        {**HIFIGAN, "upsample_rates": [3], "upsample_kernel_sizes": [3], "resblock_kernel_sizes": [5, 1, 3]},
    ],
    "audio/wavenet": [
        WAVENET,
        {**WAVENET, "kernel_size": 3, "stacks": 1},
        {**WAVENET, "layers_per_stack": 1, "skip_channels": 1},
    ],
    "audio/whisper_encoder": [
        WHISPER,
        {**WHISPER, "encoder_layers": 1, "dropout": 0.1, "attention_dropout": 0.2, "activation_dropout": 0.3},
        {**WHISPER, "d_model": 8, "encoder_attention_heads": 2},
    ],
    "generative/dcgan_discriminator": [{"ndf": 3, "halvings": 1}, {"ndf": 2, "nc": 1, "halvings": 0}, {"ndf": 4}],
    "generative/dcgan_generator": [
        {"nz": 5, "ngf": 3, "doublings": 1},
        {"ngf": 2, "nc": 1, "doublings": 0},
        {"ngf": 4},
    ],
    "generative/diffusion_unet": [
        {"width": 8, "groups": 4, "heads": 2, "depth": 1},
        {"width": 4, "groups": 2, "heads": 1, "channels": 1, "dropout": 0.0},
        {"width": 6, "groups": 3, "heads": 3, "depth": 3},
    ],
    "generative/dit": [
        DIT,
        {**DIT, "learn_sigma": False, "mlp_ratio": 1.5, "patch_size": 2},
        {**DIT, "class_dropout_prob": 0.0, "num_classes": 1000, "depth": 1},
    ],
    "generative/vae": [
        {"widths": [4, 6], "latent_dim": 3, "grid": 3},
        {"widths": [5], "latent_dim": 2, "channels": 1},
        {"widths": [3, 4, 5], "latent_dim": 1, "grid": 1},
    ],
    "recommendation/dlrm": [
        DLRM,
        {**DLRM, "table_sizes": [9], "bottom": []},
        {**DLRM, "table_sizes": [12, 9], "top": []},
    ],
    "recommendation/ft_transformer": [
        FT_TRANSFORMER,
        {**FT_TRANSFORMER, "n_cont_features": 1, "n_blocks": 1, "residual_dropout": 0.1},
        {**FT_TRANSFORMER, "cat_cardinalities": [], "n_blocks": 3, "attention_n_heads": 1, "ffn_d_hidden": 7},
    ],
    "text/lstm_classifier": [
        LSTM,
        {**LSTM, "bidirectional": False, "num_layers": 1, "num_classes": 4},
        {**LSTM, "bidirectional": False, "num_layers": 3, "dropout": 0.1},
    ],
    "text/seq2seq": [SEQ2SEQ, {**SEQ2SEQ, "num_layers": 1}, {**SEQ2SEQ, "num_layers": 3, "dropout": 0.0}],
    "vision/clip": [CLIP, {**CLIP, "vision_layers": 0, "text_layers": 1}, {**CLIP, "patch_size": 2, "text_heads": 1}],
    "vision/nerf": [
        NERF,
        {**NERF, "depth": 2, "skips": [], "direction_frequencies": 1},
        {**NERF, "skips": [1, 2], "position_frequencies": 5},
    ],
    "vision/perceiver": [
        PERCEIVER,
        {**PERCEIVER, "self_layers": 0, "cross_heads": 2},
        {**PERCEIVER, "depth": 1, "latent_heads": 4, "input_dim": 6},
    ],
    "vision/pointnet": [{"width": 3, "num_classes": 2}, {"width": 2, "dropout": 0.0}, {"width": 5}],
    "vision/siamese": [{"width": 2, "embedding": 3}, {"width": 1, "embedding": 5, "channels": 3}],
    "vision/unet": [
        {"width": 2, "n_classes": 3},
        {"width": 4, "interpolate": True, "n_channels": 1},
        {"width": 6, "n_classes": 1, "n_channels": 2},
    ],
    "vision/yolov8": [
        {"width": 0.05, "max_channels": 64},
        {"width": 0.02, "depth": 1.0, "max_channels": 512},
        {"width": 0.03, "depth": 0.5},
    ],
}
"""Settings for each spec, the smallest first."""

SLOW = {
    "audio/conformer",
    "audio/hifigan",
    "audio/wavenet",
    "audio/whisper_encoder",
    "generative/diffusion_unet",
    "generative/dit",
    "generative/vae",
    "recommendation/ft_transformer",
    "text/lstm_classifier",
    "text/seq2seq",
    "vision/clip",
    "vision/perceiver",
    "vision/siamese",
    "vision/unet",
    "vision/yolov8",
}
"""Specs that take seconds with their defaults."""

HUGE: set[str] = set()
"""Specs whose defaults are beyond a test machine's memory."""

REFERENCES: list[tuple[str, str, dict[str, Any]]] = []
"""Figures of real models: the file, the spec, its parameters."""

YOLO_S = {"width": 0.5}
YOLO_M = {"depth": 0.67, "width": 0.75, "max_channels": 768}
YOLO_L = {"depth": 1.0, "width": 1.0, "max_channels": 512}
YOLO_X = {"depth": 1.0, "width": 1.25, "max_channels": 512}

PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("generative/dcgan_discriminator", {}, 2_765_568),
    ("generative/dcgan_generator", {}, 3_576_704),
    ("generative/dit", {}, 675_129_632),
    ("vision/clip", {}, 151_277_313),
    ("vision/nerf", {}, 595_844),
    ("vision/siamese", {}, 38_951_745),
    ("vision/unet", {"n_classes": 1}, 31_037_633),
    ("vision/unet", {"n_classes": 1, "interpolate": True}, 17_262_977),
    ("vision/yolov8", {}, 3_157_200 - 897_664),  # without the head, here and below
    ("vision/yolov8", YOLO_S, 11_166_560 - 2_147_008),
    ("vision/yolov8", YOLO_M, 25_902_640 - 3_822_016),
    ("vision/yolov8", YOLO_L, 43_691_520 - 5_644_480),
    ("vision/yolov8", YOLO_X, 68_229_648 - 8_795_008),
]
"""How many parameters their authors count."""
