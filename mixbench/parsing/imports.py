"""What the code of a module imports: read from its syntax, without running it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What Python's parser raises for a text that it cannot take; the last two for one that is nested too deeply."""

_BY_NAME = frozenset(("import_module", "__import__"))
_UNSEEN = frozenset(
    ("exec", "exec_module", "load_module", "iter_modules", "run_module", "run_path", "spec_from_file_location", "walk_packages")
)
"""Functions that load modules whose names are known only when they run."""
_COMPILING = "cpp_extension"
"""The part of torch that builds modules from sources in other languages."""


@dataclass(frozen=True)
class Imports:
    """The dotted names that a module imports; one may also be that of a member of a module.

    `whole` are the packages of which it imports everything: `from package import *`. With `unseen` it imports more, under names
    that cannot be read; with `changes_path` it finds more than others do.
    """

    names: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    unseen: bool = False
    changes_path: bool = False


def parse(source: bytes, file: str) -> ast.Module:
    """The syntax tree of a file, without the parser's warnings. Raises one of NOT_PYTHON."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, file)


@lru_cache(maxsize=4096)
def imports_of(source: bytes, module: str, is_package: bool) -> Imports:
    """What the source of a module with this dotted name imports; nothing if it is not valid Python.

    `is_package` tells its `__init__.py` from a module.
    """
    try:
        nodes = list(ast.walk(parse(source, module)))
    except NOT_PYTHON:
        return Imports()
    package = module if is_package else module.rpartition(".")[0]
    names, whole = set[str](), set[str]()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = absolute(package, node.module or "", node.level)
            names.update(".".join(filter(None, (base, alias.name))) for alias in node.names if alias.name != "*")
            names.add(base)
            whole |= {base} if any(alias.name == "*" for alias in node.names) else set()
    calls = list(_literal_calls(nodes))
    names.update(absolute(package, name.lstrip("."), len(name) - len(name.lstrip("."))) for _, name in calls)
    seen = {id(function) for function, _ in calls}
    unseen = any(_loads_modules(node) and id(node) not in seen for node in nodes)
    changes_path = any(_is_import_path(node) for node in nodes)
    return Imports(frozenset(filter(None, names)), frozenset(whole), unseen, changes_path)


def absolute(package: str, name: str, level: int) -> str:
    """The absolute name of what a module in `package` imports as `name` after `level` dots."""
    if not level:
        return name
    packages = package.split(".")
    return ".".join(filter(None, [*packages[: max(0, len(packages) - level + 1)], name]))


def _literal_calls(nodes: list[ast.AST]) -> Iterator[tuple[ast.expr, str]]:
    """Every call of import_module or __import__ with a literal name: the function, and the name."""
    for node in nodes:
        if isinstance(node, ast.Call) and node.args and _name_of(node.func) in _BY_NAME:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.func, first.value


def _loads_modules(node: ast.AST) -> bool:
    """Whether an expression or an import mentions something that loads modules by names that cannot be read."""
    if isinstance(node, ast.alias):
        last = node.name.rpartition(".")[2]
        return last == _COMPILING or (node.asname is not None and last in _BY_NAME | _UNSEEN)
    name = _name_of(node)
    if name == "exec":
        return isinstance(node, ast.Name)
    return name == _COMPILING or name in _BY_NAME | _UNSEEN


def _is_import_path(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return (node.value.id, node.attr) in (("sys", "path"), ("site", "addsitedir"))
    return isinstance(node, ast.ImportFrom) and node.module == "sys" and any(alias.name == "path" for alias in node.names)


def _name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def imports_relatively(source: bytes) -> bool:
    """Whether a source imports from the package that it is in: `from .parts import Gate`."""
    try:
        nodes = ast.walk(parse(source, "module"))
        return any(isinstance(node, ast.ImportFrom) and node.level for node in nodes)
    except NOT_PYTHON:
        return False
