"""How many training examples a mixer needs to reach a score: read off its learning curve, never beyond the trained sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

import numpy as np

from mixbench.verdicts.learning.resampling import (
    LEVEL,
    Curve,
    Numbers,
    drawn_means,
    mean_curves,
    percentile_interval,
    seed_draws,
)

TARGETS = 3
"""How many target scores are chosen by default."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Bracket:
    """A positive number as far as known: its value (equal ends), an upper bound (`low` 0) or a lower bound (`high` inf)."""

    low: float
    high: float

    @property
    def mark(self) -> str:
        """`≤` or `≥` for a single bound, `–` for both, `unknown` for neither; empty for a value."""
        if self.low == self.high:
            return ""
        if self.high == math.inf:
            return "≥" if self.low > 0 else "unknown"
        return "≤" if self.low <= 0 else "–"


UNKNOWN = Bracket(0.0, math.inf)


@dataclass(frozen=True)
class Need:
    """Training examples that a mixer needs to reach a score; an infinite end: not reached with the largest size."""

    label: str
    target: float
    examples: Bracket
    interval: Bracket | None
    """None with fewer than two seeds."""
    ratio: Bracket | None
    """Relative to the baseline's need; None for the baseline itself and without one."""
    ratio_interval: Bracket | None


def data_needed(
    curves: Mapping[str, Curve], baseline: str | None, targets: Sequence[float], is_error: bool, level: float = LEVEL
) -> tuple[Need, ...]:
    """The need of every mixer (curves by label) for each target, ordered by target. Errors count as better when lower.

    Isotonic regression of the mean score over seeds, interpolated in the logarithm of the size (for an error, also in that of
    the error). The interval comes from the draws of `drawn_means`, with confidence `level`.
    """
    scales, seeds, goals = _on_scale(curves, targets, is_error)
    if not seeds or not targets:
        return ()
    needs = {label: _needs(drawn_means(curve, seeds), goals) for label, curve in scales.items()}

    def need(label: str, place: int, target: float) -> Need:
        own, base = needs[label][:, place], needs.get(baseline or "")
        ratio = _known(_ratio(own, base[:, place]), level) if base is not None and label != baseline else (None, None)
        return Need(label, target, *_known(own, level), *ratio)

    return tuple(need(label, place, target) for place, target in enumerate(targets) for label in needs)


def _known(ends: Numbers, level: float) -> tuple[Bracket, Bracket | None]:
    """The value from the first draw and the interval from the others; none where all agree, which says nothing of others."""
    interval = percentile_interval(ends[1:, 0], ends[1:, 1], (1 - level) / 2) if len(ends) > 1 else None
    bracket = None if interval is None or math.isclose(*interval, rel_tol=_ROUNDING) else Bracket(*interval)
    return Bracket(*map(float, ends[0])), bracket


def _ratio(own: Numbers, base: Numbers) -> Numbers:
    """Ends of the ratio by draw; only that of the data where one of both has no draws."""
    draws = min(len(own), len(base))
    return ratio_of_ends(own[:draws], base[:draws])


def needs_by_draw(curves: Mapping[str, Curve], targets: Sequence[float], is_error: bool) -> dict[str, Numbers]:
    """By label, both ends of the need by resampled seeds and target, (draws + 1, targets, 2); the first draw is the data."""
    scales, seeds, goals = _on_scale(curves, targets, is_error)
    draws, which = seed_draws(len(seeds))
    counts = np.vstack([np.ones_like(draws[:1]), draws])
    needs = {label: _needs(mean_curves(curve, seeds, counts), goals) for label, curve in scales.items()}
    return {label: np.concatenate([ends[:1], ends[1:][which]]) for label, ends in needs.items()}


def _on_scale(
    curves: Mapping[str, Curve], targets: Sequence[float], is_error: bool
) -> tuple[dict[str, Curve], list[int], list[float]]:
    """Curves and targets on the scale of `_goodness`, and the seeds."""
    scales: dict[str, Curve] = {
        label: {size: _goodness(scores, is_error) for size, scores in curve.items()} for label, curve in curves.items()
    }
    seeds = sorted({seed for curve in scales.values() for scores in curve.values() for seed in scores})
    return scales, seeds, list(_goodness(dict(enumerate(targets)), is_error).values())


def default_targets(
    curves: Mapping[str, Curve], control: str | None, is_error: bool, constant: float | None = None
) -> tuple[float, ...]:
    """Scores at equal ratios of the error between the control and the best, the easiest first.

    The control's error is that at its largest size; without a control, or if the best is no better, the largest error of any
    mixer takes its place. All scores are better than that of the best constant answer, `constant`, where it is known. Empty if
    all errors are equal or 0, or no mixer has two sizes.
    """
    errors = {label: mean_errors(curve, is_error) for label, curve in curves.items()}
    found = [error for line in errors.values() for error in line.values() if error > 0]
    if not found or max(map(len, errors.values())) < 2:
        return ()
    best, worst = min(found), max(found)
    line = errors.get(control) if control else None
    if line and (reached := line[max(line)]) > 1.1 * best:
        worst = reached
    if constant is not None:
        worst = min(worst, constant if is_error else 1 - constant)
    return targets_between(worst, best, is_error)


def targets_between(worst: float, best: float, is_error: bool) -> tuple[float, ...]:
    """Scores at equal ratios of the error between two errors above 0, the easiest first; two digits of the error each."""
    steps = [float(f"{worst * (best / worst) ** (k / (TARGETS + 1)):.2g}") for k in range(1, TARGETS + 1)]
    return tuple(dict.fromkeys(step if is_error else round(1 - step, 9) for step in steps if best < step < worst))


def mean_errors(curve: Curve, is_error: bool) -> dict[int, float]:
    """By size, the geometric mean of the errors or, for scores that are shares, 1 − their mean."""
    known = {size: list(scores.values()) for size, scores in curve.items() if scores}
    return {size: _geometric_mean(scores) if is_error else 1 - float(np.mean(scores)) for size, scores in known.items()}


def _geometric_mean(values: Sequence[float]) -> float:
    return geometric_mean(values) if min(values) > 0 else 0.0


def _goodness(scores: Mapping[int, float], is_error: bool) -> dict[int, float]:
    """Scores on the scale on which they are averaged and interpolated, where higher is better."""
    return {seed: -math.log(max(score, 1e-300)) if is_error else score for seed, score in scores.items()}


def _needs(curve: tuple[list[int], Numbers, Numbers], goals: Sequence[float]) -> Numbers:
    """Both ends of the need by draw and goal, (draws, goals, 2), from sizes, means and numbers of scores."""
    sizes, means, numbers = np.array(curve[0], float), curve[1], np.broadcast_to(curve[2], curve[1].shape)
    ends = np.empty((len(means), len(goals), 2))
    patterns, which = np.unique(numbers > 0, axis=0, return_inverse=True)
    for place, known in enumerate(patterns):
        draws = which.reshape(-1) == place
        fitted = _rising(means[np.ix_(draws, known)], numbers[np.ix_(draws, known)])
        for column, goal in enumerate(goals):
            ends[draws, column] = _reached(sizes[known], fitted, goal)
    return ends


def _rising(means: Numbers, weights: Numbers) -> Numbers:
    """The isotonic regression of each row, (draws, sizes), by the max-min formula (Barlow and others 1972).

    At each size: of the means over ranges that hold it, the smallest for each start, and of these the largest.
    """
    if not means.shape[1]:
        return means
    sums, masses = (np.pad(np.cumsum(part, axis=1), ((0, 0), (1, 0))) for part in (means * weights, weights))
    starts, ends = np.triu_indices(means.shape[1])
    between = np.full((len(means), means.shape[1], means.shape[1]), math.inf)  # (draws, start, end)
    between[:, starts, ends] = (sums[:, ends + 1] - sums[:, starts]) / (masses[:, ends + 1] - masses[:, starts])
    smallest = np.minimum.accumulate(between[:, :, ::-1], axis=2)[:, :, ::-1]
    smallest[:, ~np.triu(np.ones(smallest.shape[1:], bool))] = -math.inf  # starts after the size
    return np.asarray(smallest.max(axis=1))


def _reached(sizes: Numbers, fitted: Numbers, goal: float) -> Numbers:
    """Both ends of the size at which each rising curve reaches the goal, (draws, 2); beyond its sizes one end stays open."""
    if not len(sizes):
        return np.tile([0.0, math.inf], (len(fitted), 1))
    logs, draws = np.log(sizes), np.arange(len(fitted))
    at = (fitted < goal - _ROUNDING * (1 + abs(goal))).sum(1)
    after = np.clip(at, min(1, len(sizes) - 1), len(sizes) - 1)
    below, above = fitted[draws, after - 1], fitted[draws, after]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.minimum(1.0, (goal - below) / (above - below))
        need = np.exp(logs[after - 1] + share * (logs[after] - logs[after - 1]))
    low = np.select([at == 0, at == len(sizes)], [0.0, sizes[-1]], need)
    high = np.select([at == 0, at == len(sizes)], [sizes[0], math.inf], need)
    return np.stack([low, high], axis=1)


def ratio_of_ends(own: Numbers, base: Numbers) -> Numbers:
    """Ends of the ratio of two numbers from their ends, (draws, 2)."""
    with np.errstate(divide="ignore"):
        return np.stack([own[:, 0] / base[:, 1], own[:, 1] / base[:, 0]], axis=1)
