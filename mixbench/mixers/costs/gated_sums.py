"""Closed form of sums over earlier tokens whose weights decay per channel, which entries and layers share.

A head of f features and c channels, n chunks of l tokens, a power of two; FLOPs forward, multiply-add 2:

- products of queries and keys in a chunk: each half with the half before it, and so on within the halves   n l (l − 1) f
- these times values                                                                                       2 n l² c
- writing the state of each chunk but the last, and reading it                                             4 (n − 1) l f c
"""

from __future__ import annotations

CHUNK = 64
"""Tokens of a chunk."""

RANK = 16
"""Rank of the map from a token to its decays."""


def chunks_of(tokens: int) -> tuple[int, int]:
    """Number and length of the chunks: a power of two that holds a shorter sequence, at most CHUNK."""
    length = min(CHUNK, 1 << (tokens - 1).bit_length())
    return -(-tokens // length), length


def gated_sums_flops(tokens: int, *, features: int, channels: int) -> int:
    """FLOPs of one head."""
    count, length = chunks_of(tokens)
    inside = count * length * (length - 1) * features + 2 * count * length**2 * channels
    return inside + 4 * (count - 1) * length * features * channels
