"""A history folder: what each commit cost. It has one small file per commit and machine, so git can merge histories.

COMMIT-MACHINE.json     one run: what was measured at a commit on a machine; see `entries`
figures/                drawn from the files
"""

from __future__ import annotations

import re
from os.path import exists, lexists
from pathlib import Path

from mixbench.errors import RequestError, StorageError
from mixbench.machine.facts import output
from mixbench.tables.entries import Commit, Entry, NewerEntryError, from_bytes, to_bytes
from mixbench.tables.storage import storage_errors, write_atomically

ELSEWHERE = "Give another folder with --history."
_NAME = re.compile(r"[0-9a-f]{40,64}-[0-9a-f]{12}\.json")
"""The names of runs."""
_STRANGE = "Move it elsewhere: every .json file of a history is one of its runs."


def find_commit(name: str = "HEAD") -> Commit:
    """The commit with this name in the working directory's git repository. Raises RequestError."""
    shown = ["git", "show", "-s", "--no-show-signature", "--format=%H%n%cI%n%s"]
    sha, time, subject = [*output(*shown, "--end-of-options", f"{name}^{{commit}}").split("\n", 2), "", ""][:3]
    if not time:
        raise RequestError(
            f"git finds no commit {name!r} here",
            "Run this in the repository that was measured, or name another commit with --commit.",
        )
    return Commit(sha, time, subject)


def write_entry(folder: Path, entry: Entry, *, replace: bool = False) -> Path:
    """Write the file of a run, whole or not at all. Raises RequestError if it already exists, StorageError."""
    file = folder / entry.file_name
    if exists(file) and not replace:
        raise RequestError(
            f"{folder} already has commit {entry.commit.short} for this machine", "Add --replace to replace the earlier run."
        )
    _check_folder(folder)
    with storage_errors(f"cannot write {file}", ELSEWHERE):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, to_bytes(entry))
    return file


def read_history(folder: Path) -> list[Entry]:
    """Every run in a folder, sorted by the time of its commit. Raises StorageError that names the file."""
    _check_folder(folder)
    with storage_errors(f"cannot read {folder}", ELSEWHERE):
        files = sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))
    return sorted(map(_entry, files), key=lambda run: (run.commit.moment, run.commit.sha))


def _check_folder(folder: Path) -> None:
    if lexists(folder) and not folder.is_dir():
        raise StorageError(f"{folder} is not a folder", ELSEWHERE)


def _entry(file: Path) -> Entry:
    own = _NAME.fullmatch(file.name)
    with storage_errors(f"cannot read {file}", ELSEWHERE if own else _STRANGE):
        content = file.read_bytes()
    try:
        entry = from_bytes(content)
        if file.name != entry.file_name:
            raise ValueError(f"its content belongs to {entry.file_name}")
    except NewerEntryError:
        raise StorageError(f"{file} was written by a newer mixbench", f"Upgrade this one. {ELSEWHERE}") from None
    except ValueError as error:
        if not own:
            raise StorageError(f"{file} is not a run of this history: {error}", _STRANGE) from error
        raise StorageError(
            f"{file} is damaged: {error}", f"Restore it (git checkout -- {file}), or delete it and add that commit again."
        ) from error
    return entry
