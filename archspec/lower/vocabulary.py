"""What other libraries call the layers and arguments of PyTorch."""

from __future__ import annotations

from archspec.expressions import Symbolic
from archspec.layers import LAYERS, Layer
from archspec.problems import Advice, did_you_mean

ELSEWHERE = {
    "Activation": "write the layer itself: `ReLU`",
    "Add": "write an expression: `sum: a + b`",
    "Concat": 'write an expression: `joined: "cat([a, b], 1)"`',
    "Concatenate": 'write an expression: `joined: "cat([a, b], 1)"`',
    "Lambda": "write an expression: `y: 2 * x`",
    "Permute": 'write an expression: `y: "permute(x, [0, 2, 1])"`',
    "Reshape": 'write an expression: `y: "reshape(x, [N, 8, 4])"`, or `Unflatten`',
    "GlobalAvgPool2d": "did you mean `AdaptiveAvgPool2d: 1`?",
    "GlobalAveragePooling2D": "did you mean `AdaptiveAvgPool2d: 1`?",
}
"""What stands here for a layer of other libraries that PyTorch has none for."""

RENAMED = {
    "Dense": "Linear",
    "FullyConnected": "Linear",
    "BatchNormalization": "BatchNorm2d",
    "LayerNormalization": "LayerNorm",
    "Swish": "SiLU",
    **{
        f"{kind}{n}D": f"{torch}{n}d"
        for n in (1, 2, 3)
        for kind, torch in (("Convolution", "Conv"), ("MaxPooling", "MaxPool"), ("AveragePooling", "AvgPool"))
    },
    **{f"UpSampling{n}D": "Upsample" for n in (1, 2, 3)},
}
"""What other libraries call a layer of PyTorch's."""

ARGUMENTS_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "alpha": ("negative_slope",),
    "axis": ("dim", "normalized_shape"),
    "c_in": ("in_channels", "in_features"),
    "c_out": ("out_channels", "out_features"),
    "channels": ("out_channels", "num_channels", "num_features"),
    "dilation_rate": ("dilation",),
    "dropout_rate": ("p", "dropout"),
    "epsilon": ("eps",),
    "features": ("out_features", "num_features", "hidden_size"),
    "filters": ("out_channels",),
    "groups": ("num_groups",),
    "heads": ("num_heads", "nhead"),
    "hidden": ("hidden_size", "out_features"),
    "input_dim": ("num_embeddings", "in_features", "input_size"),
    "kernel": ("kernel_size",),
    "layers": ("num_layers",),
    "n_head": ("num_heads", "nhead"),
    "n_heads": ("num_heads", "nhead"),
    "output_dim": ("embedding_dim", "out_features", "hidden_size"),
    "pad": ("padding",),
    "pool_size": ("kernel_size",),
    "prob": ("p",),
    "rate": ("p",),
    "shape": ("unflattened_size", "normalized_shape"),
    "size": ("kernel_size", "hidden_size", "out_features", "embedding_dim", "output_size"),
    "strides": ("stride",),
    "target_shape": ("unflattened_size",),
    "units": ("out_features", "hidden_size"),
    "use_bias": ("bias",),
    "vocab_size": ("num_embeddings",),
}
"""What other libraries call an argument of PyTorch's; the first that a layer has is meant."""


def beginning(name: str, known: list[str]) -> str:
    """A help line for an unknown layer: the nearest one, or those that begin so."""
    begun = [one for one in known if len(name) > 1 and one.lower().startswith(name.lower())]
    hint = did_you_mean(name, known)
    if len(begun) < 2 or isinstance(hint, Advice):
        return hint
    return f"layers that begin like this: {', '.join(begun[:8])}{', …' if len(begun) > 8 else ''}"


def elsewhere(layer_type: type[Layer], name: str) -> str | None:
    """The argument of a layer that other libraries call so."""
    return next((one for one in ARGUMENTS_ELSEWHERE.get(name, ()) if one in layer_type.arguments), None)


def holds_layer(value: object) -> bool:
    """Whether a name stands for a parameter whose value is a layer."""
    if isinstance(value, Symbolic):
        return value.type.startswith("layer:")
    return isinstance(value, str) and value in LAYERS
