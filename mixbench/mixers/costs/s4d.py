"""Closed forms of S4D."""

from __future__ import annotations

from math import ceil

from mixbench.mixers.costs.chunks import square_for
from mixbench.mixers.costs.fourier import fast_length, transform_flops
from mixbench.parsing.option import Value


def split_length(tokens: int) -> tuple[int, int]:
    """Blocks, and tokens in a block: about as many of each."""
    size = square_for(tokens)
    return ceil(tokens / size), size


def s4d_flops(*, tokens: int, width: int, state: int, batch: int, **_: Value) -> float:
    """FLOPs of one sequence: products, two transforms, and a share of that of the taps."""
    return _products(tokens, width, state, batch) + _transforms(tokens, width, batch)


def s4d_training_flops(*, tokens: int, width: int, state: int, batch: int, **_: Value) -> float:
    """FLOPs of one sequence, forward and backward: a product has two gradients, a transform is its own."""
    return 3 * _products(tokens, width, state, batch) + 2 * _transforms(tokens, width, batch)


def _products(tokens: int, width: int, state: int, batch: int) -> float:
    """The projection, and a share of the taps, which are the same for all sequences."""
    blocks, size = split_length(tokens)
    return 4 * tokens * width**2 + 2 * width * state * blocks * size / batch


def _transforms(tokens: int, width: int, batch: int) -> float:
    return width * transform_flops(fast_length(2 * tokens - 1)) * (2 + 1 / batch)
