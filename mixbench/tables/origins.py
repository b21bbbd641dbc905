"""Where the code of users' mixers is: the file `sources.json` of a results folder.

Rows name a mixer by the hash of its code. Only the place of its file tells whether two mixers of one name are two, or one that
was edited, and which code it has now. The file holds, by place relative to the results folder, the hashes of the codes that
were measured there, the present one last.
"""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixbench.errors import StorageWarning, shortened
from mixbench.parsing.canonical import read_object
from mixbench.tables.pending import current, read_current
from mixbench.tables.storage import storage_errors, write_atomically

FILE = "sources.json"
_REJECTED = f"{FILE}.rejected"
Sources = Mapping[str, tuple[str, ...]]
"""Hashes of the codes that were measured at a place, by place, the present one last."""
_known: dict[str, str] = {}
_past: set[str] = set()


def learn_place(digest: str, place: str) -> None:
    """Remember in this process where code with this hash is."""
    _known[digest] = place


def known_place(digest: str) -> str | None:
    """Where code with this hash is now, as learnt from a mixer string or from the last folder that was read."""
    return _known.get(digest)


def is_past(digest: str) -> bool:
    """Whether code with this hash is nowhere now, as far as is known, but was."""
    return digest in _past and digest not in _known


def read_origins(folder: Path) -> Sources:
    """The codes at each place; present ones are remembered. Warns of a file that holds none. Raises StorageError."""
    try:
        return _learnt(_read(folder))
    except ValueError as error:
        later = f"the next measurement into this folder moves it to {_REJECTED}"
        warnings.warn(f"{folder / FILE}: left out ({shortened(str(error))}); {later}", StorageWarning, stacklevel=2)
        return {}


def write_origins(folder: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Store which code each file has now, given its hash; a file that cannot be understood is moved aside, with a warning.

    The caller holds the folder's lock. Raises StorageError.
    """
    set_damaged_aside(folder)
    stored = _read(folder)
    new, sources = dict(stored), _sources(stored)
    for digest, path in files:
        place = _relative(path, folder)
        new[place] = [*(other for other in sources.get(place, ()) if other != digest), digest]
    _learnt(new)
    if new == stored:
        return
    file = folder / FILE
    with storage_errors(f"cannot write {file}"):
        write_atomically(file, _as_json(new))


def set_damaged_aside(folder: Path) -> None:
    """Move a file that cannot be understood aside, with a warning. The caller holds the folder's lock. Raises StorageError."""
    try:
        _read(folder)
    except ValueError as error:
        _set_aside(folder / FILE, str(error))


def united_origins(folder: Path, others: Sequence[Path]) -> bytes | None:
    """The file of a folder with the codes that other folders know added; None if it knows them all.

    Codes that the folder knows keep their order; of others, those of the later folder are newer. A file of another folder that
    cannot be understood is left out with a warning. Raises StorageError, ValueError for the file of the folder.
    """
    stored = _read(folder)
    new = dict(stored)
    known = {place: list(codes) for place, codes in _sources(stored).items()}
    for other in others:
        try:
            sources = _sources(_read(other))
        except ValueError as error:
            warnings.warn(f"{other / FILE}: left out ({shortened(str(error))})", StorageWarning, stacklevel=3)
            continue
        for place, codes in sources.items():
            here = _relative(other.resolve() / place, folder)
            own = known.get(here, [])
            older, newest = ([code for code in part if code not in own] for part in (codes[:-1], codes[-1:]))
            known[here] = new[here] = [*older, *own, *newest]
    return None if new == stored else _as_json(new)


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder.resolve()).encode(errors="replace").decode()


def _as_json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _read(folder: Path) -> dict[str, Any]:
    """The members of the file, {} if there is none. Raises ValueError for one that is no JSON object, StorageError."""
    file = current(folder, FILE)
    with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError, NotADirectoryError):
        return read_object(read_current(file))
    return {}


def _sources(content: Mapping[str, Any]) -> Sources:
    lists = {place: codes for place, codes in content.items() if isinstance(codes, list) and codes}
    return {place: tuple(codes) for place, codes in lists.items() if all(isinstance(code, str) for code in codes)}


def _learnt(content: Mapping[str, Any]) -> Sources:
    """The codes at each place, of which the present ones are remembered and the earlier ones forgotten."""
    sources = _sources(content)
    for earlier in (code for codes in sources.values() for code in codes[:-1]):
        _past.add(earlier)
        _known.pop(earlier, None)
    _known.update({codes[-1]: place for place, codes in sources.items()})
    return sources


def _set_aside(file: Path, reason: str) -> None:
    """Rename a file, to a name that no earlier one has, and warn of it. Raises StorageError."""
    names = (f"{_REJECTED}{f'.{number}' * (number > 1)}" for number in itertools.count(1))
    free = next(file.with_name(name) for name in names if not os.path.lexists(file.with_name(name)))
    with storage_errors(f"cannot move {file} to {free.name}"):
        os.rename(file, free)
    warnings.warn(f"{file}: moved to {free.name} ({shortened(reason)})", StorageWarning, stacklevel=3)
