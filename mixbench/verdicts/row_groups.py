"""Rows of a table in few lines: those of one mixer and context together, with the sizes that they have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.tables.columns import Row
from mixbench.tables.rows import TABLE_NAMES
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.gate.cells import CellKey, cell_labels, cell_places, keys_of

_SIZE: dict[type[Row], str] = {SpeedRow: "tokens", TrainingRow: "train_size"}
"""The column that a study sweeps."""


@dataclass(frozen=True)
class RowGroup:
    """Rows of one table, mixer, context and environment."""

    row_type: type[Row]
    mixer: str
    """Label, as in the table that the study prints."""
    place: dict[str, str]
    """The other key columns in words, without the size."""
    size: str
    """Name of the column of sizes; empty where there is none."""
    sizes: tuple[int, ...]
    statuses: tuple[str, ...]
    environment: str
    rows: int

    @property
    def table(self) -> str:
        """Name of the table."""
        return TABLE_NAMES[self.row_type]

    def as_record(self) -> dict[str, Any]:
        """The group as plain values."""
        return {
            "table": self.table,
            "mixer": self.mixer,
            "context": " · ".join(self.place.values()),
            "sizes": ", ".join(map(str, self.sizes)),
            "status": ", ".join(self.statuses),
            "environment": self.environment,
            "rows": self.rows,
        }


def row_groups(row_type: type[Row], rows: Sequence[Any]) -> list[RowGroup]:
    """The rows of a table by mixer, context and environment, in the order in which they first occur."""
    keys, size = keys_of(row_type), _SIZE.get(row_type, "")
    found: dict[tuple[CellKey, str], list[Any]] = defaultdict(list)
    for row in rows:
        found[tuple(None if name == size else getattr(row, name) for name in keys), row.environment].append(row)
    cells = list(dict.fromkeys(cell for cell, _ in found))
    labels = cell_labels(cells, row_type)
    places = cell_places(cells, labels, row_type)
    return [
        RowGroup(
            row_type=row_type,
            mixer=labels[cell],
            place={name: text for name, text in places[cell].items() if name != size},
            size=size,
            sizes=tuple(sorted({getattr(row, size) for row in own})) if size else (),
            statuses=tuple(dict.fromkeys(row.status for row in own)),
            environment=environment,
            rows=len(own),
        )
        for (cell, environment), own in found.items()
    ]
