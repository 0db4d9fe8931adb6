import torch
from torch import Tensor, nn


class Branch(nn.Sequential):
    def __init__(self, width: int, k: int) -> None:
        super().__init__(nn.Conv2d(8, width, 1), nn.Conv2d(width, width, k, padding=k // 2), nn.ReLU())


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.stem = nn.Sequential(conv, nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.ReLU())
        self.branches = nn.ModuleList(Branch(4, k) for k in (1, 3, 5))
        self.pooled = nn.AvgPool2d(3, 1, 1)
        self.fc = nn.Conv2d(20, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.fc(torch.cat([*(branch(x) for branch in self.branches), self.pooled(x)], 1))


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 3, 6, 5),)
