"""MLP-Mixer's token mixing (arXiv 2105.01601, equation 1), and maps over tokens in general."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mix_tokens(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """W X + b in every sequence: (rows, columns), (rows) and (batch, columns, width) to (batch, rows, width)."""
    return torch.baddbmm(bias.unsqueeze(-1), weight.expand(len(x), -1, -1), x)


def check_length(tokens: int, limit: int, mixer: str) -> None:
    """Raises ValueError for a sequence longer than the mixer was built for."""
    if tokens > limit:
        raise ValueError(f"{tokens} tokens, but this {mixer} was built for at most {limit}")


class MLPMixer(nn.Module):
    """W2 GELU(W1 X + b1) + b2 over the tokens, the same for every channel; (batch, tokens, width) to the same shape.

    A shorter sequence uses the first columns of W1 and the first rows of W2, which equals padding with zeros. `mask`
    (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, hidden: int | None = None) -> None:
        super().__init__()
        self.tokens = tokens
        self.hidden = hidden or max(1, tokens // 2)
        self.first = nn.Linear(tokens, self.hidden)
        self.second = nn.Linear(self.hidden, tokens)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        tokens = x.shape[1]
        check_length(tokens, self.tokens, "mlp-mixer")
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0)
        hidden = F.gelu(mix_tokens(self.first.weight[:, :tokens], self.first.bias, x))  # (batch, hidden, width)
        return mix_tokens(self.second.weight[:tokens], self.second.bias[:tokens], hidden)

    def variant(self, tokens: int) -> str:
        """What runs, for the tables."""
        return f"hidden={self.hidden}"
