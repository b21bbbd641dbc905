"""Killing studies at random moments: what must hold for every study that can be resumed."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

Rows = Counter[tuple[object, ...]]


def children(process: subprocess.Popen[Any]) -> list[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    return []


def wait_until_gone(pids: list[int]) -> list[int]:
    """Those that are still there after thirty seconds, in which a child that was just importing torch notices."""
    deadline = time.monotonic() + 30
    while (alive := [pid for pid in pids if psutil.pid_exists(pid)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return alive


def kill_at_random(
    folder: Path,
    start: Callable[[Path], subprocess.Popen[str]],
    rows: Callable[[Path], Rows],
    *,
    kills: int,
    longest: float,
) -> list[Path]:
    """Run studies below `folder`, SIGKILL them so many times in all, start them again until they end; the folders of all.

    A study prints `complete`. After each kill no process is left and every row that stood before still stands; the kills hit
    different stages.
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
            if kills:
                time.sleep(moments.uniform(0.1, longest))
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
