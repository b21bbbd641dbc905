"""A convolution over the tokens of each channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.ops.short_convolution import convolve, convolve_next, last_tokens
from mixbench.mixers.parts import zero_padding


class DepthwiseConv(nn.Module):
    """y_i = Σ_j w_j ⊙ x_{i+j} + b over `kernel` tokens around each; (batch, tokens, width) to the same shape.

    An even kernel reaches one token further to the right. `causal`: it ends at the token itself. `mask` (batch, tokens) is True
    where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, kernel: int = 7, causal: bool = False) -> None:
        super().__init__()
        self.before = kernel - 1 if causal else (kernel - 1) // 2
        self.after = kernel - 1 - self.before
        bound = kernel**-0.5  # as nn.Conv1d
        self.weight = nn.Parameter(torch.empty(kernel, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = zero_padding(x, mask)
        return convolve(x, self.weight.t(), self.bias, before=self.before, after=self.after)

    def prefill(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The result of `forward`, and the state after these tokens."""
        return self.forward(x), last_tokens(x, self.before)

    def state(self, batch: int) -> Tensor:
        """The last kernel - 1 tokens, (batch, kernel - 1, width): zeros before the first."""
        return self.weight.new_zeros(batch, self.before, self.weight.shape[1])

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The output for one token (batch, width) of a causal convolution, and the last tokens with it."""
        return convolve_next(x, state, self.weight.t(), self.bias)
