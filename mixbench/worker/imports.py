"""Where the modules of one side of a duel come from: its own files, whatever else is installed or on the import path.

An editable installation leads every version to the user's working tree, by a path or by a hook. Here such places are replaced
by the same places in the tree of the version, and what is used from elsewhere all the same is told. It needs only Python's own
library.
"""

from __future__ import annotations

import json
import os
import re
import site
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from importlib.metadata import Distribution, distributions
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

Modules = list[tuple[str, str]]
"""Names of modules, each with its file; a library or a file that is no module has the name ""."""

_MAPPED = Path("/proc/self/maps")
_LIBRARY = re.compile(r"^\S+ ..x. \S+ \S+ \S+ +(/.*\.so(?:\.\d+)*)(?: \(deleted\))?$", re.MULTILINE)
_CACHES = ("XDG_CACHE_HOME", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


class Imports(MetaPathFinder):
    """Finds modules as Python would, but those of the user's `repository` in the tree at `root`.

    `repository` has the working trees of the repository; the tree stands for each of the folders `origins`. The innermost
    folder decides where a file belongs: packages that are installed in a virtual environment in the repository, and what torch
    has compiled into a cache there, belong to no version. Without a tree, every module is imported as it is. Where nothing else
    has mixbench, it is the one at `package`.
    """

    def __init__(self, package: str, root: str = "", origins: Iterable[str] = (), repository: Iterable[str] = ()) -> None:
        self.package = os.path.realpath(package)
        self.root = root and os.path.realpath(root)
        self.origins, self.repository = ([*map(os.path.realpath, places)] for places in (origins, repository))
        self.lacking: dict[str, str] = {}
        """Modules that this version asked for in vain and the repository has, with their files."""
        self._left_out: list[str] = []
        self._last: frozenset[str] = frozenset()
        self._copied: set[str] = set()
        self._executed: set[str] = set()
        self._installed = [*map(os.path.realpath, [*_of_the_interpreter(), *_caches()])]
        self._installed += filter(self._was_filled_by_pip, map(os.path.realpath, sys.path))

    def _was_filled_by_pip(self, folder: str) -> bool:
        """Whether a folder on the import path holds installed packages, and is no part of the version."""
        return self._is_foreign(folder) and any(Path(folder).glob("*.dist-info")) and self._moved(folder) is None

    def install(self, first: Sequence[str], last: Iterable[str] = ()) -> None:
        """Put these folders first on the import path, then those from which packages of the repository were installed.

        Those in `last`, which are on it already, come even after what is found without a path, as editable installations are.
        """
        self._last = frozenset(last)
        sources = self._sources() if self.root else []
        self._left_out = [entry for entry in sys.path if self.own(entry) is None]
        kept = [own for entry in sys.path if (own := self.own(entry)) is not None]
        sys.path[:] = dict.fromkeys([*first, *sources, *kept])
        sys.meta_path.insert(0, self)
        if self.root:
            sys.addaudithook(self._note_executed)

    def _note_executed(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called by Python before it executes code, also that of files which never become modules."""
        if event == "exec" and not (file := arguments[0].co_filename).startswith("<"):
            self._executed.add(os.path.abspath(file))

    def _sources(self) -> list[str]:
        """The places in the tree from which packages were installed; notes the copies that were made for it."""
        found = []
        for distribution in distributions():
            source, editable = _installed_from(distribution)
            if _innermost(source, [*self.repository, *self._installed]) not in self.repository:
                continue
            if not editable:
                self._copied |= {os.path.realpath(str(file.locate())) for file in distribution.files or ()}
            places = (self.own(place) for place in (os.path.join(source, "src"), source))
            found += [place for place in places if place and os.path.isdir(place)]
        return found

    def own(self, place: str) -> str | None:
        """A place as this version sees it: the same, or the one in its tree; None if the tree has nothing there."""
        real = os.path.realpath(place)
        return self._moved(real) if self._is_foreign(real) else place

    def _is_foreign(self, real: str) -> bool:
        """Whether a real path is in the user's repository, but in neither the tree nor an installation."""
        folder = _innermost(real, [*self.repository, self.root, *self._installed])
        return folder in self.repository and folder != self.root

    def _moved(self, real: str) -> str | None:
        if not (origin := _innermost(real, self.origins)):
            return None
        place = self.root + real[len(origin) :]
        return place if os.path.exists(place) and not self._is_foreign(os.path.realpath(place)) else None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, in this version's own files. Raises ModuleNotFoundError where they know only others."""
        refused = ""
        late: ModuleSpec | None = None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(fullname, path, target) if find and finder is not self else None
            if spec is None:
                continue
            if path is None and _folder_of(spec) in self._last:
                late = late or spec
                continue
            own = self._own_spec(spec)
            if own and (own.loader or fullname != "mixbench"):  # the user may have a folder of that name
                return own
            refused = refused or spec.origin or ""
        if late and (late.loader or fullname != "mixbench"):
            return late
        if fullname == "mixbench":
            self._installed.append(self.package)
            return _folder_as_package(fullname, [self.package])
        if file := refused or self._in_repository(fullname, path):
            self.lacking[fullname] = file
        if refused:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None

    def _own_spec(self, spec: ModuleSpec) -> ModuleSpec | None:
        """A spec whose places are all this version's own; None if it has none."""
        places = list(spec.submodule_search_locations or ())
        own_places = [own for place in places if (own := self.own(place)) is not None]
        if not spec.has_location or spec.origin is None:  # built in, or a folder without __init__
            if places == own_places:
                return spec
            return _folder_as_package(spec.name, own_places) if own_places else None
        file = self.own(spec.origin)
        if (file, own_places) == (spec.origin, places):
            return spec
        if file is not None:
            return spec_from_file_location(spec.name, file, submodule_search_locations=own_places if places else None)
        # in this version it may be a module instead of a package, or the other way round
        folder = self.own(os.path.dirname(places[0] if places else spec.origin))
        return PathFinder.find_spec(spec.name, [folder]) if folder is not None else None

    def _in_repository(self, name: str, path: Sequence[str] | None) -> str:
        """The file of a module in the user's repository where this version has none, else ""."""
        searched = map(os.path.realpath, sys.path if path is None else path)
        inside = [folder[len(self.root) :] for folder in searched if _innermost(folder, [self.root])]
        folders = [origin + place for origin in self.origins if origin != self.root for place in inside]
        spec = PathFinder.find_spec(name, [*folders, *(self._left_out if path is None else ())])
        return spec.origin or "" if spec and spec.has_location else ""

    def told(self, measuring: str, *, failed: bool) -> dict[str, Modules]:
        """`foreign` modules, files and libraries, in use but not this version's own, and those `lacking`, asked for in vain.

        The code that measures, in the package `measuring`, is no part of a version. Plain Python is lacking only if something
        `failed`: a version may do without a module that only another has, but not without one that must be built.
        """
        if not self.root:
            return {}
        every = _loaded()
        loaded = [one for one in every if one[0].partition(".")[0] not in ("__main__", "__mp_main__", measuring)]
        executed = {_real(file) for file in [*self._executed]} - {file for _, file in every}
        unnamed = [("", file) for file in [*_libraries(), *sorted(executed)]]
        built = tuple(EXTENSION_SUFFIXES)
        return {
            "foreign": _by_file([one for one in unnamed + loaded if self._is_foreign(one[1]) or one[1] in self._copied]),
            "lacking": _by_file([one for one in self.lacking.items() if failed or one[1].endswith(built)]),
        }


_real = lru_cache(maxsize=None)(os.path.realpath)


def _folder_of(spec: ModuleSpec) -> str:
    """The folder on the import path in which a top-level module was found."""
    place = next(iter(spec.submodule_search_locations or ()), spec.origin)
    return os.path.dirname(place or "")


def _innermost(place: str, folders: Iterable[str]) -> str:
    """The innermost of the folders that a place is in, the first of equal ones; "" if it is in none."""
    around = (folder for folder in folders if folder and f"{place}{os.sep}".startswith(folder.rstrip(os.sep) + os.sep))
    return max(around, key=len, default="")


def _by_file(modules: Modules) -> Modules:
    """Each file once, with its name in the code: what a file imports from its folder is loaded under a longer one."""
    names = {file: re.sub(r"^mixbench_user_\w+\.", "", name) for name, file in modules}
    return [(name, file) for file, name in names.items()]


def _of_the_interpreter() -> list[str]:
    prefixes = (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)
    return [*prefixes, *site.getsitepackages(), site.getusersitepackages()]


def _caches() -> list[str]:
    """Where code that is compiled at run time is kept."""
    named = filter(None, map(os.environ.get, _CACHES))
    return [*named, os.path.expanduser("~/.cache"), os.path.expanduser("~/.triton"), tempfile.gettempdir()]


def _installed_from(distribution: Distribution) -> tuple[str, bool]:
    """The place on this machine that a package was installed from, "" if unknown, and whether it is editable."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        told = json.loads(distribution.read_text("direct_url.json") or "{}")
        url = urlsplit(told.get("url", ""))
        if url.scheme == "file":
            return os.path.realpath(url2pathname(url.path)), bool(told.get("dir_info", {}).get("editable"))
    return "", False


def _folder_as_package(name: str, places: list[str]) -> ModuleSpec:
    spec = ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = places
    return spec


def _loaded() -> Modules:
    """Every module with its real file; not by attribute, since a module may import more when it is asked for one."""
    files = [(name, vars(module).get("__file__")) for name, module in [*sys.modules.items()] if hasattr(module, "__dict__")]
    return [(name, _real(file)) for name, file in files if isinstance(file, str)]


def _libraries() -> list[str]:
    """The shared libraries that this process has loaded; none where that cannot be known."""
    with suppress(OSError):
        return sorted(set(_LIBRARY.findall(_MAPPED.read_text(errors="replace"))))
    return []
