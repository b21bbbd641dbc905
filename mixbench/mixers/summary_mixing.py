"""SummaryMixing (arXiv 2307.07421, equations 1 and 2)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.ops.running_mean import Sum, mean, mean_with, no_tokens, running_mean, sum_of
from mixbench.mixers.parts import zero_padding


class SummaryMixing(nn.Module):
    """GELU(W [f(x); s̄]) with s̄ the mean of s(x) over the tokens; (batch, tokens, width) to the same shape.

    f and s are linear maps, each followed by GELU. W is applied to both halves of its input apart, so that s̄ is multiplied once
    per sequence. `causal`: the mean over a token and those before it. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, causal: bool = False) -> None:
        super().__init__()
        self.width, self.causal = width, causal
        self.local_and_summary = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = zero_padding(x, mask)
        local, summary = F.gelu(self.local_and_summary(x)).chunk(2, dim=-1)
        return self._combine(local, running_mean(summary) if self.causal else mean(summary, mask))

    def prefill(self, x: Tensor) -> tuple[Tensor, Sum]:
        """The result of `forward`, and the state after these tokens."""
        local, summary = F.gelu(self.local_and_summary(x)).chunk(2, dim=-1)
        return self._combine(local, running_mean(summary)), sum_of(summary)

    def state(self, batch: int) -> Sum:
        """The sum of s(x) so far, and the number of tokens."""
        return no_tokens(batch, self.width, self.out.weight)

    def step(self, x: Tensor, state: Sum) -> tuple[Tensor, Sum]:
        """The output for one token (batch, width), and the sum with it."""
        local, summary = F.gelu(self.local_and_summary(x)).chunk(2, dim=-1)
        summary, state = mean_with(summary, state)
        return self._combine(local, summary), state

    def _combine(self, local: Tensor, summary: Tensor) -> Tensor:
        of_local, of_summary = self.out.weight.chunk(2, dim=1)
        return F.gelu(F.linear(local, of_local) + F.linear(summary, of_summary, self.out.bias))
