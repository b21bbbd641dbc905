"""Convolutions of each channel over neighbouring tokens, and the short causal one in front of queries, keys and values."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *, before: int, after: int = 0) -> Tensor:
    """Σ_j w_j ⊙ x_{i-before+j} + b for x (batch, tokens, channels) and a weight (channels, before + 1 + after)."""
    padding = before if before == after else 0
    if before != after:
        x = F.pad(x, (0, 0, before, after))
    channels_last = x.transpose(1, 2).unsqueeze(2)  # (batch, channels, 1, tokens): in two dimensions, this layout is fast
    weight = weight.unsqueeze(1).unsqueeze(1)  # (channels, 1, 1, taps)
    y = F.conv2d(channels_last, weight, bias, padding=(0, padding), groups=len(weight))
    return y.squeeze(2).transpose(1, 2)


def last_tokens(x: Tensor, count: int) -> Tensor:
    """The last tokens of x (batch, tokens, channels), with zeros before the first: what a causal convolution still sees."""
    return F.pad(x, (0, 0, count, 0))[:, x.shape[1] :].clone()


def convolve_next(x: Tensor, last: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """A causal convolution for one token more, (batch, channels), after the last tokens; and the last tokens with it."""
    window = torch.cat((last, x.unsqueeze(1)), dim=1)  # (batch, taps, channels)
    y = (window * weight.t()).sum(1)
    return y if bias is None else y + bias, window[:, 1:]


class ShortConvolution(nn.Module):
    """SiLU(Σ_j w_j ⊙ x_{i-kernel+1+j}): a filter per channel over the last `kernel` tokens; plus a bias if wanted.

    (batch, tokens, channels) to the same shape; before the first token are zeros.
    """

    def __init__(self, channels: int, kernel: int = 4, *, bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, kernel).uniform_(-1, 1) / math.sqrt(kernel))
        self.bias = nn.Parameter(torch.empty(channels).uniform_(-1, 1) / math.sqrt(kernel)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(convolve(x, self.weight, self.bias, before=self.weight.shape[1] - 1))

    def state(self, batch: int) -> Tensor:
        """The tokens before the first one, (batch, kernel - 1, channels): zeros."""
        channels, kernel = self.weight.shape
        return self.weight.new_zeros(batch, kernel - 1, channels)

    def after(self, x: Tensor) -> Tensor:
        """The state after the tokens x (batch, tokens, channels): the last kernel - 1 of them."""
        return last_tokens(x, self.weight.shape[1] - 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The output (batch, channels) for one token more, and the state after it."""
        y, state = convolve_next(x, state, self.weight, self.bias)
        return F.silu(y), state
