"""The table in a file, read by columns: many lines at once while all is well, and one by one, by `lines`, where it is not."""

from __future__ import annotations

import csv
import io
import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Generic

from mixbench.tables.by_column import Columns
from mixbench.tables.collector import Collector
from mixbench.tables.columns import RowType, columns
from mixbench.tables.lines import Fields, Header, LeftOut, Line, begins_header, breaks, first_header, read_lines, split
from mixbench.tables.pending import open_current
from mixbench.tables.shared_columns import SCHEMA
from mixbench.tables.sifting import left_out
from mixbench.tables.storage import storage_errors

if TYPE_CHECKING:
    import numpy as np

_LONE_RETURN = re.compile(rb"\r(?!\n)")
_BOM = "\ufeff"
_PART = 2**20
"""Bytes that are read at once; if a line among them cannot be read, all of them are read line by line."""
_BATCH = 256
"""Lines that are split into fields at once: they stay in the processor's cache."""


@dataclass(frozen=True)
class Table(Generic[RowType]):
    """What a file holds: the rows that count, with the numbers of their lines, and all other lines.

    `damaged` lines cannot be read; `incomplete` ones are torn, rows of launches without all their rounds, or repeat others.
    `appendable`: further lines may follow as the file is.
    """

    columns: Columns[RowType]
    numbers: np.ndarray[Any, np.dtype[np.int64]]
    damaged: list[LeftOut]
    incomplete: list[LeftOut]
    appendable: bool
    source: _Source

    @property
    def rows(self) -> list[RowType]:
        """The rows that count, in their order."""
        return self.columns.rows()

    def lines(self, file: Path, places: Sequence[int]) -> list[Line]:
        """The lines of some rows, from the file that was read and has not changed since. Raises StorageError."""
        with storage_errors(f"cannot read {file}"), open_current(file) as stream:
            return self.source.lines(stream, self.numbers[list(places)].tolist())


def read_table(file: Path, row_type: type[RowType]) -> Table[RowType]:
    """The table in a file, without rows if there is no file. Raises StorageError for a file that is no such table."""
    with storage_errors(f"cannot read {file}"):
        try:
            stream = open_current(file)
        except FileNotFoundError:
            return _without_rows(row_type, [], appendable=True)
        with stream:
            return _read(file, stream, row_type)


def _read(file: Path, stream: BinaryIO, row_type: type[RowType]) -> Table[RowType]:
    size = stream.seek(0, io.SEEK_END)
    lines = _all_lines(stream)
    start = list(islice(lines, 2))
    if not start:
        return _without_rows(row_type, [], appendable=not size)
    if len(start) == 1 and begins_header(start[0][1], [*columns(row_type)]) and _end(stream, len(start[0][1])) == start[0][1]:
        return _without_rows(row_type, [LeftOut(Line(*start[0], b""), "incomplete header")], appendable=False)
    reader = _Reader(file, row_type, first_header(file, chain(start, lines), row_type))
    reader.appendable &= start[0][0] == reader.header.number
    for offset, part in _parts(stream, alone=reader.header.number == 1):
        reader.read(offset, part)
    return reader.table(stream)


def _without_rows(row_type: type[RowType], torn: list[LeftOut], *, appendable: bool) -> Table[RowType]:
    import numpy as np

    return Table(Collector(row_type).finished(), np.zeros(0, dtype=np.int64), [], torn, appendable, _Source())


def _parts(stream: BinaryIO, *, alone: bool = False) -> Iterator[tuple[int, bytes]]:
    """A file in parts of whole lines, with their offsets; the first line can be `alone`."""
    offset = stream.seek(0)
    part = stream.readline() if alone else b""
    while part or (part := stream.read(_PART)):
        if len(part) == _PART:
            part += stream.readline()
        yield offset, part
        offset += len(part)
        part = b""


def _all_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 1
    for _, part in _parts(stream):
        yield from split(part, number)
        number += breaks(part)


def _end(stream: BinaryIO, length: int) -> bytes:
    stream.seek(-length, io.SEEK_END)
    return stream.read()


@dataclass(frozen=True)
class _Source:
    """Where the lines of a file are: numbers of the first ones of its parts with their offsets, and of the headers."""

    parts: list[tuple[int, int]] = field(default_factory=list)
    headers: list[Header] = field(default_factory=list)

    def lines(self, stream: BinaryIO, numbers: Sequence[int]) -> list[Line]:
        """The lines with these numbers."""
        found: dict[int, bytes] = {}
        firsts = [number for number, _ in self.parts]
        for place in sorted({bisect_right(firsts, number) - 1 for number in numbers}):
            (number, offset), following = self.parts[place], self.parts[place + 1 : place + 2]
            stream.seek(offset)
            found |= split(stream.read(following[0][1] - offset if following else -1), number)
        return [Line(number, found[number], self._header_of(number)) for number in numbers]

    def _header_of(self, number: int) -> bytes:
        above = bisect_right([header.number for header in self.headers[1:]], number)
        return self.headers[above].content


class _Reader(Generic[RowType]):
    """What was read of a file so far."""

    def __init__(self, file: Path, row_type: type[RowType], header: Header) -> None:
        self.file, self.row_type, self.header = file, row_type, header
        self.appendable = [*header.names] == [*columns(row_type)] and header.separator == ","
        self.collector = Collector(row_type)
        self.numbers = array("q")
        self._known = {*columns(row_type)}
        self.damaged: list[LeftOut] = []
        self.torn: list[LeftOut] = []
        self.source = _Source([], [header])
        self._number = 1

    def read(self, offset: int, part: bytes) -> None:
        """Read the next part of the file. Raises StorageError."""
        ended = part.endswith((b"\n", b"\r"))
        self.appendable &= ended and not (b"\r" in part and _LONE_RETURN.search(part))
        self.source.parts.append((self._number, offset))
        try:
            count = self._read_at_once(part)
            self.numbers.extend(range(self._number, self._number + count))
        except (ValueError, csv.Error):
            self.collector.forget()
            self._read_by_line(part, ended=ended)
        self._number += breaks(part)

    def _read_at_once(self, part: bytes) -> int:
        """Take all lines of a part; returns how many. Raises ValueError or csv.Error if not all of them are plainly rows."""
        text = (part.replace(b"\r\n", b"\n") if b"\r" in part else part).decode()
        lines, names = text.split("\n"), self.header.names
        if lines.pop() or "\r" in text or _BOM in text:
            raise ValueError("it is not all whole lines of one kind")
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            records = list(csv.reader(batch, delimiter=self.header.separator, strict=True))
            if len(records) < len(batch) or self._may_be_header(records):
                raise ValueError("not every line is a row")
            self.collector.add(names, records)
        self.collector.keep(names, len(lines))
        if max(self.collector.known_values("schema"), default=SCHEMA) > SCHEMA:
            raise ValueError("a newer version wrote it")
        return len(lines)

    def _may_be_header(self, records: Sequence[Sequence[str]]) -> bool:
        starts = {text for record in records for text in record[:2]}
        return not self._known.isdisjoint(map(str.strip, starts))

    def _read_by_line(self, part: bytes, *, ended: bool) -> None:
        torn = None if ended else self._number + breaks(part)
        sound: list[Fields] = []
        for line in read_lines(self.file, split(part, self._number), self.header, self.row_type, torn):
            if isinstance(line, Fields):
                sound.append(line)
            elif isinstance(line, Header):
                self.appendable &= line.number == self.source.headers[0].number
                self.header = line
                self.source.headers.append(line)
            else:
                (self.torn if line.line.number == torn else self.damaged).append(line)
        for header, fields in groupby(sound, key=lambda line: line.header):
            own = list(fields)
            self.collector.add(header.names, [line.texts for line in own])
            self.collector.keep(header.names, len(own))
            self.numbers.extend(line.number for line in own)

    def table(self, stream: BinaryIO) -> Table[RowType]:
        """All that was read. Raises OSError."""
        import numpy as np

        every, numbers = self.collector.finished(), np.frombuffer(self.numbers, dtype=np.int64)
        reasons = left_out(every)
        places = sorted(reasons)
        lines = self.source.lines(stream, numbers[places].tolist())
        incomplete = [LeftOut(line, reasons[place]) for place, line in zip(places, lines, strict=True)]
        if places:
            kept = np.ones(len(numbers), dtype=bool)
            kept[places] = False
            every, numbers = every.taken(kept), numbers[kept]
        return Table(every, numbers, self.damaged, [*incomplete, *self.torn], self.appendable, self.source)
