"""The steps of the speed study, with guesses of how long they take, from which the time left is foreseen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from mixbench.studies.prediction import call_seconds
from mixbench.studies.progress import Step
from mixbench.studies.speed_plan import PlannedCell, groups
from mixbench.tables.speed_rows import DECODE

PEAK_KEYS = ("device", "dtype", "threads")

START = Step("starting", seconds=2.0, trust=1)
"""Starting a measuring process, and what it does once."""
_AROUND_THE_BUDGET = 0.06
_COMPILING = 3.0
"""Compiling a cell in a launch: the first takes longer, later ones find most of what they need."""
_FEWEST, _SHORTEST = 5, 0.0125
"""Blocks of a mixer at least, warm-up included, and their seconds at least."""
_PROCESS = {"cpu": 0.03, "cuda": 0.8}
"""A process for counting, with what the first operators take there."""
_COUNT = {"cpu": 0.05, "cuda": 0.2}
_CALLS = 8
"""Calls that counting a cell takes as long as: some are on one core, all are watched."""
_PER_VALUE = {"cpu": 2e-7, "cuda": 0.0}
_FORESEE = 0.03
_PEAKS = {"cpu": 0.8, "cuda": 1.6}
_HARDER = {"inference": 1, "training": 2, DECODE: 2}


def foreseeing(cells: Sequence[PlannedCell]) -> Step:
    """What is known of some cells before they run, found in one process."""
    seconds = _FORESEE * _HARDER[cells[0].keys["mode"]] * len(cells)
    return Step("counting", ("foreseen", _name(cells)), _PROCESS[_kind(cells)] + seconds)


def counting(cells: Sequence[PlannedCell]) -> Step:
    """Counting some cells in one process: what depends on the length takes longer the longer it is, as do the calls."""
    kind, keys = _kind(cells), [cell.keys for cell in cells]
    values = sum(key["tokens"] * key["batch"] * key["width"] for key in keys)
    seconds = _HARDER[keys[0]["mode"]] * (_COUNT[kind] * len(cells) + _PER_VALUE[kind] * values)
    calls = _CALLS * sum(call_seconds(key["mixer"], cell.job) for key, cell in zip(keys, cells, strict=True))
    return Step("counting", _name(cells), _PROCESS[kind] + seconds + calls)


def _kind(cells: Sequence[PlannedCell]) -> str:
    return str(cells[0].keys["device"]).partition(":")[0]


def _name(cells: Sequence[PlannedCell]) -> Hashable:
    return tuple(cells[0].keys.values())


def peaking(cell: PlannedCell) -> Step:
    """The best rates of the device of a cell, once per launch."""
    return Step("peaks", peaks_of(cell), _PEAKS[_kind([cell])], trust=1)


def peaks_of(cell: PlannedCell) -> tuple[Any, ...]:
    """What cells share that have the same best rates: device, dtype and threads."""
    return tuple(cell.keys[name] for name in PEAK_KEYS)


def measuring(group: Sequence[PlannedCell], budget: float) -> Step:
    """Timing a group in one launch: it takes about its budget, and the mixers are built and warmed up before.

    Where calls are long, it takes as long as the fewest of them that are made.
    """
    calls = [call_seconds(cell.keys["mixer"], cell.job) for cell in group]
    fewest = _FEWEST * sum(max(seconds, _SHORTEST) for seconds in calls)
    around = (_AROUND_THE_BUDGET + _COMPILING * (group[0].keys["execution"] == "compiled")) * len(group)
    return Step("timing", group[0].group, max(budget, fewest) + sum(calls) + around, trust=5)


def launching(cells: Sequence[PlannedCell], budget: float) -> list[Step]:
    """A launch that measures some cells."""
    peaks = {peaks_of(cell): peaking(cell) for cell in cells}
    return [START, *peaks.values(), *(measuring(group, budget) for group in groups(cells))] if cells else []


def starting(cells: Sequence[PlannedCell], launches: int) -> float:
    """Seconds that these cells take besides being counted and timed, however many they are."""
    peaks = {peaks_of(cell): peaking(cell).seconds for cell in cells}
    return START.seconds + launches * (START.seconds + sum(peaks.values()))
