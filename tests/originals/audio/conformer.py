"""Conformer as its paper describes it, with the modules of torchaudio and without relative positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        up, down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.sequential = nn.Sequential(
            nn.LayerNorm(width), up, nn.SiLU(), nn.Dropout(dropout), down, nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.sequential(x)


class Convolution(nn.Module):
    def __init__(self, width: int, kernel: int, dropout: float, groups: bool) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(width)
        self.sequential = nn.Sequential(
            nn.Conv1d(width, 2 * width, 1),
            nn.GLU(1),
            nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width),
            nn.GroupNorm(1, width) if groups else nn.BatchNorm1d(width),
            nn.SiLU(),
            nn.Conv1d(width, width, 1),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.sequential(self.layer_norm(x).mT).mT


class Layer(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, kernel: int, dropout: float, groups: bool) -> None:
        super().__init__()
        self.ffn1 = FeedForward(width, hidden, dropout)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.self_attn = nn.MultiheadAttention(width, heads, dropout)
        self.self_attn_dropout = nn.Dropout(dropout)
        self.conv_module = Convolution(width, kernel, dropout, groups)
        self.ffn2 = FeedForward(width, hidden, dropout)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        x = x + self.ffn1(x) / 2
        y = self.self_attn_layer_norm(x).transpose(0, 1)
        y = self.self_attn(y, y, y, key_padding_mask=padding, need_weights=False)[0].transpose(0, 1)
        x = x + self.self_attn_dropout(y)
        x = x + self.conv_module(x)
        return self.final_layer_norm(x + self.ffn2(x) / 2)


class Net(nn.Module):
    def __init__(
        self,
        input_dim: int = 144,
        num_heads: int = 4,
        ffn_dim: int = 576,
        num_layers: int = 16,
        depthwise_conv_kernel_size: int = 31,
        dropout: float = 0.1,
        use_group_norm: bool = False,
    ) -> None:
        super().__init__()
        settings = ffn_dim, num_heads, depthwise_conv_kernel_size, dropout, use_group_norm
        self.conformer_layers = nn.ModuleList([Layer(input_dim, *settings) for _ in range(num_layers)])

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        padding = torch.stack([torch.arange(x.shape[1]) >= length for length in lengths])
        for layer in self.conformer_layers:
            x = layer(x, padding)
        return x, lengths


def inputs(**_: object) -> tuple[Tensor, ...]:
    return torch.randn(3, 7, 12), torch.tensor([7, 4, 1])
