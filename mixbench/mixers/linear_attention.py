"""Linear attention (Transformers are RNNs, arXiv 2006.16236, equations 5 to 7)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.parts import HeadProjections, zero_padding


class LinearAttention(HeadProjections):
    """φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) per head with φ = elu + 1; (batch, tokens, width) to the same shape.

    Its parameters are those of `Attention`. The product over tokens is taken first, so no tokens × tokens matrix exists.
    `mask` (batch, tokens) is True where the token is real: φ(K) is zero at padded tokens.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__(width=width, heads=heads)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, tokens, width = x.shape
        x = zero_padding(x, mask)
        qk, v = self.qkv(x).split((2 * width, width), dim=-1)
        groups = (batch * self.heads, tokens, width // self.heads)  # copied once, not by every product
        q, k = (F.elu(qk) + 1).view(batch, tokens, 2, self.heads, -1).permute(2, 0, 3, 1, 4).reshape(2, *groups)
        v = v.view(batch, tokens, self.heads, -1).transpose(1, 2).reshape(groups)
        if mask is not None:
            k = k.masked_fill(~mask.repeat_interleave(self.heads, dim=0).unsqueeze(2), 0)
        summary = torch.bmm(k.transpose(1, 2), v)  # (batch·heads, width/heads, width/heads)
        total = k.sum(1).unsqueeze(2)  # (batch·heads, width/heads, 1)
        mixed = torch.bmm(q, summary) / _norm(torch.bmm(q, total), mask)
        mixed = mixed.view(batch, self.heads, tokens, -1).transpose(1, 2)
        out: Tensor = self.out(mixed.reshape(batch, tokens, width))
        return out


def _norm(weights: Tensor, mask: Tensor | None) -> Tensor:
    """The sum of each token's weights; 1 where a sequence is padding alone, so that 0 / 0 becomes 0."""
    return weights if mask is None else weights.masked_fill(weights == 0, 1)
