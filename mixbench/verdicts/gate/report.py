"""What there is to report: of a results folder its measures and failures, of a comparison what became of every cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Literal, NamedTuple

from mixbench.stats import Interval, log_t_interval, t_interval
from mixbench.tables.columns import FAILURES, Column, Row, columns
from mixbench.tables.rows import SpeedRow, TrainingRow, TrialRow
from mixbench.verdicts.gate.cells import (
    STUDIES,
    Measured,
    by_cell,
    by_replicate,
    cell_labels,
    cell_places,
    failure_of,
    good_rows,
)
from mixbench.verdicts.gate.comparison import ComparedCell, Comparison, exit_code
from mixbench.verdicts.labels import choose_environment
from mixbench.verdicts.learning.scores import ERRORS

Better = Literal["lower", "higher", ""]
STATES = {
    "broken": "error",
    "failed": "error",
    "missing": "failure",
    "slower": "failure",
    "undecided": "skipped",
    "failed before": "skipped",
    "unsupported": "skipped",
    "diverged": "skipped",
    "faster": "",
    "new": "",
    "same": "",
    "measured": "",
}
"""What a cell can be, by importance, and what that is among tests: a verdict; `failed` where a launch or a run did and no
verdict says so, `failed before` where the base failed likewise; a status; `measured` where nothing was compared.
"""


@dataclass(frozen=True)
class Measure:
    """One metric of one cell over its launches or seeds, those that went well."""

    cell: str
    """As `ComparedCell.name`."""
    metric: str
    unit: str
    better: Better
    """Direction; empty where none is better."""
    value: float
    low: float | None = None
    """Bounds of the 95 % interval; None for counts, and below two launches or seeds."""
    high: float | None = None


class Failure(NamedTuple):
    """A cell that has rows without values."""

    cell: str
    status: str
    """Of the first of them."""
    detail: str
    """Status and reason of the first of them, and how many there are unless all are."""


@dataclass(frozen=True)
class Entry:
    """What became of a cell, and why."""

    cell: str
    state: str
    reason: str = ""
    compared: ComparedCell | None = None


@dataclass(frozen=True)
class Report:
    """A results folder, or a comparison and its head."""

    title: str
    measures: Sequence[Measure]
    failures: Sequence[Failure]
    unmeasured: Sequence[Failure] = ()
    comparison: Comparison | None = None
    remarks: Sequence[str] = ()

    @property
    def entries(self) -> list[Entry]:
        """Every cell, of a comparison those that were compared or failed, the most important first."""
        judged = self.comparison.cells if self.comparison else ()
        faults = {fault.cell: fault for fault in (*self.unmeasured, *self.failures)}
        alone: list[Failure | Measure] = [*self.failures]
        if self.comparison is None:
            alone += [*self.unmeasured, *self.measures]
        others = dict.fromkeys(one.cell for one in alone)
        for cell in judged:
            others.pop(cell.name, None)
        entries = [
            *(_entry(cell.name, cell.verdict, faults.get(cell.name), cell) for cell in judged),
            *(_entry(cell, "measured", faults.get(cell)) for cell in others),
        ]
        return sorted(entries, key=lambda entry: list(STATES).index(entry.state))

    @property
    def passes(self) -> bool:
        """Whether nothing failed, in a comparison whether the gate is passed."""
        return exit_code(self.comparison) == 0 if self.comparison else not self.failures


def report(measured: Measured, comparison: Comparison | None = None, base: Measured | None = None) -> Report:
    """A results folder, and what came of comparing it, as the head, to `base`."""
    others = [base] if base else []
    return Report(
        title=f"{comparison.base} → {comparison.head}" if comparison else measured.name,
        measures=measures(measured, *others),
        failures=failures(measured, *others),
        unmeasured=unmeasured(measured, *others),
        comparison=comparison,
        remarks=comparison.remarks if comparison else _left_out(measured),
    )


def duel_report(comparison: Comparison) -> Report:
    """A duel: what its head took, per call."""
    took = [(cell.name, judged) for cell in comparison.cells for judged in cell.judgements]
    measured = [Measure(cell, one.metric, "ms", "lower", one.head) for cell, one in took if one.head is not None]
    return Report(f"{comparison.base} → {comparison.head}", measured, (), comparison=comparison, remarks=comparison.remarks)


def measures(measured: Measured, *others: Measured) -> list[Measure]:
    """Every cell and metric of the newest environment of each table.

    `others` are compared with it: a name that stands in several of them means the same cell.
    """
    return [
        Measure(cell, metric, column.unit, _better(column, good[0]), interval.point, interval.low, interval.high)
        for cell, row_type, rows in _cells(measured, others)
        if (good := good_rows(rows))
        for metric, estimate in METRICS[row_type].items()
        if (values := by_replicate(good, metric))
        for column in [columns(row_type)[metric]]
        # as in the table of learning curves: errors on the log scale
        for interval in [(_time if column.unit == "score" and good[0].score in ERRORS else estimate)(list(values.values()))]
    ]


def failures(measured: Measured, *others: Measured) -> list[Failure]:
    """Cells of which a launch or a run failed, whatever became of the rest; arguments as of `measures`."""
    return [
        Failure(cell, told[0].status, failure_of(rows))
        for cell, _, rows in _cells(measured, others)
        if (told := [row for row in rows if row.status in FAILURES])
    ]


def unmeasured(measured: Measured, *others: Measured) -> list[Failure]:
    """Cells without any value that did not fail: unsupported or diverged; arguments as of `measures`."""
    return [
        Failure(cell, rows[0].status, failure_of(rows))
        for cell, _, rows in _cells(measured, others)
        if not any(row.status == "ok" or row.status in FAILURES for row in rows)
    ]


_HIDING = ("same", "new", "measured")
"""What a cell that failed can be called; every other verdict says more than its failure."""


def _entry(cell: str, state: str, fault: Failure | None, compared: ComparedCell | None = None) -> Entry:
    reasons = [compared.detail, compared.cause, compared.leading.remark] if compared else []
    if fault:
        reasons.append(fault.detail)
        if state in _HIDING:
            known = compared is not None and compared.in_both
            state = fault.status if fault.status in STATES else "failed before" if known else "failed"
    return Entry(cell, state, "; ".join(dict.fromkeys(filter(None, reasons))), compared)


def _cells(measured: Measured, others: Sequence[Measured]) -> Iterator[tuple[str, type[Row], list[Any]]]:
    """Name, table and rows of each cell."""
    for row_type in METRICS:
        cells, *theirs = (by_cell(_newest(one, row_type)) for one in (measured, *others))
        named = list(dict.fromkeys(key for some in (cells, *theirs) for key in some))
        labels = cell_labels(named, row_type)
        places = cell_places(named, labels, row_type)
        for key, rows in cells.items():
            yield ComparedCell(STUDIES[row_type], labels[key], places[key], ()).name, row_type, rows


def _newest(measured: Measured, row_type: type[Row]) -> list[Any]:
    """Rows of the newest environment: of several machines only one can be followed over time."""
    rows = measured.rows.get(row_type, ())
    newest = choose_environment(rows)
    return [row for row in rows if row.environment == newest]


def _left_out(measured: Measured) -> list[str]:
    older = {row_type: len(measured.rows.get(row_type, ())) - len(_newest(measured, row_type)) for row_type in METRICS}
    return [
        f"{count} rows of {STUDIES[table]}.csv from other environments are left out" for table, count in older.items() if count
    ]


def _better(column: Column, row: Any) -> Better:
    """Of a score the row says it: the column cannot."""
    if column.unit != "score" or not row.score:
        return column.better
    return "lower" if row.score in ERRORS else "higher"


def _time(values: Sequence[float]) -> Interval:
    return log_t_interval(values) if min(values) > 0 else t_interval(values)


def _count(values: Sequence[float]) -> Interval:
    middle = median_low(values)
    return Interval(int(middle) if middle == int(middle) else middle)


_TRAINING: dict[str, Callable[[Sequence[float]], Interval]] = {
    "test_score": t_interval,
    "train_seconds": _time,
    "train_flops": _count,
    "params": _count,
}
METRICS: dict[type[Row], dict[str, Callable[[Sequence[float]], Interval]]] = {
    SpeedRow: {
        "latency_ms": _time,
        "cpu_ms": _time,
        "device_ms": _time,
        "tokens_per_s": _time,
        "flops": _count,
        "params": _count,
        "peak_memory_mib": _count,
        "operators": _count,
        "allocated_mib": _count,
        "energy_j": _time,
    },
    TrainingRow: _TRAINING,
    TrialRow: _TRAINING,
}
"""What is reported of each table, and how the values of launches or seeds become one."""
