"""Chunks and closed form of sums over earlier tokens whose weights decay, which entries and layers share.

A head of f features of queries and keys and c channels of values, n chunks of l tokens; FLOPs forward, multiply-add 2:

- products of queries and keys in a chunk, once for all heads that share them     2 n l² f
- these, decayed, times values                                                    2 n l² c
- writing the state of a chunk, and reading it, in m of the chunks                4 m l f c
- if one product makes the states before all chunks from what each wrote          2 n² f c

The first chunk reads no state and the last writes none, m = n − 1, unless every chunk does both in the same products, m = n.
"""

from __future__ import annotations

from mixbench.mixers.costs.chunks import chunks_of

CHUNK = 64
"""Tokens of a chunk."""


def every_chunk(count: int, *, cuda: bool, carry_at_once: bool) -> bool:
    """Whether each chunk is written and read, also the last and the first."""
    return carry_at_once or (cuda and count > 1)


def decayed_sums_flops(
    tokens: int,
    *,
    heads: int,
    features: int,
    channels: int,
    device: str,
    groups: int | None = None,
    chunk: int = CHUNK,
    carry_at_once: bool = False,
) -> int:
    """FLOPs of all heads; `groups` of them have queries and keys of their own, all if None."""
    count, length = chunks_of(tokens, chunk)
    carried = count if every_chunk(count, cuda=device == "cuda", carry_at_once=carry_at_once) else count - 1
    scores = 2 * count * length**2 * features * (groups or heads)
    values = 2 * count * length**2 * channels + 4 * carried * length * features * channels
    return scores + heads * (values + carry_at_once * once_flops(tokens, features, channels, chunk))


def once_flops(tokens: int, features: int, channels: int, chunk: int) -> int:
    """FLOPs of one head for the states before all chunks, if one product makes them."""
    return 2 * chunks_of(tokens, chunk)[0] ** 2 * features * channels
