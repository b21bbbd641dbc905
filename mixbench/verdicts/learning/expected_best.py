"""The best score to expect from a number of random trials, estimated from the scores of more trials."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from mixbench.verdicts.learning.resampling import Numbers


def most_trials(count: int) -> int:
    """The largest number of trials that `count` scores allow an estimate for: half of them, at least one."""
    return max(1, count // 2)


def expected_best(ascending: Numbers) -> Numbers:
    """The expected largest score of 1, 2, … trials, up to `most_trials`, from scores in ascending order.

    The unbiased estimate (Tang et al. 2020, arXiv 2004.01570): the mean over every choice of so many of the trials. -inf
    without scores.
    """
    if not len(ascending):
        return np.full(1, -math.inf)
    return _weights(len(ascending)) @ ascending


def trials_until(expected: Numbers, goal: float) -> float | None:
    """The number of trials at which a curve over 1, 2, … trials reaches a goal, linear in between; None where it does not."""
    reached = np.flatnonzero(expected >= goal)
    if not len(reached):
        return None
    after = int(reached[0])
    if after == 0:
        return 1.0
    return float(after + (goal - expected[after - 1]) / (expected[after] - expected[after - 1]))


@cache
def _weights(count: int) -> Numbers:
    """Share of the choices of n trials in which each of `count` ascending scores is the largest, (most_trials, count)."""
    places = np.arange(count)
    weights = [np.full(count, 1 / count)]
    for n in range(1, most_trials(count)):
        # from C(place, n - 1) / C(count, n) to C(place, n) / C(count, n + 1), neither of which fits into a float
        weights.append(weights[-1] * (places - n + 1) / n * (n + 1) / (count - n))
    return np.array(weights)
