"""Means of scores: errors are compared by ratios, on the log scale, other scores by differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from mixbench.stats import Interval, log_t_interval, t_interval


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
    return _with_width(log_t_interval(scores) if min(scores) > 0 else t_interval(scores))


def mean_share(shares: Sequence[float]) -> Interval:
    """Mean of shares, such as accuracies, with its t-interval as far as it lies between 0 and 1."""
    interval = _with_width(t_interval(shares))
    low, high = interval.low, interval.high
    return interval if low is None or high is None else Interval(interval.point, max(0.0, low), min(1.0, high))


def mean_difference(pairs: Sequence[tuple[float, float]], level: float = 0.95) -> Interval | None:
    """Mean of own - other over pairs with its t-interval; None without pairs."""
    return _with_width(t_interval([own - other for own, other in pairs], level)) if pairs else None


def _with_width(interval: Interval) -> Interval:
    """Without bounds where all values are equal: a few seeds agree by chance, and that says nothing of others."""
    return Interval(interval.point) if interval.low == interval.high else interval


def relative_change(pairs: Sequence[tuple[float, float]], level: float = 0.95) -> Interval | None:
    """Geometric mean of own / other over pairs, minus 1, with its interval; None without pairs or where a score is 0."""
    if not pairs or min(map(min, pairs)) <= 0:
        return None
    ratio = _with_width(log_t_interval([own / other for own, other in pairs], level))
    return Interval(ratio.point - 1, *(None if end is None else end - 1 for end in (ratio.low, ratio.high)))
