"""The mean of the tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.ops.running_mean import Sum, mean, mean_with, no_tokens, running_mean, sum_of
from mixbench.mixers.parts import zero_padding


class MeanPooling(nn.Module):
    """The mean of all tokens, returned at every token; (batch, tokens, width) to the same shape. No parameters.

    `causal`: the mean of a token and those before it. `mask` (batch, tokens) is True where the token is real.
    """

    like: Tensor

    def __init__(self, *, width: int, tokens: int, causal: bool = False) -> None:
        super().__init__()
        self.width, self.causal = width, causal
        self.register_buffer("like", torch.empty(0), persistent=False)  # of the device and dtype of a state

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return running_mean(zero_padding(x, mask)) if self.causal else mean(x, mask).expand_as(x)

    def prefill(self, x: Tensor) -> tuple[Tensor, Sum]:
        """The result of `forward`, and the state after these tokens."""
        return self.forward(x), sum_of(x)

    def state(self, batch: int) -> Sum:
        """The sum of the tokens so far, and their number."""
        return no_tokens(batch, self.width, self.like)

    def step(self, x: Tensor, state: Sum) -> tuple[Tensor, Sum]:
        """The mean of all tokens so far."""
        return mean_with(x, state)
