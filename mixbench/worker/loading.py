"""Load the class of a mixer from a module or from the user's file. It needs only torch: a duel loads mixers with it, too.

Each file of the user's has modules of its own: what it imports from its folder or its package is loaded for it alone, under
names that no other module has. So two files that each import a `helper` get the one next to them, however late they import it,
and a `random.py` next to a mixer is nobody else's `random`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from torch import nn

from ..parsing.home import Home, find, is_installation, is_installed
from ..parsing.imports import parse
from ..parsing.sources import Sources, place_of, sources_of, split_target
from .calls import ContractError

_PREFIX = "mixbench_user_"


def load_class(target: str) -> Callable[..., nn.Module]:
    """The class, or the function that makes a module, behind `module:Name` or `path/to/file.py:Name`. Raises ContractError.

    A target with the digest of its code, `path/to/file.py:Name@digest`, must still have that code.
    """
    source, name, digest = split_target(target)
    try:
        module = _load_file(place_of(source, digest), digest) if source.endswith(".py") else importlib.import_module(source)
    except ContractError:
        raise
    except (Exception, SystemExit) as error:
        raise ContractError(f"{source} cannot be imported: {type(error).__name__}: {_plain(str(error))}") from error
    loaded = getattr(module, name, None)
    if isinstance(loaded, FunctionType) or (isinstance(loaded, type) and issubclass(loaded, nn.Module)):
        return loaded
    fault = "does not exist" if loaded is None else "is not a torch.nn.Module class"
    raise ContractError(f"{source}: {name} {fault}")


def source_file(target: str) -> str:
    """The file that a loaded class comes from."""
    source, _, digest = split_target(target)
    return str(place_of(source, digest) if source.endswith(".py") else Path(sys.modules[source].__file__ or "").resolve())


@dataclass(frozen=True)
class _Namespace:
    """The modules of one file: `helper` is loaded as `prefix.helper`."""

    sources: Sources

    @property
    def home(self) -> Home:
        """Where they are."""
        return self.sources.home

    @property
    def prefix(self) -> str:
        """A name that depends on the place and the content of the code."""
        return _PREFIX + hashlib.sha256(f"{self.home.file}@{self.sources.digest}".encode()).hexdigest()[:12]

    def load(self) -> ModuleType:
        """Import the file. Folders that it puts on the import path stay there no longer: other code may find them first."""
        path = list(sys.path)
        try:
            return importlib.import_module(f"{self.prefix}.{self.home.module}")
        except BaseException:
            for name in [name for name in sys.modules if name.startswith(f"{self.prefix}.")]:
                del sys.modules[name]
            raise
        finally:
            sys.path[:] = [folder for folder in sys.path if folder in path or is_installation(str(folder))]

    def is_own(self, name: str, importer: str = "") -> bool:
        """Whether an absolute import of this name means a module of the file."""
        where = self.home.folder_of(name.partition(".")[0], importer)
        return where is not None and where[1]

    def spec(self, name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        """How to load a module of the file; `path` is that of the package around it."""
        full, loader = f"{self.prefix}.{name}", partial(_Loader, self)
        if name == self.home.module:
            inside = [str(self.home.file.parent)] if self.home.file.stem == "__init__" else None
            file = str(self.home.file)
            return spec_from_file_location(full, file, loader=loader(full, file), submodule_search_locations=inside)
        where = None if "." in name else self.home.folder_of(name, "")
        folders = [where[0]] if where else path or () if "." in name else ()
        return next(filter(None, (find(folder, full, loader) for folder in folders)), None)

    def check(self, name: str, content: bytes) -> None:
        """Raise ImportError for code that is not part of what identifies the mixer."""
        known = self.sources.modules.get(name)
        if known is None:
            raise ImportError(f"the code does not show that it imports the module {name}; use a plain import statement")
        if known != hashlib.sha256(content).hexdigest():
            raise ImportError(f"the module {name} has changed since the file was loaded")

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """`importlib.import_module` for the modules of the file."""
        return importlib.import_module(f"{self.prefix}.{name}" if self.is_own(name) else name, package)

    def import_name(self, name: str, *where: Any, fromlist: Sequence[str] = (), level: int = 0, **others: Any) -> Any:
        """`__import__` for the modules of the file."""
        positional = dict(zip(("globals", "locals", "fromlist", "level"), where, strict=False))
        given = {"fromlist": fromlist, "level": level, **others, **positional}
        if given["level"] or not self.is_own(name):
            return __import__(name, **given)
        module = __import__(f"{self.prefix}.{name}", **{**given, "fromlist": given["fromlist"] or ("",)})
        return module if given["fromlist"] else sys.modules[f"{self.prefix}.{name.partition('.')[0]}"]


class _Finder:
    """Finds the modules of users' files, which are loaded under the prefix of their namespace."""

    def __init__(self) -> None:
        self.namespaces: dict[str, _Namespace] = {}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """As Python's import system asks for it."""
        prefix, _, inner = name.partition(".")
        namespace = self.namespaces.get(prefix)
        return namespace.spec(inner, path) if namespace and inner else None

    def namespace(self, sources: Sources) -> _Namespace:
        """The namespace of a file with this code."""
        new = _Namespace(sources)
        if new.prefix in self.namespaces:
            return self.namespaces[new.prefix]
        root = ModuleType(new.prefix, f"The modules of {sources.home.file}")
        root.__path__ = []
        root.__dict__.update(import_module=new.import_module, import_name=new.import_name)
        sys.modules[new.prefix] = root
        self.namespaces[new.prefix] = new
        return new


_finder = _Finder()
sys.meta_path.insert(0, _finder)  # before the one that would load a module of a package as it is
_planned: dict[tuple[Path, str], _Namespace] = {}
"""By the place and the digest that a target names, so that a file is read once."""


def _load_file(path: Path, digest: str) -> ModuleType:
    namespace = _planned.get((path, digest)) or _finder.namespace(sources_of(path))
    module = namespace.load()
    if digest and digest != namespace.sources.digest:
        raise ContractError(f"{path} or a module that it imports has changed since this run was planned")
    for name in namespace.sources.missing & sys.modules.keys():
        spec = sys.modules[name].__spec__
        if spec and not is_installed(spec):
            del sys.modules[name]
            raise ContractError(
                f"{path} imports {name} from {spec.origin}, which is found only after the import path is changed, so mixbench"
                " cannot notice changes of its code; add its folder to PYTHONPATH"
            )
    if digest:
        _planned[path, digest] = namespace
    return module


class _Loader(SourceFileLoader):
    """Loads a module of a file from its source, in which the imports of the file's own modules name them in full."""

    def __init__(self, namespace: _Namespace, name: str, path: str) -> None:
        super().__init__(name, path)
        self.namespace = namespace

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source as it is now: neither read from a cache nor written to one."""
        source = self.get_data(self.path)
        name = fullname.partition(".")[2]
        self.namespace.check(name, source)
        tree = parse(source, self.path)
        _name_in_full(tree, self.namespace, name)
        code: CodeType = compile(tree, self.path, "exec", dont_inherit=True)
        return code


def _name_in_full(tree: ast.Module, namespace: _Namespace, module: str) -> None:
    """Let the absolute imports of a module's source find the namespace's modules first."""
    nodes = list(ast.walk(tree))
    importlibs = {
        alias.asname or "importlib"
        for node in nodes
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "importlib" or (alias.name.startswith("importlib.") and not alias.asname)
    }
    for node in nodes:
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                statements[:] = [new for old in statements for new in _imports_in_full(old, namespace, module)]
        if isinstance(node, ast.Attribute) and node.attr == "import_module" and isinstance(node.value, ast.Name):
            if node.value.id in importlibs:
                node.value = _root(namespace, node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "__import__":
            node.func = ast.copy_location(ast.Attribute(_root(namespace, node), "import_name", ast.Load()), node)


def _root(namespace: _Namespace, node: ast.expr) -> ast.expr:
    """An expression for the module that holds the namespace's functions."""
    call = ast.Call(ast.Name("__import__", ast.Load()), [ast.Constant(namespace.prefix)], [])
    return ast.fix_missing_locations(ast.copy_location(call, node))


def _imports_in_full(node: Any, namespace: _Namespace, module: str) -> Iterator[Any]:
    """A statement, or what stands for it if it is an absolute import."""
    if isinstance(node, ast.ImportFrom) and not node.level:
        own = [alias for alias in node.names if alias.name == "import_module"] if node.module == "importlib" else []
        if own:
            yield ast.copy_location(ast.ImportFrom(namespace.prefix, own, 0), node)
            node.names = [alias for alias in node.names if alias not in own]
        elif namespace.is_own(node.module or "", module):
            node.module = f"{namespace.prefix}.{node.module}"
        if node.names:
            yield node
    elif isinstance(node, ast.Import):
        for alias in node.names:
            for new in _in_full(alias, namespace, module):
                yield ast.fix_missing_locations(ast.copy_location(ast.Import([new]), node))
    else:
        yield node


def _in_full(alias: ast.alias, namespace: _Namespace, module: str) -> Iterator[ast.alias]:
    """`import a.b` binds `a`: both names are imported, the last one stays."""
    if not namespace.is_own(alias.name, module):
        yield alias
        return
    top = alias.name.partition(".")[0]
    yield ast.alias(f"{namespace.prefix}.{alias.name}", alias.asname or top)
    if top != alias.name and not alias.asname:
        yield ast.alias(f"{namespace.prefix}.{top}", top)


def _plain(text: str) -> str:
    """A message with the names that the user gave their modules."""
    for prefix in _finder.namespaces:
        text = text.replace(f"{prefix}.", "")
    return text
