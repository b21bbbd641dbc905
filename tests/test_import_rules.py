"""Two rules of the package: imports point one way, and torch stays out of the parent process."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import mixbench

PACKAGE = Path(mixbench.__file__).parent

LAYERS = {
    "foundation": ("errors", "columns", "rows", "stats", "spec", "option", "ranges"),
    "machine": (
        "machine",
        "nvidia",
        "environment",
        "disturbances",
        "storage",
        "results",
        "history",
        "foreign_trials",
        "artefacts",
    ),
    "tables": ("mixers", "mixers.description", "mixers.choice", "mixers.*_cost", "tasks", "tasks.*"),
    "worker": (
        "mixers.*",
        "model",
        "measure",
        "measure.*",
        "training",
        "training.*",
        "execution.worker",
        "execution.trainer",
        "execution.mapper",
        "execution.duel_worker",
    ),
    "running": ("studies", "studies.*", "execution", "execution.*"),
    "judging": ("verdicts", "verdicts.*", "plots", "plots.*"),
    "api": ("api", "api.*"),
    "cli": ("cli", "cli.*", "__main__", "__init__"),
}
"""Modules by layer; the first pattern that matches decides."""

_PLANS = {"foundation", "machine", "tables"}
MAY_IMPORT = {
    "foundation": set(),
    "machine": {"foundation"},
    "tables": {"foundation", "machine"},
    "worker": _PLANS,
    "running": _PLANS,
    "judging": _PLANS,
    "api": _PLANS | {"running", "judging"},
    "cli": _PLANS | {"running", "judging", "api"},
}
"""What a layer may import besides itself and the package's version."""

MAY_IMPORT_TORCH = {"worker"}
SLOW = {"torch", "pandas", "matplotlib", "scipy"}


def layer_of(module: str) -> str | None:
    """The layer of a module, named from the package on: `mixers.fnet`."""
    return next((layer for layer, patterns in LAYERS.items() if any(fnmatchcase(module, p) for p in patterns)), None)


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
    """Every breach of the two rules in a source tree, as `file:line: what`."""
    modules = modules_of(package)
    found = []
    for module, path in modules.items():
        layer = layer_of(module)
        where = path.relative_to(package).as_posix()
        if layer is None:
            found.append(f"{where}: belongs to no layer")
            continue
        for line, name in imports_of(path, package):
            top, _, inside = name.partition(".")
            if top == "torch" and layer not in MAY_IMPORT_TORCH:
                found.append(f"{where}:{line}: {layer} imports torch")
            if top != package.name:
                continue
            # `rows.SpeedRow` is in `rows`; what is in no module is in the package itself, which all may import
            imported = max((known for known in modules if f"{inside}.".startswith(f"{known}.")), key=len, default=None)
            target = layer_of(imported) if imported else layer
            if target not in {layer, *MAY_IMPORT[layer]}:
                found.append(f"{where}:{line}: {layer} imports {imported} of {target}")
    return found


def loaded_by(code: str, folder: Path = PACKAGE.parent) -> set[str]:
    """Which slow libraries a fresh interpreter has loaded after running `code` in `folder`."""
    report = f"import sys; print(*({SLOW!r} & set(sys.modules)), file=sys.stderr)"
    script = f"import atexit; atexit.register(exec, {report!r}, {{}})\n{code}"
    run = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return set(run.stderr.split())


def test_imports_point_one_way_and_torch_stays_with_the_worker():
    assert faults(PACKAGE) == []


def test_every_module_was_looked_at():
    assert {"rows", "environment", "mixers", "mixers.attention", "cli.doctor", "__init__"} <= set(modules_of(PACKAGE))


@pytest.fixture
def tree(tmp_path):
    """A tree in which everything is as it should be."""
    package = tmp_path / "mixbench"
    for module in (
        "__init__",
        "errors",
        "mixers/__init__",
        "mixers/fnet",
        "measure/peak",
        "verdicts/speed",
        "studies/speed",
        "api",
    ):
        path = package / f"{module}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("from mixbench import __version__\n")
    (package / "mixers/fnet.py").write_text("import torch\nfrom mixbench.mixers import MIXERS\n")
    (package / "api.py").write_text("from mixbench.studies import speed\nfrom mixbench.verdicts.speed import summarise\n")
    assert faults(package) == []
    return package


@pytest.mark.parametrize(
    ("file", "code", "fault"),
    [
        ("errors.py", "from mixbench.api import speed", "errors.py:1: foundation imports api of api"),
        ("errors.py", "from mixbench import api", "errors.py:1: foundation imports api of api"),
        ("errors.py", "import mixbench.mixers", "errors.py:1: foundation imports mixers of tables"),
        ("studies/speed.py", "import mixbench.verdicts.speed", "studies/speed.py:1: running imports verdicts.speed of judging"),
        ("studies/speed.py", "from ..verdicts import speed", "studies/speed.py:1: running imports verdicts.speed of judging"),
        (
            "verdicts/speed.py",
            "from mixbench.studies import speed",
            "verdicts/speed.py:1: judging imports studies.speed of running",
        ),
        (
            "mixers/__init__.py",
            "from mixbench.mixers.fnet import FNet",
            "mixers/__init__.py:1: tables imports mixers.fnet of worker",
        ),
        ("api.py", "def f():\n    from mixbench.measure import peak", "api.py:2: api imports measure.peak of worker"),
        ("api.py", "import torch.nn as nn", "api.py:1: api imports torch"),
        ("api.py", "def f():\n    from torch import nn", "api.py:2: api imports torch"),
        ("mixers/__init__.py", "import torch", "mixers/__init__.py:1: tables imports torch"),
        ("execution/server.py", "import torch", "execution/server.py:1: running imports torch"),
        ("novel.py", "", "novel.py: belongs to no layer"),
    ],
)
def test_a_breach_is_reported_with_its_place(file, code, fault, tree):
    (tree / file).parent.mkdir(exist_ok=True)
    (tree / file).write_text(code)
    assert faults(tree) == [fault]


def test_importing_everything_that_the_parent_may_import_leaves_torch_out():
    names = [module for module in modules_of(PACKAGE) if layer_of(module) not in {"worker", None} and "__" not in module]
    assert "torch" not in loaded_by("\n".join(f"import mixbench.{name}" for name in names))


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["speed", "--help"]])
def test_the_command_line_starts_without_slow_libraries(arguments):
    assert loaded_by(f"import sys; sys.argv[1:] = {arguments!r}\nfrom mixbench.__main__ import main\nmain()") == set()


@pytest.mark.parametrize("library", ["torch", "scipy"])
def test_a_slow_library_is_noticed(library, tmp_path):
    (tmp_path / f"{library}.py").write_text("")
    (tmp_path / "planted.py").write_text(f"import {library}")
    assert loaded_by("import planted\nraise SystemExit", tmp_path) == {library}
