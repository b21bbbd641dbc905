"""Differential attention (Differential Transformer, arXiv 2410.05258, section 2.1)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mixbench.mixers.decoding import Cache
from mixbench.mixers.parts import HeadProjections, attend, zero_padding

LAMBDA = 0.8
"""λ_init: the constant for all layers that the paper offers beside one that depends on the layer, which a mixer has not."""


class DifferentialAttention(HeadProjections):
    """(softmax(Q₁K₁ᵀ/√c) - λ softmax(Q₂K₂ᵀ/√c)) V per head, normalised per head; (batch, tokens, width) to the same shape.

    A head's queries and keys are halves of c = width / heads / 2 channels, its values have 2c. λ = exp(λq₁·λk₁) - exp(λq₂·λk₂)
    + λ_init is learned and the same for all heads. Each head's result is divided by its root mean square, scaled, and
    multiplied by 1 - λ_init. The projections have biases, as those of `Attention`; positions are left out.

    Queries and keys are filled up with zeros to the size of the values: only then has torch a fused kernel on a CPU.

    `mask` (batch, tokens) is True where the token is real; in the causal form, padding must be on the right.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__(width=width, heads=heads)
        self.causal = causal
        self.channels = width // heads // 2
        self.lambdas = nn.Parameter(0.1 * torch.randn(4, self.channels))  # q₁, k₁, q₂, k₂
        self.norm = nn.RMSNorm(2 * self.channels, eps=1e-5)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self._split(zero_padding(x, mask))
        return self._mix(q, k, v, None if self.causal else mask, self.causal)

    def state(self, batch: int) -> Cache:
        empty = self.qkv.weight.new_empty
        heads, channels = self.heads, self.channels
        return Cache(empty(batch, 2 * heads, 0, channels), empty(batch, heads, 0, 2 * channels))

    def prefill(self, x: Tensor) -> tuple[Tensor, Cache]:
        q, k, v = self._split(x)
        return self._mix(q, k, v, None, causal=True), Cache(k, v, k.shape[2])

    def step(self, x: Tensor, state: Cache) -> tuple[Tensor, Cache]:
        q, k, v = self._split(x.unsqueeze(1))
        state = state.append(k.squeeze(2), v.squeeze(2))
        keys, values = state.tensors()
        weights = (q * self.channels**-0.5 @ keys.transpose(2, 3)).softmax(-1)
        return self._join(self._difference(weights) @ values).squeeze(1), state

    def _split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Q and K (batch, 2·heads, tokens, channels), first and second of a head in turn, and V (…, heads, …, 2·channels)."""
        q, k, v = self.split(x)
        q, k = (each.unflatten(3, (2, -1)).transpose(2, 3).flatten(1, 2) for each in (q, k))
        return q, k, v

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        allowed = None if mask is None else mask[:, None, None]
        q, k = (F.pad(each, (0, self.channels)) for each in (q, k))
        v = v.repeat_interleave(2, dim=1)
        return self._join(self._difference(attend(q, k, v, allowed=allowed, causal=causal, scale=self.channels**-0.5)))

    def _difference(self, pairs: Tensor) -> Tensor:
        """The first minus λ times the second of each pair of heads."""
        first, second = pairs.unflatten(1, (-1, 2)).unbind(2)
        q1, k1, q2, k2 = self.lambdas.unbind()
        difference: Tensor = first - ((q1 * k1).sum().exp() - (q2 * k2).sum().exp() + LAMBDA) * second
        return difference

    def _join(self, mixed: Tensor) -> Tensor:
        return self.join(self.norm(mixed) * (1 - LAMBDA))
