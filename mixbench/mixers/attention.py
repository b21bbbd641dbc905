"""Multi-head self-attention (Attention Is All You Need, arXiv 1706.03762, equation 1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import zero_padding


class Attention(nn.Module):
    """softmax(QKᵀ/√(d/h)) V per head, with input and output projections; (batch, tokens, width) to the same shape.

    One projection makes Q, K and V; the rest is torch's fused kernel on 4-D tensors. `mask` (batch, tokens) is True where
    the token is real: padded tokens are never attended to, and are zeroed first because 0 · NaN is NaN.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, tokens, width = x.shape
        x = zero_padding(x, mask)
        # (3, batch, heads, tokens, width/heads)
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        allowed = None if mask is None else mask[:, None, None, :]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return out
