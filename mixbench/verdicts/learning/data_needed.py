"""How many training examples a mixer needs to reach a score: read off its learning curve, never beyond the trained sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

import numpy as np

from mixbench.verdicts.learning.resampling import Curve, Numbers, drawn_means, mean_curves, percentile_interval, seed_draws

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
    curves: Mapping[str, Curve], baseline: str | None, targets: Sequence[float], is_error: bool
) -> tuple[Need, ...]:
    """The need of every mixer (curves by label) for each target, ordered by target. Errors count as better when lower.

    Isotonic regression of the mean score over seeds, interpolated in the logarithm of the size (for an error, also in that of
    the error). The interval comes from the draws of `drawn_means`.
    """
    scales, seeds, goals = _on_scale(curves, targets, is_error)
    if not seeds or not targets:
        return ()
    needs = {label: _needs(drawn_means(curve, seeds), goals) for label, curve in scales.items()}

    def need(label: str, place: int, target: float) -> Need:
        own, base = needs[label][:, place], needs.get(baseline or "")
        ratio = _known(_ratio(own, base[:, place])) if base is not None and label != baseline else (None, None)
        return Need(label, target, *_known(own), *ratio)

    return tuple(need(label, place, target) for place, target in enumerate(targets) for label in needs)


def _known(ends: Numbers) -> tuple[Bracket, Bracket | None]:
    """The value from the first draw and the interval from the others; none where all agree, which says nothing of others."""
    interval = percentile_interval(*ends[1:].T) if len(ends) > 1 else None
    bracket = Bracket(*interval) if interval and interval[0] < interval[1] else None
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
    from scipy.optimize import isotonic_regression

    sizes, means, numbers = np.array(curve[0], float), curve[1], np.broadcast_to(curve[2], curve[1].shape)
    ends = np.empty((len(means), len(goals), 2))
    for draw, known in enumerate(numbers > 0):
        fitted = isotonic_regression(means[draw, known], weights=numbers[draw, known]).x if known.any() else np.empty(0)
        ends[draw] = [_reached(sizes[known], fitted, goal) for goal in goals]
    return ends


def _reached(sizes: Numbers, fitted: Numbers, goal: float) -> tuple[float, float]:
    """Both ends of the size at which a rising curve reaches the goal; beyond its sizes one end stays open."""
    if not len(fitted):
        return 0.0, math.inf
    at = int(np.searchsorted(fitted, goal - _ROUNDING * (1 + abs(goal))))
    if at == 0:
        return 0.0, float(sizes[0])
    if at == len(fitted):
        return float(sizes[-1]), math.inf
    share = min(1.0, (goal - fitted[at - 1]) / (fitted[at] - fitted[at - 1]))
    need = float(sizes[at - 1] * (sizes[at] / sizes[at - 1]) ** share)
    return need, need


def ratio_of_ends(own: Numbers, base: Numbers) -> Numbers:
    """Ends of the ratio of two numbers from their ends, (draws, 2)."""
    with np.errstate(divide="ignore"):
        return np.stack([own[:, 0] / base[:, 1], own[:, 1] / base[:, 0]], axis=1)
