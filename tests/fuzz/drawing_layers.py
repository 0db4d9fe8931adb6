"""Layers to draw, by the rank of what flows in."""

from __future__ import annotations

from typing import Any

import torch
from drawing_scopes import Scope

ANY = [
    *(
        "ReLU",
        "GELU",
        "SiLU",
        "Tanh",
        "Sigmoid",
        "Softplus",
        "ELU",
        "Hardswish",
        "Mish",
        "LeakyReLU",
        "ReLU6",
        "Identity",
    ),
    *("PReLU", "Hardtanh", "LogSigmoid", "Softsign", "Tanhshrink", "Threshold", "CELU", "SELU", "RReLU"),
]
IN_PLACE = ["ReLU", "SiLU", "ELU", "Hardswish", "LeakyReLU", "ReLU6", "Dropout", "Mish", "CELU", "SELU", "Hardsigmoid"]


def layer(scope: Scope, x: Any, width: Any) -> dict[str, Any] | str | None:
    """A layer that may fit a tensor; `width` is a number of channels, as it is written."""
    choose = scope.random.choice
    rank = x.dim()
    if x.dtype.is_floating_point:
        pools = [common, common, *([by_rank[rank]] * 3 if rank in by_rank else [])]
        found: dict[str, Any] | str | None = choose(pools)(scope, width)
        return found
    if str(x.dtype) == "torch.int64":
        return {"Embedding": {"num_embeddings": choose([40, 64]), "embedding_dim": width}}
    return None


def common(scope: Scope, width: Any) -> dict[str, Any] | str:
    choose = scope.random.choice
    kind = choose(["linear", "linear", "norm", "plain", "plain", "drop", "flatten", "softmax", "parameter"])
    if kind == "linear":
        settings = {"out_features": width, "bias": choose([False, True])}
        return {"Linear": width} if scope.random.random() < 0.6 else {"Linear": settings}
    if kind == "norm":
        return choose(
            ["LayerNorm", {"LayerNorm": {"eps": 1e-5}}, "RMSNorm", {"LayerNorm": {"elementwise_affine": False}}]
        )
    if kind == "drop":
        return choose([{"Dropout": 0.2}, {"Dropout": {"p": 0.1}}, {"AlphaDropout": 0.1}, "Dropout"])
    if kind == "flatten":
        return choose(
            ["Flatten", {"Flatten": {"start_dim": -2}}, {"Unflatten": {"dim": -1, "unflattened_size": [2, -1]}}]
        )
    if kind == "softmax":
        return choose([{"Softmax": {"dim": -1}}, {"LogSoftmax": -1}, {"GLU": -1}, {"Softmin": {"dim": -1}}])
    if kind == "parameter":
        holders = scope.numbers(str)
        if holders:
            return {"layer": choose(holders)}
    return str(choose(ANY))


def flat(scope: Scope, width: Any) -> dict[str, Any] | str:
    choose = scope.random.choice
    return choose(["BatchNorm1d", "BatchNorm1d", {"BatchNorm1d": {"affine": False}}, {"Linear": width}])


def sequence(scope: Scope, width: Any) -> dict[str, Any] | str:
    choose = scope.random.choice
    return choose(
        [
            {"Conv1d": {"out_channels": width, "kernel_size": choose([1, 3]), "padding": choose([0, 1, "same"])}},
            {"Conv1d": {"out_channels": width, "kernel_size": 1, "groups": choose([1, 2])}},
            {"ConvTranspose1d": {"out_channels": width, "kernel_size": 2, "stride": 2}},
            {"GroupNorm": {"num_groups": 2}},
            "BatchNorm1d",
            {"InstanceNorm1d": {"affine": True}},
            {"MaxPool1d": 2},
            {"AdaptiveAvgPool1d": choose([1, 2])},
            {"LSTM": {"hidden_size": width, "batch_first": True}},
            {"LSTM": {"hidden_size": 3, "num_layers": 2, "bidirectional": True, "batch_first": True}},
            {"GRU": {"hidden_size": width, "batch_first": True, "bias": choose([True, False])}},
            {"RNN": {"hidden_size": 4, "nonlinearity": "relu"}},
            {"TransformerEncoderLayer": {"nhead": 2, "dim_feedforward": 8, "batch_first": True, "dropout": 0.0}},
            {"TransformerEncoderLayer": {"nhead": 1, "dim_feedforward": 5, "norm_first": True, "batch_first": True}},
        ]
    )


def image(scope: Scope, width: Any) -> dict[str, Any] | str:
    choose = scope.random.choice
    return choose(
        [
            {"Conv2d": {"out_channels": width, "kernel_size": 3, "padding": 1}},
            {"Conv2d": {"out_channels": width, "kernel_size": 1, "bias": False}},
            {"Conv2d": {"out_channels": width, "kernel_size": [3, 1], "stride": 2, "padding": 1}},
            {"Conv2d": {"out_channels": width, "kernel_size": 3, "padding": "same", "padding_mode": "reflect"}},
            {"ConvTranspose2d": {"out_channels": width, "kernel_size": 2, "stride": 2}},
            "BatchNorm2d",
            {"BatchNorm2d": {"momentum": 0.3}},
            {"GroupNorm": {"num_groups": 2}},
            {"InstanceNorm2d": {}},
            {"MaxPool2d": 2},
            {"AvgPool2d": {"kernel_size": 2, "stride": 1}},
            {"AdaptiveAvgPool2d": choose([1, [2, 3]])},
            {"AdaptiveMaxPool2d": 2},
            {"Upsample": {"scale_factor": 2}},
            {"PixelShuffle": 2},
            {"PixelUnshuffle": 2},
            {"ChannelShuffle": 2},
            {"ZeroPad2d": 1},
            {"ReflectionPad2d": [1, 0, 0, 1]},
            {"Dropout2d": 0.2},
            {"LocalResponseNorm": 2},
            "Softmax2d",
        ]
    )


by_rank = {2: flat, 3: sequence, 4: image}


def of_several(scope: Scope) -> tuple[dict[str, Any], Any] | None:
    """A layer of several inputs, and its `from`."""
    choose = scope.random.choice
    kind = choose(["attention", "attention", "bilinear", "cosine", "decoder", "cell", "lstm"])
    x, y = scope.pick("float", 2 if kind in ("bilinear", "cell") else 3), None
    if x is None:
        return None
    y = scope.pick("float", scope.value(x).dim())
    if kind == "attention":
        named: dict[str, Any] = {"query": x, "key": y, "value": y, "need_weights": choose([True, False])}
        if scope.random.random() < 0.3:
            named.pop("need_weights")
        hidden = [name for name in sorted(scope.hidden) if name in scope.frames[0].values]
        masks = [name for name in hidden if scope.value(name).dtype == torch.bool]
        mask = choose([*masks, scope.pick("bool", 2)])
        if mask and (masks or scope.random.random() < 0.6):
            named["key_padding_mask"] = mask
        if scope.random.random() < 0.3:
            return {"MultiheadAttention": {"num_heads": 2, "batch_first": True}}, [x, y, y]
        return {"MultiheadAttention": {"num_heads": 2, "batch_first": True, "dropout": choose([0.0, 0.1])}}, named
    if kind == "bilinear":
        return {"Bilinear": choose([3, 4])}, choose([[x, y], {"input1": x, "input2": y}])
    if kind == "cosine":
        return {"CosineSimilarity": {"dim": -1}}, [x, y]
    if kind == "decoder":
        return {"TransformerDecoderLayer": {"nhead": 2, "dim_feedforward": 6, "batch_first": True}}, [x, y]
    if kind == "cell":
        return {"GRUCell": choose([4, 8])}, x
    return {"LSTM": {"hidden_size": 4, "batch_first": True}}, {"input": x}
