import torch
from torch import Tensor, nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.encoder = nn.GRU(6, 5, batch_first=True, bidirectional=True)
        self.start = nn.Linear(10, 5)
        self.decoder = nn.GRU(6, 5, batch_first=True)
        self.attn = nn.MultiheadAttention(5, 1, batch_first=True, kdim=10, vdim=10)
        self.self_attn = nn.MultiheadAttention(5, 1, batch_first=True)
        self.logits = nn.Linear(5, 9)

    def forward(self, src: Tensor, tgt: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, last = self.encoder(self.embed(src))
        start = self.start(torch.cat([last[0], last[1]], -1))
        out, end = self.decoder(self.embed(tgt), start[None])
        h = out + self.attn(out, states, states, need_weights=False)[0]
        mask = torch.ones(tgt.shape[1], tgt.shape[1], dtype=torch.bool).triu(1)
        y, scores = self.self_attn(h, h, h, attn_mask=mask, is_causal=True)
        return self.logits(y), (tgt != 0).float() * end[0, 0, 0], scores


def inputs() -> tuple[Tensor, ...]:
    return torch.randint(9, (2, 4)), torch.randint(9, (2, 3))
