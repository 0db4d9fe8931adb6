import torch
from torch import Tensor, nn


class Mlp(nn.Module):
    def __init__(self, size: int, ratio: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.fc1 = nn.Linear(size, 2 * ratio)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(2 * ratio, size)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(self.norm(x))))


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mixed = Mlp(5, 2)
        self.mlp = Mlp(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixed(x.mT).mT
        return x + self.mlp(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(Layer(), Layer())
        self.pooled = Mlp(4, 1)
        self.head = nn.Linear(4, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pooled(self.body(x).mean(1)))


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 5, 4),)
