"""Files that a merge adds to a results folder: environments, weights and maps, written beside it until the merge counts."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mixbench.tables.pending import current


class MergedFiles:
    """The files of `target` that are written to `staging` first.

    `missing` are files that rows name and no folder has, `differing` those that two folders have with different content; each
    with the folder that the rows come from.
    """

    def __init__(self, target: Path, staging: Path) -> None:
        self.target, self.staging = target, staging
        self.missing: list[tuple[str, str]] = []
        self.differing: list[tuple[str, str]] = []
        self.written = 0
        self._seen: set[tuple[Path, str]] = set()
        """Files that were added or looked for: several rows may name one."""

    def write(self, name: str, content: bytes) -> None:
        """Add a file, or replace one. Raises OSError."""
        with self.place(name).open("wb") as stream:
            stream.write(content)
            flush(stream.fileno())

    def copy(self, source: Path, names: Iterable[str]) -> None:
        """Add files of another folder that rows name; what the target has stays. Raises OSError."""
        for name in filter(_is_inside, names):
            if (source, name) in self._seen:
                continue
            self._seen.add((source, name))
            file, here = current(source, name), self._known(name)
            if not file.is_file():
                if here is None:
                    self.missing.append((str(source), name))
            elif here is None:
                place = self.place(name)
                shutil.copyfile(file, place)
                with place.open("rb") as stream:
                    flush(stream.fileno())
                seen = file.stat()
                os.utime(place, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # so that they are compared without being read
            elif not filecmp.cmp(file, here):
                self.differing.append((str(source), name))

    def _known(self, name: str) -> Path | None:
        return next((file for file in (self.staging / name, self.target / name) if file.is_file()), None)

    def place(self, name: str) -> Path:
        """Where a file is to be written that counts under this name after the merge. Raises OSError."""
        place = self.staging / name
        place.parent.mkdir(parents=True, exist_ok=True)
        self.written += 1
        return place


def flush(descriptor: int) -> None:
    """Flush a file to disk. Raises OSError."""
    os.fsync(descriptor)


def _is_inside(name: str) -> bool:
    """Whether a row names a file of its own results folder."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
