"""DeltaNet (Parallelizing Linear Transformers with the Delta Rule over Sequence Length, arXiv 2406.06484)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixbench.mixers.costs.delta_rule import CONVOLUTION
from mixbench.mixers.ops.delta_rule import delta_rule, delta_step
from mixbench.mixers.ops.short_convolution import ShortConvolution
from mixbench.mixers.parts import at_least_float32, raised, zero_padding

State = tuple[Tensor, Tensor]
"""The last tokens that the convolutions still see, (batch, 3, 3·width), and a matrix per head."""


class DeltaNet(nn.Module):
    """S ← S(1 - β k kᵀ) + β v kᵀ, read by q, per head; (batch, tokens, width) to the same shape. Causal.

    q, k and v pass a short convolution and SiLU; q and k have length 1; β = σ(W x) per head; the output is normalised per head
    before it is projected. There are no biases. `mask` (batch, tokens) is True where the token is real; padding comes last.
    In half precision, the rule runs in float32 and its state is kept so.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__()
        self.width, self.heads = width, heads
        self.sizes = (3 * width, heads, *self._gate_sizes())
        self.project = nn.Linear(width, sum(self.sizes), bias=False)
        self.convolution = ShortConvolution(3 * width, CONVOLUTION)
        self.norm = nn.RMSNorm(width // heads, eps=1e-5)
        self.out = nn.Linear(width, width, bias=False)

    def _gate_sizes(self) -> tuple[int, ...]:
        """Channels of what gates are made from, behind those of q, k, v and β."""
        return ()

    def _log_decay(self, *gates: Tensor) -> Tensor | None:
        """The logarithm of the decay, (..., heads, 1 or width/heads)."""
        return None

    def _gated(self, out: Tensor, *gates: Tensor) -> Tensor:
        """The normalised output (..., heads, width/heads), times a gate."""
        normalised: Tensor = self.norm(out)
        return normalised

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self._mix(zero_padding(x, mask))[0]

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward` and the state after these tokens."""
        y, qkv, matrix = self._mix(x, last=True)
        assert matrix is not None
        return y, (self.convolution.after(qkv), matrix)

    def _mix(self, x: Tensor, *, last: bool = False) -> tuple[Tensor, Tensor, Tensor | None]:
        qkv, beta, *gates = self.project(x).split(self.sizes, dim=-1)
        q, k, v = self._heads_of(self.convolution(qkv))
        out, state = delta_rule(q, k, v, at_least_float32(beta).sigmoid(), self._log_decay(*gates), last=last)
        return self.out(self._gated(out.to(x.dtype), *gates).flatten(2)), qkv, state

    def state(self, batch: int) -> State:
        """Zeros: nothing is known before the first token."""
        size = self.width // self.heads
        return self.convolution.state(batch), at_least_float32(self.out.weight).new_zeros(batch, self.heads, size, size)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        seen, matrix = state
        qkv, beta, *gates = self.project(x).split(self.sizes, dim=-1)
        convolved, seen = self.convolution.step(qkv, seen)
        q, k, v = self._heads_of(convolved)
        out, matrix = delta_step(q, k, v, at_least_float32(beta).sigmoid(), self._log_decay(*gates), matrix)
        return self.out(self._gated(out.to(x.dtype), *gates).flatten(1)), (seen, matrix)

    def _heads_of(self, qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(..., 3·width) to q, k and v (..., heads, width/heads)."""
        q, k, v = at_least_float32(qkv).unflatten(-1, (3, self.heads, -1)).unbind(-3)
        return q, k, v

    def variant(self, dtype: torch.dtype) -> str:
        """The precision of the rule where it is not that of the input, as shown in the tables."""
        return raised("rule", dtype)
