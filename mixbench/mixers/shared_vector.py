"""HyperMixer without its hypernetworks, an ablation in HyperMixer (arXiv 2203.03691)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import zero_padding


class SharedVector(nn.Module):
    """HyperMixer without hypernetworks: LayerNorm(W2 GELU(W1ᵀX)), all rows of W1 alike, and all of W2.

    Each of both weights (tokens × hidden) is one learned vector, which all tokens share. So W1ᵀX is an outer product with the
    sum of the tokens, and every token gets the same output; (batch, tokens, width) to the same shape. `mask` (batch, tokens) is
    True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = hidden or 2 * width
        self.first = nn.Parameter(torch.randn(hidden) / hidden**0.5)
        self.second = nn.Parameter(torch.randn(hidden) / hidden**0.5)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        total = zero_padding(x, mask).sum(1, keepdim=True)  # (batch, 1, width)
        hidden = F.gelu(total.unsqueeze(-1) * self.first)  # (W1ᵀX)ᵀ: (batch, 1, width, hidden)
        out: Tensor = self.norm(hidden @ self.second)
        return out.expand_as(x)
