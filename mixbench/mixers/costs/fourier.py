"""Closed forms of convolutions by Fourier transforms."""

from __future__ import annotations

import math


def fast_length(least: int) -> int:
    """The smallest even number from `least` on that has no prime factor above 5: transforms of such lengths are fast."""
    length = max(2, least + least % 2)
    while _rest(length) > 1:
        length += 2
    return length


def _rest(number: int) -> int:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number


def transform_flops(points: int) -> float:
    """FLOPs of the Fourier transform of one real signal, or its inverse: half of 5 n log2 n."""
    return 2.5 * points * math.log2(points)


def reach(tokens: int, *, causal: bool) -> tuple[int, int]:
    """How far before and after itself a token sees in a convolution of `tokens` taps."""
    after = 0 if causal else (tokens - 1) // 2
    return tokens - 1 - after, after


def long_conv_flops(*, tokens: int, width: int, causal: bool, batch: int, **_: object) -> float:
    """FLOPs of one sequence: a transform and its inverse, and a share of the transform of the filters."""
    size = fast_length(tokens + max(reach(tokens, causal=causal)))
    return width * transform_flops(size) * (2 + 1 / batch)
