"""Intervals of what is read off mean learning curves. Seeds are kept whole: each with all its sizes, shared by all mixers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mixbench.verdicts.words import counted

Curve = Mapping[int, Mapping[int, float]]
"""Test score by seed, by number of training examples."""
Numbers = NDArray[np.float64]

DRAWS = 2000
LEVEL = 0.95
ENOUGH_REPLICATES = 5
"""With fewer, the values themselves need not enclose even their median in 95 % of cases, and resampling cannot leave them."""


def drawn_means(curve: Curve, seeds: Sequence[int], draws: int = DRAWS) -> tuple[list[int], Numbers, Numbers]:
    """Sizes, means by draw and size, (draws + 1, sizes), the first of which are the data's, and scores by size, (sizes).

    The other draws are from the multivariate t-distribution around the data's means that the scatter over seeds gives: the
    percentiles of each mean are its t-interval. So those of anything that rises with the means hold as often as a t-interval,
    while resampling five seeds cannot reach far enough. Equal `seeds` give paired draws. A size with a single score has the
    scatter of the others. Only the data's means where no size has two scores.
    """
    sizes = sorted(size for size, scores in curve.items() if scores)
    scores = np.array([[curve[size].get(seed, math.nan) for size in sizes] for seed in seeds]).reshape(len(seeds), -1)
    known = ~np.isnan(scores)
    numbers = known.sum(0).astype(float)
    means = np.where(known, scores, 0.0).sum(0) / numbers
    several = numbers > 1
    if not several.any():
        return sizes, means[None], numbers
    apart = np.where(known, scores - means, 0.0)
    typical = math.sqrt(float(((apart**2).sum(0)[several] / (numbers[several] - 1)).mean()))
    # of g, independent and standard normal, the sum of g · apart has the variance of a sum of squares
    errors = np.where(several, apart / np.sqrt(numbers * np.maximum(numbers - 1, 1)), known * typical)
    random, freedom = np.random.default_rng(0), numbers[several].min() - 1
    scale = np.sqrt(freedom / random.chisquare(freedom, draws))
    drawn = scale[:, None] * (random.standard_normal((draws, len(seeds))) @ errors)
    return sizes, means + np.vstack([np.zeros_like(means), drawn]), numbers


def percentile_interval(low: Numbers, high: Numbers, tail: float = (1 - LEVEL) / 2) -> tuple[float, float]:
    """The interval of a statistic from the lower and the upper end of each draw, (draws) each; equal ends are a value."""
    rank = math.floor(tail * len(low))
    return float(np.sort(low)[rank]), float(np.sort(high)[len(high) - 1 - rank])


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


def resampling_interval(low: Numbers, high: Numbers, replicates: float, level: float = LEVEL) -> tuple[float, float]:
    """Like `percentile_interval`, from draws that take some of the replicates. Needs two of them.

    Plain percentiles are too narrow for a few replicates, so they are taken further out, by as much as Student's t differs from
    the normal distribution (Hesterberg, What teachers should know about the bootstrap, 2015, section 3.4).
    """
    from scipy.special import ndtr, stdtrit

    quantile = float(stdtrit(replicates - 1, (1 + level) / 2))
    return percentile_interval(low, high, float(ndtr(-math.sqrt(replicates / (replicates - 1)) * quantile)))


def few_replicates(count: int, noun: str, more: str, enough: int = ENOUGH_REPLICATES, intervals: str = "intervals") -> str:
    """The warning that so few seeds, launches or trials give no interval, or one that holds too rarely; "" for enough.

    `more` is the option that gives more.
    """
    nouns = counted(2, noun).partition(" ")[2]
    if count == 1:
        return f"One {noun}: no intervals. More {nouns} give them: {more}."
    if count < enough:
        return f"With {counted(count, noun)}, {intervals} may hold in less than 95 % of cases. More {nouns} help: {more}."
    return ""
