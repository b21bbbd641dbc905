"""A simultaneous confidence band for the expected best score of random trials, whatever the distribution of their scores.

Each of n ascending scores is a known quantile but for chance: the share of the distribution below the k-th follows a beta
distribution, Beta(k, n + 1 - k). Central intervals of these, all of the coverage at which they hold together with the wanted
confidence, bound the distribution function (Learned-Miller and DeStefano 2008, DOI 10.1109/TIT.2007.913234), and it bounds the
expected best (Lourie et al. 2024, arXiv 2311.09480). The package opda simulates that coverage; here it is exact.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from mixbench.verdicts.learning.expected_best import most_trials
from mixbench.verdicts.learning.resampling import Numbers


def expected_best_band(ascending: Numbers, worst: float, best: float, confidence: float) -> tuple[Numbers, Numbers]:
    """Lower and upper end for the expected largest score of 1, 2, … trials, up to `most_trials`, from ascending scores.

    They hold for all numbers of trials at once. Every score that is possible lies from `worst` to `best`.
    """
    low, high = share_below(len(ascending), confidence)
    steps = np.diff([worst, *ascending, best])
    # between two scores the distribution function has one value on either side of the band; 0 below all, 1 above all
    return _expected_best(np.append(high, 1.0), steps, best), _expected_best(np.append(0.0, low), steps, best)


def _expected_best(shares: Numbers, steps: Numbers, best: float) -> Numbers:
    """`best` minus the integral of F^n for n = 1, 2, …, where F is `shares` over the lengths `steps`."""
    power, found = np.ones_like(shares), []
    for _ in range(most_trials(len(steps) - 1)):
        power *= shares
        found.append(best - power @ steps)
    return np.array(found)


@cache
def share_below(count: int, confidence: float) -> tuple[Numbers, Numbers]:
    """For each of `count` ascending scores, bounds of the share of the distribution below it, which hold for all at once."""
    from scipy.optimize import brentq

    if count == 1:
        return _intervals(1, 1 - confidence)
    # as many intervals miss together at least as often as one of them, and at most as often as all of them taken apart
    misses = 1 - confidence
    ends = math.log(misses / count), math.log(misses)
    tail = brentq(lambda tail: holds_together(*_intervals(count, math.exp(tail))) - confidence, *ends, xtol=1e-6)
    return _intervals(count, math.exp(tail))


def _intervals(count: int, misses: float) -> tuple[Numbers, Numbers]:
    """Central intervals of Beta(k, count + 1 - k) for k = 1, …, count, each of which misses with this probability."""
    from scipy.special import betaincinv

    low = betaincinv(np.arange(1, count + 1), np.arange(count, 0, -1), misses / 2)
    return low, 1 - low[::-1]


def holds_together(low: Numbers, high: Numbers) -> float:
    """The probability that n ascending uniform numbers lie in n intervals; both ends of these increase.

    The uniform numbers up to t are counted as t goes from 0 to 1. They are the events of a Poisson process, given that there
    are n of them; the count may be neither below the number of upper ends passed nor above that of lower ends passed
    (Moscovich and Nadler 2017, DOI 10.1016/j.spl.2016.11.027).
    """
    count = len(low)
    times = np.concatenate([low, high])
    order = np.argsort(times, kind="stable")
    times = np.append(times[order], 1.0)
    lowest = np.append(np.cumsum(order >= count), count)
    # what has not come before the next lower end may not come until it
    highest = np.append(0, np.cumsum(order < count))
    logs = np.array([math.lgamma(k + 1) for k in range(count + 1)])
    chances, first, before = np.ones(1), 0, 0.0  # of first, first + 1, … uniform numbers so far
    for time, least, most in zip(times.tolist(), lowest.tolist(), highest.tolist(), strict=True):
        mean = count * (time - before)
        # more events than that have a chance below 1e-20
        more = np.arange(min(most - first, int(mean + 10 * math.sqrt(mean) + 25)) + 1)
        if mean > 0:
            chances = np.convolve(chances, np.exp(more * math.log(mean) - mean - logs[more]))
        chances = chances[least - first : most - first + 1]
        if not len(chances):
            return 0.0
        first, before = least, time
    return float(chances[0] * math.exp(logs[count] + count - count * math.log(count)))
