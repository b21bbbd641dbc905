"""How the user named the texts that were trained on: the file `texts.json` of a results folder.

Rows name a data set by a hash of its content. The options that gave it (files, columns, shares) are kept here by that hash, so
that commands for the same data can be printed. Paths are relative to the results folder.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixbench.errors import StorageWarning, shortened
from mixbench.parsing.canonical import read_object
from mixbench.tables.pending import current, read_current
from mixbench.tables.storage import storage_errors, write_atomically

FILE = "texts.json"
Given = Mapping[str, Any]
"""Options by name; a value is a Path where a file or folder was given, else a number, a text or a flag."""


def write_texts(folder: Path, texts: Mapping[str, Given]) -> None:
    """Add the options of data sets, by their hashes. The caller holds the folder's lock. Raises StorageError."""
    stored = _read(folder)
    new = stored | _entries(folder, texts)
    if new != stored:
        file = folder / FILE
        with storage_errors(f"cannot write {file}"):
            write_atomically(file, _as_json(new))


def united_texts(folder: Path, others: Iterable[Path]) -> bytes | None:
    """The file of a folder with the data sets that other folders know added; None if it knows them all. Raises StorageError."""
    stored = new = _read(folder)
    for other in others:
        new = _entries(folder, read_texts(other)) | new
    return None if new == stored else _as_json(new)


def _entries(folder: Path, texts: Mapping[str, Given]) -> dict[str, Any]:
    here = folder.resolve()
    return {
        data: {
            "files": {name: _relative(value, here) for name, value in given.items() if isinstance(value, Path)},
            "options": {name: value for name, value in given.items() if not isinstance(value, Path)},
        }
        for data, given in texts.items()
    }


def _as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def read_texts(folder: Path) -> dict[str, Given]:
    """The options of every data set that is known, by its hash; paths are relative to the working directory where they can be.

    Raises StorageError.
    """
    found: dict[str, Given] = {}
    for data, entry in _read(folder).items():
        files, options = (entry.get(name) if isinstance(entry, dict) else None for name in ("files", "options"))
        if isinstance(files, dict) and isinstance(options, dict) and all(isinstance(path, str) for path in files.values()):
            paths = {name: Path(_relative(folder.resolve() / path, Path.cwd())) for name, path in files.items()}
            found[data] = {**options, **paths}
    return found


def _relative(path: Path, start: Path) -> str:
    return os.path.relpath(path.absolute(), start).encode(errors="replace").decode()


def _read(folder: Path) -> dict[str, Any]:
    file = current(folder, FILE)
    try:
        with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError, NotADirectoryError):
            return read_object(read_current(file))
    except ValueError as error:
        warnings.warn(f"{file}: left out ({shortened(str(error))})", StorageWarning, stacklevel=3)
    return {}
