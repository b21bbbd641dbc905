"""Mixers in which a token sees a mean or a sum of others."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.parts import at_least_float32, zero_padding
from mixbench.mixers.running import running_mean

Sum = tuple[Tensor, Tensor]
"""The sum (batch, width) of the tokens so far, and their number (), in float32 where the tokens are in half precision."""


def mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of the real tokens of each sequence, (batch, tokens, width) to (batch, 1, width); 0 where there are none."""
    if mask is None:
        return x.mean(1, keepdim=True)
    counts = mask.sum(1).clamp(min=1).view(-1, 1, 1)
    return zero_padding(x, mask).sum(1, keepdim=True) / counts.to(x.dtype)


def no_tokens(batch: int, width: int, like: Tensor) -> Sum:
    """The sum before the first token, for tokens like a tensor."""
    like = at_least_float32(like.new_zeros(()))
    return like.new_zeros(batch, width), like


def sum_of(x: Tensor) -> Sum:
    """The sum of all tokens of x (batch, tokens, width), and their number."""
    total = at_least_float32(x).sum(1)
    return total, total.new_tensor(x.shape[1])


def mean_with(x: Tensor, before: Sum) -> tuple[Tensor, Sum]:
    """The mean of the tokens before and x (batch, width), and their sum."""
    total, count = before[0] + x, before[1] + 1
    return (total / count).to(x.dtype), (total, count)


class MeanPooling(nn.Module):
    """The mean token, given to every token; (batch, tokens, width) to the same shape. No parameters.

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


class SummaryMixing(nn.Module):
    """GELU(W [f(x); s̄]) with s̄ the mean of s(x) over the tokens; (batch, tokens, width) to the same shape.

    SummaryMixing (arXiv 2307.07421, equations 1 and 2): f and s are linear maps, each followed by GELU. W is applied to both
    halves of its input apart, so that s̄ is multiplied once per sequence. `causal`: the mean over a token and those before it.
    `mask` (batch, tokens) is True where the token is real.
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


class SharedVector(nn.Module):
    """HyperMixer without hypernetworks: LayerNorm(W2 GELU(W1ᵀX)), all rows of W1 alike, and all of W2.

    An ablation in HyperMixer (arXiv 2203.03691): each of both weights (tokens × hidden) is one learned vector, which all tokens
    share. So W1ᵀX is an outer product with the sum of the tokens, and every token gets the same output; (batch, tokens, width)
    to the same shape. `mask` (batch, tokens) is True where the token is real.
    """

    def __init__(self, *, width: int, tokens: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = hidden or 2 * width
        self.first = nn.Parameter(torch.randn(hidden) / hidden**0.5)
        self.second = nn.Parameter(torch.randn(hidden) / hidden**0.5)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        total = zero_padding(x, mask).sum(1, keepdim=True)  # (batch, 1, width)
        hidden = F.gelu(total.unsqueeze(-1) * self.first)  # (W1ᵀX)ᵀ: (batch, 1, width, hidden)
        out: Tensor = self.norm(hidden @ self.second)
        return out.expand_as(x)


class PoolFormer(nn.Module):
    """The mean of the `window` tokens around each, minus the token; (batch, tokens, width) to the same shape. No parameters.

    MetaFormer (arXiv 2111.11418, equation 4), along one dimension: at the ends, the mean is over the tokens that there are.
    `mask` (batch, tokens) is True where the token is real: padding is not among them.
    """

    def __init__(self, *, width: int, tokens: int, window: int = 3) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = zero_padding(x, mask)
        if mask is None:
            return self._pool(x, at_ends=False) - x
        real = self._pool(mask.unsqueeze(-1).to(x.dtype))  # the share of real tokens in each window
        return self._pool(x) / real.masked_fill(real == 0, 1) - x

    def _pool(self, x: Tensor, at_ends: bool = True) -> Tensor:
        """The mean of each window; what is beyond the ends counts as zeros, or not at all."""
        padding = self.window // 2
        return F.avg_pool1d(x.transpose(1, 2), self.window, 1, padding, count_include_pad=at_ends).transpose(1, 2)
