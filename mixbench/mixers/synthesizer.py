"""The Synthesizer (arXiv 2005.00743, sections 3.1.1 and 3.1.2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import attend, check_length, zero_padding


class Synthesizer(nn.Module):
    """softmax(B) V per head, with projections of V and of the result; (batch, tokens, width) to the same shape.

    Of the kind `dense`, each token makes its row of B alone, by relu(X W1 + b1) W2, with a W2 (width/heads × tokens) per head;
    of the kind `random`, B (heads × tokens × tokens) is learned. A shorter sequence uses the first columns and rows. `mask`
    (batch, tokens) is True where the token is real: padded tokens have no weight.
    """

    def __init__(self, *, width: int, tokens: int, kind: str = "dense", heads: int = 4) -> None:
        super().__init__()
        self.tokens, self.heads = tokens, heads
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        channels = width // heads
        self.first = nn.Linear(width, width) if kind == "dense" else None
        dense = (2 * torch.rand(heads, tokens, channels) - 1) / math.sqrt(channels)
        self.scores = nn.Parameter(dense if kind == "dense" else torch.randn(heads, tokens, tokens))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        tokens = x.shape[1]
        check_length(tokens, self.tokens, "synthesizer")
        x = zero_padding(x, mask)
        v = self.value(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (batch, heads, tokens, channels)
        allowed = None if mask is None else mask[:, None, None, :]
        mixed = self._dense(x, v, allowed) if self.first is not None else self._random(v, allowed)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _dense(self, x: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
        """W2 takes the place of the keys in torch's fused kernel, which scales by 1 / √channels."""
        assert self.first is not None
        hidden = F.relu(self.first(x)).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys = self.scores[:, : x.shape[1]] * math.sqrt(v.shape[-1])
        return attend(hidden, keys.expand(len(x), -1, -1, -1), v, allowed=allowed)

    def _random(self, v: Tensor, allowed: Tensor | None) -> Tensor:
        batch, heads, tokens, channels = v.shape
        scores = self.scores[:, :tokens, :tokens]
        if allowed is not None:
            weights = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min).softmax(-1)
            return weights @ v
        together = v.permute(1, 2, 0, 3).reshape(heads, tokens, batch * channels)  # one product for all sequences
        return (scores.softmax(-1) @ together).view(heads, tokens, batch, channels).permute(2, 0, 1, 3)
