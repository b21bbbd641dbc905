"""Load results folders to compare, export or track them."""

from __future__ import annotations

from os.path import isdir
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.errors import RequestError
from mixbench.parsing.command import with_folder
from mixbench.tables.columns import Row
from mixbench.tables.origins import read_origins
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.selection import Selection, distinct

if TYPE_CHECKING:
    from mixbench.verdicts.gate.cells import Measured


def load(results: str | Path) -> Measured:
    """All tables of a results folder, without launches that a crash cut short, and the environments of the rows.

    Raises RequestError if there is no folder or no cell in it, StorageError if a file is damaged.
    """
    from mixbench.verdicts.gate.cells import Measured
    from mixbench.verdicts.gate.judging import COUNTS

    folder = ResultsFolder(results)
    if not isdir(folder.path):
        raise RequestError(f"there is no folder {folder.path}", "Give a folder that mixbench speed or data-efficiency wrote.")
    rows: dict[type[Row], Selection[Any]] = {row_type: folder.selection(row_type) for row_type in TABLES.values()}
    if not any(rows[row_type] for row_type in COUNTS):
        raise RequestError(
            f"{folder.path} holds no measurements", f"Measure first: {with_folder('mixbench speed', folder.path)}"
        )
    named = {environment for table in rows.values() for environment in distinct(table, "environment")}
    environments = {digest: folder.environment(digest) for digest in sorted(named)}
    return Measured(str(results), rows, environments, read_origins(folder.path))
