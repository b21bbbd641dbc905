"""tuning.csv in, summary out: the validation performance that a number of trials is expected to find, per mixer.

Valid for independent random search only. The estimator is the unbiased one (Tang et al. 2020, arXiv 2004.01570; of n trials
drawn without replacement), the bands are simultaneous (Lourie et al. 2024, arXiv 2311.09480), both as opda has them.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mixbench.stats import Interval
from mixbench.tables.columns import canonical_json
from mixbench.tables.rows import TrainingRow, TrialRow
from mixbench.verdicts.labels import MixerKey, choose_environment, find_baseline, mixer_labels, mixer_order, unpacked
from mixbench.verdicts.learning.scores import ERRORS

LEVEL = 0.95
DISTANCES = (0.5, 0.2, 0.1)
"""How close to the best: shares of the way from the worst first trial that is expected to the best score of all."""


@dataclass(frozen=True)
class Curve:
    """One mixer: what the best of so many trials is expected to be, at 1, 2, … trials; as far as half of them."""

    mixer: MixerKey
    label: str
    scores: tuple[float, ...]
    """Of every trial in its order, a diverged or failed one with the worst score."""
    lost: int
    """Trials without a score."""
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Of the simultaneous 95 % band."""

    def needed(self, score: float, is_error: bool) -> tuple[float | None, float | None, float | None]:
        """Trials until `score` is expected, and of the band's ends the sooner and the later; None: not within the curve."""
        sooner, later = (self.low, self.high) if is_error else (self.high, self.low)
        point, first, last = (_first(curve, score, is_error) for curve in (self.expected, sooner, later))
        return point, first, last


@dataclass(frozen=True)
class Target:
    """A score, and the trials that each mixer needs to expect it, by label: point, sooner and later end."""

    score: float
    trials: Mapping[str, tuple[float | None, float | None, float | None]]


@dataclass(frozen=True)
class Search:
    """One task and search, its mixers compared."""

    task: str
    settings: str
    seed: int | None
    """None where the trials were made elsewhere."""
    score: str
    baseline: str | None
    curves: tuple[Curve, ...]
    targets: tuple[Target, ...]

    @property
    def is_error(self) -> bool:
        """Whether less is better."""
        return self.score in ERRORS

    def relative(self, curve: Curve) -> tuple[float, ...]:
        """What is expected of a mixer relative to the baseline's, at each number of trials: 0.1 is 10 % more."""
        base = next((one for one in self.curves if one.label == self.baseline), None)
        pairs = zip(curve.expected, base.expected, strict=False) if base else ()
        return tuple(own / other - 1 if other else math.nan for own, other in pairs)


def summarise(rows: Sequence[TrialRow], baseline: str | None = None, targets: Sequence[float] = ()) -> tuple[Search, ...]:
    """Every search of the newest environment; `targets` are scores to come to, by default DISTANCES from the best.

    Raises UnknownNameError for a baseline that they do not have.
    """
    newest = choose_environment(rows)
    return tuple(
        search_of_rows(group, baseline, targets) for group in by_search(row for row in rows if row.environment == newest)
    )


def by_search(rows: Iterable[TrialRow]) -> list[list[TrialRow]]:
    """Trials that are compared with each other: those that share everything but mixer, its own ranges and trial."""
    searches: dict[tuple[str, ...], list[TrialRow]] = defaultdict(list)
    for row in rows:
        shape = (row.layers, row.width, row.tokens, row.train_size, row.device, row.seed)
        common = {name: value for name, value in unpacked(row.settings).items() if name != "searched"}
        searches[row.task, *map(str, shape), str(sorted(common.items()))].append(row)
    return list(searches.values())


def search_of_rows(rows: Sequence[TrialRow], baseline: str | None = None, targets: Sequence[float] = ()) -> Search:
    """One search from its trials. Raises UnknownNameError for a baseline that is not among the mixers."""
    scores = {mixer: [row.dev_score for row in own] for mixer, own in by_mixer(rows).items()}
    first = rows[0]
    return search_of(scores, score_name(rows), baseline, targets, task=first.task, settings=first.settings, seed=first.seed)


def by_mixer(rows: Iterable[TrialRow]) -> dict[MixerKey, list[TrialRow]]:
    """Trials in their order; the config has the ranges of the mixer's own options in place of their values."""
    found: dict[MixerKey, list[TrialRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.trial):
        drawn = {name.rpartition(".")[2]: text for name, text in unpacked(row.settings).get("searched", {}).items()}
        found[row.mixer, canonical_json(unpacked(row.config) | drawn)].append(row)
    return found


def score_name(rows: Iterable[TrainingRow]) -> str:
    """What was scored: accuracy, mse; empty where every run failed."""
    return next((row.score for row in rows if row.score), "")


def counted(scores: Mapping[MixerKey, Sequence[float | None]], score: str) -> dict[MixerKey, tuple[float, ...]]:
    """Scores of all trials, one that diverged or failed with the worst; empty where every trial did."""
    known = [value for values in scores.values() for value in values if value is not None]
    if not known:
        return {}
    low, high = _bounds(known, score)
    worst = high if score in ERRORS else low
    return {mixer: tuple(worst if value is None else value for value in values) for mixer, values in scores.items()}


def search_of(
    scores: Mapping[MixerKey, Sequence[float | None]],
    score: str,
    baseline: str | None = None,
    targets: Sequence[float] = (),
    *,
    task: str = "",
    settings: str = "{}",
    seed: int | None = None,
) -> Search:
    """A search from the scores of its trials by mixer; None for a trial that diverged or failed.

    Raises UnknownNameError for a baseline that is not among the mixers.
    """
    labels, base = mixer_labels(scores), find_baseline(baseline, list(scores))
    is_error = score in ERRORS
    known = [value for values in scores.values() for value in values if value is not None]
    whole = counted(scores, score)
    curves = tuple(
        _curve(
            mixer, labels[mixer], whole[mixer], sum(value is None for value in scores[mixer]), _bounds(known, score), is_error
        )
        for mixer in mixer_order(scores)
        if whole and scores[mixer]
    )
    return Search(task, settings, seed, score, labels[base] if base else None, curves, _targets(curves, is_error, targets))


def _bounds(scores: Sequence[float], score: str) -> tuple[float, float]:
    """Between what scores lie: of what has no bound of its own, the band is that of scores as far as they were seen."""
    if score == "accuracy" or (score not in ERRORS and min(scores) >= 0 and max(scores) <= 1):
        return 0.0, 1.0
    return (min(0.0, *scores), max(scores)) if score in ERRORS else (min(scores), max(scores))


def _curve(
    mixer: MixerKey, label: str, scores: tuple[float, ...], lost: int, bounds: tuple[float, float], is_error: bool
) -> Curve:
    from opda.nonparametric import EmpiricalDistribution

    low, high = bounds
    ns = np.arange(1, max(1, len(scores) // 2) + 1)
    with warnings.catch_warnings():
        # equal scores, as those of trials that diverged, make the band hold more often, not less
        warnings.filterwarnings("ignore", "Duplicates detected", RuntimeWarning)
        below, point, above = EmpiricalDistribution.confidence_bands(
            np.array(scores), LEVEL, a=low, b=high, method="ld_equal_tailed", n_jobs=1
        )
    expected, lower, upper = (
        tuple(map(float, curve))
        for curve in (
            point.u_tuning_curve(ns, minimize=is_error),
            above.average_tuning_curve(ns, minimize=is_error),
            below.average_tuning_curve(ns, minimize=is_error),
        )
    )
    return Curve(mixer, label, scores, lost, expected, lower, upper)


def _targets(curves: Sequence[Curve], is_error: bool, wanted: Sequence[float]) -> tuple[Target, ...]:
    if not curves:
        return ()
    best = (min if is_error else max)(value for curve in curves for value in curve.scores)
    first = (max if is_error else min)(curve.expected[0] for curve in curves)
    goals = wanted or [best + distance * (first - best) for distance in DISTANCES]
    return tuple(Target(goal, {curve.label: curve.needed(goal, is_error) for curve in curves}) for goal in goals)


def _first(curve: Sequence[float], score: float, is_error: bool) -> float | None:
    """Trials at which a curve reaches a score, linear between whole numbers; None where it does not."""
    reached = [value <= score if is_error else value >= score for value in curve]
    if not any(reached):
        return None
    place = reached.index(True)
    if place == 0:
        return 1.0
    before, after = curve[place - 1], curve[place]
    return place + (score - before) / (after - before) if after != before else float(place + 1)


def interval_of(curve: Curve, trials: int) -> Interval:
    """What is expected after so many trials, with its band."""
    return Interval(curve.expected[trials - 1], curve.low[trials - 1], curve.high[trials - 1])
