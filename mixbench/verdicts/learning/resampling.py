"""Intervals of what is no mean, by resampling seeds: a whole seed is drawn or not, with all its sizes and all its mixers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Curve = Mapping[int, Mapping[int, float]]
"""Training examples to seed to test score."""
Numbers = NDArray[np.float64]

DRAWS = 2000
ENOUGH_SEEDS = 5
"""Below this, resampling cannot give an interval of 95 %: see `best_coverage`."""


def seed_draws(seeds: int, draws: int = DRAWS) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """How often each seed is drawn, (distinct draws, seeds), and which of them each of `draws` draws is, (draws).

    The generator's seed is fixed: the same data give the same interval.
    """
    counts = np.random.default_rng(0).multinomial(seeds, [1 / seeds] * seeds, size=draws)
    distinct, which = np.unique(counts, axis=0, return_inverse=True)
    return distinct, which.reshape(-1)


def mean_curves(curve: Curve, seeds: Sequence[int], counts: NDArray[np.int64]) -> tuple[list[int], Numbers, Numbers]:
    """Sizes, then mean score and number of scores by draw and size, (draws, sizes); nan where a draw has no score."""
    sizes = sorted(size for size, scores in curve.items() if scores)
    scores = np.array([[curve[size].get(seed, math.nan) for size in sizes] for seed in seeds]).reshape(len(seeds), -1)
    there = ~np.isnan(scores)
    behind = (counts @ there).astype(float)
    with np.errstate(invalid="ignore"):
        return sizes, (counts @ np.where(there, scores, 0.0)) / behind, behind


def resampling_interval(low: Numbers, high: Numbers, seeds: float, level: float = 0.95) -> tuple[float, float]:
    """From the low ends of all draws to the high ends, for a statistic that is known between two ends; (draws) each.

    Percentiles are taken further out than the level says, by as much as Student's t differs from the normal distribution
    (Hesterberg, What teachers should know about the bootstrap, 2015, section 3.4): plain ones are too narrow for a few seeds.
    Needs two seeds.
    """
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(-math.sqrt(seeds / (seeds - 1)) * stdtrit(seeds - 1, (1 + level) / 2)))
    rank = math.floor(tail * len(low))
    return float(np.sort(low)[rank]), float(np.sort(high)[len(high) - 1 - rank])


def best_coverage(seeds: int) -> float:
    """The share of cases in which the range of `seeds` values encloses their distribution's middle: no draw goes beyond it."""
    return 1 - 2.0 ** (1 - seeds)
