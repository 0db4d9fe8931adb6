"""NeRF as its paper describes it, with the names of the usual PyTorch version."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Output(NamedTuple):
    color: Tensor
    density: Tensor


def encoding(x: Tensor, frequencies: int) -> Tensor:
    waves = [wave(2.0**k * x) for k in range(frequencies) for wave in (torch.sin, torch.cos)]
    return torch.cat([x, *waves], dim=-1)


class Net(nn.Module):
    def __init__(
        self,
        depth: int = 8,
        width: int = 256,
        position_frequencies: int = 10,
        direction_frequencies: int = 4,
        skips: list[int] | None = None,
    ) -> None:
        super().__init__()
        self.bands = position_frequencies, direction_frequencies
        self.skips = [4] if skips is None else skips
        point, view = (3 + 3 * 2 * bands for bands in self.bands)
        widths = [point] + [width + point if i in self.skips else width for i in range(depth - 1)]
        self.pts_linears = nn.ModuleList([nn.Linear(size, width) for size in widths])
        self.views_linears = nn.ModuleList([nn.Linear(width + view, width // 2)])
        self.feature_linear = nn.Linear(width, width)
        self.alpha_linear = nn.Linear(width, 1)
        self.rgb_linear = nn.Linear(width // 2, 3)

    def forward(self, position: Tensor, direction: Tensor) -> Output:
        point = encoding(position, self.bands[0])
        h = point
        for i, layer in enumerate(self.pts_linears):
            h = layer(h).relu()
            if i in self.skips:
                h = torch.cat([point, h], dim=-1)
        density = self.alpha_linear(h).relu()
        h = torch.cat([self.feature_linear(h), encoding(direction, self.bands[1])], dim=-1)
        for layer in self.views_linears:
            h = layer(h).relu()
        return Output(self.rgb_linear(h).sigmoid(), density)


def inputs(**_: object) -> tuple[Tensor, ...]:
    return torch.randn(2, 5, 3), torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=-1)
