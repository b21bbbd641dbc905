"""Lines of a table that do not count are kept next to it, in TABLE.csv.rejected: unchanged, each after its reason.

A comment says when lines were moved and from which file; then follow the header that names their columns, and the lines. A line
that was corrected can be moved back into the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from mixbench.tables.reading import LeftOut, Line
from mixbench.tables.storage import append_whole, storage_errors

_MOST_REASONS = 3


def rejected(file: Path) -> Path:
    """Where the lines of a table are kept that do not count."""
    return file.with_name(f"{file.name}.rejected")


def set_aside(file: Path, lines: Sequence[LeftOut]) -> None:
    """Add lines of a table to those that are kept beside it, and flush them to disk. Raises StorageError."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    texts: list[bytes] = []
    for header, under in groupby(lines, key=lambda left: left.line.header):
        texts += [f"# moved from {file.name} at {now}; its columns are".encode(errors="replace"), header]
        for reason, alike in groupby(under, key=lambda left: left.reason):
            own = [left.line for left in alike]
            texts += [f"# {_place(own)}: {reason}".encode(errors="replace"), *(line.content for line in own)]
    with storage_errors(f"cannot add {len(lines)} lines to {rejected(file)}"):
        append_whole(rejected(file), header=b"", lines=b"".join(text + b"\n" for text in texts))


def in_words(lines: Sequence[LeftOut]) -> str:
    """How many lines for which reasons, and where: `2 lines from line 8 on (of a launch with 2 of 5 rounds)`."""
    reasons: dict[str, list[LeftOut]] = {}
    for left in lines:
        reasons.setdefault(left.reason, []).append(left)
    told = [f"{_place([left.line for left in alike])} ({reason})" for reason, alike in reasons.items()]
    others = sum(map(len, list(reasons.values())[_MOST_REASONS:]))
    return ", ".join([*told[:_MOST_REASONS], *([f"{others} other lines"] if others else [])])


def _place(lines: Sequence[Line]) -> str:
    first = lines[0].number
    return f"line {first}" if len(lines) == 1 else f"{len(lines)} lines from line {first} on"
