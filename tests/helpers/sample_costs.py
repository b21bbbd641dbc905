"""Costs of a synthetic task."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from synthetic import speed_rows
from synthetic_training import training_rows, trial_rows

from mixbench.verdicts.cost.evidence import TaskCost, task_costs
from mixbench.verdicts.cost.subject import Wish

MIXERS = ("attention", "hypermixer", "none")


def cost_with_disturbed(disturbed: Collection[str], mixers: tuple[str, ...] = MIXERS, **wish: object) -> TaskCost:
    """The cost of one score, where other work disturbed all times of some mixers."""
    speed = speed_rows(mixers, (100,), modes=("training",), rounds=2, contended=0.0)[0]
    speed = [replace(row, quality="contended") if row.mixer in disturbed else row for row in speed]
    (found,) = task_costs(
        speed,
        training_rows(mixers),
        trial_rows(mixers, trials=12),
        Wish(**{"targets": (0.1,), **wish}),  # type: ignore[arg-type]
    )
    return found
