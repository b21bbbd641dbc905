"""Which rows of a table count: those of whole launches, and each only once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mixbench.tables.by_column import Columns
from mixbench.tables.columns import Row, columns
from mixbench.tables.speed_rows import LaunchRow, PairRow, SpeedRow

if TYPE_CHECKING:
    import numpy as np

EVERY_TIME = (LaunchRow, PairRow)
"""Rows of one cell and replicate that were measured at different times all count."""
ROUND = "round"
_ENOUGH = 2**40
"""No launch has so many rounds."""
AGAIN = "repeated below"
REPLACED = "measured again later"


def left_out(table: Columns[Any]) -> dict[int, str]:
    """The places of the rows that do not count, with the reason.

    They belong to a launch that has fewer rounds than its `rounds`, are given again, or were measured again: then the newest
    whole measurement counts.
    """
    import numpy as np

    if not len(table):
        return {}
    runs = table.groups(_run(table.row_type))
    times = table.ranks("measured_at")
    processes, first, process = np.unique(runs * (times.max() + 1) + times, return_index=True, return_inverse=True)
    rounds = table.distinct(ROUND).codes if ROUND in table.cells else np.zeros(len(runs), dtype=np.int64)
    reversed_rounds = (process * (rounds.max() + 1) + rounds)[::-1]
    last = len(runs) - 1 - np.unique(reversed_rounds, return_index=True)[1]
    own = np.bincount(process[last], minlength=len(processes))
    planned = _planned(table, process, len(processes))
    whole = own >= np.array([min(count, _ENOUGH) for count in planned])
    newest = np.full(runs.max() + 1, -1)
    np.maximum.at(newest, runs[first][whole], times[first][whole])
    replaced = whole & (times[first] < newest[runs[first]])
    again = np.ones(len(runs), dtype=bool)
    again[last] = False
    reasons = dict.fromkeys(np.flatnonzero(again).tolist(), AGAIN)
    reasons |= dict.fromkeys(np.flatnonzero(replaced[process]).tolist(), REPLACED)
    for place in np.flatnonzero(~whole[process]).tolist():
        number = process[place]
        reasons[place] = f"from a launch with only {own[number]} of {planned[number]} rounds"
    return reasons


def _run(row_type: type[Row]) -> list[str]:
    """The columns that rows share which were measured by one process, or which replace each other."""
    names = [name for name, column in columns(row_type).items() if column.role in ("key", "replicate") and name != ROUND]
    names += ["environment", *(["status"] if "status" in columns(row_type) else [])]
    return [*names, "measured_at"] if row_type in EVERY_TIME else names


def _planned(table: Columns[Any], process: np.ndarray[Any, Any], count: int) -> list[int]:
    """How many rounds each process was to have: the most that any of its rows says."""
    import numpy as np

    if table.row_type is not SpeedRow:
        return [1] * count
    ranks = np.zeros(count, dtype=np.int64)
    np.maximum.at(ranks, process, table.ranks("rounds"))
    values = sorted(table.distinct("rounds").values)
    return [values[rank] for rank in ranks.tolist()]
