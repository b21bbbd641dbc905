"""Chunks and closed form of sums over earlier tokens whose weights decay, which entries and layers share.

A head of f features of queries and keys and c channels of values, n chunks of l tokens; FLOPs forward, multiply-add 2:

- products of queries and keys in a chunk, once for all heads that share them     2 n l² f
- these, decayed, times values                                                    2 n l² c
- writing the state of each chunk, and reading it                                 4 n l f c
- the states at the start of the chunks from what each chunk wrote                2 n² f c
"""

from __future__ import annotations

from mixbench.mixers.costs.chunks import chunks_of

CHUNK = 64
"""Tokens of a chunk."""


def decayed_sums_flops(
    tokens: int, *, heads: int, features: int, channels: int, groups: int | None = None, chunk: int = CHUNK
) -> int:
    """FLOPs of all heads; `groups` of them have queries and keys of their own, all if None."""
    count, length = chunks_of(tokens, chunk)
    scores = 2 * count * length**2 * features * (groups or heads)
    values = 2 * count * length**2 * channels + 4 * count * length * features * channels
    return scores + heads * (values + 2 * count**2 * features * channels)
