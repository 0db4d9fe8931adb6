"""DiT as its paper and its authors describe it: adaLN-Zero blocks that begin as the identity."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def sinusoids(size: int, positions: Tensor) -> Tensor:
    half = size // 2
    angles = positions[:, None].double() / 10000 ** (torch.arange(half).double() / half)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def position_embeddings(size: int, grid: int) -> Tensor:
    rows = [[place // grid, place % grid] for place in range(grid * grid)]
    row, column = torch.tensor(rows).T
    return torch.cat([sinusoids(size // 2, column), sinusoids(size // 2, row)], dim=1).float()


class Patches(nn.Module):
    def __init__(self, channels: int, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride=patch)
        nn.init.xavier_uniform_(self.proj.weight.view(width, -1))
        nn.init.zeros_(self.proj.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(x).flatten(2).mT


class Timesteps(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        angles = t[:, None] * torch.exp(-math.log(10000) * torch.arange(128) / 128)
        return self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1).to(self.mlp[0].weight.dtype))


class Labels(nn.Module):
    def __init__(self, classes: int, width: int, chance: float) -> None:
        super().__init__()
        self.classes, self.chance = classes, chance
        self.embedding_table = nn.Embedding(classes + (chance > 0), width)

    def forward(self, labels: Tensor) -> Tensor:
        if self.training:
            labels = torch.where(torch.rand(len(labels)) < self.chance, self.classes, labels)
        return self.embedding_table(labels)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, ratio: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.mlp = Mlp(width, int(width * ratio))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shifts = self.adaLN_modulation(c).unsqueeze(1).chunk(6, dim=-1)
        x = x + shifts[2] * self.attn(self.norm1(x) * (1 + shifts[1]) + shifts[0])
        return x + shifts[5] * self.mlp(self.norm2(x) * (1 + shifts[4]) + shifts[3])


class Final(nn.Module):
    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.linear = nn.Linear(width, features)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(c).unsqueeze(1).chunk(2, dim=-1)
        return self.linear(self.norm_final(x) * (1 + scale) + shift)


class Net(nn.Module):
    def __init__(
        self,
        input_size: int = 32,
        patch_size: int = 2,
        in_channels: int = 4,
        hidden_size: int = 1152,
        depth: int = 28,
        num_heads: int = 16,
        mlp_ratio: float = 4.0,
        class_dropout_prob: float = 0.1,
        num_classes: int = 1000,
        learn_sigma: bool = True,
    ) -> None:
        super().__init__()
        grid = input_size // patch_size
        self.patch, self.channels = patch_size, in_channels * (2 if learn_sigma else 1)
        self.pos_embed = nn.Parameter(position_embeddings(hidden_size, grid)[None], requires_grad=False)
        self.x_embedder = Patches(in_channels, hidden_size, patch_size)
        self.t_embedder = Timesteps(hidden_size)
        self.y_embedder = Labels(num_classes, hidden_size, class_dropout_prob)
        self.blocks = nn.ModuleList([Block(hidden_size, num_heads, mlp_ratio) for _ in range(depth)])
        self.final_layer = Final(hidden_size, patch_size**2 * self.channels)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.y_embedder.embedding_table.weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[0].weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[2].weight, std=0.02)
        for part in (*self.blocks, self.final_layer):
            nn.init.zeros_(part.adaLN_modulation[1].weight)
        nn.init.zeros_(self.final_layer.linear.weight)

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        height = x.shape[-1] // self.patch
        c = self.t_embedder(t) + self.y_embedder(y)
        x = self.x_embedder(x) + self.pos_embed
        for block in self.blocks:
            x = block(x, c)
        x = self.final_layer(x, c).unflatten(1, (height, height))
        return torch.einsum("nhwpqc->nchpwq", x.unflatten(-1, (self.patch, self.patch, -1))).flatten(4).flatten(2, 3)


def inputs(**_: object) -> tuple[Tensor, ...]:
    return torch.randn(2, 4, 8, 8), torch.randint(1000, (2,)), torch.randint(9, (2,))
