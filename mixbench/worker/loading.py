"""Load the class of a mixer from a module or from the user's file. It needs only torch: a duel loads mixers with it, too."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from torch import nn

from .calls import ContractError


def load_class(target: str) -> Callable[..., nn.Module]:
    """The class, or the function that makes a module, behind `module:Name` or `path/to/file.py:Name`. Raises ContractError."""
    source, _, name = target.rpartition(":")
    try:
        module = _load_file(Path(source)) if source.endswith(".py") else importlib.import_module(source)
    except Exception as error:
        raise ContractError(f"{source} cannot be imported: {type(error).__name__}: {error}") from error
    loaded = getattr(module, name, None)
    if isinstance(loaded, FunctionType) or (isinstance(loaded, type) and issubclass(loaded, nn.Module)):
        return loaded
    fault = "does not exist" if loaded is None else "is not a torch.nn.Module class"
    raise ContractError(f"{source}: {name} {fault}")


def _load_file(path: Path) -> Any:
    if _imports_relatively(path):
        return _load_from_package(path)
    name = f"mixbench_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look up the module of a class
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


def _imports_relatively(path: Path) -> bool:
    """Whether a file imports from the package that it is in: `from .parts import Gate`."""
    nodes = ast.walk(ast.parse(path.read_bytes()))
    return any(isinstance(node, ast.ImportFrom) and node.level for node in nodes)


def _load_from_package(path: Path) -> Any:
    """Import a file as the module that it is in its package."""
    parts = [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    sys.path.insert(0, str(folder))
    module = importlib.import_module(".".join(parts))
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise ImportError(f"{'.'.join(parts)} is {module.__file__}")
    return module


def source_file(target: str) -> str:
    """The file that a loaded class comes from."""
    source = target.rpartition(":")[0]
    return str(Path(source if source.endswith(".py") else sys.modules[source].__file__ or "").resolve())
