"""Whatever the installation points to, the modules of a version come from its own tree, or are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import pytest
from places import REPOSITORY

SCRIPT = """
import importlib, json, os, site, sys
given = json.loads(sys.argv[1])
sys.path.remove(given["package"])
from mixbench.worker.imports import Imports
for name in [name for name in sys.modules if name.partition(".")[0] == "mixbench"]:
    del sys.modules[name]
sys.path.remove(given["mixbench"])
sys.prefix = given["prefix"] or sys.prefix
site.addsitedir(given["site"])
imports = Imports(given["package"], given["root"], given["origins"], given["origins"])
sys.path += given["last"]
imports.install([given["root"]] if given["root"] else [], given["last"])
found, failed = {}, False
for name in given["names"]:
    try:
        module = importlib.import_module(name)
        found[name] = module.__file__ or list(module.__path__)
    except ImportError as error:
        found[name], failed = str(error), True
exec(given["code"])
print(json.dumps([found, imports.told("no_such_package", failed=failed and given["must"])]))
"""
FINDER = """
import sys
from importlib.machinery import PathFinder, ModuleSpec
from importlib.util import spec_from_file_location
MAPPING = {mapping!r}
class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name in MAPPING:
            folder = MAPPING[name]
            try:
                return spec_from_file_location(name, folder + "/__init__.py") if open(folder + "/__init__.py") else None
            except OSError:
                spec = ModuleSpec(name, None, is_package=True)
                spec.submodule_search_locations = [folder]
                return spec
        parent = name.rpartition(".")[0]
        return PathFinder.find_spec(name, [MAPPING[parent]]) if parent in MAPPING else None
sys.meta_path.append(Finder)
"""


@dataclass
class Places:
    """The user's repository, the tree of a version, and a folder in which packages are installed."""

    folder: Path

    @property
    def repository(self) -> Path:
        return self.folder / "user"

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    @property
    def site(self) -> Path:
        return self.folder / "site"

    def both(self, *names: str) -> None:
        """Write files both in the repository and in the tree."""
        self.write(self.repository, *names)
        self.write(self.tree, *names)

    def write(self, place: Path, *names: str) -> None:
        for name in names:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("")

    def hook(self, mapping: Mapping[str, Path]) -> None:
        """A finder as setuptools installs it."""
        code = FINDER.format(mapping={name: str(folder) for name, folder in mapping.items()})
        (self.site / "editable_finder.py").write_text(code)
        (self.site / "editable.pth").write_text("import editable_finder\n")

    def seen(self, *names: str, code: str = "", must: bool = False, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Import modules in the version: their files, and what is told of them."""
        given = {
            "mixbench": str(REPOSITORY),
            "package": str(REPOSITORY / "mixbench"),
            "root": str(self.tree),
            "origins": [str(self.repository)],
            "site": str(self.site),
            "names": names,
            "prefix": "",
            "code": code,
            "must": must,
            "last": [],
        } | changes
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": given.get("HOME", "/nowhere"),
            "PYTHONPATH": os.pathsep.join([given["package"], given["mixbench"]]),
        }
        command = [sys.executable, "-S", "-P", "-c", SCRIPT, json.dumps(given)]
        done = subprocess.run(command, cwd=self.tree, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found, told = json.loads(done.stdout)
        return found, told


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path.resolve())
    for place in (made.repository, made.tree, made.site):
        place.mkdir()
    return made


OWN: dict[str, Any] = {"foreign": [], "lacking": []}


@pytest.mark.parametrize("folder", ["python", "pkg/src", "."])
def test_a_path_of_an_editable_installation_leads_into_the_tree(places, folder):
    places.both(f"{folder}/package/__init__.py", f"{folder}/package/part.py", f"{folder}/single.py")
    (places.site / "editable.pth").write_text(f"{places.repository / folder}\n")
    found, told = places.seen("package.part", "single")
    assert found == {
        "package.part": str(places.tree / folder / "package" / "part.py"),
        "single": str(places.tree / folder / "single.py"),
    }
    assert told == OWN


def test_a_hook_of_an_editable_installation_leads_into_the_tree(places):
    places.both("python/package/__init__.py", "python/package/part.py", "lib/__init__.py", "lib/inner.py", "space/one.py")
    named = {"package": "python/package", "renamed": "lib", "space": "space"}
    places.hook({name: places.repository / folder for name, folder in named.items()})
    found, told = places.seen("package.part", "renamed.inner", "space.one")
    assert found == {
        "package.part": str(places.tree / "python" / "package" / "part.py"),
        "renamed.inner": str(places.tree / "lib" / "inner.py"),
        "space.one": str(places.tree / "space" / "one.py"),
    }
    assert told == OWN


def test_modules_in_the_last_folders_come_after_installed_ones_even_editable_ones(places):
    places.write(
        places.folder / "last", "package/__init__.py", "single.py", "installed.py", "helper.py", "mixbench/__init__.py"
    )
    places.write(places.folder / "own", "package/__init__.py", "single/part.py")
    places.write(places.site, "installed.py")
    places.hook({name: places.folder / "own" / name for name in ("package", "single")})
    last = {"root": "", "last": [str(places.folder / "last")]}
    found, _ = places.seen("package", "single.part", "installed", "helper", "mixbench", **last)
    assert found == {
        "package": str(places.folder / "own" / "package" / "__init__.py"),
        "single.part": str(places.folder / "own" / "single" / "part.py"),
        "installed": str(places.site / "installed.py"),
        "helper": str(places.folder / "last" / "helper.py"),
        "mixbench": str(places.folder / "last" / "mixbench" / "__init__.py"),
    }


def test_a_package_may_be_a_module_in_another_version(places):
    places.write(places.repository, "python/package/__init__.py")
    places.write(places.tree, "python/package.py")
    places.hook({"package": places.repository / "python" / "package"})
    assert places.seen("package") == ({"package": str(places.tree / "python" / "package.py")}, OWN)


def test_a_namespace_has_the_parts_of_the_tree_and_those_that_are_installed(places):
    places.both("python/space/one.py")
    places.write(places.site, "space/two.py")
    (places.site / "editable.pth").write_text(f"{places.repository / 'python'}\n")
    found, told = places.seen("space.one", "space.two")
    assert found == {
        "space.one": str(places.tree / "python" / "space" / "one.py"),
        "space.two": str(places.site / "space" / "two.py"),
    }
    assert told == OWN


def test_a_package_that_is_linked_into_the_environment_is_that_of_the_tree(places):
    places.both("python/package/__init__.py")
    (places.site / "package").symlink_to(places.repository / "python" / "package")
    assert places.seen("package") == ({"package": str(places.tree / "python" / "package" / "__init__.py")}, OWN)


def test_a_module_that_was_built_in_the_working_tree_is_told_even_if_the_version_does_without(places):
    built = f"_C{EXTENSION_SUFFIXES[0]}"
    places.both("package/__init__.py")
    places.write(places.repository, f"package/{built}", f"build/_top{EXTENSION_SUFFIXES[-1]}")
    (places.site / "editable.pth").write_text(f"{places.repository}\n{places.repository / 'build'}\n")
    found, told = places.seen("package._C", "_top")
    assert found["package._C"] == "No module named 'package._C'"
    assert told["lacking"] == [
        ["package._C", str(places.repository / "package" / built)],
        ["_top", str(places.repository / "build" / f"_top{EXTENSION_SUFFIXES[-1]}")],
    ]


def test_a_module_that_a_version_lacks_is_told_where_it_fails_for_it(places):
    places.both("package/__init__.py")
    places.write(places.repository, "package/later.py")
    places.hook({"package": places.repository / "package"})
    assert places.seen("package.later") == ({"package.later": "No module named 'package.later'"}, OWN)
    assert places.seen("package.later", must=True)[1] == {
        "foreign": [],
        "lacking": [["package.later", str(places.repository / "package" / "later.py")]],
    }


def test_what_is_loaded_from_the_repository_all_the_same_is_told(places):
    places.write(places.repository, "helper.py")
    file = str(places.repository / "helper.py")
    load = f"""
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("helper", {file!r})
sys.modules["helper"] = module_from_spec(spec)
spec.loader.exec_module(sys.modules["helper"])
"""
    assert places.seen(code=load)[1] == {"foreign": [["helper", file]], "lacking": []}
    no_module = load.replace('sys.modules["helper"]', "helper")
    for unnoticed in (no_module, f"import runpy; runpy.run_path({file!r})", f"exec(compile('1', {file!r}, 'exec'))"):
        assert places.seen(code=unnoticed)[1] == {"foreign": [["", file]], "lacking": []}
    assert places.seen(code=f"exec(compile('1', {str(places.tree / 'own.py')!r}, 'exec')); open({file!r})")[1] == OWN
    (places.tree / "linked.py").symlink_to(file)
    assert places.seen("linked")[1] == {"foreign": [["linked", file]], "lacking": []}


def test_the_code_that_measures_is_no_part_of_a_version(places):
    code = "import types\nfor name in given['measuring']: sys.modules[name] = types.ModuleType(name)\n"
    code += "for name in given['measuring']: sys.modules[name].__file__ = given['origins'][0] + '/duel.py'"
    names = ["__main__", "__mp_main__", "no_such_package.duel"]
    assert places.seen(code=code, measuring=names)[1] == OWN
    assert places.seen(code=code, measuring=["no_such_packages"])[1]["foreign"] != []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which libraries are loaded")
def test_a_library_from_the_repository_is_told(places):
    import _ctypes

    library, compiled = places.repository / "a b.so.1", places.repository / ".cache" / "kernel.so"
    compiled.parent.mkdir()
    for place in (library, compiled, places.repository / "data.so.bin"):
        place.write_bytes(Path(_ctypes.__file__).read_bytes())
    code = "import ctypes, mmap\nfor file in given['libraries']: ctypes.CDLL(file)\n"
    code += (
        "file = open(given['origins'][0] + '/data.so.bin', 'rb'); kept = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)"
    )
    told = places.seen(code=code, libraries=[str(library), str(compiled)], HOME=str(places.repository))[1]
    assert told == {"foreign": [["", str(library)]], "lacking": []}


def test_packages_that_are_installed_inside_the_repository_belong_to_no_version(places):
    environment = places.repository / ".venv"
    packages = environment / "lib" / "site-packages"
    target = places.repository / "deps"
    places.write(packages, "installed.py")
    places.write(target, "dependency.py", "dependency-1.0.dist-info/METADATA")
    (places.site / "paths.pth").write_text(f"{packages}\n{target}\n")
    found, told = places.seen("installed", "dependency", prefix=str(environment))
    assert found == {"installed": str(packages / "installed.py"), "dependency": str(target / "dependency.py")}
    assert told == OWN


def test_a_repository_inside_an_environment_is_a_repository(places):
    places.both("python/package/__init__.py")
    (places.site / "editable.pth").write_text(f"{places.repository / 'python'}\n")
    found, told = places.seen("package", prefix=str(places.folder))
    assert (found["package"], told) == (str(places.tree / "python" / "package" / "__init__.py"), OWN)


def install_copy(places: Places, editable: bool) -> None:
    """What pip leaves of `pip install ./python` in the environment."""
    metadata = places.site / "package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: package\nVersion: 1.0\n")
    url = {"url": (places.repository / "python").as_uri(), "dir_info": {"editable": True} if editable else {}}
    (metadata / "direct_url.json").write_text(json.dumps(url))
    (metadata / "RECORD").write_text("package/__init__.py,,\n")


@pytest.mark.parametrize("editable", [False, True], ids=["copied", "editable"])
def test_a_package_that_was_installed_from_the_repository_is_that_of_the_tree(places, editable):
    places.both("python/src/package/__init__.py")
    places.write(places.site, "package/__init__.py")
    install_copy(places, editable)
    found, told = places.seen("package")
    assert (found["package"], told) == (str(places.tree / "python" / "src" / "package" / "__init__.py"), OWN)


def test_a_copy_that_was_installed_from_the_repository_is_told_where_the_tree_has_none(places):
    places.write(places.site, "package/__init__.py")
    places.write(places.repository, "python/setup.py")
    install_copy(places, editable=False)
    assert places.seen("package")[1]["foreign"] == [["package", str(places.site / "package" / "__init__.py")]]


def test_another_working_tree_of_the_repository_is_replaced_too(places):
    feature = places.repository / "trees" / "feature"
    places.write(feature, "python/package/__init__.py")
    places.write(places.tree, "python/package/__init__.py")
    (places.site / "editable.pth").write_text(f"{feature / 'python'}\n")
    found, told = places.seen("package", origins=[str(places.repository), str(feature)])
    assert (found["package"], told) == (str(places.tree / "python" / "package" / "__init__.py"), OWN)
    own, told = places.seen("package", origins=[str(places.repository), str(feature)], root=str(places.repository))
    assert own["package"] == "No module named 'package'"


def test_mixbench_is_found_where_nothing_else_has_it(places):
    places.write(places.tree, "mixbench/notes.txt")
    measuring = str(REPOSITORY / "mixbench")
    places.hook({"mixbench": REPOSITORY / "mixbench"})
    assert places.seen("mixbench.version") == ({"mixbench.version": f"{measuring}/version.py"}, OWN)
    inside = places.seen("mixbench.version", origins=[str(REPOSITORY)])
    assert inside == ({"mixbench.version": f"{measuring}/version.py"}, OWN)
    places.write(places.tree, "mixbench/__init__.py", "mixbench/version.py")
    own, told = places.seen("mixbench.version", origins=[str(REPOSITORY)])
    assert (own["mixbench.version"], told) == (str(places.tree / "mixbench" / "version.py"), OWN)


def test_without_a_tree_everything_is_imported_as_it_is(places):
    places.write(places.repository, "package/__init__.py")
    (places.site / "editable.pth").write_text(f"{places.repository}\n")
    found, told = places.seen("package", root="", origins=[])
    assert (found["package"], told) == (str(places.repository / "package" / "__init__.py"), {})
