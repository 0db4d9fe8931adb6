import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Squeeze(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, 8, 1)
        self.fc2 = nn.Conv2d(8, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * F.hardsigmoid(self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()))


class Inverted(nn.Module):
    def __init__(self, channels: int, width: int, se: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.expand_ = nn.Sequential(conv, nn.BatchNorm2d(2 * channels), nn.Hardswish())
        self.squeeze = Squeeze(2 * channels) if se else nn.Identity()
        self.project = nn.Conv2d(2 * channels, width, 1)
        self.skip = nn.Conv2d(channels, width, 1) if channels != width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.project(self.squeeze(self.expand_(x))) + self.skip(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish())
        self.stages = nn.Sequential(Inverted(8, 8, True), Inverted(8, 16, False))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(16, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.stages(self.stem(x))))


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 3, 8, 8),)
