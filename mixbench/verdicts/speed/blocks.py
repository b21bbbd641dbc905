"""Which blocks of calls count: the clean ones where a launch has enough of them, and the launches that have enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mixbench.tables.selection import values
from mixbench.tables.speed_rows import SpeedRow

DISTURBED = "disturbed while it was timed"
ENOUGH = 3
"""So many clean blocks make a launch clean, and so many clean launches an estimate, if there are not fewer anyway."""

_CLEAN = ("", "clean")

Process = TypeVar("Process", bound=Hashable)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Chosen(Generic[Process, Item]):
    """What counts, by process. If `disturbed`, other work ran beside too much of it, and everything counts."""

    by_process: Mapping[Process, list[Item]]
    disturbed: bool


def choose(processes: Mapping[Process, Sequence[tuple[Item, bool]]]) -> Chosen[Process, Item]:
    """Choose from the items of each process, of which each is clean or not.

    A process is clean with half of its items or with three; the others are left out if half of the processes are clean, and
    three, or all of them. Else nothing is left out but what disturbs a clean process.
    """
    clean = {process: [item for item, is_clean in items if is_clean] for process, items in processes.items()}
    good = {
        process: items
        for process, items in clean.items()
        if items and (len(items) >= ENOUGH or 2 * len(items) >= len(processes[process]))
    }
    if len(good) == len(processes) or len(good) >= max(ENOUGH, len(processes) / 2):
        return Chosen(good, disturbed=False)
    return Chosen(
        {process: good.get(process) or [item for item, _ in items] for process, items in processes.items()}, disturbed=True
    )


def clean_time(rows: Sequence[SpeedRow]) -> list[bool]:
    """For each row whether nothing is known to have disturbed its time: on a GPU, what holds up the host does not."""
    blocks = zip(values(rows, "quality"), values(rows, "device_ms"), strict=True)
    return [quality in _CLEAN or (quality == "contended" and device is not None) for quality, device in blocks]


def clean_wall_time(rows: Sequence[SpeedRow]) -> list[bool]:
    """For each row whether nothing is known to have disturbed the block."""
    return [quality in _CLEAN for quality in values(rows, "quality")]


def choose_places(rows: Sequence[SpeedRow], clean: Sequence[bool]) -> Chosen[tuple[int, str], int]:
    """Choose from the rows of a cell that are ok, by launch and start of its process: the places of those that count."""
    processes: dict[tuple[int, str], list[tuple[int, bool]]] = defaultdict(list)
    starts = zip(values(rows, "launch"), values(rows, "measured_at"), strict=True)
    for process, item in zip(starts, enumerate(clean), strict=True):
        processes[process].append(item)
    return choose(processes)


def choose_rows(rows: Sequence[SpeedRow]) -> Chosen[tuple[int, str], SpeedRow]:
    """The same, as rows."""
    chosen = choose_places(rows, clean_time(rows))
    by_process = {process: [rows[place] for place in places] for process, places in chosen.by_process.items()}
    return Chosen(by_process, chosen.disturbed)
