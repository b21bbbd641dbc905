"""Lines of a table one by one: whatever people, editors and crashes did to the file, each is a row or has a reason why not.

A line that ends a file without a line break is a row if it can be read as one. Byte order marks, line breaks of other systems,
blank lines, columns in another order, a header that is repeated or not first, semicolons or tabs between fields, and the
numbering that pandas puts before the columns are all understood.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixbench.errors import StorageError
from mixbench.tables.columns import Row, columns, from_record, required
from mixbench.tables.shared_columns import SCHEMA
from mixbench.tables.storage import ELSEWHERE

_LINE_BREAK = re.compile(rb"\r\n?|\n")
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
class Header:
    """A line that names the columns of those below it; of the first one, also of those above."""

    number: int
    content: bytes
    separator: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Fields:
    """The fields of a line that is a row, one for each name in its header."""

    number: int
    header: Header
    texts: list[str]


def split(content: bytes, first: int = 1) -> list[tuple[int, bytes]]:
    """The lines of a part of a file with their numbers, without line breaks and blank lines."""
    texts = _LINE_BREAK.split(content)
    return [(number, text) for number, text in enumerate(texts, first) if text.removeprefix(BOM_UTF8).strip(b"\0 \t")]


def breaks(content: bytes) -> int:
    """How many line breaks there are."""
    return len(_LINE_BREAK.findall(content)) if b"\r" in content else content.count(b"\n")


def begins_header(text: bytes, known: Sequence[str]) -> bool:
    """Whether a line is torn off the header."""
    header = ",".join(known).encode()
    return text != header and header.startswith(text)


def first_header(file: Path, lines: Iterable[tuple[int, bytes]], row_type: type[Row]) -> Header:
    """The first line that names columns. Raises StorageError where there is none, or for a column that is not one."""
    known = list(columns(row_type))
    for number, text in lines:
        for separator in _SEPARATORS:
            with suppress(ValueError):
                if is_header(fields := _fields(text, separator), known):
                    return _checked(file, Header(number, text, separator, _names(fields)), row_type)
    start = ",".join(known[:3])
    raise StorageError(f"{file} has no header", f"Restore its first line, which begins with {start}. {ELSEWHERE}")


def read_lines(
    file: Path, lines: Iterable[tuple[int, bytes]], header: Header, row_type: type[Row], torn: int | None = None
) -> Iterator[Header | Fields | LeftOut]:
    """What each line is, one after the other; `torn` is the number of one that no line break ends. Raises StorageError."""
    known = list(columns(row_type))
    for number, text in lines:
        try:
            fields = _fields(text, header.separator)
            if is_header(fields, known):
                header = _checked(file, Header(number, text, header.separator, _names(fields)), row_type)
                yield header
            elif any(fields):
                yield Fields(number, header, _row_fields(file, fields, header.names, row_type))
        except ValueError as error:
            reason = f"incomplete line: {error}" if number == torn else str(error)
            yield LeftOut(Line(number, text, header.content), reason)


def is_header(fields: Sequence[str], known: Sequence[str]) -> bool:
    """Whether most of the fields are names of columns."""
    if not any(field.strip() in known for field in fields[:2]):  # most rows are told apart by this alone
        return False
    return 2 * len(set(known).intersection(map(str.strip, fields))) > len(fields)


def _names(fields: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in fields)


def _checked(file: Path, header: Header, row_type: type[Row]) -> Header:
    known, names = columns(row_type), header.names
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
        fault = f"{file}, line {header.number}: the header {' and '.join(faults)}"
        raise StorageError(fault, f"Correct or restore it. {ELSEWHERE}")
    return header


def _fields(text: bytes, separator: str) -> list[str]:
    """The fields of a line; no field spans lines, because rows refuse line breaks. Raises ValueError."""
    try:
        return next(csv.reader([text.decode("utf-8-sig")], delimiter=separator, strict=True), [])
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _row_fields(file: Path, fields: list[str], names: Sequence[str], row_type: type[Row]) -> list[str]:
    """The fields of a line, if a row can be made of them. Raises ValueError."""
    if len(fields) != len(names) and (len(fields) < len(names) or any(fields[len(names) :])):
        raise ValueError(f"{len(fields)} columns instead of {len(names)}")
    row: Any = from_record(row_type, {name: text for name, text in zip(names, fields, strict=False) if name})
    if (schema := getattr(row, "schema", SCHEMA)) > SCHEMA:
        raise _from_newer(file, f"has rows of schema {schema}; this version reads schema {SCHEMA}")
    return fields[: len(names)]


def _from_newer(file: Path, fault: str) -> StorageError:
    return StorageError(
        f"{file} {fault}",
        f"If a newer mixbench wrote it, upgrade this one; if it was changed by hand, restore it. {ELSEWHERE}",
    )
