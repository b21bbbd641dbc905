"""How tokens are cut into chunks, which layers and closed forms share. The last chunk may have room to spare."""

from __future__ import annotations

from math import isqrt


def chunks_of(tokens: int, most: int) -> tuple[int, int]:
    """Number and length of chunks of `most` tokens; a shorter sequence is one chunk."""
    length = min(tokens, most)
    return -(-tokens // length), length


def equal_chunks_of(tokens: int, most: int) -> tuple[int, int]:
    """Number and length of the fewest chunks of up to `most` tokens, as short as these allow."""
    count = -(-tokens // most)
    return count, -(-tokens // count)


def halving_chunks_of(tokens: int, most: int) -> tuple[int, int]:
    """As `chunks_of` with a length that is a power of two, as `most` is: a shorter sequence is one chunk of the next power."""
    length = min(most, 1 << (tokens - 1).bit_length())
    return -(-tokens // length), length


def square_for(tokens: int) -> int:
    """The smallest number whose square holds all tokens."""
    return isqrt(tokens - 1) + 1
