from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mixbench.parsing import sources
from mixbench.parsing.sources import TooManyModulesError, sources_of, sources_of_module, split_target, with_digest

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes files by their place, and returns the last; the working directory is an empty one."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    def put(**contents: str) -> Path:
        for place, content in contents.items():
            path = tmp_path / (place.replace("__", "/").replace("_init", "__init__") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return path

    return put


def names(file: Path) -> set[str]:
    return set(sources_of(file).modules)


def test_a_file_without_neighbours_is_its_own_hash(write: Write) -> None:
    file = write(helper="", mine="import math, torch, numpy.linalg\nfrom collections import Counter\n")
    assert sources_of(file).digest == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import helper", {"mine", "helper", "deeper"}),
        ("def f():\n    from helper import X", {"mine", "helper", "deeper"}),
        ("from parts import inner", {"mine", "parts", "parts.inner", "deeper"}),
        ("import parts.inner as inner", {"mine", "parts", "parts.inner", "deeper"}),
        ("from parts import *", {"mine", "parts", "parts.inner", "parts.other", "deeper"}),
        ("from plain import inside", {"mine", "plain.inside"}),
        ("import unused_name", {"mine"}),
    ],
)
def test_every_module_that_is_loaded_from_its_folder_counts_and_no_other(code: str, loaded: set[str], write: Write) -> None:
    file = write(
        helper="import deeper",
        deeper="",
        unused="",
        parts___init="",
        parts__inner="import deeper",
        parts__other="",
        plain__inside="",
        mine=code,
    )
    assert names(file) == loaded


@pytest.mark.parametrize("edited", ["helper", "parts___init", "parts__inner"])
def test_an_edit_of_any_of_them_is_another_digest_and_of_another_file_is_not(edited: str, write: Write) -> None:
    before = {"helper": "from parts import *", "parts___init": "from .inner import X", "parts__inner": "X = 1", "unused": ""}
    file = write(**before, mine="import helper")
    known = sources_of(file).digest
    write(unused="X = 2")
    assert sources_of(file).digest == known
    write(**{edited: before[edited] + "\nY = 2"})
    assert sources_of(file).digest != known


def test_a_file_that_imports_relatively_is_a_module_of_its_package(write: Write) -> None:
    file = write(own___init="", own__layers="", own__mixers___init="", own__mixers__mine="from ..layers import Map")
    assert names(file) == {"own", "own.layers", "own.mixers", "own.mixers.mine"}
    assert names(write(own__mixers__mine="from own.layers import Map")) == {"own", "own.layers", "mine"}
    assert names(write(own__mixers__mine="import math")) == {"mine"}


def test_a_package_itself_may_be_the_file(write: Write) -> None:
    assert names(write(own__layers="", own___init="from .layers import Map")) == {"own", "own.layers"}


@pytest.mark.parametrize("code", ["import importlib\nfor n in names: importlib.import_module(n)", "exec(text)"])
def test_a_file_that_imports_unreadable_names_is_all_code_of_its_folder(code: str, write: Write, tmp_path: Path) -> None:
    file = write(a="", inner__b="", mine=code)
    (tmp_path / "scan.cu").write_text("")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").write_text("")
    assert names(file) == {"a", "inner.b", "mine", "scan.cu"}


def test_a_package_that_imports_its_modules_by_unreadable_names_is_all_its_code(write: Write) -> None:
    code = "import pkgutil\nfor module in pkgutil.iter_modules(__path__): ..."
    assert names(write(own___init=code, own__a="", beside="", mine="import own")) == {"own", "own.a", "mine"}


def test_more_code_than_can_be_searched_is_an_error(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MANY", 2)
    file = write(a="", b="", mine="exec(text)")
    with pytest.raises(TooManyModulesError, match="has more than 2 files of code"):
        sources_of(file)


def test_a_name_of_python_or_of_an_installed_package_is_a_neighbours_only_where_there_is_one(write: Write) -> None:
    assert names(write(random="", mine="import random, json, numpy")) == {"mine", "random"}
    assert names(write(torch="", mixbench="", sys="", mine="import torch, mixbench, sys")) == {"mine"}


def test_a_folder_is_no_module_where_a_package_has_its_name(write: Write) -> None:
    assert names(write(numpy__data="", mine="import numpy.data")) == {"mine"}


def test_a_file_with_the_name_of_what_it_wraps_means_that(write: Write) -> None:
    assert names(write(numpy="import numpy")) == {"numpy"}
    assert names(write(helper="import numpy", numpy="import numpy, helper")) == {"numpy", "helper"}


def test_a_module_of_the_working_directory_counts_where_no_other_is_meant(write: Write) -> None:
    file = write(elsewhere__common="", mine="import common")
    assert names(file) == {"mine", "common"}


def test_a_module_around_the_file_counts_if_the_file_changes_the_import_path(write: Write) -> None:
    changing = "import sys\nsys.path.insert(0, somewhere)\nimport common"
    write(project__common="", project__lib__shared="", project__mixers__local__deep="")
    assert names(write(project__mixers__mine="import common")) == {"mine"}
    assert names(write(project__mixers__mine=changing)) == {"mine", "common"}
    assert names(write(project__mixers__mine=changing.replace("common", "shared"))) == {"mine", "shared"}
    assert names(write(project__mixers__mine=changing.replace("common", "deep"))) == {"mine", "deep"}


def test_of_two_modules_around_the_file_none_is_guessed(write: Write) -> None:
    file = write(a__common="", b__common="", mine="import sys\nsys.path.append(somewhere)\nimport common")
    found = sources_of(file)
    assert set(found.modules) == {"mine"}
    assert found.missing == {"common"}


def test_a_package_on_the_import_path_counts_with_its_own_modules(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(lib__shared___init="from . import deep", lib__shared__deep="", folder__mine="import shared")
    assert names(file) == {"mine"}
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "lib")])
    assert names(file) == {"mine", "shared", "shared.deep"}
    found = sources_of_module("shared.deep")
    assert found is not None
    assert set(found.modules) == {"shared", "shared.deep"}


def test_an_installed_module_is_its_version() -> None:
    assert sources_of_module("numpy.linalg") is None
    assert sources_of_module("no_such_module") is None


def test_a_target_keeps_the_digest_of_its_code() -> None:
    assert split_target(with_digest("/a b/@x:y/mine.py:Mine", "0f")) == ("/a b/@x:y/mine.py", "Mine", "0f")
    assert split_target("package.module:Class") == ("package.module", "Class", "")
