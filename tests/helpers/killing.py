"""Killing processes that measure or train: what must hold for every study that can be resumed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
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

Rows = Counter[tuple[object, ...]]


def children(process: subprocess.Popen[Any]) -> list[int]:
    """The processes below one, by their ids."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    return []


def wait_until_gone(pids: list[int]) -> list[int]:
    """Those that are still there after thirty seconds, in which a child that was just importing torch notices."""
    deadline = time.monotonic() + 30
    while (alive := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return alive


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


def kill_at_random(
    folder: Path,
    start: Callable[[Path], subprocess.Popen[str]],
    rows: Callable[[Path], Rows],
    *,
    kills: int,
    longest: float,
) -> list[Path]:
    """Run studies below `folder`, SIGKILL them so many times in all, start them again until they end; the folders of all.

    A study prints `started` and, at its end, `complete`; it is killed up to `longest` seconds after it has started. After each
    kill no process is left and every row that stood before still stands; the kills hit different stages.
    """
    moments = random.Random(1)
    folders: list[Path] = []
    stages = set()
    while kills:
        sweep = folder / f"killed-{len(folders)}"
        folders.append(sweep)
        finished = False
        while not finished:
            before = rows(sweep)
            process = start(sweep)
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            if kills:
                time.sleep(moments.uniform(0, longest))
            else:
                process.wait(timeout=60)
            started = children(process)
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate(timeout=60)
            assert err == ""
            assert wait_until_gone(started) == []
            finished = out == "complete\n"
            kills -= bool(kills) and not finished
            after = rows(sweep)
            assert before.keys() <= after.keys(), "rows that stood before were lost"
            stages.add(len(after))
    assert len(stages) > 5, "the kills did not hit different moments"
    return folders
