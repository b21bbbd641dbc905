"""Intervals of statistics other than means, by resampling whole seeds: each with all its sizes, shared by all mixers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Curve = Mapping[int, Mapping[int, float]]
"""Test score by seed, by number of training examples."""
Numbers = NDArray[np.float64]

DRAWS = 2000
ENOUGH_SEEDS = 5
"""With fewer seeds, resampling cannot give a 95 % interval: see `best_coverage`."""


def seed_draws(seeds: int, draws: int = DRAWS) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """How often each distinct draw takes each seed, (distinct draws, seeds), and which of these each draw is, (draws).

    The seed of the generator is fixed, so the same data give the same interval.
    """
    counts = np.random.default_rng(0).multinomial(seeds, [1 / seeds] * seeds, size=draws)
    distinct, which = np.unique(counts, axis=0, return_inverse=True)
    return distinct, which.reshape(-1)


def mean_curves(curve: Curve, seeds: Sequence[int], counts: NDArray[np.int64]) -> tuple[list[int], Numbers, Numbers]:
    """Sizes, then mean score and number of scores by draw and size, (draws, sizes); the mean is nan where there is no score."""
    sizes = sorted(size for size, scores in curve.items() if scores)
    scores = np.array([[curve[size].get(seed, math.nan) for size in sizes] for seed in seeds]).reshape(len(seeds), -1)
    known = ~np.isnan(scores)
    numbers = (counts @ known).astype(float)
    with np.errstate(invalid="ignore"):
        return sizes, (counts @ np.where(known, scores, 0.0)) / numbers, numbers


def resampling_interval(low: Numbers, high: Numbers, seeds: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a statistic from the lower and the upper end of each draw, (draws) each; they are equal if it is exact.

    Plain percentiles are too narrow for a few seeds, so they are taken further out, by as much as Student's t differs from the
    normal distribution (Hesterberg, What teachers should know about the bootstrap, 2015, section 3.4). Needs two seeds.
    """
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(-math.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, (1 + level) / 2)))
    rank = math.floor(tail * len(low))
    return float(np.sort(low)[rank]), float(np.sort(high)[len(high) - 1 - rank])


def best_coverage(seeds: int) -> float:
    """How often the range of `seeds` values, which resampling cannot leave, encloses the median of their distribution."""
    return 1 - 2.0 ** (1 - seeds)
