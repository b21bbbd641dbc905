"""MLP-Mixer's token mixing (arXiv 2105.01601, equation 1)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import check_length, mix_tokens, zero_padding


class MLPMixer(nn.Module):
    """W2 GELU(W1 X + b1) + b2 over the tokens, the same for every channel; (batch, tokens, width) to the same shape.

    A shorter sequence uses the first columns of W1 and the first rows of W2, which is the same as padding it with zeros.
    `mask` (batch, tokens) is True where the token is real.
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
        x = zero_padding(x, mask)
        hidden = F.gelu(mix_tokens(self.first.weight[:, :tokens], self.first.bias, x))  # (batch, hidden, width)
        return mix_tokens(self.second.weight[:tokens], self.second.bias[:tokens], hidden)

    def variant(self, tokens: int) -> str:
        """The variant that runs, as shown in the tables."""
        return f"hidden={self.hidden}"
