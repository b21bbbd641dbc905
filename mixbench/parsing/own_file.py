"""A class in a user's own file: what is wrong with how it is named, and the code that it depends on."""

from __future__ import annotations

import ast
from pathlib import Path

from mixbench.errors import RequestError, UnknownNameError, shortened
from mixbench.parsing.imports import NOT_PYTHON, parse
from mixbench.parsing.sources import Sources, TooManyModulesError, sources_of

_FORM = "The form is path/to/file.py:ClassName."
_LARGEST_FILE = 10_000_000


def sources_of_class(file: str, name: str) -> Sources:
    """The code of a class in a file, which is read but not run. Raises RequestError for a file or name that cannot be one."""
    path, shown = Path(file), f"--mixer: {shortened(file)}"
    try:
        source = _read(path)
        tree = parse(source, file)
        sources = sources_of(path.resolve())
    except OSError as error:
        raise RequestError(f"{shown} cannot be read: {error.strerror}", _FORM) from error
    except TooManyModulesError as error:
        raise RequestError(
            f"{shown} imports modules by names that are computed at run time, and {error}",
            "Move it and its modules to a folder of their own.",
        ) from error
    except NOT_PYTHON as error:
        raise RequestError(f"{shown}{_what_is_wrong(error)}") from error
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    if name not in classes and not _may_define(tree, name):
        raise UnknownNameError("class", name, classes, f"in {shortened(file)}")
    return sources


def _read(path: Path) -> bytes:
    """The content of a file. Raises OSError; RequestError for what is no file, or is too large for a source."""
    size = path.stat().st_size
    if not path.is_file():
        raise RequestError(f"--mixer: {shortened(str(path))} is not a file", _FORM)
    if size > _LARGEST_FILE:
        raise RequestError(f"--mixer: {shortened(str(path))} has {size / 1e6:.0f} MB, too large for a source file", _FORM)
    return path.read_bytes()


def _what_is_wrong(error: BaseException) -> str:
    if isinstance(error, RecursionError | MemoryError):
        return " is nested too deeply for Python"
    if isinstance(error, SyntaxError):
        return f"{f', line {error.lineno}' if error.lineno else ''} is not valid Python: {error.msg}"
    return f" is not valid Python: {error}"


def _may_define(tree: ast.Module, name: str) -> bool:
    """Whether a module may define a name other than by a class statement at its top: by assignment, by import, in a block."""
    nodes = list(ast.walk(tree))
    assigned = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {alias.asname or alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    nested = {node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    return name in assigned | imported | nested or "*" in imported
