"""The best score to expect from a number of random trials, estimated from the scores of more trials."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from mixbench.verdicts.learning.resampling import Numbers

KEPT = 2000
"""Weights of up to so many trials are kept for the next scores: 16 MB."""
KEPT_IN_ALL = 2**24
"""The most weights that are kept, for all numbers of trials together: 128 MB."""
TINY = 1e-300
"""A share below this is none: numbers near the smallest that a float can hold are slow."""


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
    if len(ascending) <= KEPT:
        return _weights(len(ascending)) @ ascending
    return np.array([weights @ ascending for weights in _rows(len(ascending))])


def trials_until(expected: Numbers, goal: float) -> float | None:
    """The number of trials at which a curve over 1, 2, … trials reaches a goal, linear in between; None where it does not."""
    reached = np.flatnonzero(expected >= goal)
    if not len(reached):
        return None
    after = int(reached[0])
    if after == 0:
        return 1.0
    return float(after + (goal - expected[after - 1]) / (expected[after] - expected[after - 1]))


_kept: dict[int, Numbers] = {}
"""Weights by the number of scores, the last used at the end."""


def _weights(count: int) -> Numbers:
    weights = _kept.pop(count, None)
    if weights is None:
        weights = np.array(list(_rows(count)))
        while _kept and sum(kept.size for kept in _kept.values()) + weights.size > KEPT_IN_ALL:
            del _kept[next(iter(_kept))]
    _kept[count] = weights
    return weights


def _rows(count: int) -> Iterator[Numbers]:
    """Share of the choices of n = 1, 2, … trials in which each of `count` ascending scores is the largest, (count) each."""
    places = np.arange(count)
    weights = np.full(count, 1 / count)
    yield weights
    for n in range(1, most_trials(count)):
        # from C(place, n - 1) / C(count, n) to C(place, n) / C(count, n + 1), neither of which fits into a float
        weights = weights * ((places - n + 1) / n * (n + 1) / (count - n))
        weights[weights < TINY] = 0
        yield weights
