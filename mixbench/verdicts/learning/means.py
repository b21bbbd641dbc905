"""Means of scores: errors are compared by ratios, on the log scale, other scores by differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from statistics import fmean

from mixbench.stats import Interval, log_t_interval, t_interval

_ROUNDING = 1e-9
"""Widths that are smaller, relative to the scores, come from rounding: 0.55 - 0.5 is not 0.35 - 0.3."""


def known_mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def mean_score(scores: Sequence[float], is_error: bool) -> Interval | None:
    """Mean of scores with its t-interval, for errors above 0 the geometric mean; None without scores."""
    if not scores:
        return None
    if not is_error:
        return mean_share(scores)
    return _with_width(log_t_interval(scores) if min(scores) > 0 else t_interval(scores), scores)


def mean_share(shares: Sequence[float]) -> Interval:
    """Mean of shares, such as accuracies, with its t-interval as far as it lies between 0 and 1."""
    interval = _with_width(t_interval(shares), shares)
    low, high = interval.low, interval.high
    return interval if low is None or high is None else Interval(interval.point, max(0.0, low), min(1.0, high))


def mean_difference(pairs: Sequence[tuple[float, float]], level: float = 0.95) -> Interval | None:
    """Mean of own - other over pairs with its t-interval; None without pairs."""
    if not pairs:
        return None
    return _with_width(t_interval([own - other for own, other in pairs], level), [*chain.from_iterable(pairs)])


def _with_width(interval: Interval, values: Sequence[float]) -> Interval:
    """Without bounds where all replicates agree: a few seeds do so by chance, and that says nothing of others.

    `values` are what the interval was computed from: what they leave to rounding is no scatter.
    """
    if interval.low is None or interval.high is None:
        return interval
    rounding = _ROUNDING * max(map(abs, values))
    return Interval(interval.point) if interval.high - interval.low <= rounding else interval


def relative_change(pairs: Sequence[tuple[float, float]], level: float = 0.95) -> Interval | None:
    """Geometric mean of own / other over pairs, minus 1, with its interval; None without pairs or where a score is 0."""
    if not pairs or min(map(min, pairs)) <= 0:
        return None
    ratios = [own / other for own, other in pairs]
    ratio = _with_width(log_t_interval(ratios, level), ratios)
    return Interval(ratio.point - 1, *(None if end is None else end - 1 for end in (ratio.low, ratio.high)))
