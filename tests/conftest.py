"""What every test can ask for: a command of mixbench that runs in this process, or in one of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from gpu import has_gpu
from places import HELPERS, REPOSITORY
from running import Completed, Run, run_python, search_path
from typer.testing import CliRunner

from mixbench.cli import app
from mixbench.cli.publish import SUMMARY


def pytest_configure() -> None:
    """Whatever the tests start, and wherever, uses the package that is tested."""
    os.environ["PYTHONPATH"] = search_path(REPOSITORY)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("needs_gpu") and not has_gpu():
        pytest.skip("there is no GPU")


@pytest.fixture(autouse=True)
def _flags_of_torch() -> Iterator[None]:
    """One thread, as a worker that trains has it; flags that a worker sets for its process do not outlast a test in this one.

    With a thread per core, tests side by side spend most of their time waiting for each other's threads.
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
        torch.set_grad_enabled(True)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in this process: `run("cost", "--results", folder)`. Its cache is the test's own, no line is wrapped."""
    _prepare(monkeypatch, tmp_path)
    return _invoke


@pytest.fixture(scope="session")
def run_in() -> Run:
    """Runs a command in this process as if it were started in a folder: `run_in("speed", folder=folder)`.

    Its cache is in that folder, no line is wrapped. `run_process` takes a second longer.
    """

    def call(*words: object, folder: Path) -> Completed:
        with pytest.MonkeyPatch.context() as changing:
            changing.chdir(folder)
            _prepare(changing, folder)
            return _invoke(*words)

    return call


def _prepare(changing: pytest.MonkeyPatch, folder: Path) -> None:
    changing.setenv("MIXBENCH_CACHE", str(folder / "cache"))
    changing.setenv("COLUMNS", "400")
    changing.delenv(SUMMARY, raising=False)


def _invoke(*words: object) -> Completed:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return Completed(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="session")
def run_process() -> Run:
    """Runs a command in a process of its own: `run_process("speed", folder=folder)`. Its cache is in that folder."""
    return partial(run_python, "-m", "mixbench")


@pytest.fixture
def children_find_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets processes that a test starts import the fakes of `tests/helpers`."""
    monkeypatch.setenv("PYTHONPATH", search_path(HELPERS))
