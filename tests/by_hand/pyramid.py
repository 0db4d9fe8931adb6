import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, 6, 1) for c in (4, 8, 10))
        self.smooth = nn.ModuleList(nn.Conv2d(6, 6, 3, padding=1) for _ in range(3))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        low, top, deep = (conv(f) for conv, f in zip(self.lateral, features, strict=True))
        top = F.interpolate(deep, scale_factor=2) + top
        low = F.interpolate(top, scale_factor=2) + low
        return [conv(f) for conv, f in zip(self.smooth, (low, top, deep), strict=True)]


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(6))
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gain * self.norm(x)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(3, 4, 3, 2, 1)
        self.c2 = nn.Conv2d(4, 8, 3, 2, 1)
        self.c3 = nn.Conv2d(8, 10, 3, 2, 1)
        self.fpn = Pyramid()
        self.head = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 3, 1))
        self.last = Scale()
        self.all = Scale()

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        c1 = self.c1(x)
        c2 = self.c2(c1)
        features = self.fpn([c1, c2, self.c3(c2)])
        last = self.last(features[-1].mean((2, 3)))
        return [self.head(f) for f in features], last, self.all(features[0].flatten(2)[..., :6])


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 3, 32, 32),)
