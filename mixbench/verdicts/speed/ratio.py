"""The time of a mixer relative to the baseline's: taken round by round within processes wherever both share these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from mixbench.stats import Interval, launch_medians, log_median_interval, unpaired_ratio_interval
from mixbench.tables.rows import SpeedRow
from mixbench.verdicts.speed.blocks import choose, choose_rows, is_clean


@dataclass(frozen=True)
class Compared:
    """A ratio to the baseline's time; by launch where it was taken round by round within processes."""

    interval: Interval | None = None
    by_launch: Mapping[int, float] = field(default_factory=dict)
    disturbed: bool = False


def compared(rows: Sequence[SpeedRow], baseline: Sequence[SpeedRow]) -> Compared:
    """The ratio of the times of two cells: paired if most launches share a process, else of medians."""
    own, base = _by_process(rows), _by_process(baseline)
    if not (own and base):
        return Compared()
    pairs = {process: found for process in own if (found := _pairs(own[process], base.get(process, {})))}
    if 2 * len(pairs) > min(len(own), len(base)):
        chosen = choose(pairs)
        by_launch = launch_medians((launch, median(ratios)) for (launch, _), ratios in chosen.by_process.items())
        return Compared(log_median_interval(list(by_launch.values())), by_launch, chosen.disturbed)
    sides = [choose_rows(row for rounds in side.values() for row in rounds.values()) for side in (own, base)]
    above, below = ([median(times_of(rows)) for rows in side.by_process.values()] for side in sides)
    return Compared(unpaired_ratio_interval(above, below), disturbed=any(side.disturbed for side in sides))


def _pairs(own: Mapping[int, SpeedRow], base: Mapping[int, SpeedRow]) -> list[tuple[float, bool]]:
    """The ratio in each round that both have, and whether both blocks are clean."""
    rounds = [(own[number], base[number]) for number in own.keys() & base.keys()]
    return [(above / below, all(map(is_clean, both))) for both in rounds for above, below in [times_of(both)]]


def times_of(rows: Sequence[SpeedRow]) -> list[float]:
    """The times of the rows that have one, ms."""
    return [row.time_ms for row in rows if row.time_ms is not None]


def _by_process(rows: Sequence[SpeedRow]) -> dict[tuple[int, str], dict[int, SpeedRow]]:
    """The timed rows by round, for each launch and start of its process."""
    processes: dict[tuple[int, str], dict[int, SpeedRow]] = defaultdict(dict)
    for row in rows:
        if row.time_ms is not None:
            processes[row.launch, row.measured_at][row.round] = row
    return processes
