"""Which blocks of calls count: the clean ones where a launch has enough of them, and the launches that have enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mixbench.tables.rows import SpeedRow

DISTURBED = "disturbed while it was timed"
ENOUGH = 3
"""So many clean blocks make a launch clean, and so many clean launches an estimate, if there are not fewer anyway."""

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


def is_clean(row: SpeedRow) -> bool:
    """Whether nothing is known to have disturbed the time that counts: on a GPU, what holds up its host does not."""
    return has_clean_wall_time(row) or (row.quality == "contended" and row.device_ms is not None)


def has_clean_wall_time(row: SpeedRow) -> bool:
    """Whether nothing is known to have disturbed a block."""
    return row.quality in ("", "clean")


def choose_rows(rows: Iterable[SpeedRow], clean: Callable[[SpeedRow], bool] = is_clean) -> Chosen[tuple[int, str], SpeedRow]:
    """Choose from the rows of a cell that are ok, by launch and start of its process."""
    processes: dict[tuple[int, str], list[tuple[SpeedRow, bool]]] = defaultdict(list)
    for row in rows:
        processes[row.launch, row.measured_at].append((row, clean(row)))
    return choose(processes)
