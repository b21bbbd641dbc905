"""The time of a mixer relative to the baseline's: taken round by round within processes wherever both share these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from mixbench.stats import Interval, launch_medians, log_median_interval, unpaired_ratio_interval
from mixbench.tables.selection import values
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.speed.blocks import choose, clean_time


@dataclass(frozen=True)
class Compared:
    """A ratio to the baseline's time; by launch where it was taken round by round within processes."""

    interval: Interval | None = None
    by_launch: Mapping[int, float] = field(default_factory=dict)
    disturbed: bool = False


Rounds = Mapping[tuple[int, str], Mapping[int, tuple[float, bool]]]
"""For each launch and start of its process the time of each round, and whether its block is clean."""


def compared(rows: Sequence[SpeedRow], baseline: Sequence[SpeedRow]) -> Compared:
    """The ratio of the times of two cells: paired if most launches share a process, else of medians."""
    return compared_rounds(rounds_of(rows), rounds_of(baseline))


def compared_rounds(own: Rounds, base: Rounds) -> Compared:
    """The same of rows by round."""
    if not (own and base):
        return Compared()
    pairs = {process: found for process in own if (found := _pairs(own[process], base.get(process, {})))}
    if 2 * len(pairs) > min(len(own), len(base)):
        chosen = choose(pairs)
        by_launch = launch_medians((launch, median(ratios)) for (launch, _), ratios in chosen.by_process.items())
        return Compared(log_median_interval(list(by_launch.values())), by_launch, chosen.disturbed)
    sides = [choose({process: [*rounds.values()] for process, rounds in side.items()}) for side in (own, base)]
    above, below = ([median(times) for times in side.by_process.values()] for side in sides)
    return Compared(unpaired_ratio_interval(above, below), disturbed=any(side.disturbed for side in sides))


def _pairs(own: Mapping[int, tuple[float, bool]], base: Mapping[int, tuple[float, bool]]) -> list[tuple[float, bool]]:
    """The ratio in each round that both have, and whether both blocks are clean."""
    rounds = ((*own[number], *base[number]) for number in own.keys() & base.keys())
    return [(above / below, clean and clean_too) for above, clean, below, clean_too in rounds]


def rounds_of(rows: Sequence[SpeedRow]) -> Rounds:
    """The timed rows by round."""
    processes: dict[tuple[int, str], dict[int, tuple[float, bool]]] = defaultdict(dict)
    columns = (values(rows, name) for name in ("launch", "measured_at", "round", "time_ms"))
    for launch, start, number, time, clean in zip(*columns, clean_time(rows), strict=True):
        if time is not None:
            processes[launch, start][number] = time, clean
    return processes
