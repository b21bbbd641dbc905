"""Mixers given as classes: named by the file that the measuring processes import again, or refused."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import sample_mixers
from places import SAMPLES
from running import run_python

from mixbench.api.given_mixers import names_of
from mixbench.errors import RequestError
from mixbench.mixers import MIXERS
from mixbench.mixers.fnet import FNet


def made(width: int, tokens: int) -> object:
    """A function that makes a module."""
    return sample_mixers.Mean(width, tokens)


def nested() -> type:
    class Inner:
        pass

    return Inner


def interactive() -> Any:
    """A class as an interactive session leaves it: in a module without a file."""
    module = ModuleType("session")
    sys.modules["session"] = module
    exec("class Mine:\n    pass", module.__dict__)
    return module.Mine


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A user's package that can be imported."""
    folder = tmp_path / "users_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "mixing.py").write_text("class Mine:\n    class Inner:\n        pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("users_package.mixing")


def test_names_are_taken_as_they_are_and_one_is_as_good_as_a_list() -> None:
    assert names_of(None) is None
    assert names_of("attention:heads=2") == ["attention:heads=2"]
    assert names_of(["none", sample_mixers.Mean]) == ["none", f"{SAMPLES}:Mean"]


def test_a_class_of_a_file_or_of_a_module_is_named_by_its_file(imported: ModuleType) -> None:
    assert names_of(sample_mixers.Mean) == [f"{SAMPLES}:Mean"]
    assert names_of(imported.Mine) == [f"{imported.__file__}:Mine"]


def test_a_function_that_makes_a_module_is_named_by_its_file() -> None:
    assert names_of(made) == [f"{__file__}:made"]


def test_a_class_of_mixbench_is_its_mixer() -> None:
    assert names_of(FNet) == ["fnet"]
    for name, mixer in MIXERS.items():
        module, _, attribute = mixer.target.partition(":")
        assert names_of(getattr(importlib.import_module(module), attribute)) == [name]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lambda width, tokens: None, "cannot be imported from a file"),
        (nested, "cannot be imported from a file"),
        (interactive, "the mixer Mine of session is not defined in a file"),
        (lambda: sample_mixers.Mean(4, 4), "is neither a mixer's name nor a class"),
    ],
    ids=["lambda", "class in a function", "interactive class", "module"],
)
def test_what_no_process_could_import_again_is_refused_with_what_to_do(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        names_of(make())
    assert caught.value.hint.endswith("path/to/file.py:ClassName.")


def test_a_class_in_a_class_is_refused(imported: ModuleType) -> None:
    with pytest.raises(RequestError, match=r"Mine\.Inner of users_package\.mixing cannot be imported"):
        names_of(imported.Mine.Inner)


SCRIPT = """
import torch
import mixbench

class Mine(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()

    def forward(self, x):
        return x + 1

{guard}print(len(mixbench.speed(mixer=Mine, tokens=8, width=8, launches=1, budget=0.05, precision=1)))
"""


@pytest.mark.slow
def test_a_script_measures_its_own_class_where_the_call_is_guarded(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(guard='if __name__ == "__main__":\n    '))
    done = run_python("script.py", folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert int(done.stdout) > 0
    assert "script.py:Mine" in (tmp_path / "results" / "speed.csv").read_text()


@pytest.mark.slow
def test_a_script_that_would_measure_itself_again_and_again_is_told_to_guard_the_call(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT.format(guard=""))
    done = run_python("script.py", folder=tmp_path, timeout=60)
    assert done.exit_code == 1
    assert done.stderr.count('if __name__ == "__main__":') == 1
    assert not (tmp_path / "results" / "speed.csv").exists()
