from __future__ import annotations

import copy
import inspect
import io
import sys
import textwrap
import typing
from pathlib import Path
from typing import Any

import pytest
import torch

from mixbench.parsing.sources import sources_of, with_digest
from mixbench.worker.calls import ContractError
from mixbench.worker.loading import load_class

MINE = """
    import torch
    {at_the_top}

    class Mine(torch.nn.Module):
        def __init__(self, width, tokens):
            super().__init__()

        def forward(self, x):
            {in_forward}
            return {value} * x
"""


def write(folder: Path, **contents: str) -> Path:
    """Writes files by their place, `__` for a folder, and returns the last."""
    for place, content in contents.items():
        path = folder / (place.replace("__", "/").replace("_init", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(content))
    return path


def mine(value: str, at_the_top: str = "", in_forward: str = "") -> str:
    return textwrap.dedent(MINE).format(at_the_top=at_the_top, in_forward=in_forward or "pass", value=value)


def result(mixer: torch.nn.Module) -> float:
    return float(mixer(torch.ones(1, 2, 2)).mean())


def build(file: Path) -> Any:
    return load_class(f"{file}:Mine")(width=2, tokens=2)


@pytest.mark.parametrize(
    ("at_the_top", "in_forward", "value"),
    [
        ("import helper", "", "helper.X"),
        ("", "import helper", "helper.X"),
        ("from helper import *", "", "X"),
        ("", "from parts.inner import X", "X"),
        ("", "import parts.inner", "parts.inner.X"),
        ("", "import parts.inner as p", "p.X"),
        ("import random", "", "random.X"),
        ("import importlib", "h = importlib.import_module('helper')", "h.X"),
        ("import importlib", "h = importlib.import_module('hel' + 'per')", "h.X"),
        ("from importlib import import_module as load", "", "load('helper').X"),
        ("", "h = __import__('parts.inner').inner", "h.X"),
        ("", "h = __import__('parts.inner', None, None, ['X'])", "h.X"),
        ("import registry", "", "registry.X"),
        ("import circular", "", "circular.f()"),
    ],
)
def test_two_files_see_their_own_neighbours_in_turns(at_the_top: str, in_forward: str, value: str, tmp_path: Path) -> None:
    before = set(sys.modules)
    mixers = []
    for number in (2, 3):
        neighbours = {
            "helper": f"X = {number}",
            "random": f"X = {number}",
            "parts___init": "",
            "parts__inner": f"X = {number}",
            "registry___init": "import importlib, pkgutil\nfor found in pkgutil.iter_modules(__path__):\n"
            "    importlib.import_module(f'registry.{found.name}')\nfrom registry.inner import X",
            "registry__inner": f"X = {number}",
            "circular": f"import around\nX = {number}\ndef f():\n    return around.g()",
            "around": "import circular\ndef g():\n    return circular.X",
        }
        file = write(tmp_path / str(number), **neighbours, mine=mine(value, at_the_top, in_forward))
        mixers.append(build(file))
    assert [result(mixer) for mixer in (*mixers, *mixers)] == [2, 3, 2, 3]
    assert not {"helper", "parts", "registry", "circular", "around", "mine"} & (set(sys.modules) - before)
    assert not any(str(tmp_path) in folder for folder in sys.path)


def test_two_files_in_one_folder_share_no_state(tmp_path: Path) -> None:
    write(
        tmp_path,
        helper="X = 1",
        first=mine("helper.X", "import helper\nhelper.X = 5"),
        second=mine("helper.X", "import helper"),
    )
    assert [result(build(tmp_path / f"{name}.py")) for name in ("first", "second", "first")] == [5, 1, 5]


def test_two_classes_of_one_file_share_its_module(tmp_path: Path) -> None:
    file = write(tmp_path, mine=mine("1") + "\n\nclass Other(Mine):\n    pass\n")
    assert issubclass(load_class(f"{file}:Other"), load_class(f"{file}:Mine"))  # type: ignore[arg-type]


def test_a_file_in_a_package_is_imported_as_part_of_it(tmp_path: Path) -> None:
    for number in (2, 3):
        package = {"own___init": f"X = {number}", "own__base": "from own import X", "own__mixers___init": "from .. import base"}
        write(
            tmp_path / str(number),
            **package,
            own__mixers__mine=mine("base.X + X", "from . import base\nfrom own.base import X"),
        )
    assert [result(build(tmp_path / str(number) / "own" / "mixers" / "mine.py")) for number in (2, 3)] == [4, 6]
    package_itself = write(tmp_path, other__layers="X = 7", other___init=mine("X", "from .layers import X"))
    assert result(build(package_itself)) == 7


def test_a_file_that_wraps_a_package_of_its_own_name_finds_that_package(tmp_path: Path) -> None:
    file = write(tmp_path, einsum=mine("1", "import json"), json=mine("len(json.dumps([]))", "import json"))
    assert result(build(file)) == 2
    assert result(build(tmp_path / "einsum.py")) == 1


def test_modules_around_a_file_that_changes_the_import_path_are_its_own(tmp_path: Path) -> None:
    changing = "import sys, pathlib\nsys.path.insert(0, str(pathlib.Path(__file__).parents[1]))\nfrom common import X"
    for number in (2, 3):
        write(tmp_path / str(number), common=f"X = {number}", mixers__mine=mine("X", changing))
    assert [result(build(tmp_path / str(number) / "mixers" / "mine.py")) for number in (2, 3, 2)] == [2, 3, 2]


def test_a_module_that_only_a_change_of_the_import_path_leads_to_is_refused(tmp_path: Path) -> None:
    write(tmp_path, far__away__shared_parts="X = 1")
    changing = f"import sys\nsys.path.append({str(tmp_path / 'far' / 'away')!r})\nimport shared_parts"
    file = write(tmp_path, here__mine=mine("1", changing))
    with pytest.raises(
        ContractError, match=r"imports shared_parts from .*shared_parts\.py, which is found only after the import path"
    ):
        build(file)
    assert "shared_parts" not in sys.modules


def test_classes_behave_as_those_of_any_module(tmp_path: Path) -> None:
    write(
        tmp_path,
        helper="""
            from __future__ import annotations
            import dataclasses

            @dataclasses.dataclass
            class Settings:
                gain: int = 3
        """,
    )
    code = "from __future__ import annotations\n" + mine("self.settings.gain", "from helper import Settings")
    code = code.replace("super().__init__()", "super().__init__()\n        self.settings = Settings()")
    mixer = build(
        write(
            tmp_path,
            mine=code.replace("class Mine(torch.nn.Module):", "class Mine(torch.nn.Module):\n    settings: Settings\n"),
        )
    )
    assert result(copy.deepcopy(mixer)) == 3
    assert typing.get_type_hints(type(mixer))["settings"] is type(mixer.settings)
    assert inspect.getsource(type(mixer)).startswith("class Mine")
    saved = io.BytesIO()
    torch.save(mixer, saved)
    saved.seek(0)
    assert result(torch.load(saved, weights_only=False)) == 3


def test_an_edit_is_seen_however_soon_it_comes(tmp_path: Path) -> None:
    file = write(tmp_path, helper="X = 1", mine=mine("helper.X", "import helper"))
    first = build(file)
    write(tmp_path, helper="X = 8")  # of the same size and perhaps in the same second: a cache of bytecode would be taken
    assert [result(build(file)), result(first)] == [8, 1]
    assert not list(tmp_path.rglob("__pycache__"))


def test_code_that_has_changed_since_it_was_planned_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, helper="X = 1", mine=mine("helper.X", "import helper"))
    target = with_digest(f"{file}:Mine", sources_of(file).digest)
    write(tmp_path, helper="X = 8")
    with pytest.raises(ContractError, match=r"mine\.py or a module that it imports has changed since this run was planned"):
        load_class(target)
    write(tmp_path, helper="X = 1")
    assert result(load_class(target)(width=2, tokens=2)) == 1


def test_a_neighbour_that_changes_before_it_is_imported_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, helper="X = 1", mine=mine("helper.X", "", "import helper"))
    mixer = build(file)
    write(tmp_path, helper="X = 8")
    with pytest.raises(ImportError, match="helper has changed"):
        result(mixer)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("from helper import Y", r"ImportError: cannot import name 'Y' from 'helper' \(.*helper.py\)"),
        ("import parts.nothing", "ModuleNotFoundError: No module named 'parts.nothing'"),
        ("raise SystemExit('usage: mine.py')", "SystemExit: usage: mine.py"),
        ("x = " + "-" * 100_000 + "1", "MemoryError"),
        ("x = (", "SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why_in_its_own_words(code: str, reason: str, tmp_path: Path) -> None:
    file = write(tmp_path, helper="X = 1", parts___init="", mine=mine("1", code))
    with pytest.raises(ContractError, match=f"mine.py cannot be imported: {reason}"):
        build(file)


def test_a_file_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="cannot be imported: FileNotFoundError"):
        build(tmp_path / "mine.py")


@pytest.mark.slow
def test_a_compiled_mixer_imports_its_own_neighbours_too(tmp_path: Path) -> None:
    for number in (2, 3):
        write(tmp_path / str(number), helper=f"X = {number}", mine=mine("helper.X", "", "import helper"))
    mixers = [torch.compile(build(tmp_path / str(n) / "mine.py"), backend="eager", fullgraph=True) for n in (2, 3)]
    assert [result(mixer) for mixer in mixers] == [2, 3]
