"""Closed form of sums over earlier tokens whose weights decay per channel, which entries and layers share.

A head of f features and c channels, n chunks of l tokens, a power of two; FLOPs forward, multiply-add 2:

- products of queries and keys in a chunk: each half with the half before it, and so on within the halves   n l (l − 1) f
- these times values                                                                                       2 n l² c
- writing the state of each chunk but the last, and reading it                                             4 (n − 1) l f c
"""

from __future__ import annotations

from mixbench.mixers.costs.chunks import halving_chunks_of

CHUNK = 64
"""Tokens of a chunk."""

RANK = 16
"""Rank of the map from a token to its decays."""


def gated_sums_flops(tokens: int, *, features: int, channels: int) -> int:
    """FLOPs of one head."""
    count, length = halving_chunks_of(tokens, CHUNK)
    inside = count * length * (length - 1) * features + 2 * count * length**2 * channels
    return inside + 4 * (count - 1) * length * features * channels
