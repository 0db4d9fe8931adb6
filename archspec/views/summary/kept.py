"""Bytes that PyTorch's operations keep for the backward pass: what they take and give, and what they make inside.

As the CPU runs them; a GPU keeps a byte for each number that a dropout drops, where the CPU keeps four. What a kernel
takes for a moment, such as the unfolded windows of a convolution, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archspec.dimensions import Size, product
from archspec.graph import Call, Flow
from archspec.layers import Layer
from archspec.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from archspec.layers.transformer import (
    MultiheadAttention,
    Transformer,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from archspec.storage import DROPPING, keeps
from archspec.tensors import TensorType
from archspec.views.summary.figures import bytes_each, tensors

ATTENTION = "scaled_dot_product_attention"

_STATES = {"RNN": 0, "GRU": 6, "LSTM": 16}
"""Numbers for each of a state, besides the state itself, that a recurrent kernel keeps of a step: gates and sums."""

_FUNCTION = {"PairwiseDistance": "pairwise_distance", "CosineSimilarity": "cosine_similarity"}

_CELLS = {"RNNCell": 1, "GRUCell": 6, "LSTMCell": 4}
"""States that a cell keeps besides its outputs: the one that it began with, and the sums that its gates are made of."""

_ADDED = {"LogSigmoid": 1, "RReLU": 1, "Softsign": 1, "Tanhshrink": 1, "logsigmoid": 1, "softsign": 1, "tanhshrink": 1}
"""Tensors as large as the output that functions of several steps keep of what they make in between."""

STATISTICS = frozenset("layer_norm group_norm rms_norm pairwise_distance cosine_similarity".split())
"""Functions that keep numbers of which their arguments say how many."""

_STEPWISE = frozenset("RNN GRU LSTM GRUCell LSTMCell RNNCell".split())
"""They keep a state for each step: as many numbers as their outputs have."""

_PLACE = 8
"""Bytes of an index, such as where a maximum is."""


class TensorMemory:
    """Memory of one tensor, of all its views."""

    __slots__ = ("bytes", "learns")

    def __init__(self, size: Size, learns: bool) -> None:
        self.bytes = size
        self.learns = learns
        """Whether a gradient flows back to it."""


def kept(name: str, read: Sequence[TensorMemory | None], made: tuple[TensorMemory, ...]) -> tuple[TensorMemory, ...]:
    """What the backward pass will read of an operation's own tensors."""
    if not any(one.learns for one in made):
        return ()
    if name in _STEPWISE:  # a state at each step, which the output is made of
        return (*filter(None, read), *made)
    sources, results = keeps(name, [None if one is None else one.learns for one in read], len(made))
    return (*(one for place in sources if (one := read[place]) is not None), *(made[place] for place in results))


def extra_of(name: str, output: Flow | None, given: Mapping[str, Any]) -> Size:
    """Bytes that a function keeps besides what it takes and gives; `given` are the arguments of `STATISTICS`."""
    if name in STATISTICS:
        return next(_statistics(name, x, given) * bytes_each(x.dtype) for x in tensors(output))
    if name.startswith(("max_pool", "adaptive_max_pool")):
        return _PLACE * next(x.numel for x in tensors(output))
    if name == ATTENTION:
        return next(product(x.shape[:-1]) * bytes_each(x.dtype) for x in tensors(output))
    if name in DROPPING:
        return next(_mask(name, x) * bytes_each(x.dtype) for x in tensors(output))
    if name in _ADDED:
        return next(_ADDED[name] * x.numel * bytes_each(x.dtype) for x in tensors(output))
    return 0


def inside(layer: Layer, call: Call, *, training: bool) -> Size:
    """Bytes that a layer makes besides what it takes and gives; in training it keeps them."""
    name = type(layer).__name__
    output = next(tensors(call.output), None)
    if output is None:
        return 0
    each = bytes_each(output.dtype)
    if "MaxPool" in name:
        return _PLACE * output.numel
    if name in DROPPING:
        return each * _mask(name, output) if training and getattr(layer, "p", 0) != 0 else 0
    if layer.family == "normalization" or name in _ADDED or isinstance(layer, RNNCell | GRUCell | LSTMCell):
        return each * _numbers(layer, output, training=training)
    if isinstance(layer, RNN | LSTM | GRU):
        states = product(output.shape[:-1]) * layer.directions * layer.hidden_size
        between = states * (layer.num_layers - 1)
        return each * (states * layer.num_layers * _STATES[name] + between) if training else 0
    positional, named = layer.bind(call.keys, call.inputs)
    if name in ("PairwiseDistance", "CosineSimilarity"):
        x: TensorType = [*positional, named.get("x1")][0]
        return each * _statistics(_FUNCTION[name], output, {"x1": x}) if training else 0
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


def _mask(name: str, output: TensorType) -> Size:
    """Numbers that a dropout draws: one for each channel where it drops channels."""
    if name[-1] != "d":
        return output.numel
    axes = int(name[-2])
    return product(output.shape[: max(1, output.rank - axes)])


def _numbers(layer: Any, output: TensorType, *, training: bool) -> Size:
    """Numbers that a normalization, a cell or a function of several steps makes besides its output."""
    name = type(layer).__name__
    if name == "RMSNorm":  # the CPU multiplies step by step: by the inverse root, then by the weight
        rows = _rows(layer, output) if training else 0
        return rows + (output.numel if layer.elementwise_affine is True else 0)
    if not training:
        return 0
    if isinstance(layer, RNNCell | GRUCell | LSTMCell):
        return _CELLS[name] * output.numel
    if name == "LayerNorm":
        return 2 * _rows(layer, output)
    if name == "GroupNorm":
        groups: Size = layer.num_groups
        return 2 * output.shape[0] * groups
    if "InstanceNorm" in name:
        repeated = 1 if layer.affine is True else 0  # the weights, once for each sample
        return (2 + repeated) * product(output.shape[: output.rank - layer.spatial])
    if "BatchNorm" in name:
        features: Size = layer.num_features
        return 2 * features
    return _ADDED.get(name, 0) * output.numel


def _statistics(name: str, output: TensorType, given: Mapping[str, Any]) -> Size:
    """Numbers that a function keeps of means, deviations, norms and differences."""
    if name == "group_norm":
        groups: Size = given["num_groups"]
        return 2 * output.shape[0] * groups
    if name in ("layer_norm", "rms_norm"):
        rows = product(output.shape[: output.rank - len(given["normalized_shape"])])
        weighed = given.get("weight") is not None and name == "rms_norm"
        return (2 if name == "layer_norm" else 1) * rows + (output.numel if weighed else 0)
    x: TensorType = given["x1"]
    return x.numel if name == "pairwise_distance" else 4 * output.numel + 2 * x.numel


def _rows(layer: Any, output: TensorType) -> Size:
    """How many times a normalization of the last axes is computed."""
    return product(output.shape[: output.rank - len(layer.normalized)])


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
