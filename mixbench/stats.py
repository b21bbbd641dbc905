"""Intervals over replicates. A replicate is a process (or a seed), never a block of calls within one.

The measuring loop uses this module too, so scipy is imported only where a t quantile is needed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from statistics import fmean, linear_regression, variance
from statistics import median as median

_LEVEL = 0.95
_BEYOND = {2: 5.8531, 3: 0.8133, 4: 0.2385, 5: 0.0388}
"""By how many times their range so many normal values must be exceeded on both sides to enclose their median in 95 %."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval, which has no bounds if there were fewer than two values."""

    point: float
    low: float | None = None
    high: float | None = None


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Mean and t-interval of independent values. Raises ValueError without values."""
    point = fmean(values)
    if len(values) < 2:
        return Interval(point)
    return _around(point, variance(values) / len(values), len(values) - 1, level)


def log_t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """Geometric mean and its t-interval on the log scale. Raises ValueError for a value that is not positive."""
    return _exponential(t_interval(_logs(values), level))


def median_interval(values: Sequence[float], level: float = _LEVEL) -> Interval:
    """Median and its interval, which rare values far from the others hardly move. Raises ValueError without values.

    At 95 %, from six values on it runs between order statistics, interpolated (Hettmansperger and Sheather, 1986), and holds
    for any distribution. Fewer values do not enclose the median in 95 %: the interval extends beyond them by as many times
    their range as it takes for normal values.
    """
    if not values:
        raise ValueError("no values")
    ordered, count = sorted(values), len(values)
    point = median(ordered)
    if count < 2:
        return Interval(point)
    if 1 - 2 / 2**count < level:
        beyond = _beyond(count, level) * (ordered[-1] - ordered[0])
        return Interval(point, ordered[0] - beyond, ordered[-1] + beyond)
    rank, inwards = _median_ranks(count, level)
    low, high = ((1 - inwards) * side[rank - 1] + inwards * side[rank] for side in (ordered, ordered[::-1]))
    return Interval(point, low, high)


@cache
def _beyond(count: int, level: float) -> float:
    """By how many times their range so many normal values must be exceeded on both sides to enclose their median."""
    if level == _LEVEL:
        return _BEYOND[count]
    from scipy.integrate import quad
    from scipy.optimize import brentq
    from scipy.special import ndtr

    def missed(beyond: float) -> float:
        """How often the smallest value is above the median by more than so many times the range."""

        def density(smallest: float) -> float:
            others = ndtr(smallest * (1 + beyond) / beyond) - ndtr(smallest)
            return float(count * math.exp(-(smallest**2) / 2) / math.sqrt(2 * math.pi) * others ** (count - 1))

        return float(quad(density, 0, 10)[0])

    # to the smallest value alone, for which half of the miss is 1 / 2 to the number of values, and up
    return float(brentq(lambda beyond: missed(beyond) - (1 - level) / 2, 1e-9, 1e6))


@cache
def _median_ranks(count: int, level: float) -> tuple[int, float]:
    """The rank whose value and its mirror image enclose the median as often, and how far to go to the next, 0 to 1."""
    rank, outside = 0, Fraction(0)
    inner = outer = 1.0
    while inner >= level:
        outside += Fraction(math.comb(count, rank), 2**count)
        rank, outer, inner = rank + 1, inner, float(1 - 2 * outside)
    rank -= 1
    share = (outer - level) / (outer - inner)
    return rank, (count - rank) * share / (rank + (count - 2 * rank) * share)


def log_median_interval(values: Sequence[float], level: float = _LEVEL) -> Interval:
    """`median_interval` on the log scale. Raises ValueError for a value that is not positive."""
    return _exponential(median_interval(_logs(values), level))


def unpaired_ratio_interval(numerators: Sequence[float], denominators: Sequence[float], level: float = 0.95) -> Interval:
    """Ratio of geometric means of independent samples, and Welch's t-interval on the log scale.

    The samples may differ in size and spread. Raises ValueError for a value that is not positive.
    """
    samples = _logs(numerators), _logs(denominators)
    point = fmean(samples[0]) - fmean(samples[1])
    if min(map(len, samples)) < 2:
        return _exponential(Interval(point))
    errors = [variance(sample) / len(sample) for sample in samples]
    # Welch and Satterthwaite's degrees of freedom
    spread = sum(error**2 / (len(sample) - 1) for error, sample in zip(errors, samples, strict=True))
    freedom = sum(errors) ** 2 / spread if spread else 1.0
    return _exponential(_around(point, sum(errors), freedom, level))


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The k in values ~ sizes^k: the slope of the least-squares line through the logarithms.

    Raises ValueError with fewer than two different sizes or a value that is not positive.
    """
    return linear_regression(_logs(sizes), _logs(values)).slope


def launch_medians(measured: Iterable[tuple[int, float | None]]) -> dict[int, float]:
    """The median of each launch, in order, from pairs of launch and value; values of None are left out."""
    by_launch: dict[int, list[float]] = defaultdict(list)
    for launch, value in measured:
        if value is not None:
            by_launch[launch].append(value)
    return {launch: median(values) for launch, values in sorted(by_launch.items())}


def median_precision(values: Sequence[float]) -> float:
    """Half-width of the median's 95 % interval, relative to the median; infinite with fewer than 6 values.

    The interval runs between two order statistics and holds for any distribution (David and Nagaraja, Order Statistics, 7.1).
    """
    rank = median_rank(len(values))
    middle = median(values) if values else 0.0
    if not rank or middle <= 0:
        return math.inf
    ordered = sorted(values)
    return (ordered[-rank] - ordered[rank - 1]) / 2 / middle


def median_rank(count: int) -> int:
    """Largest r for which the r-th smallest and r-th largest of `count` values enclose the median with 95 %; 0 if none do.

    By the normal approximation of the binomial, which is at most one below the exact rank and never above it.
    """
    return math.floor((count + 1 - 1.96 * math.sqrt(count)) / 2)


def _logs(values: Sequence[float]) -> list[float]:
    return [math.log(value) for value in values]


def _around(point: float, error: float, freedom: float, level: float) -> Interval:
    """The interval around a point; `error` is the variance of the point."""
    half = t_quantile(freedom, (1 + level) / 2) * math.sqrt(error)
    return Interval(point, point - half, point + half)


def _exponential(interval: Interval) -> Interval:
    low, high = (None if bound is None else math.exp(bound) for bound in (interval.low, interval.high))
    return Interval(math.exp(interval.point), low, high)


def t_quantile(freedom: float, probability: float) -> float:
    """The quantile of Student's t distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
