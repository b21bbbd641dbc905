"""Multi-head self-attention (Attention Is All You Need, arXiv 1706.03762, equation 1), also with grouped keys and values."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from mixbench.mixers.decoding import Cache
from mixbench.mixers.ops.rotary import rotate
from mixbench.mixers.parts import HeadProjections, attend, zero_padding


class Attention(HeadProjections):
    """softmax(QKᵀ/√(d/h)) V per head, with input and output projections; (batch, tokens, width) to the same shape.

    One projection makes Q, K and V; the rest is torch's fused kernel on 4-D tensors. With fewer `kv_heads` than heads, heads
    / kv_heads heads of queries share keys and values (grouped queries, arXiv 2305.13245; one: 1911.02150). `rotary` rotates Q
    and K by their positions (`mixbench.mixers.ops.rotary`).

    `mask` (batch, tokens) is True where the token is real: padded tokens are never attended to, and are zeroed first because
    0 · NaN is NaN. In the causal form, padding on the right comes after every real token and needs no other mask.
    """

    def __init__(
        self,
        *,
        width: int,
        tokens: int,
        heads: int = 4,
        kv_heads: int | None = None,
        causal: bool = False,
        rotary: bool = False,
    ) -> None:
        super().__init__(width=width, heads=heads, kv_heads=kv_heads)
        self.causal, self.rotary = causal, rotary

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self._split(zero_padding(x, mask))
        allowed = None if mask is None or self.causal else mask[:, None, None, :]
        return self.join(attend(q, k, v, allowed=allowed, causal=self.causal))

    def state(self, batch: int) -> Cache:
        empty = self.qkv.weight.new_empty(batch, self.kv_heads, 0, self.qkv.in_features // self.heads)
        return Cache(empty, empty)

    def prefill(self, x: Tensor) -> tuple[Tensor, Cache]:
        q, k, v = self._split(x)
        return self.join(attend(q, k, v, causal=True)), Cache(k, v, k.shape[2])

    def step(self, x: Tensor, state: Cache) -> tuple[Tensor, Cache]:
        q, k, v = self._split(x.unsqueeze(1), first=state.tokens)
        state = state.append(k.squeeze(2), v.squeeze(2))
        keys, values = state.tensors()
        grouped = q.view(len(x), self.kv_heads, -1, q.shape[-1])  # the heads that share keys are so many queries
        mixed = attend(grouped, keys, values).reshape(q.shape)
        return self.join(mixed).squeeze(1), state

    def _split(self, x: Tensor, first: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        return self.split(x, partial(rotate, first=first) if self.rotary else None)
