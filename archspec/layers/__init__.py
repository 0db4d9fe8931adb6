"""The catalogue of torch.nn. A family is a file, named as torch.nn's documentation names it."""

from __future__ import annotations

from archspec.expressions import Literal
from archspec.layers import (
    activation,
    convolution,
    distance,
    dropout,
    linear,
    normalization,
    padding,
    pooling,
    recurrent,
    shuffle,
    sparse,
    transformer,
    utilities,
    vision,
)
from archspec.layers._base import Layer, Weight, divisors, spread

LAYERS: dict[str, type[Layer]] = {
    name: value
    for family in (
        activation,
        convolution,
        distance,
        dropout,
        linear,
        normalization,
        padding,
        pooling,
        recurrent,
        shuffle,
        sparse,
        transformer,
        utilities,
        vision,
    )
    for name, value in vars(family).items()
    if isinstance(value, type) and issubclass(value, Layer) and not name.startswith("_")
    if value.__module__ == family.__name__
}
"""Every layer by its PyTorch name."""

_CONTAINER = "use a list for nn.Sequential, a mapping for named steps, and `for` to repeat them"
_LOSS = "losses belong to training, not to the architecture"
_LAZY = "write the layer without `Lazy`: its input sizes are inferred anyway"
_LAYER = "write the layer with `repeat:`"
_ABSTRACT = "an abstract class: use a subclass"

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
    **dict.fromkeys(("TransformerDecoder", "TransformerEncoder"), _LAYER),
    **dict.fromkeys(("RNNBase", "RNNCellBase"), _ABSTRACT),
}
"""The modules of torch.nn that are not in the catalogue, with the reason."""

Literal.layers = LAYERS.keys()  # as code writes their names: `nn.ReLU`

__all__ = ["ABSENT", "LAYERS", "Layer", "Weight", "divisors", "spread"]
