"""The cost of reaching a score: time per example × training examples × tuning trials, relative to a baseline.

The product of the HyperMixer paper (arXiv 2203.03691), Cost ∝ E · D · H. Where a score lies beyond what was measured, only a
bound of a factor is known, and then only a bound of the product; the same holds where a count of operations is a lower bound.
Intervals of the ratios of times and of data are those of `mixbench speed` and `data-efficiency`. All others come from
resampling launches, seeds and trials together: in simulated studies with five launches, five seeds and 20 or 40 trials, those
of ratios hold in 91 to 97 % of cases, for each factor and for the product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mixbench.stats import log_median_interval
from mixbench.verdicts.cost.draws import example_ends, trial_ends
from mixbench.verdicts.learning.data_needed import (
    Bracket,
    data_needed,
    mean_errors,
    needs_by_draw,
    ratio_of_ends,
    targets_between,
)
from mixbench.verdicts.learning.expected_best import expected_best, most_trials
from mixbench.verdicts.learning.resampling import ENOUGH_REPLICATES, LEVEL, Curve, Numbers, few_replicates, resampling_interval

FACTORS = ("example", "data", "trials")
"""E, D and H."""
PRODUCT = "product"
_REPLICATES = {
    "example": ("launch", 3, "--launches 5"),
    "data": ("seed", ENOUGH_REPLICATES, "--seeds 5"),
    "trials": ("trial", ENOUGH_REPLICATES, "--trials 20"),
}
"""The replicates of a factor, how many are enough, and the option that gives more; a few launches scatter less than seeds."""
_RESAMPLED = {"example": "the intervals of cost", "data": "the intervals of cost", "trials": "the intervals of trials and cost"}
"""The intervals that come from resampling these replicates; those of time and of data do not."""


@dataclass(frozen=True)
class Known:
    """The value of a number or its known bounds, and the 95 % interval; None with fewer than two replicates."""

    value: Bracket
    interval: Bracket | None


@dataclass(frozen=True)
class MixerCost:
    """The cost of one mixer to reach one score: each factor and the product, alone and relative to the baseline's."""

    label: str
    target: float
    factors: Mapping[str, Known]
    ratios: Mapping[str, Known]
    """Empty for the baseline."""

    @property
    def reached(self) -> bool:
        """Whether data and trials were enough for the score."""
        return all(self.factors[name].value.high < math.inf for name in ("data", "trials"))


@dataclass(frozen=True)
class Evidence:
    """The measurements behind each factor, by label of the mixer."""

    example: Mapping[str, Mapping[int, float]]
    """Cost of an example by launch."""
    data: Mapping[str, Curve]
    """Learning curves."""
    trials: Mapping[str, Sequence[float]]
    """Score of every trial in order; a diverged one counts as the worst score."""
    exact: bool = False
    """Whether `example` is counted, not measured: it then has no interval, but the product still has one."""
    bounds: Mapping[str, str] = field(default_factory=dict)
    """Why a count is only a lower bound, by label."""
    constant: float | None = None
    """The error of the best constant answer, or 1 − its score; None where it is not known."""

    @property
    def labels(self) -> list[str]:
        """Mixers for which every factor was measured."""
        return [label for label in self.example if label in self.data and label in self.trials]


def costs(
    evidence: Evidence, targets: Sequence[float], baseline: str | None, is_error: bool, level: float = LEVEL
) -> tuple[MixerCost, ...]:
    """The cost of every mixer for every target, ordered by target. Errors count as better when lower.

    `level` is the confidence of the intervals that come from resampling.
    """
    random = np.random.default_rng(0)
    labels = evidence.labels
    if not labels or not targets:
        return ()
    ends: dict[str, dict[str, Numbers]] = {
        "example": example_ends({label: evidence.example[label] for label in labels}, evidence.bounds, len(targets), random),
        "data": needs_by_draw({label: evidence.data[label] for label in labels}, targets, is_error),
        "trials": trial_ends({label: evidence.trials[label] for label in labels}, targets, is_error, random),
    }
    ends[PRODUCT] = {label: np.prod([ends[factor][label] for factor in FACTORS], axis=0) for label in labels}
    replicates = _replicates(evidence, labels)
    needs = data_needed({label: evidence.data[label] for label in labels}, baseline, targets, is_error)
    needed = {(need.label, need.target): need for need in needs}
    found = []
    for place, target in enumerate(targets):
        for label in labels:
            own = {factor: ends[factor][label][:, place] for factor in ends}
            base = {factor: ends[factor][baseline][:, place] for factor in ends} if baseline in labels else {}
            ratios = {} if label == baseline else {name: ratio_of_ends(own[name], base[name]) for name in base}
            need = needed[label, target]
            alone = _known_all(own, replicates, _example(evidence, label), Known(need.examples, need.interval), level)
            beside = (
                _known_all(
                    ratios, replicates, _example(evidence, label, baseline), Known(need.ratio, need.ratio_interval), level
                )
                if ratios and need.ratio
                else {}
            )
            found.append(MixerCost(label, target, alone, beside))
    return tuple(found)


def reach(evidence: Evidence) -> dict[str, dict[str, tuple[float, float]]]:
    """By label, the smallest and the largest observable need for each of the factors data and trials.

    Trials count up to half of them.
    """
    sizes = {label: [size for size, scores in evidence.data[label].items() if scores] for label in evidence.labels}
    return {
        label: {"data": (min(own), max(own)), "trials": (0, most_trials(len(evidence.trials[label])))}
        for label, own in sizes.items()
    }


def default_targets(evidence: Evidence, is_error: bool) -> tuple[float, ...]:
    """Scores between what every mixer reaches with its smallest size and what the best reaches by data and by trials.

    Where nothing lies between, the smallest size of the worst mixer takes the place of that of the best; where nothing lies
    there either, the best score that every mixer reaches is the only target. Empty only without mixers. An error of 0 counts as
    the smallest error above it, as far as there is one. Of scores in between none is worse than the best constant answer's.
    """
    starts, ends = [], []
    for label in evidence.labels:
        every = mean_errors(evidence.data[label], is_error)
        errors = {size: error for size, error in every.items() if error > 0} or every
        trials = np.array(evidence.trials[label], float)
        expected = -expected_best(np.sort(-trials if is_error else trials))[-1]
        starts.append(errors[min(errors)])
        ends.append(max(min(errors.values()), float(expected) if is_error else 1 + float(expected)))
    constant = math.inf if evidence.constant is None else evidence.constant
    for worst in (min(*starts, constant), min(max(starts), constant)) if starts else ():
        if 0 < min(ends) < worst and (found := targets_between(worst, min(ends), is_error)):
            return found
    return (reached_by_all(max(ends), is_error),) if ends else ()


def reached_by_all(error: float, is_error: bool) -> float:
    """The score of an error, which is rounded up to two digits so that it is reached."""
    if error > 0:
        step = 10.0 ** (math.floor(math.log10(error)) - 1)
        error = float(f"{math.ceil(error / step) * step:.2g}")
    return error if is_error else round(1 - error, 9)


def _example(evidence: Evidence, label: str, baseline: str | None = None) -> Known | None:
    """The cost of an example as `mixbench speed` estimates it, or its ratio to the baseline's; None for counts.

    None for a ratio, too, if both were not measured in the same launches.
    """
    own = evidence.example[label]
    base = dict.fromkeys(own, 1.0) if baseline is None else evidence.example[baseline]
    if evidence.exact or {label, baseline} & evidence.bounds.keys() or not own.keys() <= base.keys():
        return None
    found = log_median_interval([own[launch] / base[launch] for launch in own])
    interval = None if found.low is None or found.high is None else Bracket(found.low, found.high)
    return Known(Bracket(found.point, found.point), interval)


def _replicates(evidence: Evidence, labels: Sequence[str]) -> dict[str, int]:
    """For each measured factor, the fewest replicates of any mixer."""
    seeds = {label: {seed for scores in evidence.data[label].values() for seed in scores} for label in labels}
    fewest = {
        "example": min((len(evidence.example[label]) for label in labels), default=0),
        "data": min((len(seeds[label]) for label in labels), default=0),
        "trials": min((len(evidence.trials[label]) for label in labels), default=0),
    }
    return {factor: count for factor, count in fewest.items() if not (evidence.exact and factor == "example")}


def warnings(evidence: Evidence, targets: Sequence[float], is_error: bool) -> list[str]:
    """What weakens a cost: factors with too few replicates for intervals, and scores that a constant answer has, too."""
    found = []
    for factor, count in (_replicates(evidence, evidence.labels) if evidence.labels else {}).items():
        noun, enough, option = _REPLICATES[factor]
        found.append(few_replicates(count, noun, option, enough, _RESAMPLED[factor]))
    if evidence.constant is not None:
        constant = evidence.constant if is_error else 1 - evidence.constant
        for target in targets:
            if (target >= constant) if is_error else (target <= constant):
                found.append(f"{target:g} is no better than the best constant answer, whose score is {constant:.3g}.")
    return [*filter(None, found)]


def _known_all(
    drawn: Mapping[str, Numbers], replicates: Mapping[str, int], example: Known | None, data: Known, level: float
) -> dict[str, Known]:
    """The known values of each factor and of the product; `replicates` are those of the measured factors.

    The cost of an example is a median over launches, where draws have geometric means, and the product is moved with it.
    """
    numbers = {**replicates, PRODUCT: _effective_replicates(drawn, replicates)}
    moved = example.value.low / drawn["example"][0, 0] if example else 1.0
    known = {
        name: _known(ends * (moved if name == PRODUCT else 1.0), numbers.get(name, 0), level) for name, ends in drawn.items()
    }
    return known | {"data": data} | ({"example": example} if example else {})


def _effective_replicates(drawn: Mapping[str, Numbers], replicates: Mapping[str, int]) -> float:
    """Replicates of the product: those of each factor, weighted by its scatter (Welch and Satterthwaite, on the log scale)."""
    if min(replicates.values()) < 2:
        return min(replicates.values())
    scatter = {factor: _log_variance(drawn[factor]) for factor in replicates}
    total = sum(scatter.values())
    if not total:
        return min(replicates.values())
    return 1 + total**2 / sum(variance**2 / (replicates[factor] - 1) for factor, variance in scatter.items())


def _log_variance(drawn: Numbers) -> float:
    """Variance of the logarithm over draws; of the lower bound where there is no upper one."""
    ends = np.where(np.isfinite(drawn[1:, 1]), drawn[1:, 1], drawn[1:, 0])
    return float(np.var(np.log(ends[ends > 0]))) if (ends > 0).any() else 0.0


def _known(drawn: Numbers, replicates: float, level: float) -> Known:
    """The value from the first draw, which is the data, and the interval from the others."""
    value = Bracket(*map(float, drawn[0]))
    if replicates < 2:
        return Known(value, None)
    return Known(value, Bracket(*resampling_interval(drawn[1:, 0], drawn[1:, 1], replicates, level)))
