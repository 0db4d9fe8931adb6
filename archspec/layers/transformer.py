"""Transformer layers.

Masks are of truth values, true where nothing is to be attended to, or of numbers that are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any, Self

from archspec.dimensions import Size, equal, product, show
from archspec.expressions import UndecidedError
from archspec.layers._base import Weight, device, divisors, dtype, flag, inferred, integer, number, word
from archspec.layers._inputs import Sequences, either
from archspec.refusals import counted, require, require_divides, require_equal
from archspec.tensors import TensorType

_ENCODER = ("self_attn",)
_DECODER = ("self_attn", "multihead_attn")
"""What a layer attends by, as PyTorch names it."""


class _Attending(Sequences):
    """What layers share that attend from the positions of one sequence to those of another."""

    bias: bool
    dtype: str | None

    def take_sequence(self, name: str, x: TensorType) -> None:
        """Checks the axes and the dtype of an input."""
        self.require_sequence(name, x)
        self.require_dtype(x, self.float_weights())

    def require_heads(self, name: str, width: Size) -> None:
        """The features split evenly among the heads."""
        heads = getattr(self, name)
        message = f"`{name}` {show(heads)} does not divide the {counted(width)} features"
        hint = f"heads that work: {divisors(width)}" if isinstance(width, int) else ""
        require_divides(heads, width, message=message, help=hint, argument=name)

    def require_batch(self, x: TensorType, other: TensorType) -> None:
        """Both inputs are batches of as many sequences, or both none."""
        message = f"{type(self).__name__} takes the same batch size for both, but {x} and {other} flow in"
        require(x.rank == other.rank, "AS501", message)
        for ours, theirs in zip(self.split(x)[1], self.split(other)[1], strict=True):
            require_equal(ours, theirs, message=message, help="with `batch_first: true` the batch axis comes first")

    def require_masks(self, query: TensorType, key: TensorType, heads: Size, **masks: Any) -> None:
        """What hides keys from queries: a mask over pairs of them, one over keys, whether the first is causal."""
        (pairs_name, pairs), (keys_name, keys), (causal_name, causal) = masks.items()
        (length, batch), (source, _) = self.split(query), self.split(key)
        if keys is not None:
            (_, others), (other, _) = self.swapped_split(query), self.swapped_split(key)
            hint = self.swap_hint(keys, (*others, other))
            self._require_mask(keys_name, keys, query.dtype, (*batch, source), help=hint)
        if pairs is not None:
            shapes = (length, source), (product(batch) * heads, length, source)
            hint = self.swap_hint(pairs, (self.swapped_split(query)[0], self.swapped_split(key)[0]))
            self._require_mask(pairs_name, pairs, query.dtype, *shapes, help=hint)
        if causal is not None:
            self.require_flags(**{causal_name: causal})
        hint = f"`{causal_name}` only says that the mask is causal"
        message = f"`{causal_name}` is true, but there is no `{pairs_name}`"
        require(pairs is not None or causal is not True, "AS502", message, hint)

    def _require_mask(self, name: str, mask: Any, numbers: str, *shapes: tuple[Size, ...], help: str) -> None:
        self.require_tensors(**{name: mask})
        self.require_dtype(mask, "bool", numbers)
        self.require_shape(name, mask, *shapes, help=help)

    def linear(self, name: str, outgoing: Size, incoming: Size) -> tuple[Weight, ...]:
        """The weights of a linear layer within."""
        weight = self.weight(f"{name}.weight", outgoing, incoming)
        return (weight, self.weight(f"{name}.bias", outgoing)) if self.bias else (weight,)

    def attention_count(self, width: Size, key: Size, value: Size) -> Size:
        """The numbers that the four projections learn."""
        weights = width * (2 * width + key + value)
        return weights + 4 * width if self.bias else weights


def _attention_macs(batch: Size, length: Size, source: Size, keys: Size, widths: tuple[Size, Size, Size]) -> Size:
    """Projections of `length` queries and `source` keys and values, and the products with all `keys`."""
    width, key, value = widths
    projections = 2 * length * width + source * (key + value)
    return batch * width * (projections + 2 * length * keys)


class MultiheadAttention(_Attending):
    """Attention with several heads; the weights, if wanted, as the second value: null in their place if not."""

    shape = """
        [N, L, embed_dim], [N, S, kdim], [N, S, vdim] -> [N, L, embed_dim], null if batch_first and not need_weights
        [L, N, embed_dim], [S, N, kdim], [S, N, vdim] -> [L, N, embed_dim], null if not need_weights
        [N, L, embed_dim], [N, S, kdim], [N, S, vdim] -> \
            [N, L, embed_dim], [N, L, S_out] if batch_first and average_attn_weights
        [N, L, embed_dim], [N, S, kdim], [N, S, vdim] -> \
            [N, L, embed_dim], [N, num_heads, L, S_out] if batch_first
        [L, N, embed_dim], [S, N, kdim], [S, N, vdim] -> \
            [L, N, embed_dim], [N, L, S_out] if average_attn_weights
        [L, N, embed_dim], [S, N, kdim], [S, N, vdim] -> \
            [L, N, embed_dim], [N, num_heads, L, S_out]
        S_out = S + 2 if add_bias_kv and add_zero_attn
        S_out = S + 1 if add_bias_kv or add_zero_attn
        S_out = S
    """
    inputs = (
        "query",
        "key",
        "value",
        "key_padding_mask",
        "need_weights",
        "attn_mask",
        "average_attn_weights",
        "is_causal",
    )
    embed_dim: Size = inferred()
    num_heads: Size = integer()
    dropout: float = number(0.0, minimum=0, maximum=1)
    bias: bool = flag(True)
    add_bias_kv: bool = flag(False)
    add_zero_attn: bool = flag(False)
    kdim: Size | None = integer(None, inferred=True)
    vdim: Size | None = integer(None, inferred=True)
    batch_first: bool = flag(False)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(
        self,
        query: TensorType,
        key: TensorType,
        value: TensorType,
        key_padding_mask: Any = None,
        need_weights: Any = True,
        attn_mask: Any = None,
        average_attn_weights: Any = True,
        is_causal: Any = False,
    ) -> tuple[TensorType, TensorType | None]:
        for name, x in (("query", query), ("key", key), ("value", value)):
            self.take_sequence(name, x)
            self.require_batch(query, x)
        self.require_flags(need_weights=need_weights, average_attn_weights=average_attn_weights, is_causal=is_causal)
        self.infer("embed_dim", query.shape[-1], "features")
        self._infer_width("kdim", key)
        self._infer_width("vdim", value)
        self.require_heads("num_heads", self.embed_dim)
        (length, batch), (source, _) = self.split(query), self.split(key)
        message = f"`key` and `value` must have the same length, but {key} and {value} flow in"
        require_equal(source, self.split(value)[0], message=message)
        masks = {"attn_mask": attn_mask, "key_padding_mask": key_padding_mask, "is_causal": is_causal}
        self.require_masks(query, key, self.num_heads, **masks)
        if not need_weights:
            return query, None
        heads = () if average_attn_weights else (self.num_heads,)
        return query, query.reshaped(*batch, *heads, length, self._keys(source))

    def _keys(self, source: Size) -> Size:
        """How many keys there are, given those that flow in."""
        return source + either(self.add_bias_kv, 1, 0) + either(self.add_zero_attn, 1, 0)

    def _infer_width(self, name: str, x: TensorType) -> None:
        """`kdim` and `vdim`, where not given, are filled in if they are not `embed_dim`, which null stands for."""
        seen, width = f"_{name}", x.shape[-1]
        if name not in vars(self) and seen not in vars(self) and width != self.embed_dim:
            vars(self)[name] = width
        vars(self)[seen] = True  # an input of this width came by: the next one may not be of another
        expected = self._width(name)
        message = f"`{name}` is {show(expected)}, but {counted(width)} features flow in"
        require_equal(expected, width, code="AS406", message=message, argument=name)

    def _width(self, name: str) -> Size:
        width = vars(self).get(name)
        return self.embed_dim if width is None else width

    def weights(self) -> tuple[Weight, ...]:
        width, key, value = self.embed_dim, self._width("kdim"), self._width("vdim")
        joined = self._joined()
        if joined is None:
            raise UndecidedError("whether the weights of query, key and value are one")
        widths = {"q": width, "k": key, "v": value}
        apart = [self.weight(f"{name}_proj_weight", width, size) for name, size in widths.items()]
        found = [self.weight("in_proj_weight", 3 * width, width)] if joined else apart
        if self.bias:
            found.append(self.weight("in_proj_bias", 3 * width))
        if self.add_bias_kv:
            found += [self.weight(f"bias_{name}", 1, 1, width) for name in "kv"]
        return (*found, *self.linear("out_proj", width, width))

    def decided(self) -> Iterator[Self]:
        for twin in super().decided():
            answers = (True, False) if self._joined() is None else (self._joined(),)
            for joined in answers:
                vars(one := copy(twin))["_is_joined"] = joined
                yield one

    def _joined(self) -> bool | None:
        """Whether query, key and value have one weight, as they have where they are of one width."""
        if "_is_joined" in vars(self):
            return bool(vars(self)["_is_joined"])
        answers = {equal(self._width(name), self.embed_dim) for name in ("kdim", "vdim")}
        return False if False in answers else None if None in answers else True

    def _parameter_count(self) -> Size:
        count = self.attention_count(self.embed_dim, self._width("kdim"), self._width("vdim"))
        return count + 2 * self.embed_dim if self.add_bias_kv else count

    def macs(
        self, output: Any, /, query: TensorType, key: TensorType, value: TensorType, *rest: Any, **named: Any
    ) -> Size:
        (length, batch), (source, _) = self.split(query), self.split(key)
        widths = self.embed_dim, self._width("kdim"), self._width("vdim")
        return _attention_macs(product(batch), length, source, self._keys(source), widths)


class _TransformerLayer(_Attending):
    """What is built of attention, a network of two linear layers, and a normalization for each of them."""

    d_model: Size = inferred()
    nhead: Size = integer()
    dim_feedforward: Size
    layer_norm_eps: float

    def take(self, name: str, x: TensorType) -> None:
        """Infers `d_model`, and checks it against the heads."""
        self.take_sequence(name, x)
        self.infer("d_model", x.shape[-1], "features")
        self.require_heads("nhead", self.d_model)

    def take_memory(self, name: str, x: TensorType, memory: TensorType) -> None:
        """A further input goes with the first."""
        self.take_sequence(name, x)
        self.require_batch(memory, x)
        message = f"`{name}` of {type(self).__name__} has {show(self.d_model)} features, but {x} flows in"
        require_equal(x.shape[-1], self.d_model, message=message)

    def attention_weights(self, name: str) -> tuple[Weight, ...]:
        """The weights of an attention within, all of one width."""
        width = self.d_model
        joined = self.weight(f"{name}.in_proj_weight", 3 * width, width)
        biases = (self.weight(f"{name}.in_proj_bias", 3 * width),) if self.bias else ()
        return (joined, *biases, *self.linear(f"{name}.out_proj", width, width))

    def norm_weights(self, name: str) -> tuple[Weight, ...]:
        """The weights of a normalization within."""
        parts = ("weight", "bias") if self.bias else ("weight",)
        return tuple(self.weight(f"{name}.{part}", self.d_model) for part in parts)

    def layer_weights(self, prefix: str, *attentions: str) -> tuple[Weight, ...]:
        """The weights of a layer that attends so, then runs its network."""
        width, inner = self.d_model, self.dim_feedforward
        return (
            *(weight for name in attentions for weight in self.attention_weights(f"{prefix}{name}")),
            *self.linear(f"{prefix}linear1", inner, width),
            *self.linear(f"{prefix}linear2", width, inner),
            *(w for number in range(len(attentions) + 1) for w in self.norm_weights(f"{prefix}norm{number + 1}")),
        )

    def norm_count(self) -> Size:
        """The numbers that a normalization learns."""
        return 2 * self.d_model if self.bias else self.d_model

    def layer_count(self, attentions: int) -> Size:
        """The numbers that a layer learns which attends so many times."""
        width, inner = self.d_model, self.dim_feedforward
        network = 2 * width * inner + (width + inner if self.bias else 0)
        return attentions * self.attention_count(width, width, width) + network + (attentions + 1) * self.norm_count()

    def layer_macs(self, x: TensorType, *sources: TensorType) -> Size:
        """Operations of a layer that attends to each of the sources."""
        (length, batch), width = self.split(x), self.d_model
        lengths = [self.split(source)[0] for source in sources]
        attention = sum(_attention_macs(1, length, source, source, (width, width, width)) for source in lengths)
        return product(batch) * (attention + 2 * length * width * self.dim_feedforward)


class _Single(_TransformerLayer):
    """One layer, to be repeated."""

    dim_feedforward: Size = integer(2048)
    dropout: float = number(0.1, minimum=0, maximum=1)
    activation: str = word("relu", "relu", "gelu")
    layer_norm_eps: float = number(1e-5, minimum=0)
    batch_first: bool = flag(False)
    norm_first: bool = flag(False)
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()


class TransformerEncoderLayer(_Single):
    """Self-attention, then a network for each position; keeps its input's shape, [T, N, C], [N, T, C] or [T, C]."""

    shape = "[*, d_model] -> [*, d_model]"
    inputs = ("src", "src_mask", "src_key_padding_mask", "is_causal")

    def forward(
        self, src: TensorType, src_mask: Any = None, src_key_padding_mask: Any = None, is_causal: Any = False
    ) -> TensorType:
        self.take("src", src)
        self.require_flags(is_causal=is_causal)
        masks = {"src_mask": src_mask, "src_key_padding_mask": src_key_padding_mask, "is_causal": is_causal}
        self.require_masks(src, src, self.nhead, **masks)
        return src

    def weights(self) -> tuple[Weight, ...]:
        return self.layer_weights("", *_ENCODER)

    def macs(self, output: Any, /, src: TensorType, *rest: Any, **named: Any) -> Size:
        return self.layer_macs(src, src)


class TransformerDecoderLayer(_Single):
    """Self-attention, attention to `memory`, then a network for each position."""

    shape = "[*T, d_model], [*M, d_model] -> [*T, d_model]"
    inputs = (
        "tgt",
        "memory",
        "tgt_mask",
        "memory_mask",
        "tgt_key_padding_mask",
        "memory_key_padding_mask",
        "tgt_is_causal",
        "memory_is_causal",
    )

    def forward(
        self,
        tgt: TensorType,
        memory: TensorType,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: Any = False,
        memory_is_causal: Any = False,
    ) -> TensorType:
        self.take("tgt", tgt)
        self.take_memory("memory", memory, tgt)
        self.require_flags(tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal)
        ours = {"tgt_mask": tgt_mask, "tgt_key_padding_mask": tgt_key_padding_mask, "tgt_is_causal": tgt_is_causal}
        theirs = {
            "memory_mask": memory_mask,
            "memory_key_padding_mask": memory_key_padding_mask,
            "memory_is_causal": memory_is_causal,
        }
        self.require_masks(tgt, tgt, self.nhead, **ours)
        self.require_masks(tgt, memory, self.nhead, **theirs)
        return tgt

    def weights(self) -> tuple[Weight, ...]:
        return self.layer_weights("", *_DECODER)

    def macs(self, output: Any, /, tgt: TensorType, memory: TensorType, *rest: Any, **named: Any) -> Size:
        return self.layer_macs(tgt, tgt, memory)


class Transformer(_TransformerLayer):
    """An encoder, and a decoder that attends to what it makes of `src`.

    PyTorch's `custom_encoder` and `custom_decoder`, modules that no spec can hold, are left out: write such a network
    of its layers. `d_model` is inferred, whatever PyTorch's default is.
    """

    shape = "[*S, d_model], [*T, d_model] -> [*T, d_model]"
    inputs = (
        "src",
        "tgt",
        "src_mask",
        "tgt_mask",
        "memory_mask",
        "src_key_padding_mask",
        "tgt_key_padding_mask",
        "memory_key_padding_mask",
        "src_is_causal",
        "tgt_is_causal",
        "memory_is_causal",
    )
    positional = 0
    d_model: Size = integer(512, inferred=True)
    nhead: Size = integer(8)
    num_encoder_layers: Size = integer(6)
    num_decoder_layers: Size = integer(6)
    dim_feedforward: Size = integer(2048)
    dropout: float = number(0.1, minimum=0, maximum=1)
    activation: str = word("relu", "relu", "gelu")
    layer_norm_eps: float = number(1e-5, minimum=0)
    batch_first: bool = flag(False)
    norm_first: bool = flag(False)
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(
        self,
        src: TensorType,
        tgt: TensorType,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: Any = None,
        tgt_is_causal: Any = None,
        memory_is_causal: Any = False,
    ) -> TensorType:
        self.take("src", src)
        self.take_memory("tgt", tgt, src)
        self.require_flags(memory_is_causal=memory_is_causal)
        ours = {"src_mask": src_mask, "src_key_padding_mask": src_key_padding_mask, "src_is_causal": src_is_causal}
        theirs = {"tgt_mask": tgt_mask, "tgt_key_padding_mask": tgt_key_padding_mask, "tgt_is_causal": tgt_is_causal}
        between = {
            "memory_mask": memory_mask,
            "memory_key_padding_mask": memory_key_padding_mask,
            "memory_is_causal": memory_is_causal,
        }
        self.require_masks(src, src, self.nhead, **ours)
        self.require_masks(tgt, tgt, self.nhead, **theirs)
        self.require_masks(tgt, src, self.nhead, **between)
        return tgt

    def weights(self) -> tuple[Weight, ...]:
        found: list[Weight] = []
        for part, count, attentions in (
            ("encoder", self.num_encoder_layers, _ENCODER),
            ("decoder", self.num_decoder_layers, _DECODER),
        ):
            if not isinstance(count, int):
                raise UndecidedError("the number of layers")
            for place in range(count):
                found += self.layer_weights(f"{part}.layers.{place}.", *attentions)
            found += self.norm_weights(f"{part}.norm")
        return tuple(found)

    def _parameter_count(self) -> Size:
        # Also where the number of layers is not known.
        encoder = self.num_encoder_layers * self.layer_count(1)
        return encoder + self.num_decoder_layers * self.layer_count(2) + 2 * self.norm_count()

    def macs(self, output: Any, /, src: TensorType, tgt: TensorType, *rest: Any, **named: Any) -> Size:
        encoder = self.num_encoder_layers * self.layer_macs(src, src)
        return encoder + self.num_decoder_layers * self.layer_macs(tgt, tgt, src)
