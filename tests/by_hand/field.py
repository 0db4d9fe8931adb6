from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Layer(nn.Module):
    def __init__(self, channels: int, concat: bool) -> None:
        super().__init__()
        self.concat = concat
        self.fc = nn.Linear(channels, 6)
        self.act = nn.ReLU()

    def forward(self, x: Tensor, enc: Tensor) -> Tensor:
        return self.act(self.fc(torch.cat([x, enc], -1) if self.concat else x))


class Output(NamedTuple):
    rgb: Tensor
    density: Tensor
    last: Tensor


class Net(nn.Module):
    scales: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scales", 2.0 ** torch.arange(3), persistent=False)
        self.trunk = nn.ModuleList([Layer(21, False), Layer(6, False), Layer(27, True), Layer(6, False)])
        self.density = nn.Linear(6, 1)
        self.feature = nn.Linear(6, 6)
        self.rgb = nn.Sequential(nn.Linear(9, 3), nn.Sigmoid())

    def forward(self, x: Tensor, view: Tensor) -> Output:
        angles = (x[..., None] * self.scales).flatten(-2)
        enc = torch.cat([x, angles.sin(), angles.cos()], -1)
        h = enc
        for layer in self.trunk:
            h = layer(h, enc)
        rgb = self.rgb(torch.cat([self.feature(h), view.flip(-1)], -1))
        return Output(rgb, F.softplus(self.density(h)), enc[..., -1:])


def inputs() -> tuple[Tensor, ...]:
    return torch.randn(2, 4, 5, 3), torch.randn(2, 4, 5, 3)
