"""Results folders without measuring anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from synthetic import MACHINE

from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder


def fill_folder(path: str | Path, *tables: Sequence[Row], machine: Mapping[str, object] = MACHINE) -> Path:
    """Add rows to a results folder as if all had been measured on `machine`; returns the folder."""
    folder = ResultsFolder(path)
    with folder.writing():
        digest = folder.save_environment(dict(machine))
        for table in tables:
            folder.append([replace(row, environment=digest) for row in table])  # type: ignore[call-arg]
    return folder.path
