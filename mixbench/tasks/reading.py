"""Read rows of labelled text from files. For a row that cannot be read, the error names file and line."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError, UnknownNameError

EXTRA_HINT = "Install it with: pip install 'mixbench[hf]'."

csv.field_size_limit(2**31 - 1)

Cells = tuple[int, Sequence[Any]]
"""The number of a row in its file, from 1, and its cells."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns: one or two for texts and one for the label."""

    text: str
    text_pair: str | None
    label: str

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise RequestError(
                f"a column is named twice: {', '.join(self.names)}", "Name different columns for texts and label."
            )

    @property
    def names(self) -> tuple[str, ...]:
        return (self.text, self.label) if self.text_pair is None else (self.text, self.text_pair, self.label)


@dataclass(frozen=True)
class Rows:
    """Texts and labels of one split; `pairs`, the second texts, are empty if there is only one text per row.

    `numbers` are the places of the rows in their source, counted in `unit`: "line" or "row".
    """

    source: str
    unit: str
    numbers: Sequence[int]
    texts: Sequence[str]
    pairs: Sequence[str]
    labels: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, index: int) -> str:
        """Where a row comes from, for use in messages."""
        return f"{self.source}, {self.unit} {self.numbers[index]}"

    def take(self, indices: Iterable[int]) -> Rows:
        """Some of the rows, in the order of `indices`."""
        kept = list(indices)
        return dataclasses.replace(
            self,
            numbers=[self.numbers[i] for i in kept],
            texts=[self.texts[i] for i in kept],
            pairs=[self.pairs[i] for i in kept] if self.pairs else [],
            labels=[self.labels[i] for i in kept],
        )


def read_rows(path: Path, columns: Columns) -> Rows:
    """The rows of a .tsv, .csv, .jsonl, .json (one object per line) or .parquet file. Raises RequestError."""
    if path.suffix.lower() not in _READERS:
        raise UnknownNameError("format", path.suffix, _READERS, f"of {path}")
    unit, read = _READERS[path.suffix.lower()]
    try:
        return collect(str(path), unit, read(path, columns.names), columns)
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror or error}", "Check the path of the file.") from error


def collect(source: str, unit: str, records: Iterable[Cells], columns: Columns) -> Rows:
    """Check and gather cells, which are in the order of `columns.names`. Raises RequestError for a bad cell or no rows."""
    numbers: list[int] = []
    texts: list[list[str]] = [[] for _ in columns.names[:-1]]
    labels: list[str] = []
    for number, cells in records:
        try:
            for kept, name, cell in zip(texts, columns.names, cells, strict=False):
                kept.append(_text(name, cell))
            labels.append(_label(columns.label, cells[-1]))
        except ValueError as error:
            raise RequestError(f"{source}, {unit} {number}: {error}", "Correct the row or leave it out.") from error
        numbers.append(number)
    if not numbers:
        raise RequestError(f"{source} has no rows", "Give a file with examples.")
    return Rows(source, unit, numbers, texts[0], texts[1] if len(texts) > 1 else [], labels)


def _text(column: str, cell: Any) -> str:
    if cell is None:
        raise ValueError(f"{column} is missing")
    if not isinstance(cell, str):
        raise ValueError(f"{column} is {str(cell)[:40]}, not text")
    if not cell or cell.isspace():
        raise ValueError(f"{column} is empty")
    cell.encode()  # raises for half a surrogate pair, which JSON can contain
    return cell


def _label(column: str, cell: Any) -> str:
    """A class as text; equal numbers give equal classes: 1.0 is 1."""
    if isinstance(cell, float) and math.isfinite(cell):
        if not cell.is_integer():
            raise ValueError(f"{column} is {cell:g}; a class is text or a whole number")
        cell = int(cell)
    if isinstance(cell, bool):
        cell = str(cell).lower()
    if cell is None or str(cell).strip().lower() in ("", "nan"):
        raise ValueError(f"{column} is missing")
    return str(cell) if isinstance(cell, int) else _text(column, cell).strip()


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise RequestError(f"{path}, line {number}: not UTF-8: {error.reason}", "Save the file as UTF-8.") from error


def _tsv(path: Path, names: Sequence[str]) -> Iterator[Cells]:
    """Cells separated by tabs; quotes have no special meaning."""
    records = ((number, line.rstrip("\r\n").split("\t")) for number, line in enumerate(_lines(path), 1))
    return _table(path, names, records, "Cells are separated by tabs, so a text cannot contain any.")


def _csv(path: Path, names: Sequence[str]) -> Iterator[Cells]:
    """Cells separated by commas and quoted as in RFC 4180; a row has the number of its first line."""
    hint = (
        'Put a cell with a comma, a quote or a line break in double quotes, and double the quotes in it: "so ""quoted"", yes".'
    )

    def records() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(_lines(path), strict=True)
        number = 1
        try:
            for cells in reader:
                yield number, cells
                number = reader.line_num + 1
        except csv.Error as error:
            raise RequestError(f"{path}, line {number}: {error}", hint) from error

    return _table(path, names, records(), hint)


def _table(path: Path, names: Sequence[str], records: Iterator[tuple[int, list[str]]], hint: str) -> Iterator[Cells]:
    """The named columns of records whose first is the header; empty lines are skipped."""
    _, header = next(records, (1, []))
    if header in ([], [""]):
        raise RequestError(f"{path} does not begin with the names of its columns", "Put them in the first line.")
    places = [_place(name, header, path) for name in names]
    for number, cells in records:
        if cells in ([], [""]):
            continue
        if len(cells) != len(header):
            count = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
            raise RequestError(f"{path}, line {number}: {count}, but the first line names {len(header)} columns", hint)
        yield number, [cells[place] for place in places]


def _place(name: str, header: Sequence[str], path: Path) -> int:
    if name not in header:
        raise UnknownNameError("column", name, header, f"in {path}")
    if header.count(name) > 1:
        raise RequestError(f"{path} has {header.count(name)} columns named {name!r}", "Rename all but one of them.")
    return header.index(name)


def _json_lines(path: Path, names: Sequence[str]) -> Iterator[Cells]:
    for number, line in enumerate(_lines(path), 1):
        if line.isspace() or not line:
            continue
        where = f"{path}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise RequestError(
                f"{where}: not JSON: {error}", "Each line is one object with a value for each column."
            ) from error
        if not isinstance(record, dict):
            raise RequestError(f"{where}: not a JSON object", "Each line is one object with a value for each column.")
        for name in names:
            if name not in record:
                raise UnknownNameError("column", name, record, f"in {where}")
        yield number, [record[name] for name in names]


def _parquet(path: Path, names: Sequence[str]) -> Iterator[Cells]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise RequestError(f"reading {path} needs pyarrow", EXTRA_HINT) from error
    try:
        with ParquetFile(path) as file:
            for name in names:
                _place(name, file.schema_arrow.names, path)
            batches = file.iter_batches(columns=list(names))
            cells = ([batch.column(name).to_pylist() for name in names] for batch in batches)
            yield from enumerate((row for batch in cells for row in zip(*batch, strict=True)), 1)
    except ArrowException as error:
        raise RequestError(f"{path} is not a readable Parquet file: {error}", "Write the file again.") from error


_READERS: dict[str, tuple[str, Callable[[Path, Sequence[str]], Iterator[Cells]]]] = {
    ".tsv": ("line", _tsv),
    ".csv": ("line", _csv),
    ".jsonl": ("line", _json_lines),
    ".json": ("line", _json_lines),
    ".parquet": ("row", _parquet),
}
"""By file suffix: what row numbers count, and the function that reads the named columns."""
