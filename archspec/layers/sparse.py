"""Sparse layers."""

from __future__ import annotations

from archspec.dimensions import Size, show
from archspec.layers._base import Layer, device, dtype, flag, integer, number
from archspec.tensors import TensorType


class Embedding(Layer):
    """Looks up a vector for each index.

    Shape: [*] of int64 or int32 -> [*, embedding_dim]
    """

    num_embeddings: Size = integer()
    embedding_dim: Size = integer()
    padding_idx: Size | None = integer(None, minimum=None)
    max_norm: float | None = number(None, minimum=0)
    norm_type: float = number(2.0)
    scale_grad_by_freq: bool = flag(False)
    sparse: bool = flag(False)
    device: str | None = device()
    dtype: str | None = dtype()

    def forward(self, x: TensorType) -> TensorType:
        weights = self.float_weights()
        if self.padding_idx is not None:
            count = show(self.num_embeddings)
            message = f"`padding_idx` is {show(self.padding_idx)}, which is none of the {count} indices"
            for distance in (self.num_embeddings - 1 - self.padding_idx, self.padding_idx + self.num_embeddings):
                self.require_at_least(distance, 0, code="AS404", message=message, argument="padding_idx")
        if x.dtype not in ("int64", "int32"):
            message = f"Embedding takes indices, of int64 or int32, but {x} flows in"
            self.fail("AS505", message, help="say `dtype: int64` at the input")
        return TensorType((*x.shape, self.embedding_dim), weights)

    def parameter_count(self) -> Size:
        return self.num_embeddings * self.embedding_dim
