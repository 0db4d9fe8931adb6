"""Attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archspec.cuts import Passing, Passings
from archspec.cuts import broadcast as broadcast_axes
from archspec.dimensions import Dimension, Size, at_least, product, show
from archspec.functions._base import function
from archspec.functions._dtypes import require_dtype, require_same_dtype
from archspec.functions._shapes import Shape, broadcast, require_rank_from, require_stretches, same_size
from archspec.refusals import require, require_divides, settled
from archspec.tensors import FLOATS, TensorType


def _macs(output: TensorType, query: TensorType, key: TensorType, *_: Any, enable_gqa: bool = False, **__: Any) -> Size:
    axes = -3 if enable_gqa else -2  # of fewer heads each one serves several of the query's
    batch = (*broadcast(query.shape[:axes], key.shape[:axes]), *query.shape[axes:-2])
    scores = product((*batch, query.shape[-2], key.shape[-2]))
    return product((scores, query.shape[-1])) + product((output.numel, key.shape[-2]))


def _heads(output: TensorType, given: Mapping[str, Any]) -> Passings:
    """A cut passes batches and heads, of all three alike, and the features of the value alone.

    Where heads of key and value each serve several of the query's, ranks hold blocks of both.
    """
    found: dict[str, Passing] = {}
    for name, closed in (("query", (-1, -2)), ("key", (-1, -2)), ("value", (-2,)), ("attn_mask", (-1, -2))):
        if isinstance(given.get(name), TensorType):
            found[name] = broadcast_axes(given[name], output, closed)
    return found


@function("F.scaled_dot_product_attention", macs=_macs, cut=_heads)
def scaled_dot_product_attention(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    attn_mask: TensorType | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> TensorType:
    """softmax(query @ key.T / sqrt(E) + mask) @ value. Shape: [*, L, E], [*, S, E], [*, S, V] -> [*, L, V]

    With `enable_gqa` the third axis from the end, the heads, may be fewer of key and value by a whole factor.
    """
    for x, name in ((query, "query"), (key, "key"), (value, "value")):
        require_rank_from(x, 2, "[*, L, E]", name)
        require_dtype(x, FLOATS, name)
    require_same_dtype(query, key, value)
    known = isinstance(dropout_p, int | float)
    message = f"`dropout_p` is a probability; this is {dropout_p}"
    require(not known or 0 <= dropout_p <= 1, "AS404", message, argument="dropout_p")
    if isinstance(dropout_p, Dimension):  # an integer, at most 1
        require(settled(at_least(1, dropout_p), dropout_p), "AS404", message, argument="dropout_p")
    message = f"`query` {query} and `key` {key} differ in their last axis"
    same_size(query.shape[-1], key.shape[-1], message, argument="key")
    message = f"`key` {key} and `value` {value} differ in their last axis but one"
    same_size(key.shape[-2], value.shape[-2], message, argument="value")
    batches = [x.shape[:-2] for x in (query, key, value)]
    batch = _grouped(*batches) if enable_gqa else broadcast(*batches)
    if attn_mask is not None:
        both = "`attn_mask` is given, and `is_causal` makes another"
        require(not is_causal, "AS404", both, "give one of them", "is_causal")
        require_dtype(attn_mask, ("bool", "float32", query.dtype), "attn_mask")
        require_rank_from(attn_mask, 2, "[*, L, S]", "attn_mask")
        require_stretches(attn_mask.shape, (*batch, query.shape[-2], key.shape[-2]), "attn_mask")
    return query.reshaped(*batch, query.shape[-2], value.shape[-1])


def _grouped(query: Shape, key: Shape, value: Shape) -> Shape:
    """The leading axes where key and value have fewer heads: each stands for several of the query's."""
    require(min(map(len, (query, key, value))) >= 1, "AS501", "`enable_gqa` takes tensors with heads, [*, H, L, E]")
    for heads, name in ((key[-1], "key"), (value[-1], "value")):
        message = f"the {show(heads)} heads of `{name}` do not divide the {show(query[-1])} of the query"
        require_divides(heads, query[-1], message=message, argument=name)
    return (*broadcast(query[:-1], key[:-1], value[:-1]), query[-1])
