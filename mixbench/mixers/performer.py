"""Performer (Rethinking Attention with Performers, arXiv 2009.14794, equations 5 and 6; orthogonal features: section 2.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mixbench.mixers.linear_attention import LinearAttention


class Performer(LinearAttention):
    """Linear attention with φ(x) = exp(w x − ‖x‖²/2) for random w, which estimates softmax; (batch, tokens, width) to the same.

    The w are drawn once per layer, orthogonal in blocks, and shared by the heads; they are not trained or drawn again. Factors
    that cancel are chosen so that nothing overflows: of each query, and of all keys of a head unless it is causal. Without
    such a factor the keys of the causal form have φ ≤ exp(‖w‖²/2), which float32 holds up to about 128 channels per head, and
    very long keys vanish.
    """

    def __init__(self, *, width: int, tokens: int, features: int = 128, heads: int = 4, causal: bool = False) -> None:
        super().__init__(width=width, tokens=tokens, heads=heads, causal=causal)
        self.features = features
        self.register_buffer("directions", _orthogonal(features, width // heads))

    def with_features(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """φ(Q) and φ(K), (batch, heads, tokens, features), and V for x (batch, tokens, width)."""
        q, k, v = self.split(x)
        return self._of_queries(q), self._of_keys(k, mask), v

    def _of_queries(self, q: Tensor) -> Tensor:
        """φ, divided by the sum of the features of each query."""
        scores: Tensor = q @ self._scaled().T
        return scores.softmax(3)

    def _of_keys(self, k: Tensor, mask: Tensor | None) -> Tensor:
        """φ; unless it is causal, divided by the largest of all features of the head, of real tokens."""
        flat = k.reshape(-1, k.shape[3])
        half = flat.square().sum(1, keepdim=True) / (2 * math.sqrt(k.shape[3]))
        logs: Tensor = torch.addmm(half, flat, self._scaled().T, beta=-1).view(*k.shape[:3], -1)
        if not self.causal:
            if mask is not None:
                logs = logs.masked_fill(~mask[:, None, :, None], torch.finfo(logs.dtype).min)
            logs = logs - logs.detach().amax((2, 3), keepdim=True)
        return logs.exp()

    def _scaled(self) -> Tensor:
        """The w, divided by the fourth root of the channels: attention divides q·k by their square root."""
        directions = self.get_buffer("directions")
        return directions / math.sqrt(math.sqrt(directions.shape[1]))


def _orthogonal(features: int, channels: int) -> Tensor:
    """(features, channels): rows of random orthogonal matrices, as long as rows of independent normal numbers."""
    blocks: Tensor = torch.linalg.qr(torch.randn(-(-features // channels), channels, channels)).Q
    lengths: Tensor = torch.randn(features, channels).norm(dim=1, keepdim=True)
    return blocks.flatten(0, 1)[:features] * lengths
