"""Sizes and closed forms of the delta rule in chunks, which entries and layers share.

A head of dh channels, n chunks of c tokens. FLOPs forward, multiply-add 2:

- products of keys with keys and with queries   4 n c² dh; with a decay per channel 2 n c (c - 1) dh
- inverse of the unit triangle                  see `inverse_flops`
- the inverse times values, and times keys      2 n c² dh each; keys only where there is more than one chunk
- reading the state, keys and queries           4 c dh² for each chunk but the first
- writing the state                             2 c dh² for each chunk but the last
- products of queries and keys with new values  2 n c² dh
"""

from __future__ import annotations

from mixbench.mixers.costs.chunks import halving_chunks_of

CHUNKS = {"cpu": 16}
"""Tokens of a chunk by type of device. On one core of an AMD EPYC at 1,024 tokens, width 256 and batch 8, chunks of 32 and 64
take up to a fifth longer."""

CHUNK = 64
"""Tokens of a chunk on other devices, where each step of the loop over chunks takes time of its own. Not measured."""

BASE = 8
"""Rows of the blocks that are inverted by a power series. Their inverse has entries of at most 1 where all keys are alike, but
its terms grow as binomial coefficients do: in float32, 8 rows lose nothing against substitution, 16 lose three digits."""

CONVOLUTION = 4
"""Tokens that the short convolutions see."""


def rule_chunks_of(tokens: int, device: str) -> tuple[int, int]:
    """Number and length of the chunks on a type of device; the length is a power of two."""
    return halving_chunks_of(tokens, CHUNKS.get(device, CHUNK))


def inverse_flops(size: int) -> int:
    """FLOPs of the inverse of a unit triangle: power series in blocks of BASE rows, then pairs of blocks joined."""
    base = min(size, BASE)
    series = size // base * 2 * max(base.bit_length() - 2, 0) * 2 * base**3
    joins, block = 0, base
    while block < size:
        joins += size // (2 * block) * 2 * 2 * block**3
        block *= 2
    return series + joins


def rule_flops(tokens: int, width: int, heads: int, device: str, *, by_halves: bool = False) -> int:
    """FLOPs of the delta rule of all heads, without projections; `by_halves` with a decay per channel."""
    chunks, length = rule_chunks_of(tokens, device)
    size = width // heads
    pairs = length * (length - 1) // 2 if by_halves else length**2
    solved = 3 if chunks > 1 else 2  # values, keys where a state is read, new values
    within = 4 * pairs * size + inverse_flops(length) + solved * 2 * length**2 * size
    with_state = 6 * length * size**2
    return heads * (chunks * within + (chunks - 1) * with_state)


def convolution_flops(tokens: int, channels: int, kernel: int = CONVOLUTION) -> int:
    """FLOPs of a short convolution."""
    return 2 * tokens * channels * kernel


def delta_net_flops(
    *, tokens: int, width: int, heads: int, device: str, gates: int = 0, by_halves: bool = False, **_: object
) -> int:
    """Projections, convolutions and the rule; `gates` are the weights of what gates and decays take besides."""
    projections = 2 * tokens * (width * (4 * width + heads) + gates)
    return projections + convolution_flops(tokens, 3 * width) + rule_flops(tokens, width, heads, device, by_halves=by_halves)


def delta_net_params(*, width: int, heads: int, gates: int = 0, **_: object) -> int:
    """Weights of projections, convolutions and the norm; `gates` as for `delta_net_flops`."""
    return 4 * width**2 + (heads + 3 * CONVOLUTION) * width + width // heads + gates


def rwkv7_ranks(width: int) -> tuple[int, int, int]:
    """Inner sizes of what makes decay, learning rate and gate: multiples of 32 near 2.5 √d, 2.5 √d and 5 √d."""
    small, large = (max(32, 32 * round(factor * width**0.5 / 32)) for factor in (2.5, 5))
    return small, small, large


def rwkv7_flops(*, tokens: int, width: int, heads: int, device: str, **_: object) -> int:
    """Projections, and the rule with two keys to write to."""
    chunks, length = rule_chunks_of(tokens, device)
    size = width // heads
    within = inverse_flops(length) + (9 if chunks > 1 else 8) * 2 * length**2 * size
    rule = heads * (chunks * within + (chunks - 1) * 8 * length * size**2)
    return 4 * tokens * width * (2 * width + sum(rwkv7_ranks(width))) + rule


def rwkv7_params(*, width: int, **_: object) -> int:
    """Four projections, three low-rank ones, and 13 numbers per channel."""
    return 4 * width**2 + (2 * sum(rwkv7_ranks(width)) + 13) * width
