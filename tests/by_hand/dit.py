import torch
from torch import Tensor, nn


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8, elementwise_affine=False)
        self.mod = nn.Sequential(nn.SiLU(), nn.Linear(8, 24))
        self.fc = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.0), nn.GELU(), nn.Linear(16, 8))

    def forward(self, x: Tensor, c: Tensor) -> Tensor:
        a, b, g = self.mod(c)[:, None].chunk(3, -1)
        return x + self.fc((self.norm(x) * (1 + a) + b) * g)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.h = nn.ModuleList([Block(), Block()])
        self.final = nn.Linear(8, 8)
        nn.init.zeros_(self.final.weight)
        nn.init.constant_(self.final.bias, 0.1)

    def forward(self, x: Tensor, c: Tensor | None = None) -> Tensor:
        shift = torch.zeros(len(x), 8) if c is None else c
        for block in self.h:
            x = block(x, shift)
        final = self.final(x * (1.0 if self.training else 0.5))
        return final if c is None else final + c[:, None]


def inputs() -> tuple[Tensor, ...]:
    return torch.randn(2, 3, 8), torch.randn(2, 8)
