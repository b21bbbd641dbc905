"""A table to which rows of other folders are added: what is there already, what is new, and what cannot be both."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from mixbench.tables.columns import Row, columns, from_record
from mixbench.tables.lines import LeftOut, Line
from mixbench.tables.merged_files import MergedFiles, flush
from mixbench.tables.rejected import as_stored, lines_in, rejected, unknown_in
from mixbench.tables.runs import FILES, Run, TableTexts, TextRow, content_of, failed_in
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.values import csv_lines

Process = tuple[str, str]
"""Where and when a measuring process began: the environment and the time."""
Record = Mapping[str, str]


@dataclass(frozen=True)
class TableCounts:
    """Rows of a table, by what became of them, and how many the target has now."""

    table: str
    rows: int
    added: int
    present: int
    replaced: int
    """Rows of the target that failed and were measured by a folder."""
    superseded: int
    """Rows of folders that failed and were measured by another."""
    conflicting: int
    left_out: int
    """Lines of folders that do not count: torn, damaged, of a launch that lacks rounds."""
    failed: int
    """Runs in the target that failed."""


@dataclass(frozen=True)
class Conflict:
    """Two runs of which only one can count: the first row of each, and the folder of the one that was not added."""

    table: str
    folder: str
    kept: Record
    other: Record

    @property
    def differing(self) -> tuple[str, ...]:
        """The columns in which they differ."""
        return tuple(name for name, text in self.kept.items() if text != self.other[name])


class MergedTable:
    """The table `name` of `target`; new rows are written to a copy of it, beside the files that are added with them."""

    def __init__(self, name: str, row_type: type[Row], target: Path, files: MergedFiles) -> None:
        self.name, self.row_type, self.files = name, row_type, files
        self.texts = TableTexts(row_type)
        self.environments: set[str] = set()
        self.processes: set[Process] = set()
        """Of speed.csv, the processes whose rows count."""
        self.conflicts: list[Conflict] = []
        self._file = target / f"{name}.csv"
        self._home = target.resolve()
        self._contents: dict[bytes, int] = {}
        """By the key of a run, what it holds; see `Run.content`."""
        self._stream: BinaryIO | None = None
        self._open: list[tuple[Run, Path]] = []
        self._kept: list[bytes] = []
        self._known: set[bytes] | None = None
        self._count = {"added": 0, "present": 0, "replaced": 0, "superseded": 0, "conflicting": 0, "left_out": 0}
        self._rows, _ = self.texts.read(self._file, self._index, sound=True)

    def add(self, run: Run, folder: Path) -> bool:
        """Add a run of a folder, or find that it is there; False if another has its key, and so `resolve` must decide."""
        run = self._at_home(run)
        content = self._contents.get(run.key)
        if content not in (None, run.content):
            self._open.append((run, folder))
            return False
        if content is None:
            self._write(run)
        self._found(run, folder, "present" if content is not None else "added")
        return True

    def set_aside(self, run: Run, folder: Path, reason: str) -> None:
        """Keep the lines of a run among those that do not count."""
        self._keep(f"{folder}/{self.name}.csv", run, reason)

    def keep_rejected(self, folder: Path, left_out: Sequence[LeftOut], stored: bytes) -> None:
        """Keep lines of a folder that do not count, and those that it kept beside its table."""
        self._count["left_out"] += len(left_out)
        known = self._rejected()
        if new := [left for left in left_out if left.line.content not in known]:
            self._kept.append(as_stored(f"{folder}/{self.name}.csv", new))
            known |= {left.line.content for left in new}
        if further := unknown_in(stored, known):
            self._kept.append(further)
            known |= lines_in(further)

    def resolve(self) -> None:
        """Decide on the runs whose keys others have: the one that did not fail counts, else the one that was there first."""
        if not self._open:
            return
        standing = self._standing({run.key for run, _ in self._open})
        dropped: dict[int, Run] = {}
        for run, folder in self._open:
            other = standing[run.key]
            if self._rows_of(run) == self._rows_of(other):
                self._found(run, folder, "present")
            elif other.failed and not run.failed:
                dropped |= dict.fromkeys(other.numbers, other)
                self._write(run)
                self._found(run, folder, "added")
                self._keep(f"{self.name}.csv", other, f"it failed, and was measured in {folder}")
                standing[run.key] = run
                self._count["replaced"] += len(other.lines)
            elif run.failed and not other.failed:
                self._count["superseded"] += len(run.lines)
                self.set_aside(run, folder, "it failed, and the table has a measurement")
            else:
                self._count["conflicting"] += len(run.lines)
                self.set_aside(run, folder, "the table has another measurement of the same")
                kept, new = (self._records(each)[0] for each in (other, run))
                self.conflicts.append(Conflict(self.name, str(folder), kept, new))
        self._open = []
        self._drop(dropped.keys())

    def finish(self) -> None:
        """Write what is left to write."""
        if self._stream:
            self._stream.flush()
            flush(self._stream.fileno())
            self._stream.close()
        if self._kept:
            file = rejected(self._file)
            stored = file.read_bytes() if file.exists() else b""
            self.files.write(file.name, b"".join([stored, *self._kept]))

    @property
    def counts(self) -> TableCounts:
        """What became of the rows."""
        rows = self._rows + self._count["added"] - self._count["replaced"]
        return TableCounts(self.name, rows, failed=sum(map(failed_in, self._contents.values())), **self._count)

    def has_failed(self, key: bytes) -> bool:
        """Whether the run with this key failed."""
        return failed_in(self._contents.get(key, 0))

    def _index(self, rows: Iterable[TextRow]) -> int:
        self._contents.clear()
        count = 0
        for row in rows:
            count += 1
            key = self.texts.key(row)
            hashes = (self._contents.get(key, 0) >> 1) + hash(row.line)
            self._contents[key] = content_of(hashes, self.texts.failed(row))
            self.environments.add(self.texts.text(row, "environment"))
            if self.row_type is SpeedRow:
                self.processes.add((self.texts.text(row, "environment"), self.texts.text(row, "measured_at")))
        return count

    def _at_home(self, run: Run) -> Run:
        """The run with files of the target named as its own rows name them: a shard below it names them by whole paths."""
        whole = [Path(name) for name in run.files if name.startswith("/")]
        own = {str(path): str(path.relative_to(self._home)) for path in whole if path.is_relative_to(self._home)}
        if not own:
            return run
        lines = [
            [own.get(text, text) if column in FILES else text for column, text in record.items()]
            for record in self._records(run)
        ]
        files = tuple(own.get(name, name) for name in run.files)
        return replace(run, files=files, lines=tuple(csv_lines([texts]) for texts in lines))

    def _found(self, run: Run, folder: Path, what: str) -> None:
        self._count[what] += len(run.lines)
        if self.row_type is SpeedRow:
            self.processes.add(process_of(run))
        self.files.copy(folder, run.files)

    def _write(self, run: Run) -> None:
        self._contents[run.key] = run.content
        if self._stream is None:
            place = self.files.place(self._file.name)
            if self._file.exists():
                shutil.copyfile(self._file, place)
            self._stream = place.open("ab")
            if not self._stream.tell():
                self._stream.write(self.texts.header)
        self._stream.writelines(run.lines)

    def _standing(self, keys: set[bytes]) -> dict[bytes, Run]:
        """The runs with these keys in the table as it is now; of two, the one that did not fail."""
        if self._stream:
            self._stream.flush()
        file = self.files.staging / self._file.name if self._stream else self._file
        found, _ = self.texts.read(file, lambda rows: self.texts.runs([row for row in rows if self.texts.key(row) in keys]))
        return {run.key: run for run in sorted(found, key=lambda run: not run.failed)}

    def _drop(self, numbers: Iterable[int]) -> None:
        """Leave lines of the table out of its copy."""
        gone = set(numbers)
        if not gone or self._stream is None:
            return
        self._stream.close()
        whole = self.files.staging / self._file.name
        rest = whole.with_suffix(".rest")
        with whole.open("rb") as old, rest.open("wb") as new:
            new.writelines(line for number, line in enumerate(old, 1) if number not in gone)
        os.replace(rest, whole)
        self._stream = whole.open("ab")

    def _keep(self, origin: str, run: Run, reason: str) -> None:
        header = self.texts.header[:-1]
        lines = [Line(number, line[:-1], header) for number, line in zip(run.numbers, run.lines, strict=True)]
        known = self._rejected()
        if new := [LeftOut(line, reason) for line in lines if line.content not in known]:
            self._kept.append(as_stored(origin, new))
            known |= {left.line.content for left in new}

    def _rejected(self) -> set[bytes]:
        if self._known is None:
            file = rejected(self._file)
            self._known = lines_in(file.read_bytes()) if file.exists() else set()
        return self._known

    def _rows_of(self, run: Run) -> set[Row]:
        return {from_record(self.row_type, record) for record in self._records(run)}

    def _records(self, run: Run) -> list[Record]:
        names = list(columns(self.row_type))
        return [dict(zip(names, texts, strict=True)) for texts in csv.reader(map(bytes.decode, run.lines))]


def process_of(run: Run) -> Process:
    """Where and when the process of a run began."""
    return run.environment, run.measured_at
