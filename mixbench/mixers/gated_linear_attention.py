"""Gated linear attention (arXiv 2312.06635, section 4)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.costs.gated_sums import RANK
from mixbench.mixers.ops.gated_sums import gated_step, gated_sums
from mixbench.mixers.parts import at_least_float32, zero_padding

TEMPERATURE = 16
"""The root of the sigmoid that is the decay: it starts near 1."""


class GatedLinearAttention(nn.Module):
    """S ← diag(α) S + kᵀ v, read by q, per head; (batch, tokens, width) to the same shape. Causal.

    q and k have half as many channels as v; α = σ(X W1 W2 + b)^(1/16) per channel of k, with W1 of rank 16. The output is
    normalised per head (RMS) and gated by Swish(X Wr) before it is projected. `mask` (batch, tokens) is True where the token is
    real; padding must be on the right, where it changes nothing.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.project = nn.Linear(width, 3 * width + RANK, bias=False)
        self.decay = nn.Linear(RANK, width // 2)
        self.norm = nn.RMSNorm(width // heads, eps=1e-5)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mix(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The result of `forward`, and the state after these tokens."""
        y, state = self._mix(x, last=True)
        assert state is not None
        return y, state

    def state(self, batch: int) -> Tensor:
        """A matrix of zeros per head, (batch, heads, width/heads/2, width/heads)."""
        size = self.width // self.heads
        return at_least_float32(self.out.weight).new_zeros(batch, self.heads, size // 2, size)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The output (batch, width) for one token, and the state after it."""
        *parts, gate = self._split(x.unsqueeze(1))
        q, k, v, a = (at_least_float32(part.squeeze(2)) for part in parts)
        mixed, state = gated_step(q, k, v, a, state)
        return self._joined(mixed.unsqueeze(2).to(x.dtype), gate).squeeze(1), state

    def _mix(self, x: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor | None]:
        q, k, v, a, gate = self._split(x)
        mixed, state = gated_sums(q, k, v, a, last=last)
        return self._joined(mixed, gate), state

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """q, k, v and log α (batch, heads, tokens, ·), and the gate (batch, tokens, width)."""
        sizes = (self.width // 2, self.width // 2, self.width, self.width, RANK)
        *qkv, gate, low = self.project(x).split(sizes, dim=-1)
        a = F.logsigmoid(at_least_float32(self.decay(low))) / TEMPERATURE
        q, k, v, a = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (*qkv, a))
        return q * q.shape[-1] ** -0.5, k, v, a, gate

    def _joined(self, mixed: Tensor, gate: Tensor) -> Tensor:
        out: Tensor = self.out(self.norm(mixed.transpose(1, 2)).flatten(2) * F.silu(gate))
        return out
