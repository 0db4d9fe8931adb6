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
from archspec.layers.transformer import (
    MultiheadAttention,
    Transformer,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from archspec.tensors import TensorType
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
    "scaled_dot_product_attention RNN LSTM GRU RNNCell LSTMCell GRUCell norm cdist cosine_similarity".split()
)
"""Their derivative is a formula of what goes in and of what comes out."""

_STATES = {"RNN": 0, "GRU": 6, "LSTM": 16}
"""Numbers for each of a state, besides the state itself, that a recurrent kernel keeps of a step: gates and sums."""

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
    if name.startswith(("max_pool", "adaptive_max_pool")):
        return _PLACE * next(x.numel for x in tensors(output))
    if name == ATTENTION:
        return next(product(x.shape[:-1]) * bytes_each(x.dtype) for x in tensors(output))
    return next(x.numel * bytes_each(x.dtype) for x in tensors(output)) if name in MASKED else 0


def inside(layer: Layer, call: Call, *, training: bool) -> Size:
    """Bytes that a layer makes besides what it takes and gives; in training it keeps them."""
    name = type(layer).__name__
    output = next(tensors(call.output), None)
    if output is None:
        return 0
    each = bytes_each(output.dtype)
    if "MaxPool" in name:
        return _PLACE * output.numel
    if name in MASKED:
        return output.numel * each if getattr(layer, "p", 0) != 0 else 0
    if isinstance(layer, RNN | LSTM | GRU):
        states = product(output.shape[:-1]) * layer.directions * layer.hidden_size
        between = states * (layer.num_layers - 1)
        return each * (states * layer.num_layers * _STATES[name] + between) if training else 0
    positional, named = layer.bind(call.keys, call.inputs)
    drops = training and getattr(layer, "dropout", 0) != 0
    if isinstance(layer, MultiheadAttention):
        query, key = [*positional, named.get("query"), named.get("key")][:2]
        weights = (*positional, True)[4] if len(positional) > 4 else named.get("need_weights", True)
        return each * _attention(layer, query, key, layer.num_heads, weights=weights is not False, drops=drops)
    if isinstance(layer, TransformerEncoderLayer | TransformerDecoderLayer):
        several = 1 if isinstance(layer, TransformerEncoderLayer) else 2
        return each * _block(layer, positional[:several], training=training, drops=drops)
    if isinstance(layer, Transformer):
        source, target = positional[:2]
        encoder: Size = _block(layer, [source], training=training, drops=drops) + source.numel
        decoder: Size = _block(layer, [target, source], training=training, drops=drops) + target.numel
        if not training:
            return each * decoder
        made: Size = layer.num_encoder_layers * encoder + layer.num_decoder_layers * decoder
        return each * made
    return 0


def _attention(layer: Any, query: TensorType, key: TensorType, heads: Size, *, weights: bool, drops: bool) -> Size:
    """Numbers that attention makes: the projections, its result, and the weights where no kernel does all at once."""
    width = query.shape[-1]
    (length, batch), (source, _) = layer.split(query), layer.split(key)
    queries, keys, scores = length * width, source * width, heads * length * source
    made: Size = 2 * queries + 2 * keys
    if weights:
        made = made + queries + scores * (3 if drops else 1)
    elif drops:
        made = made + queries + keys + 3 * scores
    return product(batch) * made


def _block(layer: Any, inputs: list[TensorType], *, training: bool, drops: bool) -> Size:
    """Numbers that a layer of a transformer makes: attention to each input, sums and norms, the network's features."""
    x = inputs[0]
    attention: Size = sum(
        (_attention(layer, x, source, layer.nhead, weights=False, drops=drops) for source in inputs), start=0
    )
    if not training:
        return attention + x.numel  # the sums take one another's place
    features: Size = product(x.shape[:-1]) * layer.dim_feedforward * (3 if drops else 1)
    sums, masks = 2 * len(inputs) + 1, (len(inputs) + 1 if drops else 0)
    return attention + x.numel * (sums + masks) + features


def is_one(layer: Layer) -> bool:
    """Whether an adaptive pool leaves one place: PyTorch takes the mean then, whose derivative reads nothing."""
    size = vars(layer).get("output_size")
    return all(one == 1 for one in (size if isinstance(size, tuple) else (size,)))
