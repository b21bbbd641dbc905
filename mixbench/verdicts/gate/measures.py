"""The measures and failures of a results folder: every metric of each cell over its good launches or seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, NamedTuple

from mixbench.stats import Interval, log_median_interval, median_interval
from mixbench.tables.columns import FAILURES, Row, columns
from mixbench.tables.fields import Better, Column, Rule
from mixbench.tables.rows import TABLE_NAMES
from mixbench.tables.scores import ERRORS
from mixbench.tables.selection import Selection, selection
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.environments import UNITED, of_newest, united
from mixbench.verdicts.gate.cells import (
    REPLICATES,
    Measured,
    by_cell,
    by_replicate,
    cell_labels,
    cell_places,
    failure_of,
    good_rows,
    names_in_both,
)
from mixbench.verdicts.gate.comparison import ComparedCell
from mixbench.verdicts.gate.metrics import name_of
from mixbench.verdicts.learning.means import mean_share
from mixbench.verdicts.speed.blocks import choose_places, clean_time


@dataclass(frozen=True)
class Measure:
    """One metric of one cell over its good launches or seeds."""

    cell: str
    """The same name as `ComparedCell.name`."""
    metric: str
    unit: str
    better: Better
    """Direction; empty where neither is better."""
    value: float
    low: float | None = None
    """Bounds of the 95 % interval; None for counts, and below two launches or seeds."""
    high: float | None = None
    disturbed: bool = False
    """Whether it is a time during most of which other work took the cores."""


class Failure(NamedTuple):
    """A cell that has rows without values."""

    cell: str
    status: str
    """The status of the first such row."""
    detail: str
    """Status and reason of the first such row, and how many replicates failed unless all did."""


Cells = Sequence[tuple[str, type[Row], Selection[Any]]]
"""Cells by name, with their table and their rows."""


def cells_of(measured: Measured, base: Measured | None = None) -> Cells:
    """Name, table and rows of every cell of the newest environment of each table.

    With the `base` that it is compared with, the same name means the same cell in both.
    """
    found = []
    for row_type in REPORTED:
        names = names_in_both(base or measured, measured, row_type)
        theirs = by_cell(newest_rows(base, row_type), names[0]) if base else {}
        cells = by_cell(newest_rows(measured, row_type), names[1])
        named = list(dict.fromkeys((*cells, *theirs)))
        labels = cell_labels(named, row_type)
        places = cell_places(named, labels, row_type)
        for key, rows in cells.items():
            found.append((ComparedCell(TABLE_NAMES[row_type], labels[key], places[key], ()).name, row_type, rows))
    return found


def newest_rows(measured: Measured, row_type: type[Row]) -> Sequence[Any]:
    """Rows of the newest environment: of several machines, only one can be followed over time. Training runs are united."""
    rows = measured.of(row_type)
    return united(rows, measured.environments) if row_type in UNITED else of_newest(rows)


def measures(cells: Cells) -> list[Measure]:
    """Every metric of some cells."""
    return [
        Measure(
            cell,
            name_of(metric, good),
            column.unit,
            _better(column, good),
            interval.point,
            interval.low,
            interval.high,
            disturbed and not column.counted,
        )
        for cell, row_type, rows in cells
        for good, disturbed in [_counting(good_rows(rows))]
        if good
        for metric in REPORTED[row_type]
        if (values := by_replicate(_of_one_machine(good, metric), metric))
        for column in [columns(row_type)[metric]]
        # as in the table of learning curves: errors on the log scale
        for estimate in [_on_log_scale if column.rule == "score" and good.first("score") in ERRORS else _ESTIMATES[column.rule]]
        for interval in [estimate(list(values.values()))]
    ]


def _of_one_machine(rows: Selection[Any], metric: str) -> Selection[Any]:
    """The rows of which a metric is combined: of a time, those of the newest environment that has it."""
    row_type = rows.table.row_type
    return selection(of_newest(rows)) if row_type in UNITED and columns(row_type)[metric].unit == "s" else rows


def _counting(rows: Selection[Any]) -> tuple[Selection[Any], bool]:
    """The rows whose values count, as in the table of `mixbench speed`, and whether they are disturbed."""
    if not rows or rows.table.row_type is not SpeedRow:
        return rows, False
    chosen = choose_places(rows, clean_time(rows))
    return rows.at([place for own in chosen.by_process.values() for place in own]), chosen.disturbed


def failures(cells: Cells) -> list[Failure]:
    """Cells with a launch or a run that failed, even if others succeeded."""
    return [
        Failure(cell, failed[0], failure_of(rows))
        for cell, _, rows in cells
        if (failed := [status for status in rows.values("status") if status in FAILURES])
    ]


def unmeasured(cells: Cells) -> list[Failure]:
    """Cells without any value that did not fail: unsupported or diverged."""
    return [
        Failure(cell, rows.first("status"), failure_of(rows))
        for cell, _, rows in cells
        if not {"ok", *FAILURES}.intersection(rows.values("status"))
    ]


def _better(column: Column, rows: Selection[Any]) -> Better:
    """The direction of a metric; that of a score depends on the rows."""
    if column.rule != "score" or not (score := rows.first("score")):
        return column.better
    return "lower" if score in ERRORS else "higher"


def _on_log_scale(values: Sequence[float]) -> Interval:
    return log_median_interval(values) if min(values) > 0 else median_interval(values)


def _count(values: Sequence[float]) -> Interval:
    middle = median_low(values)
    return Interval(int(middle) if middle == int(middle) else middle)


_ESTIMATES: dict[Rule, Callable[[Sequence[float]], Interval]] = {
    "count": _count,
    "time": _on_log_scale,
    "reported": _on_log_scale,
    "score": mean_share,
}
"""How the values of launches or seeds are combined into one."""


def _reported(row_type: type[Row]) -> tuple[str, ...]:
    """The metrics measured in every block or run, then counts, then anything else that is found once per cell."""
    table = {name: column for name, column in columns(row_type).items() if column.rule}
    return tuple(sorted(table, key=lambda name: (table[name].counted, table[name].rule != "count")))


REPORTED: dict[type[Row], tuple[str, ...]] = {row_type: _reported(row_type) for row_type in REPLICATES}
"""The metrics that are reported of each table."""
