"""A table as runs: the lines that count together, told apart by the texts of the columns that say what was measured.

A file that is as mixbench writes it is read by column, and its lines are kept as they are. Any other is read by `reading`, line
by line, and its rows are written anew.
"""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar

from mixbench.tables.collector import Collector
from mixbench.tables.columns import FAILURES, Row, columns, read_value, to_record
from mixbench.tables.lines import LeftOut
from mixbench.tables.pending import open_current
from mixbench.tables.reading import read_table
from mixbench.tables.shared_columns import SCHEMA
from mixbench.tables.sifting import EVERY_TIME, ROUND
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.storage import storage_errors
from mixbench.tables.values import csv_lines, to_text

Result = TypeVar("Result")
_CHUNK = 1 << 18
"""Bytes of a table that are read at a time: what they become stays in the processor's cache."""
_NOT_PLAIN = (b"\r", b"\0", BOM_UTF8)
FILES = ("checkpoint", "map_file")
"""Columns that name files."""
_MASK = (1 << 60) - 1


@dataclass(frozen=True, slots=True)
class TextRow:
    """A row as text: the number of its line, the line as it is written, and its columns."""

    number: int
    line: bytes
    texts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Run:
    """The rows of one replicate of a cell from one process: they count together.

    `key` is equal for runs of which only one can count; `content` tells in one number which lines it has and whether it failed.
    """

    key: bytes
    failed: bool
    environment: str
    measured_at: str
    files: tuple[str, ...]
    numbers: tuple[int, ...]
    lines: tuple[bytes, ...]

    @property
    def content(self) -> int:
        """Equal for runs with equal lines in this process."""
        return content_of(sum(map(hash, self.lines)), self.failed)


def content_of(hashes: int, failed: bool) -> int:
    """The number that `Run.content` is, from the sum of the hashes of its lines."""
    return (hashes & _MASK) << 1 | failed


def failed_in(content: int) -> bool:
    """Whether the run with this content failed."""
    return bool(content & 1)


class NotPlainError(Exception):
    """A file is not as mixbench writes it, or has rows that do not count."""


class TableTexts:
    """Reads the tables of one row type."""

    def __init__(self, row_type: type[Row]) -> None:
        self.row_type = row_type
        self._names = names = list(columns(row_type))
        self.header = csv_lines([names])
        keys = [name for name, column in columns(row_type).items() if column.role in ("key", "replicate") and name != ROUND]
        keys += ["environment", *(["measured_at"] if row_type in EVERY_TIME else [])]
        self._key_names = keys
        self._key = itemgetter(*map(names.index, keys))
        self._places = {name: place for place, name in enumerate(names)}

    def read(
        self, file: Path, use: Callable[[Iterable[TextRow]], Result], *, sound: bool = False
    ) -> tuple[Result, list[LeftOut]]:
        """What `use` makes of the rows that count, and the lines that do not. Raises StorageError as `read_table` does.

        If the file turns out not to be plain, or `use` raises NotPlainError for a generator, `use` is called again, with a
        list of the rows that count as `read_table` finds them. Of a `sound` file it is known that all lines can be read.
        """
        try:
            with storage_errors(f"cannot read {file}"):
                return use(self._plain(file, sound=sound)), []
        except NotPlainError:
            table = read_table(file, self.row_type)
            return use(self._rewritten(zip(table.numbers.tolist(), table.rows, strict=True))), [
                *table.damaged,
                *table.incomplete,
            ]

    def key(self, row: TextRow) -> bytes:
        """What tells runs apart of which only one can count."""
        return blake2b("\0".join(self._key(row.texts)).encode(), digest_size=16).digest()

    def text(self, row: TextRow, name: str) -> str:
        """A column of a row; empty if the table does not have it."""
        place = self._places.get(name)
        return "" if place is None else row.texts[place]

    def failed(self, row: TextRow) -> bool:
        """Whether the row is of a run that failed."""
        return self.text(row, "status") in FAILURES

    def runs(self, rows: Iterable[TextRow]) -> list[Run]:
        """The runs of all rows that count. Raises NotPlainError where some of the rows do not."""
        found: dict[tuple[str, str], list[TextRow]] = {}
        for row in rows:
            found.setdefault(("\0".join(self._key(row.texts)), self.text(row, "status")), []).append(row)
        if not (isinstance(rows, list) or all(map(self._counts, found.values()))):
            raise NotPlainError
        return [self._run(own) for own in found.values()]

    def _counts(self, rows: Sequence[TextRow]) -> bool:
        """Whether these rows of one run are certain to count, and to be all of its rows."""
        if self.row_type is not SpeedRow:
            return len(rows) == 1
        rounds = {self.text(row, ROUND) for row in rows}
        told = {(self.text(row, "rounds"), self.text(row, "measured_at")) for row in rows}
        return len(rounds) == len(rows) and len(told) == 1 and next(iter(told))[0] == str(len(rows))

    def _run(self, rows: Sequence[TextRow]) -> Run:
        first = rows[0]
        return Run(
            self.key(first),
            self.failed(first),
            self.text(first, "environment"),
            self.text(first, "measured_at"),
            tuple(name for column in FILES if (name := self.text(first, column))),
            tuple(row.number for row in rows),
            tuple(row.line for row in rows),
        )

    def _plain(self, file: Path, *, sound: bool) -> Iterator[TextRow]:
        """The rows of a file with nothing but sound lines under the present header."""
        try:
            stream = open_current(file)
        except FileNotFoundError:
            return
        with stream:
            header = stream.readline()
            if header != self.header:
                if not header:
                    return
                raise NotPlainError
            number, collector = 2, Collector(self.row_type, _as_written)
            while lines := stream.readlines(_CHUNK):
                rows = self._fields(lines, collector, sound=sound)
                for line, texts in zip(lines, rows, strict=True):
                    yield TextRow(number, line, texts)
                    number += 1

    def _fields(self, lines: Sequence[bytes], collector: Collector[Any], *, sound: bool) -> list[list[str]]:
        chunk = b"".join(lines)
        if any(mark in chunk for mark in _NOT_PLAIN) or not chunk.endswith(b"\n"):
            raise NotPlainError
        try:
            rows = list(csv.reader(map(bytes.decode, lines), strict=True))
            if sound:  # but what tells runs apart may be written in several ways
                collector.add(self._key_names, list(map(self._key, rows)))
            else:
                collector.add(self._names, rows)
                collector.check(self._names, len(lines))
        except (ValueError, csv.Error):
            raise NotPlainError from None
        collector.forget()
        if len(rows) != len(lines) or max(collector.known_values("schema"), default=SCHEMA) > SCHEMA:
            raise NotPlainError
        return rows

    def _rewritten(self, stored: Iterable[tuple[int, Row]]) -> list[TextRow]:
        records = ((number, list(to_record(row).values())) for number, row in stored)
        return [TextRow(number, csv_lines([texts]), texts) for number, texts in records]


def _as_written(row_type: type[Row], name: str, text: str) -> Any:
    """A value from the text that mixbench writes for it; `read_value` takes others, too. Raises ValueError."""
    value = read_value(row_type, name, text)
    if to_text(value) != text or (columns(row_type)[name].refines and not text):
        raise ValueError(f"{name} is written in another way")
    return value
