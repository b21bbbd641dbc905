"""Pairs of processes in, a verdict out: the rule of the live gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from mixbench.stats import Interval, t_interval, t_quantile
from mixbench.verdicts.gate.comparison import Judgement

FLOOR = 0.01
"""Relative change that is never worth a flag: what memory layout alone can make of equal code."""
ONE_SIDED = 0.99
SAME_WITHIN = 0.05
"""Both versions are the same where the interval lies within this, or within the floor where that is wider."""


def looks(log_ratios: Sequence[float], floor: float = FLOOR) -> int:
    """One look at the pairs: 1 where head is slower than base beyond the floor, -1 where it is faster, else 0.

    One-sided t-tests over pairs at 1 %, head to base.
    """
    middle, half = fmean(log_ratios), _half(log_ratios)
    edge = math.log1p(floor)
    return 1 if middle - half > edge else -1 if middle + half < -edge else 0


def judge_pairs(
    metric: str,
    seconds: tuple[float, float],
    log_ratios: Sequence[float],
    again: Sequence[float] = (),
    *,
    floor: float = FLOOR,
    wall: float | None = None,
) -> Judgement:
    """The verdict from a first look and, where that flagged the cell, a second one at as many new pairs.

    Slower and faster need both looks to agree. The interval is over all pairs, two-sided at 98 %; seconds per call.
    """
    first, second = looks(log_ratios, floor), looks(again, floor) if again else 0
    every = [*log_ratios, *again]
    interval = t_interval(every, 2 * ONE_SIDED - 1)
    assert interval.low is not None
    assert interval.high is not None
    change = Interval(*(math.expm1(bound) for bound in (interval.point, interval.low, interval.high)))
    detectable = math.exp(math.log1p(floor) + _half(every)) - 1
    base, head = (1e3 * side for side in seconds)
    remark = f"wall {100 * wall:+.1f} %" if wall is not None else ""
    if first and first == second:
        verdict = "slower" if first > 0 else "faster"
    elif first:
        verdict = "undecided"
        remark = f"a first look said {'slower' if first > 0 else 'faster'}, a second one did not agree; {remark}".strip("; ")
    elif max(abs(change.low or 0), abs(change.high or 0)) <= max(SAME_WITHIN, floor):
        verdict = "same"
    else:
        verdict = "undecided"
        remark = f"a change of {100 * detectable:.1f} % would have been seen; {remark}".strip("; ")
    return Judgement(metric, verdict, base, head, change, detectable, remark)


def _half(log_ratios: Sequence[float]) -> float:
    """Half the width of the interval whose ends are one-sided bounds at 99 %."""
    count = len(log_ratios)
    return t_quantile(count - 1, ONE_SIDED) * stdev(log_ratios) / math.sqrt(count)
