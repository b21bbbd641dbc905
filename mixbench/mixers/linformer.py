"""Linformer (Self-Attention with Linear Complexity, arXiv 2006.04768, equation 7)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mixbench.mixers.parts import HeadProjections, attend, check_length, zero_padding


class Linformer(HeadProjections):
    """Attention over EK and FV, which have `rank` rows; (batch, tokens, width) to the same shape.

    E and F (rank, tokens) are learned and shared by the heads. A shorter sequence uses their first columns, and equals one
    whose keys and values are zero behind it. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, rank: int = 128, heads: int = 4) -> None:
        super().__init__(width=width, heads=heads)
        bound = 1 / math.sqrt(tokens)
        self.of_keys = nn.Parameter(torch.empty(rank, tokens).uniform_(-bound, bound))
        self.of_values = nn.Parameter(torch.empty(rank, tokens).uniform_(-bound, bound))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, tokens, _ = x.shape
        check_length(tokens, self.of_keys.shape[1], "linformer")
        q, k, v = self.qkv(zero_padding(x, mask)).chunk(3, dim=2)
        keys = torch.bmm(self.of_keys[:, :tokens].expand(batch, -1, -1), zero_padding(k, mask))  # (batch, rank, width)
        values = torch.bmm(self.of_values[:, :tokens].expand(batch, -1, -1), zero_padding(v, mask))
        return self.join(attend(*(part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (q, keys, values))))
