"""Remove rows from a results folder: find them, then drop exactly these under the folder's lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os.path import isdir
from typing import TYPE_CHECKING, Any

from mixbench.api.filters import filter_of
from mixbench.api.options import takes
from mixbench.api.remove_options import RemoveOptions
from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_names
from mixbench.tables.columns import FAILURES, STATUSES, Row, columns
from mixbench.tables.removal import drop, orphaned_files, orphaned_launches
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.row_groups import RowGroup

STUDIES: dict[str, type[Row]] = {
    "speed": SpeedRow,
    "data-efficiency": TrainingRow,
    "tune": TrialRow,
    "attention-map": AttentionMapRow,
}
FAILED = "failed"
"""Stands for every status that counts as a failure."""


@dataclass(frozen=True)
class Removal:
    """The rows of a results folder that are to be removed; `total` rows are in each of their tables."""

    folder: ResultsFolder
    rows: Mapping[type[Row], Sequence[Any]]
    total: Mapping[type[Row], int]

    @property
    def count(self) -> int:
        """How many rows it removes, without those of launches.csv."""
        return sum(map(len, self.rows.values()))

    @cached_property
    def groups(self) -> list[RowGroup]:
        """The rows in few lines."""
        from mixbench.verdicts.row_groups import row_groups

        return [group for row_type, rows in self.rows.items() for group in row_groups(row_type, rows)]

    @cached_property
    def launches(self) -> int:
        """Rows of launches.csv that go with them."""
        return len(orphaned_launches(self.folder, self._dropped))

    @cached_property
    def files(self) -> list[str]:
        """Weights and maps that go with them, relative to the folder."""
        return orphaned_files(self.folder, self._dropped)

    @property
    def _dropped(self) -> list[Row]:
        return [row for rows in self.rows.values() for row in rows]


def plan_removal(options: RemoveOptions) -> Removal:
    """Find the rows that the options choose. Raises RequestError, also if nothing is chosen; StorageError."""
    from mixbench.verdicts.filters import flag, sift

    status = {} if options.status is None else {"status": _statuses(options.status)}
    wanted = filter_of(options, **status)
    if not (wanted.wanted or options.study or options.everything):
        hint = "Choose some, such as --status failed or --tokens 9999999; for all of them: --everything."
        raise RequestError("no rows are chosen", hint)
    folder = ResultsFolder(options.results)
    if not isdir(folder.path):
        raise RequestError(f"there is no folder {folder.path}", "Give a results folder with --results.")
    row_types = [STUDIES[options.study]] if options.study else list(STUDIES.values())
    able = [row_type for row_type in row_types if all(column in columns(row_type) for column in wanted.wanted)]
    if not able:
        fault = f"no table has all of {' '.join(map(flag, wanted.wanted))}"
        raise RequestError(f"{options.study}: {fault}" if options.study else fault, "Leave one of them out.")
    tables = {row_type: folder.read(row_type) for row_type in able}
    if not any(tables.values()):
        raise RequestError(f"{folder.path} holds no such rows", "There is nothing to remove.")
    chosen = {row_type: rows for row_type, rows in sift(tables, wanted).tables.items() if rows}
    return Removal(folder, chosen, {row_type: len(tables[row_type]) for row_type in chosen})


def carry_out(removal: Removal) -> None:
    """Remove the rows; rows that were added since they were found stay. Raises FolderBusyError, StorageError."""
    with removal.folder.writing():
        for row_type, rows in removal.rows.items():
            gone = set(rows)
            drop(removal.folder, row_type, lambda row, gone=gone: row not in gone)  # type: ignore[misc]


@takes(RemoveOptions)
def remove(options: RemoveOptions) -> pandas.DataFrame:
    """Remove rows from a results folder if `yes` is given; returns what is removed, or without `yes` what would be.

    A row per table, mixer, context and environment, with the number of rows. Raises RequestError if nothing is chosen or found,
    FolderBusyError, StorageError.
    """
    import pandas

    removal = plan_removal(options)
    frame = pandas.DataFrame([group.as_record() for group in removal.groups])
    if options.yes:
        carry_out(removal)
    return frame


def _statuses(given: str | Sequence[str]) -> tuple[str, ...]:
    names = parse_names(given, (*STATUSES, FAILED), "--status")
    return tuple(dict.fromkeys(name for given in names for name in (FAILURES if given == FAILED else (given,))))
