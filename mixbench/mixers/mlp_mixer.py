"""MLP-Mixer's token mixing (arXiv 2105.01601, equation 1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def mix_tokens(x: Tensor, mixing: nn.Conv1d, rows: int, columns: int) -> Tensor:
    """W X + b over tokens: (batch, columns, width) to (batch, rows, width), with the top left part of W."""
    bias = None if mixing.bias is None else mixing.bias[:rows]
    return F.conv1d(x, mixing.weight[:rows, :columns], bias)


def check_length(tokens: int, limit: int, mixer: str) -> None:
    """Raises ValueError for a sequence longer than the mixer was built for."""
    if tokens > limit:
        raise ValueError(f"{tokens} tokens, but this {mixer} was built for {limit}")


class MLPMixer(nn.Module):
    """W2 GELU(W1 X + b1) + b2 over the tokens, the same for every channel; (batch, tokens, width) to the same shape.

    Both maps are convolutions of kernel size 1 whose channels are the tokens. A shorter sequence uses the top left parts of
    the weights, which equals padding with zeros. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, hidden: int | None = None) -> None:
        super().__init__()
        self.tokens = tokens
        self.hidden = hidden or max(1, tokens // 2)
        self.first = nn.Conv1d(tokens, self.hidden, kernel_size=1)
        self.second = nn.Conv1d(self.hidden, tokens, kernel_size=1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        tokens = x.shape[1]
        check_length(tokens, self.tokens, "mlp-mixer")
        if mask is not None:
            x = x.masked_fill(~mask.unsqueeze(-1), 0)
        hidden = F.gelu(mix_tokens(x, self.first, self.hidden, tokens))  # (batch, hidden, width)
        return mix_tokens(hidden, self.second, tokens, self.hidden)

    def variant(self, tokens: int) -> str:
        """What runs, for the tables."""
        return f"hidden={self.hidden}"
