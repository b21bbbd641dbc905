"""The factors of a cost by draw of launches and trials; those of seeds are drawn in `mixbench.verdicts.learning`."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mixbench.verdicts.learning.expected_best import expected_best, most_trials, trials_until
from mixbench.verdicts.learning.resampling import DRAWS, Numbers


def example_ends(
    launches: Mapping[str, Mapping[int, float]], bounds: Container[str], goals: int, random: np.random.Generator
) -> dict[str, Numbers]:
    """Geometric mean over launches, which mixers share, by draw, repeated for every goal, (draws + 1, goals, 2).

    The upper end is open for labels in `bounds`.
    """
    every = sorted({launch for own in launches.values() for launch in own})
    counts = _counts(len(every), random)
    ends = {}
    for label, own in launches.items():
        measured = np.array([launch in own for launch in every])
        logs = np.array([math.log(own[launch]) if launch in own else 0.0 for launch in every])
        numbers = counts @ measured
        means = np.exp((counts @ logs) / np.where(numbers, numbers, 1))
        means = np.where(numbers, means, means[0])
        above = np.full_like(means, math.inf) if label in bounds else means
        ends[label] = np.repeat(np.stack([means, above], axis=1)[:, None, :], goals, axis=1)
    return ends


def trial_ends(
    trials: Mapping[str, Sequence[float]], targets: Sequence[float], is_error: bool, random: np.random.Generator
) -> dict[str, Numbers]:
    """Trials needed by draw, for which mixers share their trials, and goal, (draws + 1, goals, 2); known up to half of them."""
    longest = max(map(len, trials.values()))
    counts = _counts(longest, random)
    ends = {}
    for label, own in trials.items():
        scores = -np.array(own, float) if is_error else np.array(own, float)
        chosen = counts[:, : len(own)]
        order = np.argsort(scores, kind="stable")
        curves = [expected_best(np.repeat(scores[order], draw[order])) for draw in chosen]
        goals = [-target if is_error else target for target in targets]
        ends[label] = np.array(
            [[_ends(trials_until(curve, goal), most_trials(len(own))) for goal in goals] for curve in curves]
        )
    return ends


def _ends(needed: float | None, most: int) -> tuple[float, float]:
    return (float(most), math.inf) if needed is None else (needed, needed)


def _counts(replicates: int, random: np.random.Generator) -> NDArray[np.int64]:
    """How often each replicate is drawn, (draws + 1, replicates); once in the first draw, which is the data."""
    drawn = random.multinomial(replicates, [1 / replicates] * replicates, size=DRAWS)
    return np.vstack([np.ones((1, replicates), np.int64), drawn])
