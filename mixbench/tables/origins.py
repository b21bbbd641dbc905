"""Where the code of users' mixers was when it was measured: the file `sources.json` of a results folder.

Rows name a mixer by the hash of its code. Only the place tells whether two mixers of one name are two, or one that was edited.
Places are relative to the results folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mixbench.parsing.canonical import read_object
from mixbench.tables.storage import storage_errors, write_atomically

_FILE = "sources.json"
_known: dict[str, str] = {}


def learn_place(digest: str, place: str) -> None:
    """Remember in this process where code with this hash is."""
    _known[digest] = place


def known_place(digest: str) -> str | None:
    """Where code with this hash is, as learnt from a mixer string or from the last folder that was read."""
    return _known.get(digest)


def read_origins(folder: Path) -> dict[str, str]:
    """Places by the hash of the code, which are remembered; what cannot be read is unknown."""
    try:
        content = read_object((folder / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    places = {digest: place for digest, place in content.items() if isinstance(place, str)}
    _known.update(places)
    return places


def write_origins(folder: Path, files: Mapping[str, Path]) -> None:
    """Add files by the hash of their code. The caller holds the folder's lock. Raises StorageError."""
    known = read_origins(folder)
    places = {digest: os.path.relpath(file, folder.resolve()) for digest, file in files.items()}
    new = known | {digest: place.encode(errors="replace").decode() for digest, place in places.items()}
    if new == known:
        return
    file = folder / _FILE
    with storage_errors(f"cannot write {file}"):
        if not known:
            with suppress(FileNotFoundError):  # one that cannot be read
                os.replace(file, file.with_name(f"{_FILE}.rejected"))
        write_atomically(file, json.dumps(new, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")
