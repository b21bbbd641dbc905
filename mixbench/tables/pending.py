"""Several files of a results folder changed as one: written apart, made valid by one rename, then moved into place.

    .merging/    files that are being written; nobody reads them, and the next writer deletes them
    .merged/     all of them, complete: each counts instead of the file of its name in the folder

Whatever stops a process, readers see either none of the new files or all. The next writer moves what is left into place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mixbench.tables.storage import flush_folder

_WRITTEN, _COMPLETE = ".merging", ".merged"


def current(folder: Path, name: str) -> Path:
    """The file of a folder that counts under this name."""
    complete = folder / _COMPLETE / name
    return complete if os.path.isfile(complete) else folder / name


def read_current(file: Path) -> bytes:
    """The content of a file that `current` gave. Raises OSError."""
    with open_current(file) as stream:
        return stream.read()


def open_current(file: Path) -> BinaryIO:
    """A file that `current` gave, for reading; it may have been moved into place meanwhile. Raises OSError."""
    try:
        return file.open("rb")
    except FileNotFoundError:
        if _COMPLETE not in file.parts:
            raise
        return Path(*(part for part in file.parts if part != _COMPLETE)).open("rb")


def begin(folder: Path) -> Path:
    """An empty folder for the new files, each to be flushed, with the names that they have in `folder`. Raises OSError."""
    written = folder / _WRITTEN
    shutil.rmtree(written, ignore_errors=True)
    written.mkdir()
    return written


def give_up(folder: Path) -> None:
    """Delete the new files, which have not counted yet."""
    shutil.rmtree(folder / _WRITTEN, ignore_errors=True)


def commit(folder: Path) -> None:
    """Let the new files count, all at once, and move them into place. Raises OSError."""
    for inner in _folders(folder / _WRITTEN):
        flush_folder(inner)
    os.rename(folder / _WRITTEN, folder / _COMPLETE)
    flush_folder(folder)
    settle(folder)


def settle(folder: Path) -> None:
    """Move new files that count into place, and delete what never counted. The caller holds the lock. Raises OSError."""
    give_up(folder)
    complete = folder / _COMPLETE
    if not complete.is_dir():
        return
    for inner in _folders(complete):
        place = folder / inner.relative_to(complete)
        place.mkdir(exist_ok=True)
        for file in inner.iterdir():
            if not file.is_dir():
                os.replace(file, place / file.name)
        flush_folder(place)
    shutil.rmtree(complete)
    flush_folder(folder)


def _folders(top: Path) -> Iterator[Path]:
    """A folder and all below it, each before those that it holds."""
    return (Path(path) for path, _, _ in os.walk(top))
