"""What causal sums in chunks cost."""

from __future__ import annotations

from mixbench.mixers.costs.chunks import equal_chunks_of

CHUNK = 64
"""The most tokens of a chunk."""


def causal_sums_flops(tokens: int, features: int, channels: int, *, factors: int | None = None) -> int:
    """FLOPs of one head: the products of tokens in a chunk, and those with the state before it; the first has none.

    `factors` are the channels from which a kernel makes the products of features.
    """
    count, length = equal_chunks_of(tokens, CHUNK)
    within = 2 * count * length**2 * ((factors or features) + channels)
    return within + 2 * (count - 1) * length * features * (2 * channels + 1)
