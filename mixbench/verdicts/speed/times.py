"""The time of a call that is judged: device time where it was measured, else wall time; one kind in all comparisons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mixbench.tables.columns import columns
from mixbench.tables.fields import Column
from mixbench.tables.rows import SpeedRow
from mixbench.verdicts.labels import context_of

TIME = "time_ms"
"""The time that is judged: `SpeedRow.time_ms`."""
WALL, DEVICE = "latency_ms", "device_ms"
"""The columns that it comes from."""


def time_column(on_device: bool) -> Column:
    """The column that the judged time comes from, with its words, its heading and how figures draw it."""
    return columns(SpeedRow)[DEVICE if on_device else WALL]


def of_one_kind(rows: Iterable[SpeedRow]) -> list[SpeedRow]:
    """The rows; where some of a context have device time, the others have no time, as wall time is something else."""
    rows = list(rows)
    on_device = {context_of(row) for row in rows if row.device_ms is not None}
    if not on_device:
        return rows
    return [
        replace(row, latency_ms=None, tokens_per_s=None, gflops_per_s=None)
        if row.device_ms is None and row.latency_ms is not None and context_of(row) in on_device
        else row
        for row in rows
    ]
