"""Sizes and closed forms of Hyena (arXiv 2302.10866)."""

from __future__ import annotations

from mixbench.mixers.costs.fourier import fast_length, transform_flops

KERNEL = 3
"""Taps of the short convolutions."""
BANDS = 16
"""Frequencies of the positions that the filters' MLP sees."""
INPUTS = 1 + 2 * BANDS
"""The position itself, cosines and sines."""
UNITS = 64
"""Width of the filters' MLP."""


def hyena_flops(*, tokens: int, width: int, order: int, batch: int, training: bool = False, **_: object) -> float:
    """FLOPs of one sequence: projections, short and long convolutions, and a share of what makes the filters.

    In training, a product takes 3 times as many and a transform 2 times, since its gradient is a transform, too. The MLP's
    input has no gradient.
    """
    channels, filters = (order + 1) * width, (order - 1) * width
    products = 2 * tokens * (width * channels + KERNEL * channels + width**2)
    transform = transform_flops(fast_length(2 * tokens - 1))
    made = 2 * tokens * UNITS * (2 * UNITS + filters)
    first = 2 * tokens * INPUTS * UNITS
    times = (3, 2, 2) if training else (1, 1, 1)
    once = times[0] * made + times[2] * first + times[1] * filters * transform
    return times[0] * products + times[1] * 2 * filters * transform + once / batch


def hyena_training_flops(**arguments: object) -> float:
    """FLOPs of one sequence, forward and backward."""
    return hyena_flops(**arguments, training=True)  # type: ignore[arg-type]


def hyena_params(*, width: int, order: int, **_: object) -> int:
    """Parameters of projections, short convolutions, and filters with their MLP, its frequencies and skips."""
    channels, filters = (order + 1) * width, (order - 1) * width
    mlp = (INPUTS + 1) * UNITS + 2 * (UNITS + 1) * UNITS + UNITS * filters + UNITS
    return (width + 1) * channels + (KERNEL + 1) * channels + mlp + filters + (width + 1) * width
