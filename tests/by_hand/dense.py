import torch
from torch import Tensor, nn


class Grow(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, 4, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.norm(x))], 1)


class Dense(nn.Module):
    def __init__(self, channels: int, n: int) -> None:
        super().__init__()
        self.layers_ = nn.Sequential(*(Grow(channels + 4 * i) for i in range(n)))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers_(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 3, padding=1)
        self.stages = nn.Sequential()
        self.stages.add_module("dense0", Dense(8, 2))
        self.stages.add_module("transition0", nn.Sequential(nn.BatchNorm2d(16), nn.Conv2d(16, 8, 1), nn.AvgPool2d(2)))
        self.stages.add_module("dense1", Dense(8, 3))
        self.classifier = nn.Linear(20, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.stages(self.conv0(x)).mean((2, 3)))


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 3, 8, 8),)
