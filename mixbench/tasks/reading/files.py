"""Rows from whatever the user names: a table, JSON, Parquet, or a folder of texts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError
from mixbench.tasks.reading.folder import FOLDER_COLUMNS, folder_hash, read_folder
from mixbench.tasks.reading.json_lines import read_json
from mixbench.tasks.reading.lines import first_character, known_encoding, opened, readable, text_file
from mixbench.tasks.reading.parquet import read_parquet
from mixbench.tasks.reading.rows import Columns, Found, Rows, collect
from mixbench.tasks.reading.tables import read_table

_TABLES = (".tsv", ".tab", ".csv")
_JSON = (".jsonl", ".ndjson", ".json")
_PARQUET = (".parquet", ".pq")


@dataclass(frozen=True)
class Reading:
    """How files are read.

    `header` names the columns of tables whose first line does not. `encoding` is that of text files without a byte-order mark,
    "" for UTF-8. `skip_bad_rows` leaves out rows that cannot be used. Raises RequestError.
    """

    header: tuple[str, ...] = ()
    encoding: str = ""
    skip_bad_rows: bool = False

    def __post_init__(self) -> None:
        if self.encoding:
            object.__setattr__(self, "encoding", known_encoding(self.encoding))

    def recipe(self) -> dict[str, Any]:
        """What differs from the defaults, as plain values."""
        given = {"columns_of_files": list(self.header), "encoding": self.encoding, "skip_bad_rows": self.skip_bad_rows}
        return {name: value for name, value in given.items() if value}


def read_rows(path: Path, columns: Columns, reading: Reading = Reading()) -> Rows:
    """The rows of a file, or of a folder with one text per file. Formats that no suffix names are told from the content.

    Raises RequestError.
    """
    with readable(path):
        return collect(str(path), _find(path, columns, reading), columns, skip=reading.skip_bad_rows)


def _find(path: Path, columns: Columns, reading: Reading) -> Found:
    if path.is_dir():
        if columns != FOLDER_COLUMNS:
            raise RequestError(
                f"{path} is a folder of texts, which has no columns", "Leave out --text, --text-pair and --label."
            )
        return read_folder(path, reading.encoding)
    suffix = suffix_of(path)
    if suffix in _PARQUET or (suffix not in (*_TABLES, *_JSON) and _begins(path, b"PAR1")):
        return read_parquet(path, columns)
    file = text_file(path, reading.encoding)
    if suffix in _JSON or (suffix not in _TABLES and first_character(file) == "{"):
        return read_json(file, columns)
    return read_table(file, suffix, columns, reading.header)


def suffix_of(path: Path) -> str:
    """The suffix in lower case, without that of gzip: `.csv` of `a.CSV.gz`."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _begins(path: Path, start: bytes) -> bool:
    with opened(path) as file:
        return file.read(len(start)) == start


def content_hash(path: Path) -> str:
    """The SHA-256 of a file, or of the texts in a folder. Raises RequestError."""
    with readable(path):
        if path.is_dir():
            return folder_hash(path)
        with opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
