"""A Monarch matrix over the tokens (Monarch Mixer, arXiv 2310.12109, section 3; Monarch, arXiv 2204.00595)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.costs.chunks import square_for
from mixbench.mixers.parts import check_length, zero_padding


class Monarch(nn.Module):
    """Two products with block-diagonal matrices and a transposition between; (batch, tokens, width) to the same shape.

    Of N = m² tokens, token k·m + p is the p-th of group k. Each group is multiplied with its own m × m matrix L_k, then the
    q-th results of all groups with R_q: y_{l·m+q} = Σ_k R_q[l, k] Σ_p L_k[q, p] x_{k·m+p}. A number of tokens that is no square
    is padded with zeros to the next one. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.tokens, self.blocks = tokens, square_for(tokens)
        bound = self.blocks**-0.5  # as nn.Linear
        self.first = nn.Parameter(torch.empty((self.blocks,) * 3).uniform_(-bound, bound))
        self.second = nn.Parameter(torch.empty((self.blocks,) * 3).uniform_(-bound, bound))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        batch, tokens, width = x.shape
        check_length(tokens, self.tokens, "monarch")
        x = zero_padding(x, mask)
        if missing := self.blocks**2 - tokens:
            x = F.pad(x, (0, 0, 0, missing))
        groups = x.view(batch, self.blocks, self.blocks, width)
        mixed = torch.einsum("kqp,bkpd->bkqd", self.first, groups)
        return torch.einsum("qlk,bkqd->blqd", self.second, mixed).reshape(batch, -1, width)[:, :tokens]
