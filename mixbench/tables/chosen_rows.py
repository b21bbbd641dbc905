"""A results folder as if it held only some of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mixbench.tables.columns import Row, RowType
from mixbench.tables.results import ResultsFolder
from mixbench.tables.selection import Selection, selection


class ChosenRows(ResultsFolder):
    """A folder of which these rows are read; tables that are not among them are read whole."""

    def __init__(self, folder: ResultsFolder, rows: Mapping[type[Row], Sequence[Any]]) -> None:
        super().__init__(folder.path)
        self._rows = rows

    def read(self, row_type: type[RowType]) -> list[RowType]:
        """The chosen rows of a table, in the order written. Raises StorageError."""
        return [*self.selection(row_type)]

    def selection(self, row_type: type[RowType]) -> Selection[RowType]:
        """The same as a selection. Raises StorageError."""
        return selection(self._rows[row_type]) if row_type in self._rows else super().selection(row_type)
