"""The vision specs that equal torchvision's models: small settings to test with, references, known counts."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "vision/convnext": [
        {"dims": [8, 12], "depths": [1, 2], "num_classes": 5},
        {"dims": [4, 8, 8], "depths": [2, 1, 1], "layer_scale": 0.5, "stochastic_depth": 0.5},
    ],
    "vision/deeplabv3": [
        {"depths": [1, 1, 1, 1], "width": 4, "atrous_rate": 2, "num_classes": 3},
        {"depths": [2, 1, 1, 2], "width": 8, "atrous_rate": 1},
    ],
    "vision/deeplabv3_mobilenet": [
        {
            "width_mult": 0.5,
            "settings": [[3, 16, 16, False, "RE", 1, 1], [5, 24, 16, True, "HS", 2, 2]],
            "low_level": 0,
            "atrous_rate": 2,
            "num_classes": 3,
        },
        {"settings": [[3, 16, 16, True, "RE", 2, 1]], "low_level": 0},
    ],
    "vision/densenet": [
        {"growth_rate": 4, "block_config": [2, 3], "num_init_features": 6, "num_classes": 5},
        {"growth_rate": 3, "block_config": [1, 2, 1], "num_init_features": 8, "bn_size": 2, "drop_rate": 0.2},
    ],
    "vision/efficientnet": [
        {"width_mult": 0.25, "settings": [[1, 3, 1, 16, 1], [6, 5, 2, 24, 2]], "num_classes": 5},
        {"depth_mult": 1.5, "settings": [[4, 3, 2, 16, 1], [6, 3, 1, 16, 2]], "eps": 1e-3, "momentum": 0.01},
    ],
    "vision/efficientnet_v2": [
        {
            "expand_ratios": [1, 4, 4],
            "strides": [1, 2, 2],
            "widths": [8, 16, 16],
            "depths": [1, 2, 2],
            "num_fused_stages": 2,
            "last_channels": 12,
            "num_classes": 5,
        },
        {
            "expand_ratios": [2, 1],
            "strides": [2, 1],
            "widths": [8, 8],
            "depths": [2, 1],
            "num_fused_stages": 1,
            "last_channels": 8,
            "stochastic_depth": 0.5,
        },
    ],
    "vision/fcn": [
        {"depths": [1, 1, 1, 1], "width": 4, "num_classes": 3},
        {"depths": [2, 1, 1, 2], "width": 8},
    ],
    "vision/googlenet": [{"aux_logits": False, "num_classes": 5}, {"num_classes": 3, "dropout": 0.0}],
    "vision/inception_v3": [{"aux_logits": False, "num_classes": 5}, {"num_classes": 3, "dropout": 0.0}],
    "vision/lraspp": [
        {
            "width_mult": 0.5,
            "settings": [[3, 16, 16, False, "RE", 1, 1], [5, 24, 16, True, "HS", 2, 2]],
            "low_level": 0,
            "inter_channels": 6,
            "num_classes": 3,
        },
        {"settings": [[3, 16, 16, True, "RE", 2, 1], [3, 24, 16, False, "HS", 1, 1]], "low_level": 1},
    ],
    "vision/maxvit": [
        {
            "stem_channels": 6,
            "block_channels": [8, 12],
            "block_layers": [1, 2],
            "head_dim": 4,
            "partition_size": 2,
            "num_classes": 5,
        },
        {
            "stem_channels": 4,
            "block_channels": [6],
            "block_layers": [1],
            "head_dim": 3,
            "partition_size": 3,
            "mlp_ratio": 2,
            "attention_dropout": 0.1,
        },
    ],
    "vision/mnasnet": [
        {"alpha": 0.5, "settings": [[24, 3, 2, 3, 2], [40, 5, 1, 2, 1]], "num_classes": 5},
        {"alpha": 1.3, "settings": [[16, 3, 1, 2, 3]], "dropout": 0.0},
    ],
    "vision/mobilenet_v2": [
        {"width_mult": 0.25, "settings": [[1, 16, 1, 1], [6, 24, 2, 2]], "num_classes": 5},
        {"width_mult": 1.4, "settings": [[2, 8, 2, 1]], "round_nearest": 4, "dropout": 0.0},
    ],
    "vision/mobilenet_v3": [
        {"settings": [[3, 16, 16, False, "RE", 1], [5, 24, 16, True, "HS", 2]], "last_channels": 12, "num_classes": 5},
        {"width_mult": 0.5, "settings": [[3, 64, 24, True, "RE", 2], [3, 72, 24, False, "HS", 1]], "dropout": 0.0},
    ],
    "vision/regnet": [
        {"depths": [1, 2], "widths": [8, 16], "num_classes": 5},
        {"depths": [2, 1], "widths": [12, 24], "group_width": 24, "se_ratio": 0.0},
    ],
    "vision/resnet": [
        {"depths": [1, 1, 1, 1], "groups": 2, "width_per_group": 4, "num_classes": 5},
        {"depths": [3, 1, 2, 1], "width_per_group": 8},
    ],
    "vision/resnet_basic": [{"depths": [1, 1, 1, 1], "num_classes": 5}, {"depths": [1, 2, 1, 1]}],
    "vision/retinanet": [
        {"depths": [1, 1, 1, 1], "width": 4, "fpn_channels": 8, "num_anchors": 2, "num_classes": 3},
        {"depths": [1, 2, 1, 1], "width": 4, "fpn_channels": 32, "group_norm": True, "p6_from_backbone": True},
    ],
    "vision/shufflenet_v2": [
        {"depths": [1, 2, 1], "branch_widths": [4, 6, 8], "last_width": 12, "num_classes": 5},
        {"depths": [2, 1, 1], "branch_widths": [3, 5, 7]},
    ],
    "vision/squeezenet": [
        {"stages": [[4], [5, 6]], "stem_width": 8, "num_classes": 5},
        {"stages": [[2, 2, 3], [4], [5]], "stem_width": 6, "stem_kernel": 7, "dropout": 0.0},
    ],
    "vision/swin": [
        {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 3, "num_classes": 5},
        {"embed_dim": 6, "depths": [1, 2, 2], "num_heads": [1, 2, 3], "window_size": 5, "dropout": 0.1, "mlp_ratio": 2},
    ],
    "vision/swin_v2": [
        {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 3, "num_classes": 5},
        {"embed_dim": 6, "depths": [1, 2, 2], "num_heads": [1, 2, 3], "window_size": 5, "dropout": 0.1, "mlp_ratio": 2},
    ],
    "vision/vit": [
        {"image_size": 32, "patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 8, "mlp_dim": 12},
        {"image_size": 20, "patch_size": 5, "num_heads": 3, "hidden_dim": 6, "dropout": 0.1, "attention_dropout": 0.1},
    ],
}
"""At least two settings besides the defaults. The first is a small network."""

SLOW = set(SETTINGS) - {"vision/squeezenet"}
"""Specs that take seconds with their defaults."""

HUGE: set[str] = set()

REFERENCES: list[tuple[str, str, dict[str, Any]]] = [
    ("resnet18", "vision/resnet_basic", {}),
    ("resnet50", "vision/resnet", {}),
    ("resnext50_32x4d", "vision/resnet", {"groups": 32, "width_per_group": 4}),
    ("wide_resnet50_2", "vision/resnet", {"width_per_group": 128}),
    ("mobilenet_v2", "vision/mobilenet_v2", {}),
    ("mnasnet1_0", "vision/mnasnet", {}),
    ("squeezenet1_1", "vision/squeezenet", {}),
    ("densenet121", "vision/densenet", {}),
    ("efficientnet_b0", "vision/efficientnet", {}),
    ("convnext_tiny", "vision/convnext", {}),
    ("vit_b_16", "vision/vit", {}),
    ("shufflenet_v2_x1_0", "vision/shufflenet_v2", {}),
    ("regnet_y_400mf", "vision/regnet", {}),
    ("mobilenet_v3_large", "vision/mobilenet_v3", {}),
    ("googlenet", "vision/googlenet", {"aux_logits": False}),
    ("inception_v3", "vision/inception_v3", {"aux_logits": False}),
    ("swin_t", "vision/swin", {}),
    ("efficientnet_v2_s", "vision/efficientnet_v2", {}),
    ("swin_v2_t", "vision/swin_v2", {}),
    ("maxvit_t", "vision/maxvit", {}),
    ("fcn_resnet50", "vision/fcn", {}),
    ("deeplabv3_resnet50", "vision/deeplabv3", {}),
    ("deeplabv3_mobilenet_v3_large", "vision/deeplabv3_mobilenet", {}),
    ("lraspp_mobilenet_v3_large", "vision/lraspp", {}),
    ("retinanet_resnet50_fpn", "vision/retinanet", {}),
    ("retinanet_resnet50_fpn_v2", "vision/retinanet", {"group_norm": True, "p6_from_backbone": True}),
]
"""Figures of torchvision's models: the file, the spec, its parameters."""

SLOW_REFERENCES = {model for model, _, _ in REFERENCES} - {"squeezenet1_1", "mobilenet_v2"}

RESNET_152 = {"depths": [3, 8, 36, 3]}
DENSENET_161 = {"growth_rate": 48, "block_config": [6, 12, 36, 24], "num_init_features": 96}
SQUEEZENET_1_0 = {"stem_width": 96, "stem_kernel": 7, "stages": [[16, 16, 32], [32, 48, 48, 64], [64]]}
EFFICIENTNET_B7 = {"width_mult": 2.0, "depth_mult": 3.1, "dropout": 0.5, "eps": 1e-3, "momentum": 0.01}
CONVNEXT_LARGE = {"depths": [3, 3, 27, 3], "dims": [192, 384, 768, 1536]}
VIT_H_14 = {"patch_size": 14, "num_layers": 32, "num_heads": 16, "hidden_dim": 1280, "mlp_dim": 5120}

SWIN_B = {"embed_dim": 128, "depths": [2, 2, 18, 2], "num_heads": [4, 8, 16, 32]}

PARAMETERS: list[tuple[str, dict[str, Any], int]] = [
    ("vision/resnet_basic", {"depths": [3, 4, 6, 3]}, 21_797_672),
    ("vision/resnet", {"depths": [3, 4, 23, 3]}, 44_549_160),
    ("vision/resnet", RESNET_152, 60_192_808),
    ("vision/resnet", {"depths": [3, 4, 23, 3], "groups": 32, "width_per_group": 8}, 88_791_336),
    ("vision/resnet", {"depths": [3, 4, 23, 3], "width_per_group": 128}, 126_886_696),
    ("vision/densenet", DENSENET_161, 28_681_000),
    ("vision/mnasnet", {"alpha": 0.5}, 2_218_512),
    ("vision/mnasnet", {"alpha": 1.3}, 6_282_256),
    ("vision/squeezenet", SQUEEZENET_1_0, 1_248_424),
    ("vision/efficientnet", {"width_mult": 1.0, "depth_mult": 1.1}, 7_794_184),
    ("vision/efficientnet", EFFICIENTNET_B7, 66_347_960),
    ("vision/convnext", CONVNEXT_LARGE, 197_767_336),
    ("vision/vit", {"patch_size": 32}, 88_224_232),
    ("vision/shufflenet_v2", {"branch_widths": [122, 244, 488], "last_width": 2048}, 7_393_996),
    ("vision/swin", SWIN_B, 87_768_224),
    ("vision/vit", VIT_H_14, 632_045_800),
    ("vision/fcn", {"depths": [3, 4, 23, 3]}, 54_314_346),
    ("vision/deeplabv3", {"depths": [3, 4, 23, 3]}, 60_996_202),
]
"""How many parameters torchvision's documentation counts for a model."""
