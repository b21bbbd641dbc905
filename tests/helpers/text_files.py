"""Files of labelled texts, as tests write them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from mixbench.tasks.reading.rows import Columns, Rows

TEXT = Columns("text", None, "label")
Lines = Sequence[Sequence[str]]


def write(path: Path, content: str | bytes) -> Path:
    """A file with this content, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def tsv(rows: Lines, separator: str = "\t", ending: str = "\n") -> str:
    """Cells as they stand."""
    return "".join(separator.join(row) + ending for row in rows)


def as_csv(rows: Lines, quoting: int = csv.QUOTE_ALL, separator: str = ",") -> str:
    """Cells quoted as in RFC 4180."""
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=quoting, delimiter=separator).writerows(rows)  # type: ignore[arg-type]
    return stream.getvalue()


def json_lines(rows: Lines) -> str:
    """An object per row after the first, which names the fields."""
    return "".join(json.dumps(dict(zip(rows[0], row, strict=True))) + "\n" for row in rows[1:])


def numbered(count: int, start: int = 0) -> list[tuple[str, str]]:
    """Texts that are all different, labelled odd or even."""
    return [(f"text {number} of many", "odd" if number % 2 else "even") for number in range(start, start + count)]


def texts_and_labels(rows: Rows) -> list[tuple[str, ...]]:
    """The cells of all rows."""
    columns = (rows.texts, rows.pairs, rows.labels) if rows.pairs else (rows.texts, rows.labels)
    return list(zip(*columns, strict=True))
