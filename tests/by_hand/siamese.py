import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Swap(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flip(-1)


class Head(nn.Sequential):
    def __init__(self) -> None:
        super().__init__()
        self.add_module("0", nn.Linear(6, 6, bias=False))
        self.bn = nn.BatchNorm1d(6)
        self.add_module("2", Swap())


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU()), Head())
        self.decoder = nn.ModuleDict({"first": nn.Linear(6, 6, bias=False)})
        self.decoder["first"].weight = self.encoder[1][0].weight

    def forward(self, a: Tensor, b: Tensor, rest: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        values = [self.encoder(a), self.encoder(b), self.encoder(b if rest is None else rest)]
        largest = torch.stack(values).amax(0)
        total = values[0] + values[1] + values[2]
        return F.pairwise_distance(*values[:2]), self.decoder["first"](largest) * 3, total


def inputs() -> tuple[Tensor, ...]:
    return torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4)
