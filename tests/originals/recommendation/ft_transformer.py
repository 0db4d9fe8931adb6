"""FT-Transformer as its paper describes it, with the modules of rtdl_revisiting_models."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def uniform(*shape: int) -> nn.Parameter:
    bound = 1 / math.sqrt(shape[-1])
    return nn.Parameter((2 * torch.rand(shape) - 1) * bound)


class Cls(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = uniform(width)


class Continuous(nn.Module):
    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = uniform(count, width)
        self.bias = uniform(count, width)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [value[:, None] * w + b for value, w, b in zip(x.T, self.weight, self.bias, strict=True)]


class Categorical(nn.Module):
    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList([nn.Embedding(size, width) for size in sizes])
        for table in self.embeddings:
            table.weight = uniform(*table.weight.shape)
        self.bias = uniform(len(sizes), width)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [table(value) + b for table, value, b in zip(self.embeddings, x.T, self.bias, strict=True)]


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.chance = heads, dropout
        self.W_q, self.W_k, self.W_v = (nn.Linear(width, width) for _ in range(3))
        self.W_out = nn.Linear(width, width) if heads > 1 else None
        for layer in filter(None, (self.W_q, self.W_k, self.W_v, self.W_out)):
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        values = self.W_q(x), self.W_k(context), self.W_v(context)
        q, k, v = (value.unflatten(-1, (self.heads, -1)).transpose(1, 2) for value in values)
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=self.chance if self.training else 0.0)
        out = out.transpose(1, 2).flatten(2)
        return out if self.W_out is None else self.W_out(out)


class ReGLU(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        values, gates = x.chunk(2, -1)
        return values * F.relu(gates)


class Net(nn.Module):
    def __init__(
        self,
        n_cont_features: int = 8,
        cat_cardinalities: Sequence[int] = (12, 7, 30),
        d_out: int = 1,
        n_blocks: int = 3,
        d_block: int = 192,
        attention_n_heads: int = 8,
        attention_dropout: float = 0.2,
        ffn_d_hidden: int | None = None,
        ffn_dropout: float = 0.1,
        residual_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = ffn_d_hidden or d_block * 4 // 3
        self.cls_embedding = Cls(d_block)
        self.cont_embeddings = Continuous(n_cont_features, d_block)
        self.cat_embeddings = Categorical(cat_cardinalities, d_block) if cat_cardinalities else None
        self.backbone = nn.Module()
        self.backbone.blocks = nn.ModuleList()
        for number in range(n_blocks):
            block = nn.ModuleDict()
            block["attention"] = Attention(d_block, attention_n_heads, attention_dropout)
            block["ffn_normalization"] = nn.LayerNorm(d_block)
            block["ffn"] = nn.Sequential()
            block["ffn"].add_module("linear1", nn.Linear(d_block, 2 * hidden))
            block["ffn"].add_module("activation", ReGLU())
            block["ffn"].add_module("dropout", nn.Dropout(ffn_dropout))
            block["ffn"].add_module("linear2", nn.Linear(hidden, d_block))
            if number > 0:
                block["attention_normalization"] = nn.LayerNorm(d_block)
            self.backbone.blocks.append(block)
        self.backbone.output = nn.Sequential()
        self.backbone.output.add_module("normalization", nn.LayerNorm(d_block))
        self.backbone.output.add_module("activation", nn.ReLU())
        self.backbone.output.add_module("linear", nn.Linear(d_block, d_out))
        self.drop = nn.Dropout(residual_dropout)

    def forward(self, x_cont: Tensor, x_cat: Tensor) -> Tensor:
        tokens = [self.cls_embedding.weight.expand(len(x_cont), -1)]
        tokens += self.cont_embeddings(x_cont)
        tokens += self.cat_embeddings(x_cat) if self.cat_embeddings is not None else []
        x = torch.stack(tokens, 1)
        for number, block in enumerate(self.backbone.blocks):
            y = block["attention_normalization"](x) if number > 0 else x
            last = number == len(self.backbone.blocks) - 1
            queries, x = (y[:, :1], x[:, :1]) if last else (y, x)
            x = x + self.drop(block["attention"](queries, y))
            x = x + self.drop(block["ffn"](block["ffn_normalization"](x)))
        return self.backbone.output(x[:, 0])


def inputs(n_cont_features: int, cat_cardinalities: Sequence[int], **_: object) -> tuple[Tensor, ...]:
    return torch.randn(5, n_cont_features), torch.randint(9, (5, len(cat_cardinalities)))
