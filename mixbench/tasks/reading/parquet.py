"""Parquet files. Needs the extra `hf`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mixbench.errors import RequestError
from mixbench.tasks.reading.arrow import plain_values, rows_of
from mixbench.tasks.reading.rows import EXTRA_HINT, Columns, Found, Record
from mixbench.tasks.reading.words import shown, unknown


def read_parquet(path: Path, columns: Columns) -> Found:
    """The named columns of a file. Raises RequestError."""
    return Found("row", _records(path, columns))


def _records(path: Path, columns: Columns) -> Iterator[Record]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise RequestError(f"reading {path} needs pyarrow", EXTRA_HINT) from error
    names = columns.names
    try:
        with ParquetFile(path) as file:
            there = file.schema_arrow.names
            for name in names:
                if name not in there:
                    raise unknown("column", name, there, f"in {path}")
                if there.count(name) > 1:
                    raise RequestError(f"{path} has {there.count(name)} columns named {name!r}", "Rename all but one of them.")
            batches = file.iter_batches(columns=list(names))
            cells = ([plain_values(name, batch.column(name)) for name in names] for batch in batches)
            yield from enumerate((row for batch in cells for row in rows_of(batch)), 1)
    except ArrowException as error:
        raise RequestError(
            f"{path} is not a readable Parquet file: {shown(str(error), 200)}", "Write the file again."
        ) from error
