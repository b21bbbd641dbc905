"""Sizes and closed forms of the delta rule in chunks, which entries and layers share.

A head of dh channels, n chunks of c tokens. FLOPs forward, multiply-add 2:

- products of keys with keys and with queries   4 n c² dh
- inverse of the unit triangle                  see `inverse_flops`
- the inverse times values, and times keys      2 n c² dh each
- reading the state, keys and queries           4 c dh² for each chunk but the first
- writing the state                             2 c dh² for each chunk but the last
- products of queries and keys with new values  2 n c² dh
"""

from __future__ import annotations

CHUNK = 64
"""Tokens of a chunk."""

BASE = 8
"""Rows of the blocks that are inverted by a power series. Their inverse has entries of at most 1 where all keys are alike, but
its terms grow as binomial coefficients do: in float32, 8 rows lose nothing against substitution, 16 lose three digits."""

CONVOLUTION = 4
"""Tokens that the short convolutions see."""


def chunks_of(tokens: int, chunk: int = CHUNK) -> tuple[int, int]:
    """Number and length of the chunks: a power of two that holds a shorter sequence, at most `chunk`."""
    length = min(chunk, 1 << (tokens - 1).bit_length())
    return -(-tokens // length), length


def inverse_flops(size: int) -> int:
    """FLOPs of the inverse of a unit triangle: power series in blocks of BASE rows, then pairs of blocks joined."""
    base = min(size, BASE)
    series = size // base * 2 * max(base.bit_length() - 2, 0) * 2 * base**3
    joins, block = 0, base
    while block < size:
        joins += size // (2 * block) * 2 * 2 * block**3
        block *= 2
    return series + joins


def delta_rule_flops(tokens: int, width: int, heads: int) -> int:
    """FLOPs of the delta rule of all heads, without projections."""
    chunks, length = chunks_of(tokens)
    size = width // heads
    within = 2 * length**2 * size  # a product of (length, size) with (length, length)
    with_state = 2 * length * size**2
    inside = chunks * (5 * within + inverse_flops(length))
    return heads * (inside + 3 * (chunks - 1) * with_state)


def convolution_flops(tokens: int, channels: int, kernel: int = CONVOLUTION) -> int:
    """FLOPs of a short convolution; its kernel also computes the tokens that follow from the last ones alone."""
    return 2 * (tokens + kernel - 1) * channels * kernel


def delta_net_flops(*, tokens: int, width: int, heads: int, **_: object) -> int:
    """Projections, convolutions and the rule."""
    projections = 2 * tokens * width * (4 * width + heads)
    return projections + convolution_flops(tokens, 3 * width) + delta_rule_flops(tokens, width, heads)
