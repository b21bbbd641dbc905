"""Gated DeltaNet (Gated Delta Networks: Improving Mamba2 with Delta Rule, arXiv 2412.06464)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.delta_net import DeltaNet
from mixbench.mixers.parts import at_least_float32


class GatedDeltaNet(DeltaNet):
    """S ← α S(1 - β k kᵀ) + β v kᵀ, read by q, per head; (batch, tokens, width) to the same shape. Causal.

    As `DeltaNet`, with a decay α = exp(-a softplus(W x + b)) per head and a gate SiLU(W x) after the norm. Queries, keys and
    values are width/heads wide; the paper's values are twice as wide as its keys.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__(width=width, tokens=tokens, heads=heads)
        self.log_rate, self.time_bias = decay_parameters(heads, heads)

    def _gate_sizes(self) -> tuple[int, ...]:
        return self.heads, self.width

    def _log_decay(self, *gates: Tensor) -> Tensor:
        return log_decay(gates[0].unsqueeze(-1), self.log_rate, self.time_bias)

    def _gated(self, out: Tensor, *gates: Tensor) -> Tensor:
        gate: Tensor = F.silu(gates[1]).unflatten(-1, (self.heads, -1))
        return super()._gated(out) * gate


def decay_parameters(heads: int, channels: int) -> tuple[nn.Parameter, nn.Parameter]:
    """The logarithm of a rate per head, and a bias per channel, as Mamba-2 draws them: rates of 1 to 16 times 0.001 to 0.1."""
    rates = torch.empty(heads).uniform_(1, 16)
    times = torch.empty(channels).uniform_(math.log(0.001), math.log(0.1)).exp()
    return nn.Parameter(rates.log()), nn.Parameter(times + torch.log(-torch.expm1(-times)))  # the inverse of softplus


def log_decay(x: Tensor, log_rate: Tensor, time_bias: Tensor) -> Tensor:
    """-exp(log_rate) softplus(x + time_bias), for x (..., heads, channels), one rate per head and one bias per channel."""
    times = F.softplus(at_least_float32(x) + at_least_float32(time_bias).view(x.shape[-2:]))
    return -at_least_float32(log_rate).exp().unsqueeze(-1) * times
