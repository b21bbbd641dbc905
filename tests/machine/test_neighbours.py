from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mixbench.machine import neighbours as watched
from mixbench.machine.neighbours import Neighbour, in_words, neighbours, warning

SPIN = "import time; end = time.perf_counter() + {}\nwhile time.perf_counter() < end: pass"


def test_a_busy_process_is_named_with_its_share_of_the_cores() -> None:
    with subprocess.Popen([sys.executable, "-c", SPIN.format(30)], start_new_session=True) as busy:
        try:
            orphaned = neighbours_besides(own_children=False)
        finally:
            busy.kill()
    (found,) = [neighbour for neighbour in orphaned if neighbour.pid == busy.pid]
    assert 0.2 < found.cores <= 1.1
    assert found.command.startswith("python")
    assert "import time; end" in found.command


def test_this_process_and_its_children_are_no_neighbours() -> None:
    with subprocess.Popen([sys.executable, "-c", SPIN.format(30)]) as busy:
        try:
            found = neighbours()
        finally:
            busy.kill()
    assert not {neighbour.pid for neighbour in found} & {busy.pid, os.getpid()}


def neighbours_besides(*, own_children: bool) -> list[Neighbour]:
    """What a process that is not the parent of the busy one sees."""
    code = "import json; from mixbench.machine.neighbours import neighbours as n; print(json.dumps([vars(x) for x in n()]))"
    import json

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [Neighbour(**one) for one in json.loads(done.stdout)]


def test_little_work_of_others_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([{1: 0.0, 2: 5.0}, {1: 0.1, 2: 5.05}])
    monkeypatch.setattr(watched, "_cpu_seconds", lambda: next(seconds))
    monkeypatch.setattr(watched, "busy_seconds", lambda: None)
    monkeypatch.setattr(watched.time, "perf_counter", iter([0.0, 1.0]).__next__)
    assert neighbours(wait=lambda _: None) == []


@pytest.mark.parametrize(("quota", "usable", "told"), [(None, 4, True), (None, None, True), (2.0, 4, False), (None, 3, False)])
def test_what_cannot_be_seen_is_told_from_the_total_but_not_within_a_share_of_a_machine(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, usable: int | None, told: bool
) -> None:
    seconds, busy = iter([{1: 0.0}, {1: 0.3}]), iter([10.0, 11.0])
    monkeypatch.setattr(watched, "_cpu_seconds", lambda: next(seconds))
    monkeypatch.setattr(watched, "busy_seconds", lambda: next(busy))
    monkeypatch.setattr(watched, "_command", lambda pid: f"work {pid}")
    monkeypatch.setattr(watched, "cpu_quota", lambda: quota)
    monkeypatch.setattr(watched, "affinity", lambda: None if usable is None else set(range(usable)))
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr(watched.time, "perf_counter", iter([0.0, 1.0]).__next__)
    found = neighbours(wait=lambda _: None)
    assert [(one.pid, round(one.cores, 2)) for one in found] == [*([(None, 0.7)] if told else []), (1, 0.3)]


def test_the_time_that_it_takes_to_look_at_many_processes_makes_no_share_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def look() -> dict[int, float]:
        used = {1: clock[0]}
        clock[0] += 0.5
        return used

    monkeypatch.setattr(watched, "_cpu_seconds", look)
    monkeypatch.setattr(watched, "busy_seconds", lambda: clock[0])
    monkeypatch.setattr(watched, "_command", lambda pid: f"work {pid}")
    monkeypatch.setattr(watched.time, "perf_counter", lambda: clock[0])

    def wait(seconds: float) -> None:
        clock[0] += seconds

    assert [(one.pid, round(one.cores, 2)) for one in neighbours(wait=wait)] == [(1, 1.0)]


def test_where_processes_cannot_be_listed_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise PermissionError("/proc")

    monkeypatch.setattr(watched.psutil, "process_iter", refused)
    assert not [one for one in neighbours(0.01) if one.pid is not None]


def test_the_warning_names_who_and_says_how_many_threads_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "affinity", lambda: set(range(4)))
    found = [Neighbour(7, "python busy.py", 1.02), Neighbour(None, "processes that cannot be seen from here", 0.1)]
    assert in_words(found, 4) == (
        "other work keeps 1.1 of 4 cores busy: `python busy.py` (process 7) 1.02, processes that cannot be seen from here 0.10"
    )
    text = warning(found, threads=4)
    assert text.startswith("BUSY MACHINE: other work keeps 1.1 of 4 cores busy")
    assert text.endswith("Stop it first, or leave cores free for it: --threads 3.")
    assert warning(found, threads=2).endswith("Stop it first.")
