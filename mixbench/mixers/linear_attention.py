"""Linear attention (Transformers are RNNs, arXiv 2006.16236, equations 5 to 7; causal: 9 to 12)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.ops.causal_sums import State, average, causal_sums, empty_state, full_sums, next_sums, state_of
from mixbench.mixers.parts import HeadProjections, zero_padding


class LinearAttention(HeadProjections):
    """φ(Q)(φ(K)ᵀV) / φ(Q)Σφ(K) per head with φ = elu + 1; (batch, tokens, width) to the same shape.

    The product over tokens is taken first, so no tokens × tokens matrix exists; the causal form does so in chunks. Its
    parameters are those of `Attention`. `mask` (batch, tokens) is True where the token is real: φ(K) is zero at padded tokens.
    A token whose weights all vanish gets zeros.
    """

    def __init__(self, *, width: int, tokens: int, heads: int = 4, causal: bool = False) -> None:
        super().__init__(width=width, heads=heads)
        self.causal = causal
        self.features = width // heads

    def with_features(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """φ(Q) and φ(K), (batch, heads, tokens, features), and V for x (batch, tokens, width)."""
        width = x.shape[2]
        qk, v = self.qkv(x).split((2 * width, width), dim=2)
        q, k = self._by_head(F.elu(qk) + 1, 2)
        (v,) = self._by_head(v, 1)
        return q, k, v

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.with_features(zero_padding(x, mask), mask)
        if mask is not None:
            k = k.masked_fill(~mask[:, None, :, None], 0)
        sums, weights = (causal_sums if self.causal else full_sums)(q, k, v)
        return self.join(average(sums, weights))

    def prefill(self, x: Tensor) -> tuple[Tensor, State]:
        """The result of `forward`, and the state after these tokens."""
        q, k, v = self.with_features(x)
        sums, weights = causal_sums(q, k, v)
        return self.join(average(sums, weights)), state_of(k, v)

    def state(self, batch: int) -> State:
        """Sums over no token."""
        return empty_state(self.out.weight, batch * self.heads, self.features, self.out.in_features // self.heads)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The output (batch, width) for the next token (batch, width), and the state after it."""
        sums, weights, state = next_sums(*self.with_features(x.unsqueeze(1)), state)
        return self.join(average(sums, weights)).squeeze(1), state

    def _by_head(self, x: Tensor, parts: int) -> Tensor:
        """(batch, tokens, parts·width) to (parts, batch, heads, tokens, channels), copied unless chunks are."""
        by_head: Tensor = x.unflatten(2, (parts, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return by_head if self.causal else by_head.contiguous()
