"""The catalogue of torch.nn. A family is a file, named as torch.nn's documentation names it."""

from __future__ import annotations

from archspec.layers import (
    activation,
    convolution,
    dropout,
    linear,
    normalization,
    padding,
    pooling,
    shuffle,
    sparse,
    utilities,
    vision,
)
from archspec.layers._base import Layer, LayerError

LAYERS: dict[str, type[Layer]] = {
    name: value
    for family in (
        activation,
        convolution,
        dropout,
        linear,
        normalization,
        padding,
        pooling,
        shuffle,
        sparse,
        utilities,
        vision,
    )
    for name, value in vars(family).items()
    if isinstance(value, type) and issubclass(value, Layer) and not name.startswith("_")
    if value.__module__ == family.__name__
}
"""Every layer by its PyTorch name."""

_CONTAINER = "a list is an nn.Sequential, a mapping names its steps, and `for` repeats them"
_LOSS = "losses train a network and are no part of its architecture"
_LAZY = "write the layer without `Lazy`: what it would infer is inferred"
_SEVERAL = "layers of several inputs or outputs are not in this version"

ABSENT: dict[str, str] = {
    **dict.fromkeys(
        (
            "Container",
            "DataParallel",
            "Module",
            "ModuleDict",
            "ModuleList",
            "ParameterDict",
            "ParameterList",
            "Sequential",
        ),
        _CONTAINER,
    ),
    **dict.fromkeys(
        "AdaptiveLogSoftmaxWithLoss BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss"
        " GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss"
        " MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d"
        " PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss".split(),
        _LOSS,
    ),
    **{f"Lazy{name}{n}d": _LAZY for name in ("BatchNorm", "Conv", "ConvTranspose", "InstanceNorm") for n in (1, 2, 3)},
    "LazyLinear": _LAZY,
    **dict.fromkeys(
        "Bilinear CosineSimilarity EmbeddingBag GRU GRUCell LSTM LSTMCell MaxUnpool1d MaxUnpool2d MaxUnpool3d"
        " MultiheadAttention PairwiseDistance RNN RNNBase RNNCell RNNCellBase Transformer TransformerDecoder"
        " TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer".split(),
        _SEVERAL,
    ),
}
"""The modules of torch.nn that are not in the catalogue, with the reason."""

__all__ = ["ABSENT", "LAYERS", "Layer", "LayerError"]
