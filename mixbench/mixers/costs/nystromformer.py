"""How the landmarks of Nyströmformer are placed, and what the mixer costs."""

from __future__ import annotations

from mixbench.parsing.option import Value

ITERATIONS = 6
"""Of the pseudo-inverse, as in the paper."""


def segments_of(tokens: int, landmarks: int) -> tuple[int, int]:
    """How many segments of equal length, each with a landmark, and their length; the last may be shorter.

    At most as many as landmarks are asked for, and none without a token.
    """
    length = -(-tokens // landmarks)
    return -(-tokens // length), length


def nystromformer_flops(*, tokens: int, width: int, landmarks: int, heads: int, **_: Value) -> int:
    """Projections, two attentions over landmarks, and per head the map between landmarks and its pseudo-inverse."""
    count, _length = segments_of(tokens, landmarks)
    inverse = ITERATIONS * 4 * 2 * count**3
    return 8 * tokens * width**2 + 8 * tokens * count * width + 4 * count**2 * width + heads * inverse
