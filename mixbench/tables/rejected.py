"""Lines of a table that do not count are kept next to it, in TABLE.csv.rejected: unchanged, each after its reason.

A comment says when lines were moved and from which file; then follow the header that names their columns, and the lines. A line
that was corrected can be moved back into the table.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from mixbench.tables.lines import LeftOut, Line
from mixbench.tables.storage import append_whole, storage_errors

_MOST_REASONS = 3
_MOVED = "# moved from "


def rejected(file: Path) -> Path:
    """Where the lines of a table are kept that do not count."""
    return file.with_name(f"{file.name}.rejected")


def set_aside(file: Path, lines: Sequence[LeftOut]) -> None:
    """Add lines of a table to those that are kept beside it, and flush them to disk. Raises StorageError."""
    with storage_errors(f"cannot add {len(lines):,} lines to {rejected(file)}"):
        append_whole(rejected(file), header=b"", lines=as_stored(file.name, lines))


def as_stored(origin: str, lines: Sequence[LeftOut]) -> bytes:
    """Lines as the file of rejected lines has them; `origin` is the table that they come from."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    texts: list[bytes] = []
    for header, under in groupby(lines, key=lambda left: left.line.header):
        texts += [f"{_MOVED}{origin} at {now}; its columns are".encode(errors="replace"), header]
        for reason, alike in groupby(under, key=lambda left: left.reason):
            own = [left.line for left in alike]
            texts += [f"# {_place(own)}: {reason}".encode(errors="replace"), *(line.content for line in own)]
    return b"".join(text + b"\n" for text in texts)


def lines_in(stored: bytes) -> set[bytes]:
    """The lines that a file of rejected lines keeps, without its comments and headers."""
    return {line for _, line in _kept(stored)}


def unknown_in(stored: bytes, known: Container[bytes]) -> bytes:
    """What a file of rejected lines keeps that is not known, with the comments and headers that belong to it."""
    texts: list[bytes] = []
    told: tuple[bytes, ...] = ()
    for above, line in _kept(stored):
        if line not in known:
            texts += [*([] if above[:2] == told[:2] else above[:2]), *([] if above == told else above[2:]), line]
            told = above
    return b"".join(text + b"\n" for text in texts)


def _kept(stored: bytes) -> Iterator[tuple[tuple[bytes, ...], bytes]]:
    """Each line that is kept, after what is said above it: where it comes from, its header, its reason."""
    above: tuple[bytes, ...] = ()
    for line in filter(None, stored.split(b"\n")):
        if line.startswith(_MOVED.encode()):
            above = (line,)
        elif len(above) == 1:
            above = (*above, line)
        elif line.startswith(b"# "):
            above = (*above[:2], line)
        else:
            yield above, line


def in_words(lines: Sequence[LeftOut]) -> str:
    """How many lines for which reasons, and where: `2 lines from line 8 on (of a launch with 2 of 5 rounds)`."""
    reasons: dict[str, list[LeftOut]] = {}
    for left in lines:
        reasons.setdefault(left.reason, []).append(left)
    told = [f"{_place([left.line for left in alike])} ({reason})" for reason, alike in reasons.items()]
    others = sum(map(len, list(reasons.values())[_MOST_REASONS:]))
    return ", ".join([*told[:_MOST_REASONS], *([f"{others:,} other lines"] if others else [])])


def _place(lines: Sequence[Line]) -> str:
    first = lines[0].number
    return f"line {first}" if len(lines) == 1 else f"{len(lines):,} lines from line {first} on"
