"""Three rules of the package: imports point one way, none in a circle, and torch stays out of the parent process."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import mixbench

PACKAGE = Path(mixbench.__file__).parent

_LISTS = {"errors", "stats", "parsing", "machine", "tables", "mixers", "tasks"}
"""What every study and every judgement may know: what can be named, asked for and stored."""

MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "stats": {"errors"},
    "parsing": {"errors", "stats"},
    "machine": {"errors", "stats"},
    "tables": {"errors", "stats", "parsing", "machine"},
    "execution": {"errors", "stats", "parsing", "machine"},
    "mixers": {"errors", "stats", "parsing", "machine", "tables"},
    "tasks": {"errors", "stats", "parsing", "machine", "tables"},
    "model": {"mixers"},
    "worker": _LISTS | {"model"},
    "studies": _LISTS | {"execution"},
    "verdicts": _LISTS,
    "plots": _LISTS | {"verdicts"},
    "reports": _LISTS | {"verdicts", "plots"},
    "api": _LISTS | {"execution", "studies", "verdicts", "plots", "reports"},
    "cli": _LISTS | {"execution", "studies", "verdicts", "plots", "reports", "api"},
    "__main__": {"cli"},
    "__init__": {"api"},
    "version": set(),
}
"""What the modules of a folder (or a module at the top) may import besides each other and `version`."""

MAY_IMPORT_TORCH = {"mixers", "model", "worker"}
SLOW = {"torch", "pandas", "matplotlib", "scipy"}


def folder_of(module: str) -> str:
    """The folder of a module, or the module itself at the top of the package: `mixers` of `mixers.fnet`."""
    return module.partition(".")[0]


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of a source tree, named from the package on; the package itself is `__init__`."""
    named = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return named


def imports_of(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = path.relative_to(package.parent).parts[: -node.level] if node.level else ()
            yield from (
                (node.lineno, ".".join((*above, node.module or "", alias.name)).replace("..", ".")) for alias in node.names
            )


def faults(package: Path) -> list[str]:
    """Every breach of the rules in a source tree, as `file:line: what`, then circles as `a → b → a`."""
    modules = modules_of(package)
    imports = {module: list(_imports_within(module, path, package, modules)) for module, path in modules.items()}
    with_torch = {module for module, named in imports.items() if any(name.partition(".")[0] == "torch" for _, name in named)}
    found = []
    for module, path in modules.items():
        folder = folder_of(module)
        where = path.relative_to(package).as_posix()
        if folder not in MAY_IMPORT:
            found.append(f"{where}: {folder} is no folder of the package")
            continue
        for line, name in imports[module]:
            if name.partition(".")[0] == "torch":
                if folder not in MAY_IMPORT_TORCH:
                    found.append(f"{where}:{line}: {folder} imports torch")
            elif name in modules:
                if folder_of(name) not in {folder, "version", *MAY_IMPORT[folder]}:
                    found.append(f"{where}:{line}: {folder} imports {name}")
                elif name in with_torch and folder not in MAY_IMPORT_TORCH:
                    found.append(f"{where}:{line}: {folder} imports {name}, which imports torch")
    return found + circles({module: {name for _, name in named if name in modules} for module, named in imports.items()})


def _imports_within(module: str, path: Path, package: Path, modules: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    """Line and name of what a module imports; what is in a module of the package is named by that module."""
    for line, name in imports_of(path, package):
        top, _, inside = name.partition(".")
        if top != package.name:
            yield line, name
        # `rows.TABLES` is in `rows`; what is in no module is in the package itself, which all may import
        elif known := [other for other in modules if f"{inside}.".startswith(f"{other}.") and other != module]:
            yield line, max(known, key=len)


def circles(imports: Mapping[str, set[str]]) -> list[str]:
    """A line for each module from which imports lead back to it, by the shortest way."""
    found: dict[frozenset[str], str] = {}
    for start in imports:
        ways = [[start]]
        seen: set[str] = set()
        while ways:
            way = ways.pop(0)
            for target in sorted(imports.get(way[-1], set())):
                if target == start:
                    found.setdefault(frozenset(way), " → ".join([*way, start]))
                    ways = []
                    break
                if target not in seen:
                    seen.add(target)
                    ways.append([*way, target])
    return list(found.values())


def imports_torch(module: str) -> bool:
    """Whether a module of the package imports torch itself."""
    return any(name.partition(".")[0] == "torch" for _, name in imports_of(modules_of(PACKAGE)[module], PACKAGE))


def loaded_by(code: str, folder: Path = PACKAGE.parent) -> set[str]:
    """Which slow libraries a fresh interpreter has loaded after running `code` in `folder`."""
    report = f"import sys; print(*({SLOW!r} & set(sys.modules)), file=sys.stderr)"
    script = f"import atexit; atexit.register(exec, {report!r}, {{}})\n{code}"
    run = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return set(run.stderr.split())


def test_imports_point_one_way_and_torch_stays_with_the_worker():
    assert faults(PACKAGE) == []


def test_every_module_was_looked_at():
    assert {"tables.rows", "machine.environment", "mixers", "mixers.attention", "cli", "__init__"} <= set(modules_of(PACKAGE))
    assert {folder_of(module) for module in modules_of(PACKAGE)} == set(MAY_IMPORT)


@pytest.fixture
def tree(tmp_path):
    """A tree in which everything is as it should be."""
    package = tmp_path / "mixbench"
    for module in (
        "__init__",
        "version",
        "errors",
        "mixers/__init__",
        "mixers/fnet",
        "worker/measure/peak",
        "verdicts/speed",
        "studies/speed",
        "api",
    ):
        path = package / f"{module}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("from mixbench.version import __version__\n")
    (package / "version.py").write_text("")
    (package / "mixers/fnet.py").write_text("import torch\nfrom mixbench.mixers import MIXERS\n")
    (package / "api.py").write_text("from mixbench.studies import speed\nfrom mixbench.verdicts.speed import summarise\n")
    assert faults(package) == []
    return package


@pytest.mark.parametrize(
    ("file", "code", "fault"),
    [
        ("errors.py", "from mixbench.api import speed", "errors.py:1: errors imports api"),
        ("errors.py", "from mixbench import api", "errors.py:1: errors imports api"),
        ("errors.py", "import mixbench.mixers", "errors.py:1: errors imports mixers"),
        ("studies/speed.py", "import mixbench.verdicts.speed", "studies/speed.py:1: studies imports verdicts.speed"),
        ("studies/speed.py", "from ..verdicts import speed", "studies/speed.py:1: studies imports verdicts.speed"),
        ("verdicts/speed.py", "from mixbench.studies import speed", "verdicts/speed.py:1: verdicts imports studies.speed"),
        ("worker/measure/peak.py", "import mixbench.api", "worker/measure/peak.py:1: worker imports api"),
        ("api.py", "def f():\n    from mixbench.worker.measure import peak", "api.py:2: api imports worker.measure.peak"),
        ("api.py", "from mixbench.mixers.fnet import FNet", "api.py:1: api imports mixers.fnet, which imports torch"),
        ("api.py", "import torch.nn as nn", "api.py:1: api imports torch"),
        ("api.py", "def f():\n    from torch import nn", "api.py:2: api imports torch"),
        ("execution/server.py", "import torch", "execution/server.py:1: execution imports torch"),
        ("novel.py", "", "novel.py: novel is no folder of the package"),
        ("mixers/__init__.py", "import mixbench.mixers.fnet", "mixers → mixers.fnet → mixers"),
    ],
)
def test_a_breach_is_reported_with_its_place(file, code, fault, tree):
    (tree / file).parent.mkdir(exist_ok=True)
    (tree / file).write_text(code)
    assert faults(tree) == [fault]


def test_importing_everything_that_the_parent_may_import_leaves_torch_out():
    names = [
        module
        for module in modules_of(PACKAGE)
        if folder_of(module) not in {"worker", "model"} and "__" not in module and not imports_torch(module)
    ]
    assert "torch" not in loaded_by("\n".join(f"import mixbench.{name}" for name in names))


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["speed", "--help"]])
def test_the_command_line_starts_without_slow_libraries(arguments):
    assert loaded_by(f"import sys; sys.argv[1:] = {arguments!r}\nfrom mixbench.__main__ import main\nmain()") == set()


@pytest.mark.parametrize("library", ["torch", "scipy"])
def test_a_slow_library_is_noticed(library, tmp_path):
    (tmp_path / f"{library}.py").write_text("")
    (tmp_path / "planted.py").write_text(f"import {library}")
    assert loaded_by("import planted\nraise SystemExit", tmp_path) == {library}
