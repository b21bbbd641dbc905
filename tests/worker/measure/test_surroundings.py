"""What mixers of one process share: whatever one of them changes is noticed and named."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from mixbench.worker.measure.surroundings import OTHERS, PINNED, Surroundings


@pytest.fixture
def surroundings() -> Surroundings:
    return Surroundings()


def test_nothing_has_changed_after_a_mixer_that_changes_nothing(surroundings: Surroundings) -> None:
    layer = nn.Linear(8, 8)
    layer(torch.randn(2, 8)).sum().backward()
    assert surroundings.changed(PINNED) == []
    assert surroundings.changes(at_the_end=True) == ""


def test_the_compiler_of_torch_may_wrap_torchs_own_functions(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "manual_seed", torch._disable_dynamo(torch.manual_seed))  # type: ignore[attr-defined]
    assert surroundings.changes() == ""


@pytest.mark.parametrize(
    ("owner", "name", "told"),
    [
        (torch, "matmul", "torch.matmul"),
        (torch.Tensor, "__matmul__", "Tensor.__matmul__"),
        (nn.Module, "__call__", "Module.__call__"),
        (nn.functional, "gelu", "torch.nn.functional.gelu"),
        (time, "perf_counter", "time.perf_counter"),
        (os, "fork", "os.fork"),
    ],
)
def test_a_function_that_was_replaced_is_named(
    owner: object, name: str, told: str, surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, lambda *values: None)
    assert surroundings.changes() == told


def test_a_function_that_was_removed_is_named(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch, "softmax")
    assert surroundings.changes() == "torch.softmax"


def test_settings_that_are_made_for_measuring_are_apart_from_others(surroundings: Surroundings) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        assert surroundings.changed(PINNED) == ["the number of threads"]
        assert surroundings.changes() == ""
        assert surroundings.changes(at_the_end=True) == "the number of threads"
    finally:
        torch.set_num_threads(before)


FILES = resource.RLIMIT_NOFILE
LIMIT = resource.getrlimit(FILES)
FOLDER = Path.cwd()
CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "the default dtype": (
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_dtype(torch.float32),
    ),
    "the default device": (lambda: torch.set_default_device("meta"), lambda: torch.set_default_device(None)),
    "anomaly detection": (
        lambda: torch.autograd.set_detect_anomaly(True),
        lambda: torch.autograd.set_detect_anomaly(False),
    ),
    "the garbage collector": (gc.disable, gc.enable),
    "the working directory": (lambda: os.chdir("/"), lambda: os.chdir(FOLDER)),
    "limits of the process": (
        lambda: resource.setrlimit(FILES, (LIMIT[0] - 1, LIMIT[1])),
        lambda: resource.setrlimit(FILES, LIMIT),
    ),
    "timers": (lambda: signal.setitimer(signal.ITIMER_REAL, 600), lambda: signal.setitimer(signal.ITIMER_REAL, 0)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_that_was_changed_is_named_until_it_is_changed_back(name: str, surroundings: Surroundings) -> None:
    change, change_back = CHANGES[name]
    change()
    try:
        assert surroundings.changed(OTHERS) == [name]
    finally:
        change_back()
    assert surroundings.changed(OTHERS) == []


def test_hooks_of_all_modules_are_named(surroundings: Surroundings) -> None:
    handle = nn.modules.module.register_module_forward_hook(lambda module, x, y: None)
    assert surroundings.changes() == "hooks of all modules"
    handle.remove()
    assert surroundings.changes() == ""


def test_a_thread_counts_once_it_has_worked(surroundings: Surroundings) -> None:
    ended, started = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        while not ended.is_set():
            pass

    waiting, working = threading.Thread(target=ended.wait), threading.Thread(target=work)
    waiting.start()
    try:
        assert surroundings.changes() == ""
        working.start()
        deadline = time.monotonic() + 10
        while not surroundings.changes() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert surroundings.changes() == "working threads"
    finally:
        ended.set()
        waiting.join()
        working.join()


def test_a_process_that_is_left_running_is_named(surroundings: Surroundings) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as left:
        assert surroundings.changes() == "running processes"
        left.communicate()
    assert surroundings.changes() == ""


def test_an_operator_that_is_registered_again_is_named(surroundings: Surroundings) -> None:
    def register(factor: int) -> object:
        @torch.library.custom_op("mixbench_tests::scale", mutates_args=())
        def scale(x: torch.Tensor) -> torch.Tensor:
            return factor * x

        return scale

    first = register(2)
    assert surroundings.changes() == ""
    second = register(5)
    assert surroundings.changes() == "the operator mixbench_tests::scale"
    assert surroundings.changes() == ""
    assert first is not second
