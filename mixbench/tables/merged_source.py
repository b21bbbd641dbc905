"""A results folder that is merged into another: its runs that can be trusted, and what is wrong with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixbench.errors import StorageError
from mixbench.tables.columns import Row
from mixbench.tables.lines import LeftOut
from mixbench.tables.manifest import Manifest, read_manifest
from mixbench.tables.pending import current
from mixbench.tables.rejected import rejected
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.runs import Run, TableTexts
from mixbench.tables.sifting import AGAIN, REPLACED
from mixbench.tables.storage import storage_errors


@dataclass(frozen=True)
class Untrusted:
    """Rows of a folder that cannot be trusted, as their environment is not known."""

    folder: str
    environment: str
    rows: int
    reason: str


@dataclass(frozen=True)
class Source:
    """What was read from a folder; `left_out` are lines that do not count, `rejected` the files of lines kept beside tables."""

    path: Path
    runs: Mapping[type[Row], Sequence[Run]]
    left_out: Mapping[type[Row], Sequence[LeftOut]]
    rejected: Mapping[type[Row], bytes]
    untrusted: Sequence[Untrusted]
    manifest: Manifest | None

    @property
    def environments(self) -> set[str]:
        """The environments of its runs."""
        return {run.environment for runs in self.runs.values() for run in runs}

    @property
    def damaged(self) -> dict[type[Row], tuple[LeftOut, ...]]:
        """The lines that were to count but do not."""
        found = {
            row_type: tuple(left for left in lines if left.reason not in (AGAIN, REPLACED))
            for row_type, lines in self.left_out.items()
        }
        return {row_type: lines for row_type, lines in found.items() if lines}

    @property
    def failed(self) -> tuple[str, ...]:
        """The keys of its runs that failed, in hexadecimal digits."""
        return tuple(run.key.hex() for runs in self.runs.values() for run in runs if run.failed)

    @property
    def is_finished(self) -> bool:
        """Whether its manifest says so, and it has all the rows that the manifest knows of."""
        if self.manifest is None or not self.manifest.finished or self.damaged:
            return False
        rows = {name: _rows_of(self.runs[row_type]) for name, row_type in TABLES.items()}
        return all(rows.get(name, count) >= count for name, count in self.manifest.rows.items())


def row_counts(path: Path) -> dict[str, int]:
    """The rows of each table of a folder that `merge` finds in it. Raises StorageError."""
    found = {}
    for name, row_type in TABLES.items():
        texts = TableTexts(row_type)
        runs, _ = texts.read(current(path, f"{name}.csv"), texts.runs)
        found[name] = _rows_of(runs)
    return {name: count for name, count in found.items() if count}


def _rows_of(runs: Sequence[Run]) -> int:
    return sum(len(run.numbers) for run in runs)


def read_source(path: Path, tables: Mapping[type[Row], TableTexts]) -> Source:
    """Everything that a folder holds. Raises StorageError for what cannot be read."""
    runs: dict[type[Row], Sequence[Run]] = {}
    left_out: dict[type[Row], Sequence[LeftOut]] = {}
    kept: dict[type[Row], bytes] = {}
    for name, row_type in TABLES.items():
        file = current(path, f"{name}.csv")
        texts = tables[row_type]
        runs[row_type], left_out[row_type] = texts.read(file, texts.runs)
        with storage_errors(f"cannot read {rejected(file)}"):
            aside = rejected(path / f"{name}.csv")
            kept[row_type] = aside.read_bytes() if aside.exists() else b""
    rows: Counter[str] = Counter()
    for run in (run for own in runs.values() for run in own):
        rows[run.environment] += len(run.numbers)
    faults = {name: fault for name in sorted(rows) if (fault := _fault(path, name))}
    if faults:
        runs = {row_type: [run for run in own if run.environment not in faults] for row_type, own in runs.items()}
    untrusted = [Untrusted(str(path), name, rows[name], fault) for name, fault in faults.items()]
    return Source(path, runs, left_out, kept, untrusted, read_manifest(path))


def _fault(path: Path, environment: str) -> str:
    """What is wrong with the file of an environment; empty if nothing is."""
    try:
        ResultsFolder(path).environment(environment)
    except StorageError as error:
        return str(error)
    return ""
