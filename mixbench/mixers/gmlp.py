"""gMLP (Pay Attention to MLPs, arXiv 2105.08050, section 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import check_length, mix_tokens, zero_padding


class GMLP(nn.Module):
    """(u ⊙ (W LN(v) + b)) Wo with [u, v] = GELU(X Wi); (batch, tokens, width) to the same shape.

    W (tokens × tokens) starts near zero and b at one, so the gate starts open. A shorter sequence uses the top left part of
    W, which is the same as padding it with zeros. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, hidden: int | None = None) -> None:
        super().__init__()
        self.tokens = tokens
        self.hidden = hidden or 4 * width
        self.expand = nn.Linear(width, self.hidden)
        self.norm = nn.LayerNorm(self.hidden // 2)
        self.gate = nn.Linear(tokens, tokens)
        self.out = nn.Linear(self.hidden // 2, width)
        nn.init.uniform_(self.gate.weight, -1e-3 / tokens, 1e-3 / tokens)
        nn.init.ones_(self.gate.bias)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        tokens = x.shape[1]
        check_length(tokens, self.tokens, "gmlp")
        x = zero_padding(x, mask)
        content, gate = F.gelu(self.expand(x)).chunk(2, dim=-1)  # (batch, tokens, hidden/2) each
        gate = zero_padding(self.norm(gate), mask)  # biases filled the padded rows again
        mixed = mix_tokens(self.gate.weight[:tokens, :tokens], self.gate.bias[:tokens], gate)
        out: Tensor = self.out(content * mixed)
        return out

    def variant(self, tokens: int) -> str:
        """The variant that runs, as shown in the tables."""
        return f"hidden={self.hidden}"
