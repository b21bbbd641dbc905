"""The tables of a results folder: one frozen dataclass per CSV, whose fields say everything about its columns.

Columns, identities of cells and the data dictionary are derived from the fields. Columns that several tables share are in
classes that are not tables themselves. A CSV has its columns in the order of their roles.
"""

from __future__ import annotations

from mixbench.tables.columns import Row
from mixbench.tables.speed_rows import LaunchRow, PairRow, SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

TABLES: dict[str, type[Row]] = {
    "speed": SpeedRow,
    "launches": LaunchRow,
    "data_efficiency": TrainingRow,
    "tuning": TrialRow,
    "attention_map": AttentionMapRow,
    "pairs": PairRow,
}
TABLE_NAMES: dict[type[Row], str] = {row_type: name for name, row_type in TABLES.items()}
TABLE_FILES: dict[type[Row], str] = {row_type: f"{name}.csv" for row_type, name in TABLE_NAMES.items()}
