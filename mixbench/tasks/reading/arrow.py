"""Columns of Arrow, as Parquet files and data sets hold them, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mixbench.tasks.reading.rows import BadRowError
from mixbench.tasks.reading.words import shown


def plain_values(name: str, column: Any) -> list[Any]:
    """The cells of a column; one without a plain value is what is wrong with its row. Raises ArrowInvalid for damage."""
    import pyarrow

    # a damaged length would end the process; other bytes than UTF-8 are no damage
    as_bytes = {pyarrow.string(): pyarrow.binary(), pyarrow.large_string(): pyarrow.large_binary()}
    (column.cast(as_bytes[column.type]) if column.type in as_bytes else column).validate(full=True)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_plain(name, cell) for cell in column]


def _plain(name: str, cell: Any) -> Any:
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        return BadRowError(f"{name} is not UTF-8", "Write the texts as UTF-8.")
    except (ValueError, OverflowError) as error:  # such as a date out of range
        return BadRowError(f"{name} cannot be read: {shown(str(error))}")


def rows_of(columns: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any] | BadRowError]:
    """The cells of each row, or what is wrong with one of them."""
    for row in zip(*columns, strict=True):
        yield next((cell for cell in row if isinstance(cell, BadRowError)), row)
