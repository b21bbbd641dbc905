"""How causal sums are cut into chunks, and what their products cost."""

from __future__ import annotations

CHUNK = 64
"""The most tokens of a chunk."""


def chunks_of(tokens: int) -> tuple[int, int]:
    """How many chunks hold so many tokens, and their length: the same for all, so the last may have room to spare."""
    count = -(-tokens // CHUNK)
    return count, -(-tokens // count)


def causal_sums_flops(tokens: int, features: int, channels: int, *, factors: int | None = None) -> int:
    """FLOPs of one head: the products of tokens in a chunk, and those with the state before it; the first has none.

    `factors` are the channels from which a kernel makes the products of features.
    """
    count, length = chunks_of(tokens)
    within = 2 * count * length**2 * ((factors or features) + channels)
    return within + 2 * (count - 1) * length * features * (2 * channels + 1)
