"""What the source of a user's class says of it, read from its syntax: whether it is causal, or can be made so."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mixbench.parsing.home import Home, find, importable
from mixbench.parsing.imports import NOT_PYTHON, absolute, parse

Causality = Literal["no", "option", "always"]
"""Whether a token can be kept from seeing those after it: not at all, by an option `causal`, or it never sees them."""
Locate = Callable[[str, str], Path | None]
"""The source of a module, by its dotted name and that of the module that imports it."""

_Definition = ast.ClassDef | ast.FunctionDef
_DEEP = 20
"""Names that are followed from one definition to another."""


def causality_of_file(file: Path, name: str) -> Causality:
    """What a class or function of a user's file says, or what it inherits or imports from the file's own modules."""
    home = Home(file)
    try:
        module = home.module
    except OSError:
        return "no"

    def locate(wanted: str, importer: str) -> Path | None:
        found = (spec.origin for own, spec in home.modules(wanted, importer) if own == wanted)
        return next((Path(origin) for origin in found if origin), None)

    return _Search(locate).causality(file, module, name, _DEEP)


def causality_of_module(module: str, name: str) -> Causality:
    """The same for a class of an importable module; nothing is imported."""
    file = _source_of(module)
    return _Search(lambda wanted, _: _source_of(wanted)).causality(file, module, name, _DEEP) if file else "no"


def _source_of(module: str) -> Path | None:
    top, *inner = module.split(".")
    spec, name = importable(top), top
    for part in inner:
        name = f"{name}.{part}"
        folders = (spec and spec.submodule_search_locations) or ()
        spec = next(filter(None, (find(folder, name) for folder in folders)), None)
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@dataclass(frozen=True)
class _Search:
    locate: Locate

    def causality(self, file: Path, module: str, name: str, depth: int) -> Causality:
        try:
            statements = [*_statements(parse(file.read_bytes(), str(file)).body)]
        except (OSError, *NOT_PYTHON):
            return "no"
        package = module if file.stem == "__init__" else module.rpartition(".")[0]

        def look_up(name: str, depth: int) -> Causality:
            if not depth:
                return "no"
            for node in reversed(statements):  # the last one counts
                if isinstance(node, _Definition) and node.name == name:
                    return _of_class(node, depth) if isinstance(node, ast.ClassDef) else _of_function(node)
                if isinstance(node, ast.ImportFrom):
                    for alias in node.names:
                        if (alias.asname or alias.name) == name:
                            return imported(absolute(package, node.module or "", node.level), alias.name, depth)
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and name in _names(node.targets):
                    return look_up(node.value.id, depth - 1)
            return "no"

        def imported(source: str, name: str, depth: int) -> Causality:
            file = self.locate(source, module)
            return self.causality(file, source, name, depth - 1) if file else "no"

        def _of_class(node: ast.ClassDef, depth: int) -> Causality:
            methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
            built = methods.get("__init__")
            if built and _of_function(built) == "option":
                return "option"
            if any(_is_true(each) for each in node.body):
                return "always"
            bases = [look_up(base.id, depth - 1) for base in node.bases if isinstance(base, ast.Name)]
            passes_on = built is None or built.args.kwarg is not None
            inherited = [each for each in bases if each == "always" or (each == "option" and passes_on)]
            return next(iter(inherited), "no")

        return look_up(name, depth)


def _of_function(node: ast.FunctionDef) -> Causality:
    named = {each.arg for each in (*node.args.args, *node.args.kwonlyargs)}
    return "option" if "causal" in named else "no"


def _is_true(node: ast.stmt) -> bool:
    """Whether a statement says `causal = True`."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    value = getattr(node, "value", None)
    return "causal" in _names(targets) and isinstance(value, ast.Constant) and value.value is True


def _names(targets: Iterable[ast.expr]) -> set[str]:
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _statements(nodes: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, also those in its blocks, but not those of classes and functions."""
    for node in nodes:
        yield node
        if not isinstance(node, _Definition):
            for block in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, block, ()))
            for handler in getattr(node, "handlers", ()):
                yield from _statements(handler.body)
