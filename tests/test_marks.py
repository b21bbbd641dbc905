"""Tests that kill processes, or run a command in one of its own, carry the mark `slow`; `needs_gpu` skips without a GPU."""

from __future__ import annotations

import ast
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import conftest
import pytest
from gpu import needs_gpu
from places import REPOSITORY

KILLING = "killing"
PROCESS = "run_process"


def unmarked(source: str) -> list[str]:
    """Names of the tests in a file that use what `killing` has, or the fixture `run_process`, without the mark."""
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == KILLING]
    slow = {PROCESS, *(alias.asname or alias.name for node in imports for alias in node.names)}
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return [test.name for test in tests if _names(test) & slow and not _is_marked(test)]


def _names(test: ast.FunctionDef) -> set[str]:
    used = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    return used | {argument.arg for argument in test.args.args}


def _is_marked(test: ast.FunctionDef) -> bool:
    return "pytest.mark.slow" in map(ast.unparse, test.decorator_list)


def test_what_kills_or_starts_processes_is_marked_slow() -> None:
    found = {path: unmarked(path.read_text()) for path in sorted((REPOSITORY / "tests").rglob("test_*.py"))}
    assert {path.name: names for path, names in found.items() if names} == {}


def test_a_test_without_the_mark_is_noticed() -> None:
    killing = "from killing import kill_when as kill\n{}def test_a(): kill(1)\n"
    process = "{}def test_b(run_process): run_process('speed')\n"
    for source, name in ((killing, "test_a"), (process, "test_b")):
        assert unmarked(source.format("")) == [name]
        assert unmarked(source.format("@pytest.mark.slow\n")) == []
    assert unmarked("def test_c(run): run('speed')\n") == []


@pytest.mark.parametrize("gpu", [True, False])
@pytest.mark.parametrize("marked", [True, False])
def test_what_needs_a_gpu_is_skipped_without_one(gpu: bool, marked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "has_gpu", lambda: gpu)
    item: Any = SimpleNamespace(get_closest_marker=lambda name: marked and name == needs_gpu.name)
    with pytest.raises(pytest.skip.Exception) if marked and not gpu else nullcontext():
        conftest.pytest_runtest_setup(item)
