import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.add_module("0", nn.Linear(4, 6))
        self.blocks_ = nn.Sequential()
        self.blocks_.add_module("block0-a", nn.Linear(6, 6))
        self.blocks_.add_module("block1-a", nn.Linear(6, 6))
        self.blocks_.add_module("act", nn.Tanh())
        self.aux = nn.Sequential(nn.Linear(6, 3), nn.Softmax(-1))
        self.frozen = nn.Linear(6, 6).requires_grad_(False)
        inner = nn.Sequential(nn.Sequential(nn.Linear(6, 5), nn.ReLU()), nn.Linear(5, 6))
        self.deep = nn.ModuleDict({"inner": inner}).requires_grad_(False)
        self.act2 = nn.ReLU()
        self._fc = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        stem = self.get_submodule("0")(x)
        twice = self.frozen(self.frozen(self.blocks_(stem)) + stem)
        return self._fc(self.act2(self.deep["inner"](twice) + twice))


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(3, 4),)
