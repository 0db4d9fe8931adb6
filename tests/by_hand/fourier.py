import math

import torch
from torch import Tensor, nn


class Net(nn.Module):
    window: Tensor
    phase: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(16), persistent=False)
        self.weight = nn.Parameter(torch.randn(9, 8, 2) * 0.1)
        self.register_buffer("phase", torch.polar(torch.ones(9), torch.linspace(0, math.pi, 9)), persistent=False)
        self.norm = nn.LayerNorm(8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        spectrum = torch.fft.rfft(x * self.window[:, None], dim=1)
        mixed = spectrum * torch.view_as_complex(self.weight) * self.phase[:, None]
        h = self.norm(torch.fft.irfft(mixed, 16, dim=1) + x)
        power = torch.view_as_real(mixed).square().sum((1, -1))
        return h / h.norm(dim=-1, keepdim=True).clamp(min=1e-6), power, spectrum.abs()


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 16, 8),)
