"""The time of a call that is judged: device time where it was measured, else wall time; one kind in all comparisons."""

from __future__ import annotations

from mixbench.tables.columns import columns
from mixbench.tables.fields import Column
from mixbench.tables.selection import Selection
from mixbench.tables.speed_rows import SHORTEST_KERNEL_MS, SpeedRow
from mixbench.verdicts.labels import CONTEXT_COLUMNS

TIME = "time_ms"
"""The time that is judged: `SpeedRow.time_ms`."""
WALL, DEVICE = "latency_ms", "device_ms"
"""The columns that it comes from."""
_OF_WALL_TIME = (WALL, "tokens_per_s", "gflops_per_s")
"""What comes from wall time where there is no device time."""


def time_column(on_device: bool) -> Column:
    """The column that the judged time comes from, with its words, its heading and how figures draw it."""
    return columns(SpeedRow)[DEVICE if on_device else WALL]


def with_times(rows: Selection[SpeedRow]) -> Selection[SpeedRow]:
    """The rows with a column of TIME."""
    import numpy as np

    if not rows:
        return rows
    device = rows.array(DEVICE)
    on_device = np.where(device >= SHORTEST_KERNEL_MS, device, np.nan)
    return rows.with_floats(**{TIME: np.where(np.isnan(device), rows.array(WALL), on_device)})


def device_times(rows: Selection[SpeedRow]) -> list[float | None]:
    """Times on a GPU, ms; None where it was not measured, and where the GPU had nothing to do. The rows are `with_times`."""
    pairs = zip(rows.values(DEVICE), rows.values(TIME), strict=True)
    return [None if device is None else time for device, time in pairs]


def of_one_kind(rows: Selection[SpeedRow]) -> Selection[SpeedRow]:
    """The rows; where some of a context have device time, the others have no time, as wall time is something else."""
    import numpy as np

    if not rows or np.isnan(device := rows.array(DEVICE)).all():
        return rows
    contexts, firsts = rows.groups(CONTEXT_COLUMNS)
    on_device = np.zeros(len(firsts), dtype=bool)
    on_device[contexts[~np.isnan(device)]] = True
    without = np.isnan(device) & on_device[contexts]
    if not without.any():
        return rows
    return rows.with_floats(**{name: np.where(without, np.nan, rows.array(name)) for name in _OF_WALL_TIME})
