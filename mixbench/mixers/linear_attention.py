"""Linear attention (Transformers are RNNs, arXiv 2006.16236, equations 5 to 7)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.attention import Attention
from mixbench.mixers.parts import zero_padding


class LinearAttention(Attention):
    """φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) per head with φ = elu + 1; (batch, tokens, width) to the same shape.

    Its parameters are those of `Attention`. The product over tokens is taken first, so no tokens × tokens matrix exists.
    `mask` (batch, tokens) is True where the token is real: φ(K) is zero at padded tokens.
    """

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, tokens, width = x.shape
        x = zero_padding(x, mask)
        qk, v = self.qkv(x).split((2 * width, width), dim=-1)
        # (batch, heads, tokens, width/heads) each
        q, k = (F.elu(qk) + 1).view(batch, tokens, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        v = v.view(batch, tokens, self.heads, -1).transpose(1, 2)
        if mask is not None:
            k = k.masked_fill(~mask[:, None, :, None], 0)
        summary = k.transpose(2, 3) @ v  # (batch, heads, width/heads, width/heads)
        total = k.sum(2).unsqueeze(3)  # (batch, heads, width/heads, 1)
        mixed = (q @ summary) / _norm(q @ total, mask)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return out


def _norm(weights: Tensor, mask: Tensor | None) -> Tensor:
    """The sum of each token's weights; 1 where a sequence is padding alone, so that 0 / 0 becomes 0."""
    return weights if mask is None else weights.masked_fill(weights == 0, 1)
