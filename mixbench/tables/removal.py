"""Drop rows for good, and with them what no other row needs: launches, weights and maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from mixbench.tables.artefacts import checkpoint_name, map_name
from mixbench.tables.columns import Row, RowType, identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.storage import storage_errors
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

_RUN: dict[type[Row], str] = {TrainingRow: "seed", TrialRow: "trial", AttentionMapRow: "seed"}
"""The tables of trained mixers, with the column that tells the runs of one cell apart."""


def drop(folder: ResultsFolder, row_type: type[RowType], keep: Callable[[RowType], bool]) -> int:
    """Drop all rows of a table that `keep` rejects, or none on failure; returns how many.

    Then drop the rows of launches.csv and delete the files that no other row needs. Call it within `folder.writing()`. Raises
    StorageError.
    """
    dropped = [row for row in folder.read(row_type) if not keep(row)]
    orphans = orphaned_launches(folder, dropped)
    count = folder.replace(row_type, keep)
    folder.replace(LaunchRow, lambda row: row not in orphans)
    for name in orphaned_files(folder, dropped):
        with storage_errors(f"cannot delete {folder.path / name}"):
            (folder.path / name).unlink(missing_ok=True)
    return count


def orphaned_launches(folder: ResultsFolder, dropped: Iterable[Row]) -> set[LaunchRow]:
    """The rows of launches.csv to which only dropped rows of speed.csv belong."""
    gone = {row for row in dropped if isinstance(row, SpeedRow)}
    if not gone:
        return set()
    processes = {_process(row) for row in gone} - {_process(row) for row in folder.read(SpeedRow) if row not in gone}
    return {row for row in folder.read(LaunchRow) if _process(row) in processes}


def orphaned_files(folder: ResultsFolder, dropped: Iterable[Row]) -> list[str]:
    """The weights and maps that only dropped rows name and that their studies wrote; what was given is never among them."""
    gone = {row for row in dropped if type(row) in _RUN}
    own = {name for row in gone for name in _written(row)}
    if not own:
        return []
    return sorted(own - {name for row_type in _RUN for row in folder.read(row_type) if row not in gone for name in _named(row)})


def _written(row: Any) -> Iterator[str]:
    """The files that a row names, if they have the names that its study gives."""
    run = (*identity(row), getattr(row, _RUN[type(row)]))
    given = {checkpoint_name(run), *([map_name(run, row.example)] if isinstance(row, AttentionMapRow) else [])}
    return (name for name in _named(row) if name in given)


def _named(row: Any) -> Iterator[str]:
    return (name for name in (row.checkpoint, getattr(row, "map_file", "")) if name)


def _process(row: SpeedRow | LaunchRow) -> tuple[str, str]:
    """Where and when a measuring process began."""
    return row.environment, row.measured_at
