"""A results folder: tables that grow row by row, written by one process at a time. All access to its files is here.

    speed.csv, launches.csv     the tables of `rows`
    speed.csv.rejected          lines of a table that do not count, with their reasons: see `rejected`
    sources.json                where the code of users' mixers was: see `origins`
    study.toml                  the study that the folder belongs to: see `study_record`
    texts.json                  how the texts that were trained on were named: see `texts`
    environments/HASH.json      the stable facts about machine and software, once per environment
    checkpoints/, attention_maps/   files that training processes write: see `artefacts`
    figures/                    drawn from the tables
    .lock, .writer              held by the process that writes, and which one that is
    .merging/, .merged/         files that a merge is about to add: see `pending`

Rows are appended in one write and flushed to disk; everything else is written to a temporary file and renamed. So whatever
stops a writer, earlier rows are intact. The next writer moves aside what is torn, incomplete or damaged, and says so: nothing
is deleted but what the user asks to measure again. Readers change nothing.
"""

from __future__ import annotations

import json
import reprlib
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.errors import RequestError, StorageError, StorageWarning
from mixbench.parsing.canonical import canonical_json, digest, read_object
from mixbench.tables.by_column import Columns
from mixbench.tables.columns import Row, RowType, columns, to_record
from mixbench.tables.lines import LeftOut
from mixbench.tables.lock import locked
from mixbench.tables.origins import read_origins
from mixbench.tables.pending import current, read_current, settle
from mixbench.tables.reading import Table, read_table
from mixbench.tables.rejected import in_words, rejected, set_aside
from mixbench.tables.rows import TABLE_FILES, TABLES
from mixbench.tables.selection import Selection, distinct, selection
from mixbench.tables.storage import append_whole, storage_errors, temporary, write_atomically
from mixbench.tables.values import csv_lines

if TYPE_CHECKING:
    import pandas

_SETTLED_S = 2.0
"""Changes that follow each other more quickly may give a file the same time."""


class ResultsFolder:
    """The tables, environments and figures in `path`. Reading needs no lock; every change happens within `writing`."""

    def __init__(self, path: Path | str, option: str = "--results") -> None:
        self.path = Path(path)
        self.figures = self.path / "figures"
        self._writable = False
        self._known: dict[type[Row], tuple[tuple[int, ...], Table[Any]]] = {}
        """Tables that were read within `writing`, and the states of their files then."""
        self._elsewhere = f"Give another folder with {option}."

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Create and lock the folder, and move aside the lines that do not count: torn or damaged ones, incomplete launches.

        The lock ends with the process. Warns of what was moved. Raises FolderBusyError if another process is writing,
        RequestError if the folder cannot be created, StorageError.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"cannot write to the results folder {self.path}: {error.strerror}", self._elsewhere) from error
        with locked(self.path, self._elsewhere):
            with storage_errors(f"cannot complete what was merged into {self.path}"):
                settle(self.path)
            self._writable = True
            try:
                self._repair()
                yield
            finally:
                self._writable = False

    def read(self, row_type: type[RowType]) -> list[RowType]:
        """All rows of a table, in the order written; [] if there is no table.

        Rows that do not count are not among them: a torn last line, launches of which rounds are missing, what was measured
        again. Warns of them. Raises StorageError that names file and line of what cannot be read.
        """
        return self.table(row_type).rows()

    def columns(self, row_type: type[Row]) -> pandas.DataFrame:
        """The same as a DataFrame, which takes a tenth of the memory: the index counts from 0, columns have the types of `Row`.

        Texts are categories, numbers int64, Int64 where they may be missing, or float64; whole numbers beyond 64 bits are
        objects. Raises StorageError.
        """
        return self.table(row_type).frame()

    def table(self, row_type: type[RowType]) -> Columns[RowType]:
        """The same by column. Raises StorageError."""
        read_origins(self.path)
        file, table = self._file(row_type), self._table(row_type)
        if table.damaged:
            first, *others = table.damaged
            further = f" ({len(others):,} more lines cannot be read)" if others else ""
            raise StorageError(
                f"{file}, line {first.line.number}: {first.reason}{further}",
                f"Correct or restore it. The next measurement into this folder moves it to {rejected(file).name}.",
            )
        if table.incomplete:
            later = f"the next measurement into this folder moves them to {rejected(file).name}"
            warnings.warn(f"{file}: left out {in_words(table.incomplete)}; {later}", StorageWarning, stacklevel=3)
        return table.columns

    def selection(self, row_type: type[RowType]) -> Selection[RowType]:
        """The same as a sequence that makes a row only where one is asked for. Raises StorageError."""
        return selection(self.table(row_type))

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
        self._known.pop(row_type, None)
        with storage_errors(f"cannot add {len(rows):,} rows to {file}"):
            append_whole(file, header=csv_lines([columns(row_type)]), lines=csv_lines(to_record(row).values() for row in rows))

    def replace(self, row_type: type[RowType], keep: Callable[[RowType], bool]) -> int:
        """Drop all rows of a table that `keep` rejects, or none on failure; returns how many. Raises StorageError."""
        self._require_writing()
        table = self.table(row_type)
        kept = [place for place, row in enumerate(table.rows()) if keep(row)]
        if len(kept) < len(table):
            self._rewrite(row_type, table.taken(kept).records())
        return len(table) - len(kept)

    def change(self, row_type: type[RowType], changed: Callable[[RowType], RowType]) -> None:
        """Replace every row of a table by what `changed` makes of it, or none on failure. Raises StorageError."""
        self._require_writing()
        rows = self.read(row_type)
        new = [changed(row) for row in rows]
        if new != rows:
            self._rewrite(row_type, (to_record(row).values() for row in new))

    def set_aside(self, row_type: type[RowType], keep: Callable[[RowType], bool], reason: str) -> None:
        """Move the rows that `keep` rejects to the file of rejected lines, and warn of it. Raises StorageError."""
        self._require_writing()
        file, table = self._file(row_type), self._table(row_type)
        kept = [place for place, row in enumerate(table.rows) if keep(row)]
        if dropped := sorted({*range(len(table.columns))}.difference(kept)):
            moved = [LeftOut(line, reason) for line in table.lines(file, dropped)]
            self._move(row_type, moved, table.columns.taken(kept))

    def save_environment(self, content: Mapping[str, Any]) -> str:
        """Write an environment unless it is there already; returns its hash, 12 hexadecimal digits. Raises StorageError."""
        self._require_writing()
        name = digest(canonical_json(content), 12)
        file = self._environment_file(name)
        try:
            self.environment(name)
        except StorageError:
            with storage_errors(f"cannot write {file}"):
                file.parent.mkdir(exist_ok=True)
                write_atomically(file, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")
        return name

    def environments_of(self, *tables: Sequence[Any]) -> dict[str, dict[str, Any]]:
        """By their hash, the environments that rows of some tables name, without those that are missing or damaged."""
        found = {}
        for name in dict.fromkeys(name for rows in tables for name in distinct(rows, "environment")):
            with suppress(StorageError):
                found[name] = self.environment(name)
        return found

    def environment(self, name: str) -> dict[str, Any]:
        """The environment that a row names by its hash. Raises StorageError if it is missing or damaged."""
        file = self._environment_file(name)
        with storage_errors(f"cannot read {file}"):
            stored = read_current(file)
        try:
            environment = read_object(stored)
            gpus = environment.get("gpus", [])
            if not (isinstance(gpus, list) and all(isinstance(gpu, str) for gpu in gpus)):
                raise ValueError(f"gpus is {reprlib.repr(gpus)}, not a list of texts")
            if (own := digest(canonical_json(environment), 12)) != name:
                raise ValueError(f"its content belongs to {own}.json")
            return environment
        except ValueError as error:
            raise StorageError(
                f"{file} is damaged: {error}", "Restore it. If it describes this machine, the next measurement writes it again."
            ) from error

    def _file(self, row_type: type[Row]) -> Path:
        return current(self.path, TABLE_FILES[row_type])

    def _table(self, row_type: type[RowType]) -> Table[RowType]:
        """What the file of a table holds. A file that was read within `writing` is read again only if it has changed since."""
        file = self._file(row_type)
        now = _state_of(file)
        if row_type not in self._known or self._known[row_type][0] != now:
            table = read_table(file, row_type)
            if not (self._writable and now):
                return table
            self._known[row_type] = now, table
        return self._known[row_type][1]

    def _environment_file(self, name: str) -> Path:
        return current(self.path, f"environments/{name}.json")

    def _require_writing(self) -> None:
        if not self._writable:
            raise RuntimeError("change a results folder only within `with folder.writing():`")

    def _repair(self) -> None:
        tables = {row_type: self._table(row_type) for row_type in TABLES.values()}
        for row_type, table in tables.items():
            with storage_errors(f"cannot repair {self.path}"):
                temporary(self._file(row_type)).unlink(missing_ok=True)
            if moved := sorted([*table.damaged, *table.incomplete], key=lambda left: left.line.number):
                self._move(row_type, moved, table.columns)
            elif not table.appendable:
                self._rewrite(row_type, table.columns.records())

    def _move(self, row_type: type[Row], moved: Sequence[LeftOut], kept: Columns[Any]) -> None:
        file = self._file(row_type)
        set_aside(file, moved)
        self._rewrite(row_type, kept.records())
        warnings.warn(f"{file}: moved to {rejected(file).name}: {in_words(moved)}", StorageWarning, stacklevel=2)

    def _rewrite(self, row_type: type[Row], records: Iterable[Iterable[str]]) -> None:
        file = self._file(row_type)
        self._known.pop(row_type, None)
        with storage_errors(f"cannot rewrite {file}"):
            write_atomically(file, csv_lines(chain([columns(row_type)], records)))


def _state_of(file: Path) -> tuple[int, ...]:
    """Differs when a file was changed or replaced; () if there is none, or it is so new that a change may not show yet."""
    try:
        state = file.stat()
    except OSError:
        return ()
    return (state.st_ino, state.st_size, state.st_mtime_ns) if time.time() - state.st_mtime > _SETTLED_S else ()
