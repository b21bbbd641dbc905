"""Killing processes that measure or train: what must hold for every study that can be resumed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from places import HELPERS
from running import environment_in, search_path
from stopping import Stops

Rows = Counter[tuple[object, ...]]


def children(process: subprocess.Popen[Any]) -> list[int]:
    """The processes below one, by their ids."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    return []


def wait_until_gone(pids: list[int]) -> list[int]:
    """Those that are still there after thirty seconds, in which a child that was just importing torch notices."""
    deadline = time.monotonic() + 30
    while (alive := [pid for pid in pids if _runs(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return alive


def _runs(pid: int) -> bool:
    """Whether a process has not ended; one that has may be left for its new parent, which takes its time, to collect."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def kill_when(ready: Callable[[list[int]], object], *arguments: object, folder: Path) -> None:
    """Run Python with these arguments in `folder` and SIGKILL it as soon as `ready(its children)` is true.

    That must be within a minute; none of its children is left.
    """
    command = [sys.executable, *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, env=environment_in(folder)
    )
    deadline = time.monotonic() + 60
    try:
        while not ready(started := children(process)):
            assert process.poll() is None, "it ended before"
            assert time.monotonic() < deadline, "it was not ready within a minute"
            time.sleep(0.05)  # looking for children takes a while itself
    finally:
        process.kill()
        process.wait()
    assert started
    assert wait_until_gone(started) == []


def start_helper(script: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
    """Start a script of `tests/helpers`, whose children find the modules there; what it says of files is left out."""
    return subprocess.Popen(
        [sys.executable, str(HELPERS / script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": search_path(HELPERS), "PYTHONWARNINGS": "ignore::UserWarning", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_at_stops(folder: Path, start: Callable[..., subprocess.Popen[str]], rows: Callable[[], Rows]) -> set[str]:
    """SIGKILL a study at every place where it stops, each time after what earlier kills have left; the names of the places.

    `start`, called with the environment variables that make it stop, starts a program that is run `again_when_killed` and
    prints `complete` at its end. After each kill no process is left, and every row that stood before still stands, as it does
    at the end.
    """
    stops, before = Stops(folder), rows()
    program = start(**stops.variables)
    try:
        while place := _next_place(stops, program):
            process = psutil.Process(stops.process())
            started = [process.pid, *(child.pid for child in process.children(recursive=True))]
            process.kill()
            assert wait_until_gone(started) == [], place
            before = _with_all_of(before, rows())
            stops.pass_by(place)
        assert program.communicate(timeout=60) == ("complete\n", "")
    finally:
        program.kill()
    _with_all_of(before, rows())
    return set(stops.passed)


def _with_all_of(before: Rows, after: Rows) -> Rows:
    """The rows after something, which must have those before."""
    assert before.keys() <= after.keys(), "rows were lost"
    return after


def _next_place(stops: Stops, program: subprocess.Popen[str]) -> str:
    """The next place at which a program stops; "" once it has ended."""
    deadline = time.monotonic() + 60
    while not (place := stops.reached()) and program.poll() is None:
        assert time.monotonic() < deadline, f"it neither stops nor ends after {stops.passed}"
        time.sleep(0.005)
    return place
