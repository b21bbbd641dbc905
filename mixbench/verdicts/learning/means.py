"""Means of scores: errors are compared by ratios, on the log scale, other scores by differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from mixbench.stats import Interval, log_t_interval, t_interval

ERRORS = ("mse", "error")
"""Scores where lower is better."""


def known_mean(values: Iterable[float | None]) -> float | None:
    """Mean of the values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def mean_score(scores: Sequence[float], is_error: bool) -> Interval | None:
    """Mean of scores with its t-interval, for errors above 0 the geometric mean; None without scores."""
    if not scores:
        return None
    return log_t_interval(scores) if is_error and min(scores) > 0 else t_interval(scores)


def relative_change(pairs: Sequence[tuple[float, float]]) -> Interval | None:
    """Geometric mean of own / other over pairs, minus 1, with its interval; None without pairs or where a score is 0."""
    if not pairs or min(map(min, pairs)) <= 0:
        return None
    ratio = log_t_interval([own / other for own, other in pairs])
    return Interval(ratio.point - 1, *(None if end is None else end - 1 for end in (ratio.low, ratio.high)))
