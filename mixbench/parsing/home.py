"""Where the modules of a user's file are. Like `sources`, it needs only the standard library."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from typing import Any

from .imports import imports_relatively

NEVER_OWN = frozenset((*sys.builtin_module_names, "__future__", "__main__", "importlib", "mixbench", "torch"))
"""Names that mean the same module wherever they are imported."""
_ABOVE = 3


@dataclass(frozen=True)
class Home:
    """Where the modules of one file are: in its folder or its package, before all that is installed.

    A name that is neither there nor installed is looked for in the working directory; with `searched`, for a file that changes
    the import path, first in the folders around the file's, where just one of them has it.
    """

    file: Path
    searched: bool = False
    _folders: dict[tuple[str, bool], tuple[str, bool] | None] = field(default_factory=dict, compare=False)

    @cached_property
    def packages(self) -> tuple[str, ...]:
        """The packages that the file is in, outermost first."""
        names: list[str] = []
        for folder in self.file.parents:
            if not ((folder / "__init__.py").is_file() and folder.name.isidentifier()):
                break
            names.insert(0, folder.name)
        return tuple(names)

    @cached_property
    def module(self) -> str:
        """The dotted name of the file: within its package if it imports relatively, else its own. Raises OSError."""
        if self.file.stem == "__init__" and self.packages:
            return ".".join(self.packages)
        name = self.file.stem.replace(".", "_")
        inside = self.packages and imports_relatively(self.file.read_bytes())
        return ".".join((*self.packages, name)) if inside else name

    def folder_of(self, top: str, importer: str) -> tuple[str, bool] | None:
        """The folder with a top-level module, and whether it is the file's own; None for what is installed, or is nowhere.

        Not its own are packages that any file can import and that are not installed: those on PYTHONPATH, or linked to their
        sources. A file that imports its own name means another module: a `timm.py` that wraps timm.
        """
        if top in NEVER_OWN:
            return None
        if self.packages and top == self.packages[0]:
            return str(self.file.parents[len(self.packages)]), True
        wanted = top, top == importer == self.module
        if wanted not in self._folders:
            self._folders[wanted] = self._look_for(*wanted)
        return self._folders[wanted]

    def _look_for(self, top: str, itself: bool) -> tuple[str, bool] | None:
        own = None if itself else find(self.file.parent, top)
        if own and own.loader:
            return str(self.file.parent), True
        elsewhere = importable(top)
        if elsewhere and (elsewhere.origin or not own):  # a folder without __init__.py comes last
            return None if is_installed(elsewhere) else (os.path.dirname(_path_of(elsewhere)), False)
        if own or itself:
            return None if itself else (str(self.file.parent), True)
        around = self._around(top) or [Path(_working_directory())]
        return (str(around[0]), True) if len(around) == 1 and find(around[0], top) else None

    def _around(self, top: str) -> list[Path]:
        """The folders above the file's, in it and next to it that have a module."""
        if not self.searched:
            return []
        above = [
            folder
            for folder in self.file.parents[1 : _ABOVE + 1]
            if str(folder) not in (os.path.expanduser("~"), folder.anchor)
        ]
        with suppress(OSError):
            above += [folder for parent in self.file.parents[:2] for folder in parent.iterdir() if folder != self.file.parent]
        return [folder for folder in above if (folder / f"{top}.py").is_file() or (folder / top).is_dir()]

    def modules(self, name: str, importer: str) -> Iterator[tuple[str, ModuleSpec]]:
        """The packages that lead to a module, and the module, as far as they exist and are not installed."""
        top, *inner = name.split(".")
        where = self.folder_of(top, importer)
        spec = find(where[0], top) if where else None
        name = top
        while spec:
            yield name, spec
            if not inner:
                return
            part, *inner = inner
            name = f"{name}.{part}"
            spec = next(filter(None, (find(folder, part) for folder in spec.submodule_search_locations or ())), None)


def find(folder: str | Path, name: str, loader: Any = SourceFileLoader) -> ModuleSpec | None:
    """The module or package in a folder that has the last part of a dotted name."""
    loaders = (ExtensionFileLoader, EXTENSION_SUFFIXES), (loader, SOURCE_SUFFIXES), (SourcelessFileLoader, BYTECODE_SUFFIXES)
    return FileFinder(str(folder), *loaders).find_spec(name)


def importable(top: str) -> ModuleSpec | None:
    """The module that Python itself finds, without regard to the folder of the script that runs."""
    script = "" if sys.flags.safe_path else os.path.dirname(os.path.join(_working_directory(), *sys.argv[:1]))
    path = [place for number, place in enumerate(sys.path) if number or place not in ("", _working_directory(), script)]
    for finder in sys.meta_path:
        with suppress(ImportError, AttributeError, ValueError):
            if spec := finder.find_spec(top, path if finder is PathFinder else None):
                return spec
    return None


def _working_directory() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been deleted
        return os.devnull


def _path_of(spec: ModuleSpec) -> str:
    return next(iter(spec.submodule_search_locations or ()), spec.origin) or ""


def is_installed(spec: ModuleSpec) -> bool:
    """Whether a module belongs to Python or to an installed package, whose version stands for its content."""
    path = _path_of(spec)
    return not os.path.isabs(path) or is_installation(path)  # else it is built in, or frozen


def is_installation(path: str) -> bool:
    """Whether a path is below a folder of Python's own modules or of installed packages."""
    parts = Path(path).parts
    return not {"site-packages", "dist-packages"}.isdisjoint(parts) or any(parts[: len(own)] == own for own in _library())


@cache
def _library() -> list[tuple[str, ...]]:
    """The parts of the folders of Python's own modules."""
    return [Path(sysconfig.get_path(name)).parts for name in ("stdlib", "platstdlib")]
