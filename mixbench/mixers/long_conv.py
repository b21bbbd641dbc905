"""A convolution as long as the sequence (Simple Hardware-Efficient Long Convolutions, arXiv 2302.06646)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.costs.fourier import fast_length, reach
from mixbench.mixers.ops.fourier import Transforms, filtered, spectrum
from mixbench.mixers.parts import check_length, zero_padding


class LongConv(Transforms, nn.Module):
    """y_i = Σ_j k_j ⊙ x_{i-j} + D ⊙ x_i with as many taps k as tokens; (batch, tokens, width) to the same shape.

    `causal`: j = 0 … N - 1. Otherwise the taps are centred, j = -⌊(N-1)/2⌋ … ⌊N/2⌋, so a token sees half of the sequence
    at each side. The product of Fourier transforms has zeros behind the tokens, so nothing wraps around. The paper's operators
    that make the filters smooth or sparse in training, and its output projection, are left out. A shorter sequence uses the
    taps around the middle, or the first ones. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, causal: bool = False) -> None:
        super().__init__()
        self.tokens = tokens
        self.before, self.after = reach(tokens, causal=causal)
        self.taps = nn.Parameter(torch.randn(width, tokens) * (2 * tokens) ** -0.5)
        self.skip = nn.Parameter(torch.randn(width) * 0.5**0.5)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Raises ValueError for more tokens than the mixer was built for."""
        tokens = x.shape[1]
        check_length(tokens, self.tokens, "long-conv")
        before, after = min(self.before, tokens - 1), min(self.after, tokens - 1)
        taps = self.taps[:, self.after - after : self.after + before + 1]
        size = fast_length(tokens + max(before, after))
        return filtered(zero_padding(x, mask), spectrum(with_skip(taps, self.skip, after), size), size, first=after)


def with_skip(taps: Tensor, skip: Tensor, place: int = 0) -> Tensor:
    """Taps (channels, taps) that also pass each token on, `skip` (channels) times: added to the tap of the token itself."""
    before, own, after = taps[:, :place], taps[:, place : place + 1], taps[:, place + 1 :]
    return torch.cat((before, own + skip.unsqueeze(1), after), dim=1)
