"""How reliable the gate is on a machine: false alarms and detection by duel's rule, from recorded pairs of equal code."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixbench.stats import t_quantile
from mixbench.tables.speed_rows import PairRow
from mixbench.verdicts.gate.duel import FLOOR, ONE_SIDED
from mixbench.verdicts.gate.rules import judge_time, simultaneous_level

PAIRS = 8
"""Pairs in one set, as in a duel."""
FEWEST_PAIRS = 2 * PAIRS
SLOWDOWNS = (0.02, 0.03, 0.05, 0.10, 0.20)
_DRAWS = 4000
_FINEST, _LARGEST = 0.005, 0.50
_WORTH = 0.90
_STORED_THRESHOLDS = (0.10, 0.15, 0.20, 0.30, 0.50, 1.00)
_LAUNCHES = 5
_CALIBRATION = "calibration"
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """A share of cells and its 95 % interval; `sets` is how many separate sets of pairs it rests on."""

    point: float
    low: float
    high: float
    sets: int


@dataclass(frozen=True)
class Figures:
    """How reliable the gate is on one machine, for duel's rule and for stored runs."""

    pairs: int
    workloads: int
    floor: float
    false_alarms: Rate
    detected: Mapping[float, Rate]
    """Detection rates by slowdown, from pairs of equal code whose ratios were shifted by it."""
    planted: Mapping[float, Rate] = field(default_factory=dict)
    """Detection rates by slowdown, from pairs with real extra work."""
    planted_ratio: Mapping[float, float] = field(default_factory=dict)
    """The measured cost of the extra work: the mean relative change."""
    smallest: float | None = None
    """The smallest slowdown that is detected in at least 90 % of cells; None if there is none up to 50 %."""
    stored_threshold: float | None = None
    """The smallest threshold for stored runs without a false alarm among the recorded processes; None if unknown."""


def figures(rows: Sequence[PairRow], floor: float = FLOOR) -> Figures | None:
    """The figures of duel's rule for changes beyond `floor`; None with fewer than 16 pairs, the number that a flag takes."""
    ratios: dict[float, dict[str, Numbers]] = {
        percent / 100: {mixer: values for mixer, values in _by_mixer(rows, percent).items() if len(values) >= FEWEST_PAIRS}
        for percent in sorted({row.planted_percent for row in rows})
    }
    equal = {mixer: values for mixer, values in ratios.get(0.0, {}).items() if mixer != _CALIBRATION}
    if not equal:
        return None

    def rate(by_mixer: Mapping[str, Numbers], slowdown: float = 0.0) -> Rate:
        shift = math.log1p(slowdown)
        points = [_flagged(values + shift, floor) for values in by_mixer.values()]
        return _rate(float(np.mean(points)), sum(len(values) // PAIRS for values in by_mixer.values()))

    grid = np.arange(_FINEST, _LARGEST, _FINEST)
    return Figures(
        pairs=min(map(len, equal.values())),
        workloads=len(equal),
        floor=floor,
        false_alarms=rate(equal),
        detected={slowdown: rate(equal, slowdown) for slowdown in SLOWDOWNS},
        planted={share: rate(by_mixer) for share, by_mixer in ratios.items() if share and by_mixer},
        planted_ratio={
            share: float(np.expm1(np.mean([values.mean() for values in by_mixer.values()])))
            for share, by_mixer in ratios.items()
            if share and by_mixer
        },
        smallest=next((float(slowdown) for slowdown in grid if rate(equal, slowdown).point >= _WORTH), None),
        stored_threshold=_stored_threshold(rows),
    )


def _by_mixer(rows: Sequence[PairRow], percent: int) -> dict[str, Numbers]:
    found: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.planted_percent == percent and row.log_ratio is not None:
            found[row.mixer].append(row.log_ratio)
    return {mixer: np.array(values) for mixer, values in found.items()}


def _flagged(log_ratios: Numbers, floor: float) -> float:
    """Share of random draws of twice eight pairs in which both sets of eight say slower; the generator's seed is fixed."""
    generator = np.random.default_rng(0)
    order = np.argsort(generator.random((_DRAWS, len(log_ratios))), axis=1)[:, :FEWEST_PAIRS]
    looks = log_ratios[order].reshape(_DRAWS, 2, PAIRS)
    half = t_quantile(PAIRS - 1, ONE_SIDED) * looks.std(axis=2, ddof=1) / math.sqrt(PAIRS)
    slower = looks.mean(axis=2) - half > math.log1p(floor)
    return float(slower.all(axis=1).mean())


def _rate(share: float, sets: int) -> Rate:
    """A rate with the interval for the number of separate sets: pairs that several sets share add no information."""
    return Rate(share, *clopper_pearson(share * sets, sets), sets)


def clopper_pearson(hits: float, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share, which covers it at least as often as its level says."""
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(hits, trials - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - tail)) if hits < trials else 1.0
    return low, high


def _stored_threshold(rows: Sequence[PairRow]) -> float | None:
    """The threshold from comparing five processes with the next five, as two consecutive stored runs would be compared."""
    times: dict[str, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if row.planted_percent == 0 and row.base_ms is not None:
            times[row.mixer][row.pair] = row.base_ms
    fixed = times.pop(_CALIBRATION, {})
    windows = []
    for by_pair in times.values():
        relative = [by_pair[pair] / fixed[pair] for pair in sorted(by_pair) if pair in fixed]
        for start in range(len(relative) - 2 * _LAUNCHES + 1):
            both = dict(enumerate(relative[start : start + 2 * _LAUNCHES]))
            first = {launch: both.pop(launch) for launch in range(_LAUNCHES)}
            windows.append((first, both))
    if not windows:
        return None
    level = simultaneous_level(len(times))
    for threshold in _STORED_THRESHOLDS:
        verdicts = {judge_time("cpu_ms", *window, threshold=threshold, level=level).verdict for window in windows}
        if verdicts <= {"same", "undecided"}:
            return threshold
    return None
