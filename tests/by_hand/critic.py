import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        first, second = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 6, 3, 2, 1)
        self.convs = nn.Sequential(
            nn.Sequential(spectral_norm(first), nn.LeakyReLU(0.2)),
            nn.Sequential(spectral_norm(second), nn.LeakyReLU(0.2)),
        )
        self.fc = weight_norm(nn.Linear(6, 5))

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        odd = (ids & 1) == 1
        some = (ids > 2) & ~odd | (ids == 0)
        return self.fc(self.convs(x).mean((2, 3))) * some.sum(1, keepdim=True) + (ids ^ 3).sum() % 7


def inputs() -> tuple[Tensor, ...]:
    return torch.randn(2, 3, 8, 8), torch.randint(9, (2, 8))
