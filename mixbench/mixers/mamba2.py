"""Mamba-2 (Transformers are SSMs, arXiv 2405.21060, sections 6 and 7)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.ops.decayed_sums import decayed_step, decayed_sums
from mixbench.mixers.ops.short_convolution import ShortConvolution
from mixbench.mixers.parts import at_least_float32, zero_padding

State = tuple[Tensor, Tensor]
"""The last tokens that the convolution still sees, (batch, conv − 1, inner + 2·state), and (batch, heads, state, head)."""


class Mamba2(nn.Module):
    """S ← exp(Δ A) S + Δ Bᵀ x, y = C S + D x per head; (batch, tokens, width) to the same shape. Causal.

    x (inner = expand · width channels, `head` per head), B and C (`state` channels, shared by all heads) pass a short
    convolution of `conv` tokens and SiLU; Δ = softplus(…) and A < 0 are a number per head. The output is gated by SiLU(z) and
    normalised (RMS) before it is projected. Where `head` is more than inner, there is one head. `mask` (batch, tokens) is True
    where the token is real; padding must be on the right, where it changes nothing.
    """

    def __init__(self, *, width: int, tokens: int, expand: int = 2, state: int = 64, head: int = 64, conv: int = 4) -> None:
        super().__init__()
        self.inner, self.features = expand * width, state
        self.channels = min(head, self.inner)
        self.heads = self.inner // self.channels
        seen = self.inner + 2 * state
        self.project = nn.Linear(width, self.inner + seen + self.heads, bias=False)
        self.convolution = ShortConvolution(seen, conv, bias=True)
        self.log_rate = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        step = torch.exp(torch.empty(self.heads).uniform_(math.log(1e-3), math.log(0.1)))
        self.step_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # softplus of it is the step
        self.skip = nn.Parameter(torch.ones(self.heads))
        self.norm = nn.RMSNorm(self.inner, eps=1e-5)
        self.out = nn.Linear(self.inner, width, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mix(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        y, seen, matrix = self._mix(x, last=True)
        assert matrix is not None
        return y, (self.convolution.after(seen), matrix)

    def state(self, batch: int) -> State:
        """Zeros: nothing is known before the first token."""
        matrix = at_least_float32(self.out.weight).new_zeros(batch, self.heads, self.features, self.channels)
        return self.convolution.state(batch), matrix

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for one token, and the state after it."""
        z, seen, steps = self._project(x.unsqueeze(1))
        convolved, window = self.convolution.step(seen.squeeze(1), state[0])
        values, b, c = self._split(convolved.unsqueeze(1))
        scaled, a = self._discrete(values, steps)
        c, b, scaled = (at_least_float32(part.squeeze(2)) for part in (c, b, scaled))
        mixed, matrix = decayed_step(c, b, scaled, a.squeeze(2), state[1])
        return self._joined(mixed.unsqueeze(2).to(x.dtype), values, z).squeeze(1), (window, matrix)

    def _mix(self, x: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor, Tensor | None]:
        z, seen, steps = self._project(x)
        values, b, c = self._split(self.convolution(seen))
        scaled, a = self._discrete(values, steps)
        mixed, matrix = decayed_sums(c, b, scaled, a, last=last)
        return self._joined(mixed, values, z), seen, matrix

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """z, what the convolution sees, and Δ before softplus, (batch, tokens, ·) each."""
        z, seen, steps = self.project(x).split((self.inner, self.inner + 2 * self.features, self.heads), dim=-1)
        return z, seen, steps

    def _split(self, convolved: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (batch, heads, tokens, head), B and C (batch, 1, tokens, state)."""
        values, b, c = convolved.split((self.inner, self.features, self.features), dim=-1)
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2), b.unsqueeze(1), c.unsqueeze(1)

    def _discrete(self, values: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Δ x, and Δ A (batch, heads, tokens)."""
        delta = F.softplus(at_least_float32(steps) + self.step_bias).transpose(1, 2)
        return values * delta.unsqueeze(-1).to(values.dtype), -delta * at_least_float32(self.log_rate).exp().unsqueeze(1)

    def _joined(self, mixed: Tensor, values: Tensor, z: Tensor) -> Tensor:
        y = torch.addcmul(mixed, self.skip[:, None, None], values).transpose(1, 2).flatten(2)
        out: Tensor = self.out(self.norm(y * F.silu(z)))
        return out
