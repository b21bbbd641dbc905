"""Writing to disk, all or nothing: bytes are appended whole or renamed into place, and flushed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mixbench.errors import StorageError

ELSEWHERE = "Give another folder with --results."
_FULL = "Free some space and repeat the command; it continues where it stopped."
_HINTS = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL}


@contextmanager
def storage_errors(doing: str, elsewhere: str = ELSEWHERE) -> Iterator[None]:
    """Turn an OSError into a StorageError that says what failed; the hint is `elsewhere`, unless the disk is full."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"{doing}: {error.strerror or error}", _HINTS.get(error.errno or 0, elsewhere)) from error


def append_whole(file: Path, *, header: bytes, lines: bytes) -> None:
    """Append lines, after the header if the file is new, and flush. On an OSError the file is unchanged."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        unwritten = memoryview(lines if size else header + lines)
        try:
            while unwritten:
                unwritten = unwritten[os.write(descriptor, unwritten) :]
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
    if not size:
        flush_folder(file.parent)


def temporary(file: Path) -> Path:
    """The temporary file that `write_atomically` writes first."""
    return file.with_name(f".{file.name}.new")


def write_atomically(file: Path, content: bytes) -> None:
    """Replace a file with new content and flush it. Whatever stops this, the file has either the old or the new content."""
    new = temporary(file)
    try:
        with new.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(new, file)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise
    flush_folder(file.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder: a new or renamed file is on disk only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
