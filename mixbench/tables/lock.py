"""The lock of a results folder: only one process writes it at a time, and others learn which."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from mixbench.errors import FolderBusyError
from mixbench.tables.storage import storage_errors

_LOCK, _WRITER = ".lock", ".writer"


@contextmanager
def locked(folder: Path, elsewhere: str) -> Iterator[None]:
    """Hold the lock, which ends with the process; `elsewhere` is what a user can do instead.

    Raises FolderBusyError if another process holds it, StorageError.
    """
    from filelock import FileLock, Timeout

    # the writer is named in another file: some versions of filelock empty the lock file when a second process tries it
    writer, lock = folder / _WRITER, FileLock(folder / _LOCK)
    with storage_errors(f"cannot lock the results folder {folder}", elsewhere):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            fault = f"{folder} is being written by {_writer_of(folder)}"
            raise FolderBusyError(fault, f"Wait for it to end. {elsewhere}") from None
    try:
        with storage_errors(f"cannot write to the results folder {folder}", elsewhere):
            since = datetime.now().isoformat(sep=" ", timespec="seconds")
            writer.write_text(f"process {os.getpid()} on {os.uname().nodename} since {since}", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            writer.unlink(missing_ok=True)
        lock.release()


@contextmanager
def kept_still(path: Path) -> Iterator[str]:
    """Keep others from writing to a folder while it is read; yields who is writing to it, else an empty text.

    Nothing is written, so that folders that are read-only can be merged; one that has no lock, or lies where there are no
    locks, is read as it is.
    """
    import fcntl  # only Unix has it

    try:
        descriptor = os.open(path / _LOCK, os.O_RDONLY)
    except OSError:
        yield ""
        return
    try:
        who = ""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            who = _writer_of(path)
        except OSError:
            pass
        yield who
    finally:
        os.close(descriptor)


def _writer_of(folder: Path) -> str:
    """Which process is writing to a folder, in words."""
    try:
        return (folder / _WRITER).read_text(encoding="utf-8", errors="replace")[:200]
    except OSError:
        return "another process"
