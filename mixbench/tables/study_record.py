"""Which study a results folder belongs to: the file `study.toml`, the text of the study below a line that says its scale."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mixbench.errors import StorageError, StorageWarning
from mixbench.parsing.canonical import canonical_json, read_object
from mixbench.tables.pending import current, read_current
from mixbench.tables.storage import storage_errors, write_atomically

FILE = "study.toml"
SCHEMA = 1
"""Version of the first line. History: 1, the first."""
_FIRST = "#: "


@dataclass(frozen=True)
class StudyRecord:
    """The text of a study as its file had it, the scale that was carried out, what the file was called, and the command.

    A text that was put into the folder by other means has neither scale nor command.
    """

    text: str
    scale: str | None = None
    file: str = ""
    command: str = ""


def write_study(folder: Path, record: StudyRecord) -> None:
    """Write the record of a folder, whole or not at all. The caller holds the folder's lock. Raises StorageError."""
    with storage_errors(f"cannot write {folder / FILE}"):
        write_atomically(folder / FILE, _content(record))


def read_study(folder: Path) -> StudyRecord | None:
    """The record of a folder; None if it has none. Raises StorageError if it is damaged or of a newer version."""
    file = current(folder, FILE)
    try:
        with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError, NotADirectoryError):
            return _record(file, read_current(file).decode())
    except ValueError as error:
        raise StorageError(f"{file} is damaged: {error}", "Delete it, and repeat the command of the study.") from error
    return None


def united_study(folder: Path, others: Iterable[Path]) -> bytes | None:
    """The file for a folder that has none, from the first of others that has one; None if there is nothing to write.

    Warns of another study, which is left out. Raises StorageError.
    """
    stored = found = read_study(folder)
    for other in others:
        record = read_study(other)
        found = found or record
        if record and found and (record.text, record.scale) != (found.text, found.scale):
            told = f"{other} has another study than {folder}: its {FILE} is left out"
            warnings.warn(told, StorageWarning, stacklevel=2)
    return None if found is None or stored else _content(found)


def _content(record: StudyRecord) -> bytes:
    said = {"schema": SCHEMA, "scale": record.scale, "file": record.file, "command": record.command}
    return f"{_FIRST}{canonical_json(said)}\n{record.text}".encode(errors="replace")


def _record(file: Path, content: str) -> StudyRecord:
    first, _, text = content.partition("\n")
    if not first.startswith(_FIRST):
        return StudyRecord(content)
    said = read_object(first.removeprefix(_FIRST))
    if type(said.get("schema")) is int and said["schema"] > SCHEMA:
        raise StorageError(f"{file} was written by a newer mixbench", "Upgrade this one.")
    scale, name, command = (said.get(key) for key in ("scale", "file", "command"))
    if not (isinstance(name, str) and isinstance(command, str) and isinstance(scale, str | None)):
        raise ValueError("its first line has values of other types")
    return StudyRecord(text, scale, name, command)
