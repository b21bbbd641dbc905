"""What jobs need on another machine: data sets by the hash of their content, users' files by the digest of their code.

On a machine that has them under the paths that the jobs name, as with a shared file system, they are used there. Elsewhere
they are kept in the folder of data sets:

CACHE/elsewhere/data/HASH/…      a data set
CACHE/elsewhere/code/HASH/…      the folder of a user's file
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from mixbench.errors import StorageError
from mixbench.machine.folders import cache_folder
from mixbench.parsing.sources import TooManyModulesError, sources_of

MOST_FILES = 2000
MOST_BYTES = 64 * 2**20
"""Of a folder with more files or bytes than these, only the modules travel that the user's file loads."""


@dataclass(frozen=True)
class Cargo:
    """What the jobs of a study read and write, for engines whose processes may be on other machines.

    `data` are folders and files that jobs only read; `code` the users' files that they load, by the digest of their code;
    `results` is the folder in which they read and write files. All are named in the jobs by these very paths.
    """

    results: Path
    data: frozenset[str] = frozenset()
    code: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Folder:
    """A folder, or some of its files, on its way: what was `put` for each file, by the path below the folder.

    `entry` is the file that is meant, if it is not the folder; `digest` that of the code of a user's file.
    """

    source: str
    content: str
    files: Mapping[str, Any]
    entry: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Packed:
    """A cargo on its way; `data` by the path that jobs name."""

    results: str
    data: Mapping[str, Folder]
    code: tuple[Folder, ...]


@dataclass(frozen=True)
class Unpacked:
    """Where a machine has what a job names: folders by the path in the job, users' files by the digest of their code."""

    results: str
    data: Mapping[str, str]
    code: Mapping[str, str]


def pack(cargo: Cargo, put: Callable[[Any], Any], say: Callable[[str], None]) -> Packed:
    """Give `put` the content of every file, as an array of bytes. Raises StorageError."""
    return Packed(
        str(cargo.results),
        {name: _pack_data(Path(name), put) for name in sorted(cargo.data) if os.path.exists(name)},
        tuple(_pack_code(digest, file, cargo.results, put, say) for digest, file in sorted(cargo.code.items())),
    )


def unpack(packed: Packed, get: Callable[[Any], Any]) -> Unpacked:
    """Find everything here, or fetch it. Raises StorageError."""
    return Unpacked(
        packed.results,
        {name: _data_here(folder) or _fetch("data", folder, get) for name, folder in packed.data.items()},
        {code.digest: _code_here(code) or _fetch("code", code, get) for code in packed.code},
    )


def content_digest(files: Mapping[str, Path]) -> str:
    """SHA-256 over the names and contents of files, 16 digits. Raises OSError."""
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        with path.open("rb") as file:
            total.update(f"{name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()[:16]


def relocated(value: Any, places: Mapping[str, str]) -> Any:
    """A job with the paths that start with one of `places` moved."""
    if isinstance(value, str):
        for old, new in places.items():
            if value == old or value.startswith(old + os.sep):
                return new + value[len(old) :]
        return value
    if isinstance(value, Mapping):
        return {name: relocated(part, places) for name, part in value.items()}
    return [relocated(part, places) for part in value] if isinstance(value, list | tuple) else value


def files_named(job: Any, folder: Path) -> dict[str, bytes]:
    """The files below a folder that a job names and that exist, by the path below it."""
    if isinstance(job, str):
        path = Path(job)
        return {os.path.relpath(path, folder): path.read_bytes()} if path.is_relative_to(folder) and path.is_file() else {}
    parts = job.values() if isinstance(job, Mapping) else job if isinstance(job, list | tuple) else ()
    return {name: content for part in parts for name, content in files_named(part, folder).items()}


def _pack_data(place: Path, put: Callable[[Any], Any]) -> Folder:
    try:
        files = _files_of(place)
        return Folder(str(place.resolve()), content_digest(files), _put(files, put), place.name if place.is_file() else "")
    except OSError as error:
        raise StorageError(f"cannot read {place}: {error.strerror}") from error


def _pack_code(digest: str, file: Path, results: Path, put: Callable[[Any], Any], say: Callable[[str], None]) -> Folder:
    """The folder of a user's file, or its outermost package; only the modules of a large one."""
    try:
        sources = sources_of(file)
        root = file.parents[len(sources.home.packages)]
        whole = root / sources.home.packages[0] if sources.home.packages else root
        modules = {str(path.relative_to(root)): path for path in sources.files.values() if path.is_relative_to(root)}
        beside = _belongings(whole, results)
        if beside is None:
            say(
                f"{file}: only the modules that it loads reach other machines: its folder holds more than"
                f" {MOST_BYTES // 2**20} MiB or {MOST_FILES} files"
            )
        files = modules | {str(path.relative_to(root)): path for path in beside or ()}
        return Folder(str(root), content_digest(files), _put(files, put), str(file.relative_to(root)), digest)
    except (OSError, TooManyModulesError) as error:
        raise StorageError(f"cannot read {file} and its modules: {error}") from error


def _put(files: Mapping[str, Path], put: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: put(np.fromfile(path, np.uint8)) for name, path in files.items()}


def _belongings(folder: Path, results: Path) -> list[Path] | None:
    """The files in a folder, without hidden ones, compiled ones and results; None where they are too many."""
    found: list[Path] = []
    size = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name != "__pycache__" and Path(place, name) != results]
        for path in (Path(place, name) for name in names if name[0] != "."):
            if path.is_file():
                found.append(path)
                size += path.stat().st_size
        if len(found) > MOST_FILES or size > MOST_BYTES:
            return None
    return found


def _data_here(folder: Folder) -> str:
    with suppress(OSError):
        if os.path.exists(folder.source) and content_digest(_files_of(Path(folder.source))) == folder.content:
            return folder.source
    return ""


def _code_here(folder: Folder) -> str:
    file = Path(folder.source, folder.entry)
    with suppress(OSError, TooManyModulesError):
        if sources_of(file).digest == folder.digest:
            return str(file)
    return ""


def _fetch(kind: str, folder: Folder, get: Callable[[Any], Any]) -> str:
    """The folder here that holds these files, or the file in it that is meant; written whole or not at all."""
    from filelock import FileLock

    place = cache_folder().resolve() / "elsewhere" / kind / folder.content
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{place}.lock"):
            if not place.is_dir():
                _write(place, folder, get)
    except OSError as error:
        raise StorageError(
            f"cannot write {place}: {error.strerror}", "Set MIXBENCH_CACHE to a folder with free space."
        ) from error
    return str(place / folder.entry)


def _write(place: Path, folder: Folder, get: Callable[[Any], Any]) -> None:
    new = place.with_name(f".new-{place.name}-{uuid4().hex}")
    try:
        for name, content in folder.files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            get(content).tofile(new / name)
        os.rename(new, place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _files_of(place: Path) -> dict[str, Path]:
    """A file by its name, or the files in a folder by their paths below it."""
    found = [place] if place.is_file() else [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place if path != place else place.parent).as_posix(): path for path in found}
