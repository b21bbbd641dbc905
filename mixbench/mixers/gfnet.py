"""GFNet's global filter (arXiv 2107.00645, equation 5), along one dimension."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.ops.fourier import Transforms, filtered
from mixbench.mixers.parts import at_least_float32, check_length, zero_padding


class GFNet(Transforms, nn.Module):
    """The inverse transform of K ⊙ F(x) with F the Fourier transform over the tokens; (batch, tokens, width) to the same shape.

    The complex K (width, N/2 + 1) is learned: a circular convolution with a filter per channel. It is stored as real and
    imaginary parts. A shorter sequence has zeros behind it. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.filters = nn.Parameter(torch.randn(width, tokens // 2 + 1, 2) * 0.02)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        check_length(x.shape[1], self.tokens, "gfnet")
        return filtered(zero_padding(x, mask), torch.view_as_complex(at_least_float32(self.filters)), self.tokens)
