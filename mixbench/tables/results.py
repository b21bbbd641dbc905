"""A results folder: tables that grow row by row, written by one process at a time. All access to its files is here.

    speed.csv, launches.csv     the tables of `rows`
    environments/HASH.json      the stable facts about machine and software, once per environment
    checkpoints/, attention_maps/   files that training processes write: see `artefacts`
    figures/                    drawn from the tables
    .lock, .writer              held by the process that writes, and which one that is

Rows are appended in one write and flushed to disk; everything else is written to a temporary file and renamed. So whatever
stops a writer, earlier rows are intact. The next writer drops what is torn or incomplete, so that it is measured again.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from mixbench.errors import FolderBusyError, RequestError, StorageError
from mixbench.parsing.canonical import canonical_json, digest
from mixbench.tables.columns import Row, RowType, columns, from_record, identity, to_record
from mixbench.tables.rows import SCHEMA, TABLES, SpeedRow
from mixbench.tables.storage import ELSEWHERE, append_whole, storage_errors, temporary, write_atomically

_NAMES: dict[type[Row], str] = {row_type: name for name, row_type in TABLES.items()}

# By default the csv module refuses long texts, but only when reading: a long error message would make a table unreadable.
csv.field_size_limit(2**31 - 1)


class ResultsFolder:
    """The tables, environments and figures in `path`. Reading needs no lock; every change happens within `writing`."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.figures = self.path / "figures"
        self._writable = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Create and lock the folder, and repair what a crash may have left: torn lines, incomplete launches.

        The lock ends with the process. Raises FolderBusyError if another process is writing, RequestError if the folder
        cannot be created, StorageError.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"cannot write to the results folder {self.path}: {error.strerror}", ELSEWHERE) from error
        with self._lock():
            self._repair()
            self._writable = True
            try:
                yield
            finally:
                self._writable = False

    def read(self, row_type: type[RowType]) -> list[RowType]:
        """All rows of a table, in the order written; [] if there is no table.

        What a crash left is not among them: a torn last line, launches of which rounds are missing. Raises StorageError that
        names file and line.
        """
        return _whole(_read_table(self._file(row_type), row_type)[0], row_type)

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows of one type in one write, and flush them to disk.

        Raises StorageError if not all could be written; the table is then unchanged.
        """
        self._require_writing()
        if not rows:
            return
        row_type = type(rows[0])
        if any(type(row) is not row_type for row in rows):
            raise TypeError("rows must all belong to one table")
        file = self._file(row_type)
        with storage_errors(f"cannot add {len(rows)} rows to {file}"):
            append_whole(file, header=_csv([columns(row_type)]), lines=_csv(to_record(row).values() for row in rows))

    def replace(self, row_type: type[RowType], keep: Callable[[RowType], bool]) -> int:
        """Drop all rows of a table that `keep` rejects, or none on failure; returns how many. Raises StorageError."""
        self._require_writing()
        rows = self.read(row_type)
        kept = [row for row in rows if keep(row)]
        if len(kept) < len(rows):
            self._rewrite(row_type, kept)
        return len(rows) - len(kept)

    def save_environment(self, content: Mapping[str, Any]) -> str:
        """Write an environment unless it exists; returns its hash, 12 hexadecimal digits. Raises StorageError."""
        self._require_writing()
        name = digest(canonical_json(content), 12)
        file = self._environment_file(name)
        if not file.exists():
            with storage_errors(f"cannot write {file}"):
                file.parent.mkdir(exist_ok=True)
                write_atomically(file, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        return name

    def environment(self, name: str) -> dict[str, Any]:
        """The environment that a row names by its hash. Raises StorageError if it is missing or damaged."""
        file = self._environment_file(name)
        with storage_errors(f"cannot read {file}"):
            content = file.read_bytes()
        try:
            return dict(json.loads(content))
        except (ValueError, TypeError) as error:
            raise StorageError(f"{file} is damaged: {error}", "Delete it; the next measurement writes it again.") from error

    def _file(self, row_type: type[Row]) -> Path:
        return self.path / f"{_NAMES[row_type]}.csv"

    def _environment_file(self, name: str) -> Path:
        return self.path / "environments" / f"{name}.json"

    def _require_writing(self) -> None:
        if not self._writable:
            raise RuntimeError("change a results folder only within `with folder.writing():`")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        # the writer is named in another file: some versions of filelock empty the lock file when a second process tries it
        writer, lock = self.path / ".writer", FileLock(self.path / ".lock")
        with storage_errors(f"cannot lock the results folder {self.path}"):
            try:
                lock.acquire(timeout=0)
            except Timeout:
                who = writer.read_text(encoding="utf-8") if writer.exists() else "another process"
                raise FolderBusyError(f"{self.path} is being written by {who}", f"Wait for it to end. {ELSEWHERE}") from None
        try:
            with storage_errors(f"cannot write to the results folder {self.path}"):
                since = datetime.now().isoformat(sep=" ", timespec="seconds")
                writer.write_text(f"process {os.getpid()} on {os.uname().nodename} since {since}", encoding="utf-8")
            yield
        finally:
            with suppress(OSError):
                writer.unlink(missing_ok=True)
            lock.release()

    def _repair(self) -> None:
        for row_type in TABLES.values():
            with storage_errors(f"cannot repair {self.path}"):
                temporary(self._file(row_type)).unlink(missing_ok=True)
            rows, appendable = _read_table(self._file(row_type), row_type)
            whole = _whole(rows, row_type)
            if len(whole) < len(rows) or not appendable:
                self._rewrite(row_type, whole)

    def _rewrite(self, row_type: type[Row], rows: Sequence[Row]) -> None:
        file = self._file(row_type)
        with storage_errors(f"cannot rewrite {file}"):
            write_atomically(file, _csv([columns(row_type), *(to_record(row).values() for row in rows)]))


def _whole(rows: list[RowType], row_type: type[RowType]) -> list[RowType]:
    return cast("list[RowType]", complete(cast("list[SpeedRow]", rows))) if row_type is SpeedRow else rows


def complete(rows: Sequence[SpeedRow]) -> list[SpeedRow]:
    """The rows without those of incomplete launches, which have fewer rows than their `rounds`."""
    launches = [(*identity(row), row.launch, row.status) for row in rows]
    rounds: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for launch, row in zip(launches, rows, strict=True):
        rounds[launch].add(row.round)
    return [row for launch, row in zip(launches, rows, strict=True) if len(rounds[launch]) >= row.rounds]


def finished_launches(rows: Sequence[SpeedRow]) -> dict[tuple[Any, ...], set[int]]:
    """The launches that succeeded and are complete, by the identity of their cell."""
    finished: dict[tuple[Any, ...], set[int]] = {}
    for row in complete(rows):
        if row.status == "ok":
            finished.setdefault(identity(row), set()).add(row.launch)
    return finished


def failures(rows: Sequence[SpeedRow]) -> dict[tuple[Any, ...], SpeedRow]:
    """For each cell with rows that are not ok (also unsupported or diverged): the last of them, by the cell's identity."""
    return {identity(row): row for row in rows if row.status != "ok"}


def _read_table(file: Path, row_type: type[RowType]) -> tuple[list[RowType], bool]:
    """The rows, and whether more can be appended to the file as it is: no line is torn and no column missing."""
    content = b""
    with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError):
        content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    try:
        lines = whole.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise _damaged(file, whole.count(b"\n", 0, error.start) + 1, "not UTF-8") from error
    known = list(columns(row_type))
    records = _records(file, lines)
    _, header = next(records, (1, known))
    if unknown := [name for name in header if name not in known]:
        raise _from_newer(file, f"has unknown columns: {', '.join(unknown)}")
    rows = []
    for number, fields in records:
        if len(fields) != len(header):
            raise _damaged(file, number, f"{len(fields)} columns instead of {len(header)}")
        try:
            row: Any = from_record(row_type, dict(zip(header, fields, strict=True)))
        except ValueError as error:
            raise _damaged(file, number, str(error)) from error
        if row.schema > SCHEMA:
            raise _from_newer(file, f"has rows of schema {row.schema}; this version reads schema {SCHEMA}")
        rows.append(row)
    return rows, header == known and len(whole) == len(content)


def _records(file: Path, lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The number and fields of each line that is not empty; no field spans lines, because rows refuse line breaks."""
    number = 0
    try:
        for number, fields in enumerate(csv.reader(lines, strict=True), start=1):
            if fields:
                yield number, fields
    except csv.Error as error:
        raise _damaged(file, number + 1, str(error)) from error


def _csv(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def _damaged(file: Path, line: int, fault: str) -> StorageError:
    return StorageError(f"{file}, line {line}: {fault}", "Delete that line to measure it again, or restore the file.")


def _from_newer(file: Path, fault: str) -> StorageError:
    return StorageError(f"{file} {fault}", f"It was written by a newer mixbench: upgrade this one. {ELSEWHERE}")
