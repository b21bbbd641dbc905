"""Window attention (Longformer, arXiv 2004.05150, section 3.1)."""

from __future__ import annotations

from math import ceil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.mixers.costs.sliding_window import block_of
from mixbench.mixers.decoding import Ring
from mixbench.mixers.parts import HeadProjections, attend, zero_padding


class _Windows(torch.autograd.Function):
    """Overlapping windows of whole blocks as a view: (batch, blocks·size, channels) to (batch, places, seen, channels).

    The gradient adds up a window's blocks as slices, which takes less time than that of `Tensor.unfold`.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, size: int, seen: int) -> Tensor:
        return x.unfold(1, seen, size).transpose(2, 3)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int, int], output: Tensor) -> None:
        ctx.shape, ctx.size = inputs[0].shape, inputs[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        places = gradient.shape[1]
        total = gradient.new_zeros(ctx.shape).unflatten(1, (-1, ctx.size))
        for first, block in enumerate(gradient.split(ctx.size, dim=2)):
            total[:, first : first + places] += block
        return total.flatten(1, 2), None, None


class SlidingWindow(HeadProjections):
    """Softmax attention over tokens at most `window` away, itself included; (batch, tokens, width) to the same shape.

    |i - j| ≤ window, or 0 ≤ i - j ≤ window in the causal form. Queries are processed in blocks of half a window, each with
    the two blocks of keys on either side, or on the left, so the cost is linear in the tokens. A sequence no longer than what a
    block sees is computed at once.

    `mask` (batch, tokens) is True where the token is real; in the causal form, padding must be on the right.
    """

    def __init__(self, *, width: int, tokens: int, window: int = 128, heads: int = 4, causal: bool = False) -> None:
        super().__init__(width=width, heads=heads)
        self.window, self.causal = window, causal

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = self.split(zero_padding(x, mask))
        return self.join(self._attend(q, k, v, None if self.causal else mask))

    def state(self, batch: int) -> Ring:
        room = self.qkv.weight.new_zeros(batch, self.heads, self.window + 1, self.qkv.in_features // self.heads)
        return Ring(room, room.clone())

    def prefill(self, x: Tensor) -> tuple[Tensor, Ring]:
        q, k, v = self.split(x)
        return self.join(self._attend(q, k, v, None)), self.state(len(x)).filled(k, v)

    def step(self, x: Tensor, state: Ring) -> tuple[Tensor, Ring]:
        q, k, v = self.split(x.unsqueeze(1))
        keys, values, state = state.append(k.squeeze(2), v.squeeze(2))
        return self.join(attend(q, keys, values)).squeeze(1), state

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """The mixed heads (batch, heads, tokens, channels)."""
        batch, heads, tokens, _ = q.shape
        size, reach = block_of(self.window)
        left, right = reach * size, 0 if self.causal else reach * size
        if tokens <= left + size + right:
            return self._attend_at_once(q, k, v, mask)
        places = ceil(tokens / size)
        missing = places * size - tokens
        # (batch·heads, places, size or seen, channels)
        blocks = F.pad(q, (0, 0, 0, missing)).flatten(0, 1).unflatten(1, (places, size))
        k, v = (
            _Windows.apply(F.pad(each, (0, 0, left, missing + right)).flatten(0, 1), size, left + size + right)  # type: ignore[no-untyped-call]
            for each in (k, v)
        )
        query = torch.arange(size, device=q.device).unsqueeze(1)
        key = torch.arange(-left, size + right, device=q.device)
        position = torch.arange(0, places * size, size, device=q.device).view(-1, 1, 1) + key
        known = ((position >= 0) & (position < tokens)).unsqueeze(0)  # (1 or batch, places, 1, seen)
        if mask is not None:
            known = known & F.pad(mask, (left, missing + right)).unfold(1, left + size + right, size).unsqueeze(2)
        allowed = self._near(query, key) & (known | (query == key))  # a token sees itself, or softmax would divide by 0
        if mask is not None:
            allowed = allowed.repeat_interleave(heads, dim=0)
        mixed = attend(blocks, k, v, allowed=allowed).flatten(1, 2)[:, :tokens]
        return mixed.view(batch, heads, tokens, -1)

    def _attend_at_once(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """The same with all scores."""
        tokens = q.shape[2]
        real = None if mask is None else mask[:, None, None]
        if tokens <= self.window + 1:  # none is too far away
            return attend(q, k, v, allowed=real, causal=self.causal)
        place = torch.arange(tokens, device=q.device)
        itself = place.unsqueeze(1) == place
        near = self._near(place.unsqueeze(1), place)
        return attend(q, k, v, allowed=near if real is None else near & (real | itself))

    def _near(self, query: Tensor, key: Tensor) -> Tensor:
        behind = query - key
        return (behind <= self.window) & (behind >= (0 if self.causal else -self.window))
