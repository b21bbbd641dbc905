"""Find change points in series: the commits with which a metric of a cell got a new level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.errors import RequestError
from mixbench.stats import Interval, unpaired_ratio_interval
from mixbench.verdicts.gate.rules import judge_count
from mixbench.verdicts.track.series import COUNTED, LEAST_COMMITS, Point, Series

PENALTY = 30.0
"""Squared deviations that one more change must save, in units of the variance from commit to commit."""
_CLIP = 2.0
"""A commit further from the median of its neighbours counts as if it were this far, in standard deviations."""
_LEAST_NOISE = 1e-3
"""The least relative standard deviation that a series is taken to have."""
_NEIGHBOURS = 2

VERDICTS = ("worse", "changed", "better")
"""The verdicts by importance; changed: neither direction is better."""


@dataclass(frozen=True)
class Change:
    """A new level of a series, from `suspect` on; `last_good` is the commit before."""

    series: Series
    at: int
    """Index of the suspect among the points of the series."""
    before: float
    after: float
    change: Interval
    """Relative to before: 0.1 is 10 % more; where there is noise, with its 95 % interval over commits."""

    @property
    def suspect(self) -> Point:
        """The first commit after the change."""
        return self.series.points[self.at]

    @property
    def last_good(self) -> Point:
        """The last commit before the change."""
        return self.series.points[self.at - 1]

    @property
    def verdict(self) -> str:
        """worse or better; changed where the metric has no direction."""
        if not self.series.better:
            return "changed"
        return "better" if (self.after > self.before) == (self.series.better == "higher") else "worse"

    @property
    def software(self) -> dict[str, tuple[Any, Any]]:
        """Other software that changed with the commit: its version before and after, by name."""
        before, after = self.last_good.software, self.suspect.software
        return {name: (before.get(name), value) for name, value in after.items() if before.get(name) != value}

    @property
    def importance(self) -> tuple[int, float]:
        """Sorts the most important first: worse before better, failures before costs, large before small."""
        size = abs(math.log(self.after) - math.log(self.before)) if self.before > 0 and self.after > 0 else math.inf
        return VERDICTS.index(self.verdict), -size


def find_changes(series: Series) -> list[Change]:
    """The changes of a series in order; [] if it is too short or not judgeable. Raises RequestError without ruptures."""
    if series.too_short or not series.judgeable:
        return []
    return _counted(series) if series.metric in COUNTED else _measured(series)


def _counted(series: Series) -> list[Change]:
    """Every change of a count, however small."""
    found = []
    for at in range(1, len(series.points)):
        judged = judge_count(series.metric, series.points[at - 1].values, series.points[at].values)
        if judged.verdict != "same" and judged.base is not None and judged.head is not None and judged.change:
            found.append(Change(series, at, judged.base, judged.head, judged.change))
    return found


def _measured(series: Series) -> list[Change]:
    values = [point.middle for point in series.points]
    levels = np.exp(_without_spikes(np.log(values))[0]).tolist()
    ends = find_breaks(values)
    parts = [levels[start:end] for start, end in zip([0, *ends], [*ends, len(levels)], strict=True)]
    found = []
    for at, before, after in zip(ends, parts, parts[1:], strict=False):
        ratio = unpaired_ratio_interval(after, before)
        low, high = (None if bound is None else bound - 1 for bound in (ratio.low, ratio.high))
        level = geometric_mean(before)
        found.append(Change(series, at, level, level * ratio.point, Interval(ratio.point - 1, low, high)))
    return found


def find_breaks(values: Sequence[float]) -> list[int]:
    """Index of the first value after each change of the level of a noisy positive series; [] with fewer than 6 values.

    Optimal partitioning of the logarithms by squared deviations (PELT, Killick, Fearnhead and Eckley 2012, as implemented in
    ruptures), with at least LEAST_COMMITS values in a part. First, a value far from the median of its neighbours is pulled
    towards it, so that one or two outliers are no change. The noise is estimated from the differences of neighbours, which a
    change of level does not affect.

    Simulated without a change, 3000 series each of 6, 8, 10, 15, 20, 40 and 100 commits: one was found in at most 0.5 %
    where the noise from commit to commit is Gaussian, 0.6 % where it is Student's t with 3 degrees of freedom, 0.4 % where
    one commit sticks out by 50 standard deviations, and 1.0 % where the noise is six times as wide in a tenth of the
    commits. A change of 3.5 standard deviations is found in 97 % with 15 commits on both sides; with 3 commits after it,
    one of 5 in 81 %. Commits must be independent: a slow drift of the machine is found as changes.
    """
    if len(values) < 2 * LEAST_COMMITS:
        return []
    try:
        from ruptures import KernelCPD
    except ImportError as error:
        raise RequestError("change points need the package ruptures", "pip install ruptures (Python 3.11 to 3.13)") from error
    levels, noise = _without_spikes(np.log(values))
    search = KernelCPD(kernel="linear", min_size=LEAST_COMMITS)
    return [int(end) for end in search.fit_predict((levels / noise).reshape(-1, 1), pen=PENALTY)[:-1]]


def _without_spikes(logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The logarithms with outliers pulled towards their neighbours, and the standard deviation from commit to commit."""
    noise = max(_LEAST_NOISE, 1.4826 * float(np.median(np.abs(np.diff(logs)))) / math.sqrt(2))
    # five neighbours at the ends, too, so that three commits of a new level outweigh two outliers there as well
    starts = np.clip(np.arange(len(logs)) - _NEIGHBOURS, 0, max(0, len(logs) - 2 * _NEIGHBOURS - 1))
    around = [np.median(logs[start : start + 2 * _NEIGHBOURS + 1]) for start in starts]
    middle = np.array(around, dtype=np.float64)
    return middle + np.clip(logs - middle, -_CLIP * noise, _CLIP * noise), noise
