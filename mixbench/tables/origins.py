"""Where the code of users' mixers was when it was measured: the file `sources.json` of a results folder.

Rows name a mixer by the hash of its code. Only the place tells whether two mixers of one name are two, or one that was edited.
Places are relative to the results folder.
"""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixbench.errors import StorageWarning, shortened
from mixbench.parsing.canonical import read_object
from mixbench.tables.storage import storage_errors, write_atomically

_FILE = "sources.json"
_REJECTED = f"{_FILE}.rejected"
_known: dict[str, str] = {}


def learn_place(digest: str, place: str) -> None:
    """Remember in this process where code with this hash is."""
    _known[digest] = place


def known_place(digest: str) -> str | None:
    """Where code with this hash is, as learnt from a mixer string or from the last folder that was read."""
    return _known.get(digest)


def read_origins(folder: Path) -> dict[str, str]:
    """Places by the hash of the code, which are remembered. Warns of a file that holds none. Raises StorageError."""
    try:
        places = _places(_read(folder))
    except ValueError as error:
        later = f"the next measurement into this folder moves it to {_REJECTED}"
        warnings.warn(f"{folder / _FILE}: left out ({shortened(str(error))}); {later}", StorageWarning, stacklevel=2)
        return {}
    _known.update(places)
    return places


def write_origins(folder: Path, files: Mapping[str, Path]) -> None:
    """Add files by the hash of their code; a file that cannot be understood is moved aside, with a warning.

    The caller holds the folder's lock. Raises StorageError.
    """
    try:
        stored = _read(folder)
    except ValueError as error:
        _set_aside(folder / _FILE, str(error))
        stored = {}
    places = {digest: os.path.relpath(file, folder.resolve()) for digest, file in files.items()}
    new = stored | {digest: place.encode(errors="replace").decode() for digest, place in places.items()}
    _known.update(_places(new))
    if new == stored:
        return
    file = folder / _FILE
    with storage_errors(f"cannot write {file}"):
        write_atomically(file, json.dumps(new, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def _read(folder: Path) -> dict[str, Any]:
    """The members of the file, {} if there is none. Raises ValueError for one that is no JSON object, StorageError."""
    file = folder / _FILE
    with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError, NotADirectoryError):
        return read_object(file.read_bytes())
    return {}


def _places(content: Mapping[str, Any]) -> dict[str, str]:
    return {digest: place for digest, place in content.items() if isinstance(place, str)}


def _set_aside(file: Path, reason: str) -> None:
    """Rename a file, to a name that no earlier one has, and warn of it. Raises StorageError."""
    names = (f"{_REJECTED}{f'.{number}' * (number > 1)}" for number in itertools.count(1))
    free = next(file.with_name(name) for name in names if not os.path.lexists(file.with_name(name)))
    with storage_errors(f"cannot move {file} to {free.name}"):
        os.rename(file, free)
    warnings.warn(f"{file}: moved to {free.name} ({shortened(reason)})", StorageWarning, stacklevel=3)
