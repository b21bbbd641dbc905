"""From tuning.csv to a summary: the best development score to expect after a number of tuning trials, by mixer.

Valid for independent random search only. The estimate is that of `expected_best`, the bands are those of `expected_best_band`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import zip_longest
from typing import Any

import numpy as np

from mixbench.parsing.canonical import canonical_json
from mixbench.stats import Interval
from mixbench.tables.scores import ERRORS
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.environments import UNKNOWN, Environments, united
from mixbench.verdicts.labels import MixerKey, find_baseline, mixer_labels, mixer_order, unpacked
from mixbench.verdicts.learning.bands import expected_best_band
from mixbench.verdicts.learning.bounds import Bounds, bounds_of
from mixbench.verdicts.learning.data_needed import Bracket
from mixbench.verdicts.learning.expected_best import expected_best, trials_until
from mixbench.verdicts.records import bracket_columns, interval_columns

LEVEL = 0.95
DISTANCES = (0.5, 0.2, 0.1)
"""Default targets: the remaining share of the way from the worst expected first trial to the best score of all."""


@dataclass(frozen=True)
class Curve:
    """One mixer: the expected best score of 1, 2, … trials, up to half of those that were run."""

    mixer: MixerKey
    label: str
    scores: tuple[float, ...]
    """Score of every trial in order; a diverged or failed one counts as the worst score of the search."""
    lost: int
    """Trials without a score."""
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Upper end of the simultaneous 95 % band, as `low` is the lower end."""

    def needed(self, score: float, is_error: bool) -> tuple[float | None, float | None, float | None]:
        """Trials until `score` is expected, and by the band at the earliest and at the latest; None: beyond the curve."""
        earliest, latest = (self.low, self.high) if is_error else (self.high, self.low)
        sign = -1 if is_error else 1
        point, first, last = (trials_until(sign * np.array(curve), sign * score) for curve in (self.expected, earliest, latest))
        return point, first, last


@dataclass(frozen=True)
class Target:
    """A score and, by label, the trials that each mixer needs to expect it: estimate, earliest and latest."""

    score: float
    trials: Mapping[str, tuple[float | None, float | None, float | None]]


@dataclass(frozen=True)
class Search:
    """One search on one task, with the mixers it compares."""

    task: str
    settings: str
    seed: int | None
    """None for trials that were run elsewhere."""
    score: str
    baseline: str | None
    curves: tuple[Curve, ...]
    targets: tuple[Target, ...]
    bounds: Bounds | None
    """None without scores."""
    unsupported: Mapping[str, str] = field(default_factory=dict)
    """The mixers that were not searched, by label, with the reason."""

    @property
    def is_error(self) -> bool:
        """Whether lower is better."""
        return self.score in ERRORS

    def relative(self, curve: Curve) -> tuple[float, ...]:
        """Expected score relative to the baseline's at each number of trials, minus 1: 0.1 is 10 % more."""
        base = next((other for other in self.curves if other.label == self.baseline), None)
        pairs = zip(curve.expected, base.expected, strict=False) if base else ()
        return tuple(own / other - 1 if other else math.nan for own, other in pairs)


def summarise(
    rows: Sequence[TrialRow], baseline: str | None = None, targets: Sequence[float] = (), contents: Environments = UNKNOWN
) -> tuple[Search, ...]:
    """Every search of the newest environment, and of those that `united` adds by the `contents` of others.

    `targets` are scores to reach, by default at DISTANCES from the best.
    Raises UnknownNameError for a baseline that a search does not have.
    """
    return tuple(search_of_rows(search, baseline, targets) for search in by_search(united(rows, contents)))


def by_search(rows: Iterable[TrialRow]) -> list[list[TrialRow]]:
    """Trials by search: compared trials share everything but the mixer, the ranges of its own options and the trial."""
    searches: dict[tuple[str, ...], list[TrialRow]] = defaultdict(list)
    for row in rows:
        shape = (row.layers, row.width, row.tokens, row.train_size, row.device, row.seed)
        common = {name: value for name, value in unpacked(row.settings).items() if name != "searched"}
        searches[row.task, *map(str, shape), str(sorted(common.items()))].append(row)
    return list(searches.values())


def search_of_rows(rows: Sequence[TrialRow], baseline: str | None = None, targets: Sequence[float] = ()) -> Search:
    """Summarise the trials of one search. Raises UnknownNameError for a baseline that is not among the mixers."""
    found = by_mixer(rows)
    labels = mixer_labels(found)
    unsupported = {mixer: own[0].detail for mixer, own in found.items() if all(row.status == "unsupported" for row in own)}
    scores = {mixer: [row.dev_score for row in own] for mixer, own in found.items() if mixer not in unsupported}
    first = rows[0]
    search = search_of(scores, score_name(rows), baseline, targets, task=first.task, settings=first.settings, seed=first.seed)
    return replace(search, unsupported={labels[mixer]: reason for mixer, reason in unsupported.items()})


def by_mixer(rows: Iterable[TrialRow]) -> dict[MixerKey, list[TrialRow]]:
    """Trials of each mixer in order; its config has ranges where options were drawn."""
    found: dict[MixerKey, list[TrialRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.trial):
        found[searched_mixer(row.mixer, row.config, row.settings)].append(row)
    return found


@lru_cache(maxsize=4096)
def searched_mixer(mixer: str, config: str, settings: str) -> MixerKey:
    """The mixer of a trial, with ranges in its config where options were drawn."""
    drawn = {name.rpartition(".")[2]: text for name, text in unpacked(settings).get("searched", {}).items()}
    return mixer, canonical_json(unpacked(config) | drawn)


def score_name(rows: Iterable[TrainingRow]) -> str:
    """Name of the score, such as accuracy or mse; empty where every run failed."""
    return next((row.score for row in rows if row.score), "")


def with_worst(scores: Mapping[MixerKey, Sequence[float | None]], score: str) -> dict[MixerKey, tuple[float, ...]]:
    """Scores of all trials; one that diverged or failed has the worst score of any mixer. Empty where all trials did."""
    known = [value for values in scores.values() for value in values if value is not None]
    if not known:
        return {}
    worst = (max if score in ERRORS else min)(known)
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
    bounds: Bounds | None = None,
    step: Callable[[int, str], None] = lambda done, label: None,
) -> Search:
    """Summarise a search from the scores of its trials by mixer; None is a trial that diverged or failed.

    `bounds` are by default those of `bounds_of`. `step` is called before each curve with the number of curves finished since
    its last call, and the label of the mixer. Raises UnknownNameError for a baseline that is not among the mixers.
    """
    labels, base = mixer_labels(scores), find_baseline(baseline, list(scores))
    is_error = score in ERRORS
    known = [value for values in scores.values() for value in values if value is not None]
    curves: list[Curve] = []
    if known:
        bounds, filled = bounds or bounds_of(known, score), with_worst(scores, score)
        for mixer in (mixer for mixer in mixer_order(scores) if scores[mixer]):
            step(min(len(curves), 1), labels[mixer])
            lost = list(scores[mixer]).count(None)
            curves.append(_curve(mixer, labels[mixer], filled[mixer], lost, bounds, is_error))
    name = labels[base] if base else None
    return Search(task, settings, seed, score, name, tuple(curves), _targets(curves, is_error, targets), bounds)


def _curve(mixer: MixerKey, label: str, scores: tuple[float, ...], lost: int, bounds: Bounds, is_error: bool) -> Curve:
    sign = -1 if is_error else 1
    ascending = np.sort(sign * np.array(scores, float))
    worst, best = sorted((sign * bounds.low, sign * bounds.high))
    band = [sign * end for end in expected_best_band(ascending, worst, best, LEVEL)][::sign]
    curves = (sign * expected_best(ascending), *band)
    return Curve(mixer, label, scores, lost, *(tuple(map(float, curve)) for curve in curves))


def _targets(curves: Sequence[Curve], is_error: bool, wanted: Sequence[float]) -> tuple[Target, ...]:
    if not curves:
        return ()
    best = (min if is_error else max)(value for curve in curves for value in curve.scores)
    first = (max if is_error else min)(curve.expected[0] for curve in curves)
    goals = wanted or [best + distance * (first - best) for distance in DISTANCES]
    return tuple(Target(goal, {curve.label: curve.needed(goal, is_error) for curve in curves}) for goal in goals)


def interval_of(curve: Curve, trials: int) -> Interval:
    """The expected best score of so many trials, with its band."""
    return Interval(curve.expected[trials - 1], curve.low[trials - 1], curve.high[trials - 1])


def records(searches: Sequence[Search]) -> list[dict[str, Any]]:
    """The printed tables as records of two kinds: "expected scores" by mixer and trials, "trials needed" by target.

    For columns of intervals and open ends see `mixbench.verdicts.records`.
    """
    return [
        {"table": table, **shared, "mixer": curve.label, **record}
        for search in searches
        for shared in [{name: getattr(search, name) for name in ("task", "settings", "seed", "score", "baseline")}]
        for curve in search.curves
        for table, own in (
            ("expected scores", _expected_records(search, curve)),
            ("trials needed", (_needed_record(target, curve) for target in search.targets)),
        )
        for record in own
    ]


def _expected_records(search: Search, curve: Curve) -> Iterator[dict[str, Any]]:
    changes = search.relative(curve) if curve.label != search.baseline else ()
    for trials, change in zip_longest(range(1, len(curve.expected) + 1), changes[: len(curve.expected)]):
        yield {
            "trials": trials,
            **interval_columns("expected_score", interval_of(curve, trials)),
            "relative_change_percent": None if change is None else 100 * change,
            "all_trials": len(curve.scores),
            "lost_trials": curve.lost,
        }


def _needed_record(target: Target, curve: Curve) -> dict[str, Any]:
    point, earliest, latest = target.trials[curve.label]
    most = float(len(curve.expected))
    needed = Bracket(most, math.inf) if point is None else Bracket(point, point)
    interval = Bracket(most if earliest is None else earliest, math.inf if latest is None else latest)
    return {"target_score": target.score, **bracket_columns("trials_needed_", needed, interval, beyond="not reached")}
