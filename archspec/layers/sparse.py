"""Sparse layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from archspec.dimensions import Size, show
from archspec.layers._base import Layer, Weight, device, dtype, flag, integer, number, word
from archspec.layers._inputs import SeveralInputs, either
from archspec.refusals import refuse, require, require_at_least
from archspec.tensors import TensorType

_INDICES = ("int64", "int32")


class _EmbeddingTable(Layer):
    """A vector for each index."""

    num_embeddings: Size = integer()
    embedding_dim: Size = integer()
    padding_idx: Size | None

    def require_padding(self) -> None:
        """`padding_idx` is one of the indices."""
        if self.padding_idx is None:
            return
        count = show(self.num_embeddings)
        message = f"`padding_idx` is {show(self.padding_idx)}, which is not one of the {count} indices"
        for distance in (self.num_embeddings - 1 - self.padding_idx, self.padding_idx + self.num_embeddings):
            hint = "indices count from 0, and from the end with a minus: -1 is the last"
            require_at_least(distance, 0, code="AS404", message=message, help=hint, argument="padding_idx")

    def require_indices(self, x: TensorType) -> None:
        """The input is of integers."""
        if x.dtype not in _INDICES:
            message = f"{type(self).__name__} takes indices, of int64 or int32, but {x} flows in"
            refuse("AS505", message, help="set `dtype: int64` at the input")

    def weights(self) -> tuple[Weight, ...]:
        return (self.weight("weight", self.num_embeddings, self.embedding_dim),)


class Embedding(_EmbeddingTable):
    """Looks up a vector for each index."""

    shape = "[*] -> [*, embedding_dim]"
    columns: ClassVar[Mapping[str, int]] = {"weight": 1}
    entries: ClassVar[Mapping[str, int]] = {"weight": 0}
    padding_idx: Size | None = integer(None, minimum=None)
    max_norm: float | None = number(None, minimum=0)
    norm_type: float = number(2.0)
    scale_grad_by_freq: bool = flag(False)
    sparse: bool = flag(False)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        weights = self.float_weights()
        self.require_padding()
        self.require_indices(x)
        return TensorType((*x.shape, self.embedding_dim), weights)


class EmbeddingBag(_EmbeddingTable, SeveralInputs):
    """Looks up a vector for each index, and takes the sum, the mean or the maximum of those of a bag."""

    shape = """
        [B, L] -> [B, embedding_dim]
        [L], [M] -> [B, embedding_dim]
        B = M - 1 if include_last_offset else M
    """
    inputs = ("input", "offsets", "per_sample_weights")
    max_norm: float | None = number(None, minimum=0)
    norm_type: float = number(2.0)
    scale_grad_by_freq: bool = flag(False)
    mode: str = word("mean", "sum", "mean", "max")
    sparse: bool = flag(False)
    include_last_offset: bool = flag(False)
    padding_idx: Size | None = integer(None, minimum=None)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, input: TensorType, offsets: Any = None, per_sample_weights: Any = None) -> TensorType:
        weights = self.float_weights()
        self.require_padding()
        self.require_tensors(input=input)
        self.require_rank(input, 1, 2, layout="[B, n], or [n] and `offsets`")
        self.require_indices(input)
        for name in ("scale_grad_by_freq", "sparse"):
            wrong = self.mode == "max" and getattr(self, name) is True
            require(not wrong, "AS404", f"`mode: max` does not go with `{name}: true`", argument=name)
        if per_sample_weights is not None:
            self.require_tensors(per_sample_weights=per_sample_weights)
            summed = self.mode not in ("mean", "max")
            require(summed, "AS404", "weights for each index go with `mode: sum`", argument="mode")
            self.require_shape("per_sample_weights", per_sample_weights, input.shape)
            self.require_dtype(per_sample_weights, weights)
        return TensorType((self._bags(input, offsets), self.embedding_dim), weights)

    def _bags(self, input: TensorType, offsets: Any) -> Size:
        """How many bags there are."""
        if input.rank == 2:
            message = f"the rows of {input} are the bags; `offsets` need an input with one axis"
            require(offsets is None, "AS501", message)
            return input.shape[0]
        hint = "or give the input a second axis, so that each row is a bag"
        require(offsets is not None, "AS501", f"{input} needs `offsets`: where each bag begins", hint)
        self.require_tensors(offsets=offsets)
        require(offsets.rank == 1, "AS501", f"`offsets` take one axis, but {offsets} flows in")
        self.require_indices(offsets)
        count: Size = offsets.shape[0] - either(self.include_last_offset, 1, 0)
        message = f"`include_last_offset` takes the last of {offsets} for an end: no bag is left"
        require_at_least(count, 1, message=message, argument="include_last_offset")
        return count
