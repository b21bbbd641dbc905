"""The metrics that are compared, reported and tracked: columns of the tables, and two that are derived from several rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from mixbench.tables.columns import columns
from mixbench.tables.fields import Column
from mixbench.tables.remarks import bound_in
from mixbench.tables.selection import values
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow

CPU_TIME = "cpu_per_calibration"
FAILED = "failed"
DERIVED: dict[str, Column] = {
    CPU_TIME: Column(
        "metric",
        "CPU time relative to the calibration workload of the same process",
        better="lower",
        words="CPU time",
        rule="time",
    ),
    FAILED: Column("metric", "share of the launches or seeds that failed", better="lower", words="failed share", rule="count"),
}
METRICS: dict[str, Column] = {
    name: column for name, column in (columns(TrainingRow) | columns(SpeedRow)).items() if column.role == "metric"
} | DERIVED
"""The metrics by name; if two tables share a name, the column of speed.csv."""
_LOWER_BOUND = "{}_lower_bound"
LOWER_BOUNDS: dict[str, Column] = {
    _LOWER_BOUND.format(name): dataclasses.replace(METRICS[name], words=f"lower bound of {METRICS[name].words}")
    for name in ("flops", "train_flops")
}
"""Counts of which only a lower bound is known have names of their own, so that nothing compares them with exact ones."""
METRICS |= LOWER_BOUNDS


def bound_of(rows: Sequence[Any], metric: str) -> str:
    """The remark that a metric of a cell's rows is only a lower bound; empty where it is not."""
    return next(filter(None, (bound_in(detail, metric) for detail in dict.fromkeys(values(rows, "detail")))), "")


def name_of(metric: str, rows: Sequence[Any]) -> str:
    """The name under which a metric of a cell's rows is reported and tracked: another one for a lower bound."""
    return lower_bound_of(metric) if bound_of(rows, metric) else metric


def lower_bound_of(metric: str) -> str:
    """The name of a count of which only a lower bound is known."""
    return _LOWER_BOUND.format(metric)


def metric_words(metric: str) -> str:
    """The usual name of a metric, else the name of its column."""
    return (METRICS[metric].words if metric in METRICS else "") or metric


def counts_things(metric: str) -> bool:
    """Whether a metric counts things that have its name: 3 more operators."""
    return metric in METRICS and METRICS[metric].unit == metric
