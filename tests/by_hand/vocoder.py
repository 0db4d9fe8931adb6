import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class Residual(nn.Module):
    def __init__(self, channels: int, k: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.ModuleDict(
                {
                    "here": nn.LeakyReLU(0.1),
                    "conv": nn.Conv1d(channels, channels, k, dilation=d, padding=d * (k - 1) // 2),
                }
            )
            for d in (1, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for one in self.convs:
            y = one["conv"](one["here"](y))
        return x + y


class Stage(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(channels, channels // 2, 4, 2, 1)
        self.res = nn.ModuleList(Residual(channels // 2, k) for k in (3, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(F.leaky_relu(x, 0.1))
        return torch.stack([one(x) for one in self.res]).sum(0) / 2


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv_pre = weight_norm(nn.Conv1d(6, 8, 7, padding=3))
        self.ups = nn.Sequential(Stage(8), Stage(4))
        self.act = nn.LeakyReLU(0.1)
        self.conv_post = nn.Conv1d(2, 1, 7, padding=3)

    def forward(self, mel: Tensor) -> Tensor:
        return self.conv_post(self.act(self.ups(self.conv_pre(mel)))).tanh()


def inputs() -> tuple[Tensor, ...]:
    return (torch.randn(2, 6, 5),)
