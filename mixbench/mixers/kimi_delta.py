"""Kimi Delta Attention (Kimi Linear: An Expressive, Efficient Attention Architecture, arXiv 2510.26692)."""

from __future__ import annotations

from torch import Tensor, nn

from mixbench.mixers.delta_net import DeltaNet
from mixbench.mixers.gated_delta_net import decay_parameters, log_decay


class KimiDelta(DeltaNet):
    """S ← S diag(α)(1 - β k kᵀ) + β v kᵀ, read by q, per head; (batch, tokens, width) to the same shape. Causal.

    As `DeltaNet`, with a decay α = exp(-a softplus(W₂ W₁ x + b)) per channel of the keys and a gate σ(W₄ W₃ x + c) after the
    norm; the inner size of both is width/heads.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4) -> None:
        super().__init__(width=width, tokens=tokens, heads=heads)
        self.log_rate, self.time_bias = decay_parameters(heads, width)
        self.decay = nn.Linear(width // heads, width, bias=False)
        self.gate = nn.Linear(width // heads, width)

    def _gate_sizes(self) -> tuple[int, ...]:
        return self.width // self.heads, self.width // self.heads

    def _log_decay(self, *gates: Tensor) -> Tensor:
        return log_decay(self.decay(gates[0]).unflatten(-1, (self.heads, -1)), self.log_rate, self.time_bias)

    def _gated(self, out: Tensor, *gates: Tensor) -> Tensor:
        gate: Tensor = self.gate(gates[1]).sigmoid().unflatten(-1, (self.heads, -1))
        return super()._gated(out) * gate
