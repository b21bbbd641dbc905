"""What is decided by intervals: one number or several together, so that an interval and its verdict never disagree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.stats import Interval
from mixbench.verdicts.brackets import says_nothing
from mixbench.verdicts.claims.claim import Finding, Verdict
from mixbench.verdicts.entries import is_unknown, is_unknown_change
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket

LEVEL = 0.95
_MOST = 4
"""By how many times the replicates may grow that are proposed."""
_FAR_APART = "no usable interval: its ends are more than 1000 times apart"
_OPEN = "no usable interval: it is open at both ends"
FEWEST = 5
"""Seeds and launches that are proposed at least."""


def enough(name: str, count: int) -> dict[str, int]:
    """What a command must add to rows with this many seeds or launches (`name`), as one has no interval; else empty."""
    return {} if count > 1 else {name: FEWEST}


@dataclass(frozen=True)
class Estimate:
    """A number and its interval: no bounds with one replicate, an infinite one for an open end; no point where that is open.

    An interval that says nothing is left out: `unknown` says why.
    """

    point: float | None
    low: float | None = None
    high: float | None = None
    value: Bracket | None = None
    """What is known of a number without a point."""
    unknown: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is a number or a bound."""
        return self.point is not None or self.value is not None

    def above(self, value: float) -> bool:
        """Whether the interval lies above a value."""
        return self.low is not None and self.low > value

    def below(self, value: float) -> bool:
        """Whether the interval lies below a value."""
        return self.high is not None and self.high < value

    def within(self, margin: float) -> bool:
        """Whether the interval lies between -margin and margin."""
        return self.low is not None and self.high is not None and -margin <= self.low and self.high <= margin


NOTHING = Estimate(None)
At = Callable[[float], Estimate]
"""The estimate with an interval of this level."""
Holds = Callable[[Estimate], bool]


def of_interval(interval: Interval | None, scale: float = 1.0) -> Estimate:
    """A difference with its interval, in another unit."""
    if interval is None:
        return NOTHING
    low, high = (None if end is None else scale * end for end in (interval.low, interval.high))
    return Estimate(scale * interval.point, low, high)


def of_ratio(interval: Interval) -> Estimate:
    """A ratio with its interval, unless that says nothing."""
    return Estimate(interval.point, unknown=_FAR_APART) if is_unknown(interval) else of_interval(interval)


def of_change(change: Interval | None) -> Estimate:
    """A relative change with its interval, unless that says nothing, in per cent."""
    if change is not None and is_unknown_change(change):
        return Estimate(100 * change.point, unknown=_FAR_APART)
    return of_interval(change, 100)


def of_brackets(value: Bracket | None, interval: Bracket | None) -> Estimate:
    """A ratio that may be known by a bound only, and its interval, unless that says nothing; 0 and infinity are open ends."""
    point = value.low if value and value.low == value.high else None
    known = None if point is not None or value == UNKNOWN else value
    if interval is None:
        return Estimate(point, value=known)
    if says_nothing(interval):
        return Estimate(point, value=known, unknown=_OPEN if interval == UNKNOWN else _FAR_APART)
    return Estimate(point, interval.low if interval.low > 0 else -math.inf, interval.high, known)


@dataclass(frozen=True)
class Comparison:
    """A number that a claim is decided by."""

    mixer: str
    against: str
    """Labels."""
    at: At
    where: str = ""
    """With a preposition, at which length or score and in which of several contexts: `at 512 tokens`."""
    detail: str = ""
    """Why there is no number, or how it is marked."""
    disturbed: bool = False
    """Whether other work disturbed the times that it is of, so that it must not decide."""
    of: str = ""
    """Which quantity, where the comparisons of a claim differ in it."""
    source: Any = field(default=None, compare=False)
    """The context that it is in, of which more may be measured; None where that would not help."""

    @property
    def label(self) -> str:
        """What it is of."""
        return f"{self.mixer} against {self.other}"

    @property
    def other(self) -> str:
        """What the mixer is compared with, and where."""
        return f"{self.against} {self.where}".rstrip()


@dataclass(frozen=True)
class Criterion:
    """What supports a claim and what contradicts it, by an interval."""

    supports: Holds
    contradicts: Holds
    smallest: Callable[[Estimate], float | None]
    """The smallest effect that an interval as wide would have shown."""
    steps: bool = True
    """Whether several are corrected by Holm's steps; else by Bonferroni's."""

    def verdict(self, estimate: Estimate) -> Verdict:
        """What an estimate says."""
        if self.supports(estimate):
            return "supported"
        return "contradicted" if self.contradicts(estimate) else "undecided"


def ratio_test(below: float) -> Criterion:
    """A ratio below a number supports a claim, one above it contradicts it."""
    return Criterion(
        supports=lambda estimate: estimate.below(below),
        contradicts=lambda estimate: estimate.above(below),
        smallest=lambda estimate: below * estimate.point / estimate.high if estimate.point and estimate.high else None,
    )


def decided(test: Criterion, comparisons: Sequence[Comparison], quantity: str) -> list[tuple[Finding, float | None]]:
    """The finding of each comparison and the level of its interval, such that any of them is wrong in at most 5 % of cases.

    Comparisons that must not decide, or have no interval, are no part of the correction: the level is None.
    """
    able = [place for place, own in enumerate(comparisons) if not own.disturbed and own.at(LEVEL).low is not None]
    levels = dict(zip(able, levels_of([comparisons[place].at for place in able], test), strict=True))
    found = []
    for place, own in enumerate(comparisons):
        level = levels.get(place)
        estimate = own.at(LEVEL if level is None else level)
        verdict = "undecided" if level is None else test.verdict(estimate)
        found.append((_finding(own, estimate, verdict, quantity, test), level))
    return found


def levels_of(every: Sequence[At], test: Criterion) -> list[float]:
    """The level of each interval: by Holm's steps, 1 - 0.05 / m while m are not decided; else that of the first step for all.

    What is decided keeps the level at which it was, so an interval excludes what it is held against exactly where Holm's
    procedure rejects (Holm 1979, Scandinavian Journal of Statistics 6).
    """
    levels: dict[int, float] = {}
    while left := [place for place in range(len(every)) if place not in levels]:
        level = 1 - (1 - LEVEL) / len(left)
        clear = [place for place in left if test.verdict(every[place](level)) != "undecided"] if test.steps else []
        levels |= dict.fromkeys(clear or left, level)
    return [levels[place] for place in range(len(every))]


def _finding(own: Comparison, estimate: Estimate, verdict: Verdict, quantity: str, test: Criterion) -> Finding:
    low, high = (None if end is None or math.isinf(end) else end for end in (estimate.low, estimate.high))
    lower, upper = (own is None and end is not None for own, end in ((low, estimate.low), (high, estimate.high)))
    marks = ["no lower bound"] * lower + ["no upper bound"] * upper
    shown = not own.disturbed and None not in (estimate.point, low, high)
    value = estimate.value
    return Finding(
        label=own.label,
        quantity=own.of or quantity,
        point=estimate.point,
        low=low,
        high=high,
        verdict=verdict,
        detail="; ".join(filter(None, (own.detail, *marks, estimate.unknown))),
        smallest=test.smallest(estimate) if shown else None,
        at_least=value.low if value and value.low > 0 else None,
        at_most=value.high if value and value.high < math.inf else None,
        unknown=estimate.unknown,
        disturbed=own.disturbed,
    )


def all_together(findings: Sequence[Finding]) -> Verdict:
    """Contradicted where any is; supported where all are, and there is one."""
    verdicts = {finding.verdict for finding in findings}
    if "contradicted" in verdicts:
        return "contradicted"
    return "supported" if verdicts == {"supported"} else "undecided"


def half_width(estimate: Estimate) -> float | None:
    """How far a difference must lie from what it is held against."""
    if estimate.point is None or estimate.low is None or estimate.high is None:
        return None
    return max(estimate.point - estimate.low, estimate.high - estimate.point)


def more_replicates(count: int, half: float | None, distance: float) -> int:
    """About how many replicates make the half-width of an interval as small as `distance`; at most four times as many."""
    grown = count * (half / distance) ** 2 if half and distance else math.inf
    return max(FEWEST, count + 1, math.ceil(min(grown, _MOST * count)))
