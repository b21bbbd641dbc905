"""A history folder: what each commit cost. It has one small file per commit and machine, so git can merge histories.

COMMIT-MACHINE.json     one run: what was measured at a commit on a machine; equal content gives equal bytes
figures/                drawn from the files
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError, StorageError
from mixbench.machine.facts import output
from mixbench.parsing.canonical import canonical_json, digest
from mixbench.tables.columns import columns
from mixbench.tables.rows import TABLES, SpeedRow, TrainingRow, TrialRow
from mixbench.tables.storage import storage_errors, write_atomically

SCHEMA = 1
"""Version of the files. History: 1, the first."""
ELSEWHERE = "Give another folder with --history."
ONCE = 0
"""Used instead of a replicate if the value is the same for all replicates."""

Values = Mapping[int, float]
"""Values by launch or seed."""


@dataclass(frozen=True)
class Commit:
    """A git commit; `time` is the committer's, ISO 8601 with an offset."""

    sha: str
    time: str
    subject: str

    @property
    def short(self) -> str:
        """The first digits of its hash, as git prints them."""
        return self.sha[:7]

    @property
    def moment(self) -> datetime:
        """Its time, for sorting."""
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True)
class TrackedCell:
    """One cell of a table: its key columns, and for each metric the values by replicate, or one value under ONCE."""

    table: str
    key: Mapping[str, Any]
    metrics: Mapping[str, Values]
    score: str = ""
    """The kind of test_score, as in the table."""


@dataclass(frozen=True)
class Entry:
    """One run: the cells measured at a commit, with a machine and its software."""

    commit: Commit
    added_at: str
    machine: Mapping[str, Any]
    software: Mapping[str, Any]
    cells: tuple[TrackedCell, ...]

    @property
    def machine_hash(self) -> str:
        """12 hexadecimal digits that identify the machine."""
        return digest(canonical_json(self.machine), 12)

    @property
    def file_name(self) -> str:
        """The name of this run's file, unique to commit and machine."""
        return f"{self.commit.sha}-{self.machine_hash}.json"


def find_commit(name: str = "HEAD") -> Commit:
    """The commit with this name in the working directory's git repository. Raises RequestError."""
    shown = ["git", "show", "-s", "--no-show-signature", "--format=%H%n%cI%n%s"]
    sha, time, subject = [*output(*shown, "--end-of-options", f"{name}^{{commit}}").split("\n", 2), "", ""][:3]
    if not time:
        raise RequestError(
            f"git finds no commit {name!r} here",
            "Run this in the repository that was measured, or name another commit with --commit.",
        )
    return Commit(sha, time, subject)


def write_entry(folder: Path, entry: Entry, *, replace: bool = False) -> Path:
    """Write the file of a run, whole or not at all. Raises RequestError if it already exists, StorageError."""
    file = folder / entry.file_name
    if file.exists() and not replace:
        raise RequestError(
            f"{folder} already has commit {entry.commit.short} for this machine", "Add --replace to replace the earlier run."
        )
    with storage_errors(f"cannot write {file}", ELSEWHERE):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, _to_bytes(entry))
    return file


def read_history(folder: Path) -> list[Entry]:
    """Every run in a folder, sorted by the time of its commit. Raises StorageError that names the file."""
    with storage_errors(f"cannot read {folder}", ELSEWHERE):
        files = sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))
        contents = [(file, file.read_bytes()) for file in files]
    return sorted((_from_bytes(*content) for content in contents), key=lambda run: (run.commit.moment, run.commit.sha))


def _to_bytes(entry: Entry) -> bytes:
    """One line per cell, so that diffs are readable."""
    content: dict[str, Any] = {
        "added_at": entry.added_at,
        "commit": entry.commit.sha,
        "commit_time": entry.commit.time,
        "machine": entry.machine,
        "machine_hash": entry.machine_hash,
        "schema": SCHEMA,
        "software": entry.software,
        "subject": entry.commit.subject,
    }
    shared = {table: _shared([cell.key for cell in entry.cells if cell.table == table]) for table in TABLES}
    content["shared"] = {table: key for table, key in shared.items() if key}
    cells = sorted(canonical_json(_plain(cell, shared[cell.table])) for cell in entry.cells)
    lines = [f'"{name}":{json.dumps(value, sort_keys=True, ensure_ascii=False)}' for name, value in content.items()]
    return ("{\n" + ",\n".join(lines) + ',\n"cells":[\n' + ",\n".join(cells) + "\n]}\n").encode()


def _shared(keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The part of the key that all cells of a table share, which is written once."""
    return {name: value for key in keys[:1] for name, value in key.items() if all(other[name] == value for other in keys)}


def _plain(cell: TrackedCell, shared: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {
        name: values[ONCE] if list(values) == [ONCE] else {str(replicate): value for replicate, value in values.items()}
        for name, values in cell.metrics.items()
    }
    key = {name: value for name, value in cell.key.items() if name not in shared}
    return {"key": key, "metrics": metrics, "table": cell.table} | ({"score": cell.score} if cell.score else {})


def _from_bytes(file: Path, content: bytes) -> Entry:
    try:
        read = json.loads(content)
        if read["schema"] > SCHEMA:
            raise StorageError(f"{file} was written by a newer mixbench", f"Upgrade this one. {ELSEWHERE}")
        commit = Commit(str(read["commit"]), str(read["commit_time"]), str(read["subject"]))
        if commit.moment.tzinfo is None:
            raise ValueError(f"commit_time is {commit.time}, without an offset")
        cells = tuple(_cell(cell, read["shared"]) for cell in read["cells"])
        entry = Entry(commit, str(read["added_at"]), dict(read["machine"]), dict(read["software"]), cells)
        if file.name != entry.file_name:
            raise ValueError(f"its content belongs to {entry.file_name}")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        fault = f"{type(error).__name__} {error}" if isinstance(error, LookupError) else error
        raise StorageError(
            f"{file} is damaged: {fault}", f"Restore it (git checkout -- {file}), or delete it and add that commit again."
        ) from error
    return entry


def _cell(plain: Mapping[str, Any], shared: Mapping[str, Mapping[str, Any]]) -> TrackedCell:
    """Raises an error for an unknown table, a missing column, or a value that is not a finite number."""
    row_type = TABLES[plain["table"]]
    if row_type not in (SpeedRow, TrainingRow, TrialRow):
        raise ValueError(f"{plain['table']} is not a table of cells")
    defaults = {field.name: field.default for field in dataclasses.fields(row_type) if field.default is not MISSING}
    known = defaults | dict(shared.get(plain["table"], {})) | dict(plain["key"])
    key = {name: known[name] for name, column in columns(row_type).items() if column.role == "key"}
    metrics = {name: _values(value) for name, value in plain["metrics"].items()}
    return TrackedCell(plain["table"], key, metrics, str(plain.get("score", "")))


def _values(plain: Any) -> dict[int, float]:
    values = {int(replicate): value for replicate, value in plain.items()} if isinstance(plain, dict) else {ONCE: plain}
    for value in values.values():
        if not math.isfinite(value):
            raise ValueError(f"a value is {value}")
    return values
