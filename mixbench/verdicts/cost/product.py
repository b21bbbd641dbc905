"""The cost of coming to a score: time per example × training examples × tuning trials, relative to a baseline.

The product of the HyperMixer paper (arXiv 2203.03691), Cost ∝ E · D · H. Each factor may be known only to lie beyond what was
measured; such an end stays open through the product. Intervals come from resampling launches, seeds and trials at once: with
five launches and seeds and 20 or 40 trials those of ratios hold in 91 to 97 % of simulated studies, of factors and product
alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mixbench.verdicts.learning.data_needed import Bracket, mean_errors, needs_by_draw, ratio_of_ends, targets_between
from mixbench.verdicts.learning.resampling import DRAWS, Curve, Numbers, resampling_interval

FACTORS = ("example", "data", "trials")
"""E, D and H."""
PRODUCT = "product"


@dataclass(frozen=True)
class Known:
    """What is known of a number, and its 95 % interval; None below two replicates."""

    value: Bracket
    interval: Bracket | None


@dataclass(frozen=True)
class MixerCost:
    """One mixer on its way to one score: each factor and the product, and both relative to the baseline's."""

    label: str
    target: float
    factors: Mapping[str, Known]
    ratios: Mapping[str, Known]
    """Empty for the baseline."""


@dataclass(frozen=True)
class Evidence:
    """What one factor was measured by, by label of the mixer: launches to seconds, a learning curve, trials to scores."""

    example: Mapping[str, Mapping[int, float]]
    data: Mapping[str, Curve]
    trials: Mapping[str, Sequence[float]]
    """Of every trial in its order, a diverged one with the worst score."""
    exact: bool = False
    """Whether `example` is counted, not measured: one value that has no interval and leaves the product its own."""

    @property
    def labels(self) -> list[str]:
        """Mixers of which every factor was measured."""
        return [label for label in self.example if label in self.data and label in self.trials]


def costs(evidence: Evidence, targets: Sequence[float], baseline: str | None, is_error: bool) -> tuple[MixerCost, ...]:
    """The cost of every mixer for every target, targets first; an error is a score where less is better."""
    random = np.random.default_rng(0)
    labels = evidence.labels
    if not labels or not targets:
        return ()
    ends: dict[str, dict[str, Numbers]] = {
        "example": _example_ends({label: evidence.example[label] for label in labels}, len(targets), random),
        "data": needs_by_draw({label: evidence.data[label] for label in labels}, targets, is_error),
        "trials": _trial_ends({label: evidence.trials[label] for label in labels}, targets, is_error, random),
    }
    ends[PRODUCT] = {label: np.prod([ends[factor][label] for factor in FACTORS], axis=0) for label in labels}
    replicates = _replicates(evidence, labels)
    found = []
    for place, target in enumerate(targets):
        for label in labels:
            own = {factor: ends[factor][label][:, place] for factor in ends}
            base = {factor: ends[factor][baseline][:, place] for factor in ends} if baseline in labels else {}
            ratios = {} if label == baseline else {name: ratio_of_ends(own[name], base[name]) for name in base}
            found.append(
                MixerCost(
                    label,
                    target,
                    _all_known(own, replicates),
                    _all_known(ratios, replicates),
                )
            )
    return tuple(found)


def reach(evidence: Evidence) -> dict[str, tuple[float, float]]:
    """Of data and trials the least and the most that can be seen to be needed; of trials half of them, and one is exact."""
    sizes = [size for label in evidence.labels for size in evidence.data[label]]
    trials = [_farthest(len(evidence.trials[label])) for label in evidence.labels]
    return {"data": (min(sizes), max(sizes)), "trials": (0, max(trials))} if sizes and trials else {}


def default_targets(evidence: Evidence, is_error: bool) -> tuple[float, ...]:
    """Scores between what every mixer has at its smallest size and what the best comes to by data and by trials alike.

    An error of 0 counts as the least above it. Empty where there is nothing between.
    """
    starts, ends = [], []
    for label in evidence.labels:
        errors = {size: error for size, error in mean_errors(evidence.data[label], is_error).items() if error > 0}
        trials = np.array(evidence.trials[label], float)
        expected = -_expected(np.sort(-trials if is_error else trials))[-1]
        if errors:
            starts.append(errors[min(errors)])
            ends.append(max(min(errors.values()), float(expected) if is_error else 1 + float(expected)))
    return targets_between(min(starts), min(ends), is_error) if starts else ()


def _replicates(evidence: Evidence, labels: Sequence[str]) -> dict[str, int]:
    """Of each factor that was measured the fewest that stand behind it."""
    seeds = {label: {seed for scores in evidence.data[label].values() for seed in scores} for label in labels}
    fewest = {
        "example": min((len(evidence.example[label]) for label in labels), default=0),
        "data": min((len(seeds[label]) for label in labels), default=0),
        "trials": min((len(evidence.trials[label]) for label in labels), default=0),
    }
    return {factor: count for factor, count in fewest.items() if not (evidence.exact and factor == "example")}


def _all_known(drawn: Mapping[str, Numbers], replicates: Mapping[str, int]) -> dict[str, Known]:
    """Of each factor and of the product; `replicates` are those of the measured factors."""
    behind: dict[str, float] = {**replicates, PRODUCT: _together(drawn, replicates)} if drawn else {}
    return {name: _known(ends, behind.get(name, 0)) for name, ends in drawn.items()}


def _together(drawn: Mapping[str, Numbers], replicates: Mapping[str, int]) -> float:
    """Replicates of the product: each factor's count as far as it scatters (Welch and Satterthwaite, on the log scale)."""
    if min(replicates.values()) < 2:
        return min(replicates.values())
    scatter = {factor: _log_variance(drawn[factor]) for factor in replicates}
    total = sum(scatter.values())
    if not total:
        return min(replicates.values())
    return 1 + total**2 / sum(variance**2 / (replicates[factor] - 1) for factor, variance in scatter.items())


def _log_variance(drawn: Numbers) -> float:
    """Of the draws of a factor; of one known from one side the end that is known."""
    ends = np.where(np.isfinite(drawn[1:, 1]), drawn[1:, 1], drawn[1:, 0])
    return float(np.var(np.log(ends[ends > 0]))) if (ends > 0).any() else 0.0


def _known(drawn: Numbers, replicates: float) -> Known:
    """The first draw is the data themselves."""
    value = Bracket(*map(float, drawn[0]))
    if replicates < 2:
        return Known(value, None)
    return Known(value, Bracket(*resampling_interval(drawn[1:, 0], drawn[1:, 1], replicates)))


def _example_ends(launches: Mapping[str, Mapping[int, float]], goals: int, random: np.random.Generator) -> dict[str, Numbers]:
    """Geometric mean over launches by draw, the same for every goal, (draws + 1, goals, 2); mixers share their launches."""
    every = sorted({launch for own in launches.values() for launch in own})
    counts = _counts(len(every), random)
    ends = {}
    for label, own in launches.items():
        there = np.array([launch in own for launch in every])
        logs = np.array([math.log(own[launch]) if launch in own else 0.0 for launch in every])
        behind = counts @ there
        whole = np.exp((counts @ logs) / np.where(behind, behind, 1))
        means = np.where(behind, whole, whole[0])
        ends[label] = np.repeat(np.stack([means, means], axis=1)[:, None, :], goals, axis=1)
    return ends


def _trial_ends(
    trials: Mapping[str, Sequence[float]], targets: Sequence[float], is_error: bool, random: np.random.Generator
) -> dict[str, Numbers]:
    """Trials needed by draw and goal, (draws + 1, goals, 2), of which mixers share their trials; known up to half of them."""
    longest = max(map(len, trials.values()))
    counts = _counts(longest, random)
    ends = {}
    for label, own in trials.items():
        scores = -np.array(own, float) if is_error else np.array(own, float)
        chosen = counts[:, : len(own)]
        order = np.argsort(scores, kind="stable")
        curves = np.array([_expected(np.repeat(scores[order], line[order].astype(int))) for line in chosen], dtype=object)
        goals = [-target if is_error else target for target in targets]
        ends[label] = np.array([[_reached(curve, goal, _farthest(len(own))) for goal in goals] for curve in curves])
    return ends


def _expected(ascending: Numbers) -> Numbers:
    """The unbiased estimate of the best of 1, 2, … of these scores, as far as half of them (Tang et al. 2020)."""
    count = len(ascending)
    farthest = _farthest(count)
    if not count:
        return np.full(1, -math.inf)
    return _weights(count, farthest) @ ascending


def _farthest(trials: int) -> int:
    """How many trials an estimate from so many goes to."""
    return max(1, trials // 2)


@cache
def _weights(count: int, farthest: int) -> Numbers:
    """What each of `count` ascending scores adds to the expected best of 1 to `farthest`, (farthest, count)."""
    return np.array([[math.comb(place, n - 1) / math.comb(count, n) for place in range(count)] for n in range(1, farthest + 1)])


def _reached(curve: Numbers, goal: float, farthest: int) -> tuple[float, float]:
    if curve[0] >= goal:
        return 1.0, 1.0
    beyond = np.flatnonzero(curve >= goal)
    if not len(beyond):
        return float(farthest), math.inf
    after = int(beyond[0])
    share = (goal - curve[after - 1]) / (curve[after] - curve[after - 1])
    return after + share, after + share


def _counts(replicates: int, random: np.random.Generator) -> NDArray[np.int64]:
    """How often each replicate is drawn, (draws + 1, replicates), in the first draw once."""
    drawn = random.multinomial(replicates, [1 / replicates] * replicates, size=DRAWS)
    return np.vstack([np.ones((1, replicates), np.int64), drawn])
