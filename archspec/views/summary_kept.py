"""What PyTorch's operations share with their inputs, and what they keep for the backward pass.

Follows the formulas of PyTorch's derivatives (tools/autograd/derivatives.yaml) as the CPU runs them; a GPU keeps a byte
for each number that a dropout drops, where the CPU keeps four. What a kernel takes for a moment, such as the unfolded
windows of a convolution, is left out.
"""

from __future__ import annotations

from typing import Any

from archspec.dimensions import Size, product
from archspec.graph import Call, Flow
from archspec.layers import Layer
from archspec.layers.recurrent import GRU, LSTM, RNN
from archspec.layers.transformer import MultiheadAttention
from archspec.views.summary_figures import bytes_each, tensors

VIEWS = frozenset(
    "Identity Flatten Unflatten reshape ravel flatten unflatten permute transpose swapaxes swapdims t movedim moveaxis "
    "squeeze unsqueeze broadcast_to broadcast_tensors diagonal chunk split tensor_split unbind narrow select".split()
)
"""What they return is their input's memory, looked at in another way."""

SWAPPING = frozenset("permute transpose swapaxes swapdims t movedim moveaxis".split())
MERGING = frozenset("Flatten reshape ravel flatten".split())

_OUTPUT = frozenset(
    "ReLU Sigmoid Tanh Softmax Softmax2d LogSoftmax Softmin relu sigmoid tanh softmax log_softmax softmin exp exp2 "
    "expm1 sqrt rsqrt reciprocal logsumexp logcumsumexp amax amin".split()
)
"""Their derivative is a formula of what comes out."""

RESULT = frozenset("ReLU LeakyReLU ELU CELU SELU RReLU Threshold".split())
"""In place, their derivative is a formula of what comes out; others keep a copy of what went in."""

ATTENTION = "scaled_dot_product_attention"

_NOTHING = frozenset(
    "+ - add sub neg positive cat concat concatenate stack hstack vstack dstack sum mean cumsum pad ZeroPad1d "
    "ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d CircularPad1d CircularPad2d CircularPad3d Upsample "
    "UpsamplingNearest2d UpsamplingBilinear2d interpolate PixelShuffle PixelUnshuffle ChannelShuffle pixel_shuffle "
    "pixel_unshuffle channel_shuffle flip roll tile repeat_interleave tril triu index Unfold Fold unfold fold".split()
)
"""Their derivative asks for sizes alone."""

_FACTORS = frozenset("* @ / mul div true_divide multiply divide matmul mm bmm einsum tensordot outer mv dot".split())
"""Products: the derivative of each factor is a formula of the other."""

_BOTH = frozenset(
    "scaled_dot_product_attention MultiheadAttention RNN LSTM GRU RNNCell LSTMCell GRUCell TransformerEncoderLayer "
    "TransformerDecoderLayer Transformer norm cdist cosine_similarity CosineSimilarity".split()
)
"""Their derivative is a formula of what goes in and of what comes out."""

_PLACE = 8
"""Bytes of an index, such as where a maximum is."""

MASKED = frozenset("Dropout dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout".split())
PASSING = frozenset(("+", "add"))
"""The gradient of what comes out is that of what goes in: no other memory holds it."""


class Storage:
    """Memory of one tensor, of all its views."""

    __slots__ = ("bytes", "learns")

    def __init__(self, size: Size, learns: bool) -> None:
        self.bytes = size
        self.learns = learns
        """Whether a gradient flows back to it."""


def kept(name: str, read: tuple[Storage, ...], made: tuple[Storage, ...]) -> tuple[Storage, ...]:
    """What the backward pass will read of an operation's own tensors."""
    if name in _NOTHING or name in MASKED or not any(one.learns for one in made):
        return ()
    if name in _OUTPUT:
        return made
    if name in _FACTORS:
        if len(read) == 1:  # times a number
            return ()
        pairs = ((one, (*read[:place], *read[place + 1 :])) for place, one in enumerate(read))
        return tuple(one for one, others in pairs if any(other.learns for other in others))
    if name in ("where", "masked_fill"):
        return tuple(one for one in read if not one.learns)
    return (*read, *made) if name in _BOTH else read


def extra_of(name: str, output: Flow | None) -> Size:
    """Bytes that a function keeps besides what it takes and gives."""
    numel = next((x.numel * bytes_each(x.dtype) for x in tensors(output)), 0)
    if name.startswith(("max_pool", "adaptive_max_pool")):
        return _PLACE * next(x.numel for x in tensors(output))
    if name == ATTENTION:
        return next(product(x.shape[:-1]) * bytes_each(x.dtype) for x in tensors(output))
    return numel if name in MASKED else 0


def inside(layer: Layer, call: Call) -> Size:
    """Bytes that a layer makes and keeps besides what it takes and gives."""
    name = type(layer).__name__
    output = next(tensors(call.output), None)
    if output is None:
        return 0
    each = bytes_each(output.dtype)
    if "MaxPool" in name:
        return _PLACE * output.numel
    if name in MASKED:
        return output.numel * each if getattr(layer, "p", 0) != 0 else 0
    values: Any = vars(layer)
    if isinstance(layer, RNN | LSTM | GRU):
        states = product(output.shape[:-1]) * layer.directions * layer.hidden_size
        return each * layer.num_layers * states * (layer.gates + 2)  # every gate, the cell and what it shows
    if isinstance(layer, MultiheadAttention):
        positional, named = layer.bind(call.keys, call.inputs)
        query, key = [*positional, named.get("query"), named.get("key")][:2]
        (length, batch), (source, _) = layer.split(query), layer.split(key)
        projected = layer.embed_dim * (2 * length + 2 * source)
        scores = layer.num_heads * length * source if values is not None else 0
        return each * product(batch) * (projected + scores)
    return 0


def is_one(layer: Layer) -> bool:
    """Whether an adaptive pool leaves one place: PyTorch takes the mean then, whose derivative reads nothing."""
    size = vars(layer).get("output_size")
    return all(one == 1 for one in (size if isinstance(size, tuple) else (size,)))
