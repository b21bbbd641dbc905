"""The steps of the speed study, with guesses of how long they take, from which the time left is foreseen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from mixbench.studies.progress import Step
from mixbench.studies.speed_plan import PlannedCell, groups

START = Step("start of a process", seconds=2.0, trust=1)
"""Starting a measuring process, and what it does once."""
_AROUND_THE_BUDGET = 0.06
_COUNT = {"inference": 1.0, "training": 2.0}


def counting(cell: PlannedCell, name: Hashable) -> Step:
    """Counting the operations of a cell and measuring its memory: what depends on the length takes longer the longer it is."""
    keys = cell.keys
    values = keys["tokens"] * keys["batch"] * keys["width"]
    return Step("count", name, _COUNT[keys["mode"]] * (0.2 + 1.6e-6 * values))


def measuring(group: Sequence[PlannedCell], budget: float) -> Step:
    """Timing a group in one launch: it takes about its budget, and the mixers are built and warmed up before."""
    return Step("group", group[0].group, budget + _AROUND_THE_BUDGET * len(group), trust=5)


def launching(cells: Sequence[PlannedCell], budget: float) -> list[Step]:
    """A launch that measures some cells."""
    return [START, *(measuring(group, budget) for group in groups(cells))] if cells else []
