"""A table as lines: whatever people, editors and crashes did to the file, every line is a row or is reported with a reason.

A line that ends a file without a line break is a row if it can be read as one. Byte order marks, line breaks of other systems,
blank lines, columns in another order, a header that is repeated or not first, semicolons or tabs between fields, and the
numbering that pandas puts before the columns are all understood.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from mixbench.errors import StorageError
from mixbench.tables.columns import RowType, columns, from_record, required
from mixbench.tables.pending import read_current
from mixbench.tables.rows import SCHEMA
from mixbench.tables.sifting import left_out
from mixbench.tables.storage import ELSEWHERE, storage_errors

_LINE_BREAK = re.compile(rb"\r\n?|\n")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_SEPARATORS = ",;\t"

# By default the csv module refuses long texts, but only when reading: a long error message would make a table unreadable.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Line:
    """A line as it is in the file, without its line break, and the header that names its columns."""

    number: int
    content: bytes
    header: bytes


@dataclass(frozen=True)
class LeftOut:
    """A line that gives no row, or a row that does not count."""

    line: Line
    reason: str


@dataclass(frozen=True)
class Table(Generic[RowType]):
    """What a file holds: the rows that count with their lines, and all other lines.

    `damaged` lines cannot be read; `incomplete` ones are torn, rows of launches without all their rounds, or repeat others.
    `appendable`: further lines may follow as the file is.
    """

    stored: list[tuple[Line, RowType]]
    damaged: list[LeftOut]
    incomplete: list[LeftOut]
    appendable: bool

    @property
    def rows(self) -> list[RowType]:
        """The rows that count, in their order."""
        return [row for _, row in self.stored]


def read_table(file: Path, row_type: type[RowType]) -> Table[RowType]:
    """The table in a file, without rows if there is no file. Raises StorageError for a file that is no such table."""
    content = b""
    with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError):
        content = read_current(file)
    known = list(columns(row_type))
    texts = _LINE_BREAK.split(content)
    numbered = [(number, text) for number, text in enumerate(texts, 1) if text.removeprefix(BOM_UTF8).strip(b"\0 \t")]
    if not numbered:
        return Table([], [], [], appendable=not content)
    if len(numbered) == 1 and texts[-1] and _begins_header(texts[-1], known):
        return Table([], [], [LeftOut(Line(*numbered[0], b""), "incomplete header")], appendable=False)
    found = _first_header(numbered, known)
    if found is None:
        start = ",".join(known[:3])
        raise StorageError(f"{file} has no header", f"Restore its first line, which begins with {start}. {ELSEWHERE}")
    separator, names, header = found
    _check_header(file, *header, names, row_type)
    whole = not texts[-1] and not _LONE_RETURN.search(content)
    appendable = whole and names == known and separator == "," and numbered[0] == header
    stored: list[tuple[Line, RowType]] = []
    damaged: list[LeftOut] = []
    torn: list[LeftOut] = []
    for number, text in numbered:
        line = Line(number, text, header[1])
        try:
            fields = _fields(text, separator)
            if _is_header(fields, known):
                appendable &= number == header[0]
                names, header = _names(fields), (number, text)
                _check_header(file, *header, names, row_type)
            elif any(fields):
                stored.append((line, _row(file, fields, names, row_type)))
        except ValueError as error:
            last = number == len(texts)  # not ended by a line break
            (torn if last else damaged).append(LeftOut(line, f"incomplete line: {error}" if last else str(error)))
    reasons = left_out([row for _, row in stored])
    incomplete = [LeftOut(line, reasons[place]) for place, (line, _) in enumerate(stored) if place in reasons]
    kept = [pair for place, pair in enumerate(stored) if place not in reasons]
    return Table(kept, damaged, [*incomplete, *torn], appendable)


def _begins_header(text: bytes, known: Sequence[str]) -> bool:
    header = ",".join(known).encode()
    return text != header and header.startswith(text)


def _first_header(lines: Sequence[tuple[int, bytes]], known: Sequence[str]) -> tuple[str, list[str], tuple[int, bytes]] | None:
    """Its separator, the columns that it names, and the line."""
    for number, text in lines:
        for separator in _SEPARATORS:
            with suppress(ValueError):
                if _is_header(fields := _fields(text, separator), known):
                    return separator, _names(fields), (number, text)
    return None


def _is_header(fields: Sequence[str], known: Sequence[str]) -> bool:
    if not any(field.strip() in known for field in fields[:2]):  # most rows are told apart by this alone
        return False
    return 2 * len(set(known).intersection(map(str.strip, fields))) > len(fields)


def _names(fields: Sequence[str]) -> list[str]:
    return [name.strip() for name in fields]


def _check_header(file: Path, number: int, text: bytes, names: Sequence[str], row_type: type[RowType]) -> None:
    known = columns(row_type)
    unknown = [name for name in names if name and name not in known]
    missing = [name for name in required(row_type) if name not in names]
    twice = [name for place, name in enumerate(names) if name in names[:place] and name]
    if unknown and not missing:
        raise _from_newer(file, f"has unknown columns: {', '.join(unknown)[:200]}")
    faults = [
        f"{what} {', '.join(found)[:200]}"
        for what, found in (("lacks", missing), ("has the unknown", unknown), ("has twice", twice))
        if found
    ]
    if faults:
        raise StorageError(f"{file}, line {number}: the header {' and '.join(faults)}", f"Correct or restore it. {ELSEWHERE}")


def _fields(text: bytes, separator: str) -> list[str]:
    """The fields of a line; no field spans lines, because rows refuse line breaks. Raises ValueError."""
    try:
        return next(csv.reader([text.decode("utf-8-sig")], delimiter=separator, strict=True), [])
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _row(file: Path, fields: list[str], names: Sequence[str], row_type: type[RowType]) -> RowType:
    if len(fields) != len(names) and (len(fields) < len(names) or any(fields[len(names) :])):
        raise ValueError(f"{len(fields)} columns instead of {len(names)}")
    record = {name: text for name, text in zip(names, fields, strict=False) if name}
    row = from_record(row_type, record)
    if (schema := getattr(row, "schema", SCHEMA)) > SCHEMA:
        raise _from_newer(file, f"has rows of schema {schema}; this version reads schema {SCHEMA}")
    return row


def _from_newer(file: Path, fault: str) -> StorageError:
    return StorageError(
        f"{file} {fault}",
        f"If a newer mixbench wrote it, upgrade this one; if it was changed by hand, restore it. {ELSEWHERE}",
    )
