"""The metrics that are compared, reported and tracked: columns of the tables, and two that are derived from several rows."""

from __future__ import annotations

from mixbench.tables.columns import columns
from mixbench.tables.fields import Column
from mixbench.tables.rows import SpeedRow, TrainingRow

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


def metric_words(metric: str) -> str:
    """The usual name of a metric, else the name of its column."""
    return (METRICS[metric].words if metric in METRICS else "") or metric


def counts_things(metric: str) -> bool:
    """Whether a metric counts things that have its name: 3 more operators."""
    return metric in METRICS and METRICS[metric].unit == metric
