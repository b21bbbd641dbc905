from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixbench.parsing.imports import Imports, absolute, imports_of, imports_relatively


def read(source: str, module: str = "package.mine", *, is_package: bool = False) -> Imports:
    return imports_of(textwrap.dedent(source).encode(), module, is_package)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.b as c, d", {"a.b", "d"}),
        ("from a import b, c as d", {"a", "a.b", "a.c"}),
        ("from . import b", {"package", "package.b"}),
        ("from .a import b", {"package.a", "package.a.b"}),
        ("def f():\n    import late", {"late"}),
        ("try:\n    import fast\nexcept ImportError:\n    import slow", {"fast", "slow"}),
        ("import importlib\nimportlib.import_module('a.b')", {"importlib", "a.b"}),
        (
            "from importlib import import_module\nimport_module('.a', __package__)",
            {"importlib", "importlib.import_module", "package.a"},
        ),
        ("__import__('a')", {"a"}),
        ("import ", set()),
    ],
)
def test_every_import_is_seen_wherever_it_stands(source: str, names: set[str]) -> None:
    imports = read(source)
    assert imports.names == names
    assert not imports.unseen


def test_in_a_package_itself_one_dot_is_that_package() -> None:
    assert read("from .a import b", "package", is_package=True).names == {"package.a", "package.a.b"}


def test_more_dots_than_packages_lead_nowhere_above_the_outermost() -> None:
    assert absolute("a.b", "c", 1) == "a.b.c"
    assert absolute("a.b", "c", 2) == "a.c"
    assert absolute("a.b", "c", 9) == "c"
    assert absolute("", "c", 1) == "c"


def test_everything_of_a_package_is_told() -> None:
    assert read("from .layers import *").whole == {"package.layers"}


@pytest.mark.parametrize(
    "source",
    [
        "importlib.import_module(name)",
        "importlib.import_module(f'layers.{name}')",
        "from importlib import import_module as load\nload('a')",
        "load = importlib.import_module",
        "__import__(name)",
        "exec(text)",
        "for module in pkgutil.iter_modules(__path__): ...",
        "spec = importlib.util.spec_from_file_location(name, path)",
        "from torch.utils import cpp_extension",
        "import torch.utils.cpp_extension",
        "torch.utils.cpp_extension.load('scan', ['scan.cu'])",
    ],
)
def test_what_loads_modules_under_names_that_cannot_be_read_is_unseen(source: str) -> None:
    assert read(source).unseen


@pytest.mark.parametrize("source", ["model.eval()", "importlib.util.find_spec('triton')", "cursor.exec(query)", "x = 1"])
def test_what_loads_none_is_not(source: str) -> None:
    assert not read(source).unseen


@pytest.mark.parametrize("source", ["sys.path.insert(0, here)", "from sys import path", "site.addsitedir(here)"])
def test_a_change_of_the_import_path_is_seen(source: str) -> None:
    assert read(source).changes_path
    assert not read("import sys\nos.path.join(here)").changes_path


def test_relative_imports_are_told_from_absolute_ones() -> None:
    assert imports_relatively(b"def f():\n    from .a import b")
    assert not imports_relatively(b"from a import b")
    assert not imports_relatively(b"from . import")


@given(st.binary(max_size=60))
def test_no_content_of_a_file_is_an_error(content: bytes) -> None:
    imports_of(content, "mine", False)
    imports_relatively(content)
