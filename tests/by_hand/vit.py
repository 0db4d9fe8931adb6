import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 3)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.pos = nn.Parameter(torch.randn(1, 1, 8) * 0.02)
        self.norm = nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, tokens: Tensor, image: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        patches = self.patches(image)
        a, b = patches.shape[2:]
        seq = torch.cat([self.cls_token.expand(len(image), -1, -1), patches.flatten(2).mT], 1) + self.pos
        x = seq + tokens / (a * b)
        h = self.norm(x)
        attn, weights = self.attention(h, h, h, key_padding_mask=mask)
        y = x + attn
        return self.head(y[:, 0]), y[:, 1:], weights


def inputs() -> tuple[Tensor, ...]:
    return torch.randn(2, 7, 8), torch.randn(2, 3, 8, 12), torch.zeros(2, 7, dtype=torch.bool)
