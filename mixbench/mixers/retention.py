"""Retention (Retentive Network, arXiv 2307.08621, section 2)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.ops.decayed_sums import decayed_step, decayed_sums
from mixbench.mixers.ops.rotary import rotate
from mixbench.mixers.parts import at_least_float32, zero_padding

State = tuple[Tensor, int]
"""A matrix per head, (batch, heads, width/heads, width/heads), and how many tokens it has seen."""


class Retention(nn.Module):
    """S ← γ S + kᵀ v, read by q, per head; (batch, tokens, width) to the same shape. Causal.

    γ = 1 − 2^(−5−h) for head h. q and k are rotated by their positions, as in the paper; the output is normalised per head and
    gated by Swish(X Wg) before it is projected. The values have the width of the input, not twice as much. `mask`
    (batch, tokens) is True where the token is real; padding must be on the right, where it changes nothing.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4, chunk: int = 64) -> None:
        super().__init__()
        self.width, self.heads, self.chunk = width, heads, chunk
        self.project = nn.Linear(width, 4 * width)
        self.norm = nn.GroupNorm(heads, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mix(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        y, matrix = self._mix(x, last=True)
        assert matrix is not None
        return y, (matrix, x.shape[1])

    def state(self, batch: int) -> State:
        """Zeros: nothing is known before the first token."""
        size = self.width // self.heads
        return at_least_float32(self.out.weight).new_zeros(batch, self.heads, size, size), 0

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for one token, and the state after it."""
        matrix, seen = state
        q, k, v, gate = self._split(x.unsqueeze(1), first=seen)
        q, k, v = (at_least_float32(part.squeeze(2)) for part in (q, k, v))
        mixed, matrix = decayed_step(q, k, v, self._log_decays(q), matrix)
        return self._joined(mixed.flatten(1).to(x.dtype), gate.squeeze(1)), (matrix, seen + 1)

    def _mix(self, x: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor | None]:
        q, k, v, gate = self._split(x)
        a = self._log_decays(x).unsqueeze(2).expand(-1, -1, x.shape[1])
        mixed, matrix = decayed_sums(q, k, v, a, chunk=self.chunk, carry_at_once=True, last=last)
        return self._joined(mixed.transpose(1, 2).flatten(2), gate), matrix

    def _split(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """q, k, v (batch, heads, tokens, width/heads) and the gate (batch, tokens, width)."""
        qk, v, gate = self.project(x).split((2 * self.width, self.width, self.width), dim=-1)
        q, k = rotate(qk.unflatten(-1, (2 * self.heads, -1)), first).transpose(1, 2).chunk(2, dim=1)
        v = v.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return q / math.sqrt(self.width // self.heads), k, v, gate

    def _log_decays(self, x: Tensor) -> Tensor:
        """log γ of each head, (1, heads)."""
        heads = torch.arange(self.heads, dtype=at_least_float32(x[:0]).dtype, device=x.device)
        return torch.log1p(-torch.exp2(-5 - heads)).unsqueeze(0)

    def _joined(self, mixed: Tensor, gate: Tensor) -> Tensor:
        normed = self.norm(mixed.flatten(0, -2)).view_as(mixed)
        out: Tensor = self.out(F.silu(gate) * normed)
        return out
