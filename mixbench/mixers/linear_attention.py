"""Linear attention (Transformers are RNNs, arXiv 2006.16236, equations 5 to 7; causal: 9 to 12)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.causal_sums import State, causal_sums, full_sums, next_sums, state_of
from mixbench.mixers.parts import HeadProjections, zero_padding


class LinearAttention(HeadProjections):
    """φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) per head with φ = elu + 1; (batch, tokens, width) to the same shape.

    The product over tokens is taken first, so no tokens × tokens matrix exists; the causal form does so in chunks. Its
    parameters are those of `Attention`. `mask` (batch, tokens) is True where the token is real: φ(K) is zero at padded tokens.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__(width=width, heads=heads)
        self.causal = causal

    def features(self, x: Tensor) -> Tensor:
        """φ of queries or keys (batch, heads, tokens, width/heads)."""
        return F.elu(x) + 1

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self._with_features(zero_padding(x, mask))
        if mask is not None:
            k = k.masked_fill(~mask[:, None, :, None], 0)
        sums, weights = (causal_sums if self.causal else full_sums)(q, k, v)
        if mask is not None:
            weights = weights.masked_fill(weights == 0, 1)  # no real token is seen, and 0 / 0 becomes 0
        return self.join(sums / weights)

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        q, k, v = self._with_features(x)
        sums, weights = causal_sums(q, k, v)
        return self.join(sums / weights), state_of(k, v)

    def state(self, batch: int) -> State:
        """Sums over no token."""
        weight, channels = self.out.weight, self.out.in_features // self.heads
        groups = batch * self.heads
        return weight.new_zeros(groups, channels, channels), weight.new_zeros(groups, channels, 1)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for the next token (batch, width), and the state after it."""
        sums, weights, state = next_sums(*self._with_features(x.unsqueeze(1)), state)
        return self.join(sums / weights).squeeze(1), state

    def _with_features(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.split(x)
        return self.features(q), self.features(k), v
