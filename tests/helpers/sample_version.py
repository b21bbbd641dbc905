"""A version as a comparison knows it, from rows of any table that are all from one machine."""

from __future__ import annotations

from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.gate.cells import Measured


def measured(*rows: object, name: str = "head", cpu: str = "a CPU") -> Measured:
    tables = {kind: [row for row in rows if type(row) is kind] for kind in (SpeedRow, LaunchRow, TrainingRow)}
    machine = {"cpu": cpu, "logical_cores": 4, "memory_gib": 8, "gpus": None}
    return Measured(name, tables, {row.environment: machine for row in rows})  # type: ignore[attr-defined]
