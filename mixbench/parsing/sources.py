"""The modules that a user's file loads, found without running it: a mixer is what its code is.

The process that plans identifies a mixer by their content, and the process that measures loads exactly these. This file, `home`
and `imports` need only the standard library: a duel finds them by their place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .home import NEVER_OWN, Home, importable, is_installed
from .imports import imports_of

CODE = frozenset((".py", ".c", ".cc", ".cpp", ".cu", ".cuh", ".cxx", ".h", ".hpp", ".metal"))
"""Suffixes of the files that count as modules of a file that loads modules under names that cannot be read."""
MANY = 2000
"""More files than these are not searched for such modules."""
MOVED = "MIXBENCH_MOVED_CODE"
"""Environment variable of processes on another machine than the one that planned: users' files there, by digest, as JSON."""
_DEEP = 4


class TooManyModulesError(Exception):
    """A file loads modules under names that cannot be read, from a folder of MANY files; the message says which."""


@dataclass(frozen=True)
class Sources:
    """The modules that the file at home may load: SHA-256 of the content by dotted name. `missing` were found nowhere."""

    home: Home
    modules: Mapping[str, str]
    missing: frozenset[str]
    files: Mapping[str, Path] = field(default_factory=dict, compare=False)
    """The file of each module."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the file if it loads no modules but installed ones, else one over all names and contents."""
        if len(self.modules) == 1:
            return next(iter(self.modules.values()))
        return hashlib.sha256(json.dumps(self.modules, sort_keys=True).encode()).hexdigest()


def sources_of(file: Path) -> Sources:
    """Every module that a file may load and that is not installed, and the packages that these are in.

    Raises OSError if the file cannot be read, TooManyModulesError.
    """
    found, changes_path = _search(Home(file))
    return _search(Home(file, searched=True))[0] if found.missing and changes_path else found


def sources_of_module(name: str) -> Sources | None:
    """The same for an importable module; None if it is installed, or cannot be found. Raises TooManyModulesError."""
    spec = importable(name.partition(".")[0])
    if spec is None or spec.origin is None or is_installed(spec):
        return None
    with suppress(OSError):
        return _search(Home(Path(spec.origin)), name)[0]
    return None


def _search(home: Home, *names: str) -> tuple[Sources, bool]:
    """What the file at home and the modules with these names may load, and whether one of them changes the import path."""
    changes_path = False
    modules: dict[str, str] = {}
    files: dict[str, Path] = {}
    others: set[str] = set()
    waiting = [file for name in (home.module, *names) for file in _files(home, name, "")] + [(home.module, home.file)]
    while waiting:
        name, path = waiting.pop()
        if name in modules:
            continue
        content = b""
        with suppress(*(() if path == home.file else (OSError,))):
            content = path.read_bytes()
        modules[name] = hashlib.sha256(content).hexdigest()
        files[name] = path
        if path.suffix != ".py":
            continue
        imports = imports_of(content, name, path.stem == "__init__")
        changes_path |= imports.changes_path
        for imported in imports.names:
            waiting += _files(home, imported, name)
            top = imported.partition(".")[0]
            others |= set() if home.folder_of(top, name) else {top}
        for package in imports.whole:
            waiting += _direct_modules(home, package, name)
        if imports.unseen:
            waiting += _all_code(home, name, path)
    missing = frozenset(top for top in others - NEVER_OWN if not importable(top))
    return Sources(home, modules, missing, files), changes_path


def _files(home: Home, name: str, importer: str) -> list[tuple[str, Path]]:
    return [(found, Path(spec.origin)) for found, spec in home.modules(name, importer) if spec.origin]


def _direct_modules(home: Home, package: str, importer: str) -> list[tuple[str, Path]]:
    """The modules directly in a package: `from package import *` imports those that its `__all__` names."""
    folders = [
        folder
        for name, spec in home.modules(package, importer)
        if name == package
        for folder in spec.submodule_search_locations or ()
    ]
    return [
        (f"{package}.{path.stem}", path) for folder in folders for path in Path(folder).glob("*.py") if path.stem != "__init__"
    ]


def _all_code(home: Home, name: str, path: Path) -> list[tuple[str, Path]]:
    """Every file of code in the folder of a file, or in its whole package."""
    levels = name.count(".") + (path.stem == "__init__")
    root = path.parents[levels]
    places = {(root, root / name.partition(".")[0] if levels else root)}
    if home.packages:
        root = home.file.parents[len(home.packages)]
        places.add((root, root / home.packages[0]))
    return [(_dotted(code.relative_to(root)), code) for root, folder in places for code in _code_below(folder)]


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    if path.suffix != ".py" or not all(map(str.isidentifier, parts)):
        return path.as_posix()
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _code_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        inside = Path(place).relative_to(folder).parts
        folders[:] = [name for name in folders if name.isidentifier() and name != "__pycache__"] if len(inside) < _DEEP else []
        found += [Path(place, name) for name in names if Path(name).suffix in CODE]
        if len(found) > MANY:
            raise TooManyModulesError(f"{folder} has more than {MANY} files of code")
    return found


def with_digest(target: str, digest: str) -> str:
    """A target that is loaded only if its code is what it was: `path/to/file.py:Name@digest`."""
    return f"{target}@{digest}"


def split_target(target: str) -> tuple[str, str, str]:
    """The module or file of a target, the name of its class, and the digest of its code or ""."""
    source, _, name = target.rpartition(":")
    name, _, digest = name.partition("@")
    return source, name, digest


def place_of(source: str, digest: str) -> Path:
    """The file here of a target's source with the digest of its code."""
    return Path(json.loads(os.environ.get(MOVED, "{}")).get(digest, source)).resolve()
