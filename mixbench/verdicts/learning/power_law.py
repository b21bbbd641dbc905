"""The law err(n) = floor + scale · n^−exponent of learning curves (Hestness et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mixbench.stats import Interval
from mixbench.verdicts.learning.means import mean_score
from mixbench.verdicts.learning.resampling import Curve, Numbers, drawn_means, percentile_interval

FEWEST_SIZES = 3
SHOWN_FROM = 5
"""With fewer sizes, no fit is shown: two or three parameters would go through any points."""
ENOUGH_SIZES = 6
"""With fewer sizes the floor is weakly determined, so both fits are shown, with and without a floor."""
_DRAWS = 200
_STEEPEST = 10.0
"""The largest exponent: that of a curve that is flat except for its first size would grow without end."""
_NEAR = 0.01
"""An exponent that is as near to 0, or relatively to the largest one, was stopped there: it is no estimate."""


@dataclass(frozen=True)
class PowerLaw:
    """The expected error after training on n examples; scale, exponent and floor are at least 0."""

    scale: float
    exponent: Interval
    """The exponent, with bounds from the scatter over seeds; without bounds if there are fewer than two seeds."""
    floor: float

    def error(self, examples: Numbers) -> Numbers:
        """Errors at these numbers of examples."""
        return np.asarray(self.floor + self.scale * examples**-self.exponent.point)


def laws_to_show(curve: Curve, is_error: bool) -> dict[str, PowerLaw]:
    """The fits that describe a curve, by what precedes the power of n.

    None with fewer than five sizes or where one score lies within the intervals of all sizes, none with an exponent or an end
    of its interval at the limit of the fit, and none that misses the interval of the mean at any size.
    """
    sizes = sum(map(bool, curve.values()))
    found = power_laws(curve, is_error) if sizes >= SHOWN_FROM else None
    if found is None:
        return {}
    means = {size: mean for size, scores in curve.items() if (mean := mean_score(list(scores.values()), is_error))}
    bounds = {size: (mean.low, mean.high) for size, mean in means.items() if mean.low is not None and mean.high is not None}
    if bounds and max(low for low, _ in bounds.values()) <= min(high for _, high in bounds.values()):
        return {}
    chosen = {"c + ": found[1]} if sizes >= ENOUGH_SIZES else {"": found[0], "c + ": found[1]}
    return {floor: law for floor, law in chosen.items() if _is_estimate(law.exponent) and _describes(law, bounds, is_error)}


def _is_estimate(exponent: Interval) -> bool:
    return all(end is None or _NEAR < end < _STEEPEST * (1 - _NEAR) for end in (exponent.point, exponent.low, exponent.high))


def _describes(law: PowerLaw, bounds: Mapping[int, tuple[float, float]], is_error: bool) -> bool:
    """Whether the law lies within these bounds of the score at each size."""
    errors = law.error(np.array(list(bounds), float))
    scores = errors if is_error else 1 - errors
    return all(low <= score <= high for score, (low, high) in zip(scores, bounds.values(), strict=True))


def power_laws(curve: Curve, is_error: bool) -> tuple[PowerLaw, PowerLaw] | None:
    """The laws without and with a floor, by least squares of the log error; None with fewer than three sizes.

    The error is the geometric mean over seeds or, for scores that are shares, 1 − their mean; sizes without an error are left
    out.
    """
    seeds = sorted({seed for scores in curve.values() for seed in scores})
    if not seeds:
        return None
    if is_error:
        curve = {size: {s: math.log(max(e, 1e-300)) for s, e in scores.items()} for size, scores in curve.items()}
    sizes, means, _ = drawn_means(curve, seeds, _DRAWS)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = means if is_error else np.log(1 - means)
    finite = np.isfinite(errors)
    if finite[0].sum() < FEWEST_SIZES:
        return None
    # relative to the middle size and the smallest error, all parameters are of the order of 1
    log_sizes = np.log(np.array(sizes, float))
    middle, unit = float(log_sizes.mean()), float(errors[0, finite[0]].min())
    fits = np.full((2, len(errors), 3), np.nan)
    for draw, known in enumerate(finite):
        if known.sum() < FEWEST_SIZES:
            continue
        x, y = log_sizes[known] - middle, errors[draw, known] - unit
        fits[0, draw] = level, exponent, _ = _without_floor(x, y)
        # the data start from a low and a high floor, the draws from the fit of the data
        starts = [fits[1, 0]] if draw else [(level, exponent + 0.01, 1e-3), (level, exponent + 0.5, 0.8)]
        fits[1, draw] = min((_with_floor(x, y, start) for start in starts), key=lambda end: end[0])[1]
    pure, floored = (_law(fit, middle, unit) for fit in fits)
    return pure, floored


def _law(fits: Numbers, middle: float, unit: float) -> PowerLaw:
    """The first of these fits of level, exponent and floor as a law; the others, one per draw, give its interval.

    A draw with too few sizes has nan.
    """
    level, exponent, floor = map(float, fits[0])
    drawn = fits[1:, 1]
    drawn = drawn[~np.isnan(drawn)]
    low, high = percentile_interval(drawn, drawn) if len(drawn) else (None, None)
    return PowerLaw(math.exp(level + exponent * middle + unit), Interval(exponent, low, high), floor * math.exp(unit))


def _without_floor(x: Numbers, y: Numbers) -> tuple[float, float, float]:
    """Level, exponent and floor of the line through the logarithms of size and error, flat where it would rise."""
    centred = x - x.mean()
    exponent = max(0.0, -float(centred @ y / (centred @ centred)))
    return float(y.mean() + exponent * x.mean()), exponent, 0.0


def _with_floor(x: Numbers, y: Numbers, start: Sequence[float] | Numbers) -> tuple[float, Numbers]:
    """Half the residual sum of squares, and level, exponent and floor of y = log(exp(level − exponent · x) + floor)."""
    from scipy.optimize import least_squares

    def parts(values: Numbers) -> tuple[Numbers, Numbers]:
        falling = np.exp(values[0] - values[1] * x)
        return falling, falling + values[2]

    def residuals(values: Numbers) -> Numbers:
        return np.asarray(np.log(parts(values)[1]) - y)

    def slopes(values: Numbers) -> Numbers:
        falling, whole = parts(values)
        return np.stack([falling, -x * falling, np.ones_like(whole)], axis=1) / whole[:, None]

    bounds = ([-np.inf, 0.0, 0.0], [np.inf, _STEEPEST, np.inf])
    end = least_squares(residuals, np.minimum(start, [np.inf, _STEEPEST / 2, np.inf]), jac=slopes, bounds=bounds)
    return float(end.cost), end.x
