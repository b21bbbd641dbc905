"""How long the threads of this process have waited for a core that other work had."""

from __future__ import annotations

import os
from os import close, listdir, read  # as they are before a mixer's code is loaded

_open, _READ_ONLY = os.open, os.O_RDONLY
_TASKS = "/proc/self/task"


def seconds_waited() -> float | None:
    """How long threads were ready to run but did not, summed over all that there are now; None if the kernel does not tell."""
    try:
        ran, waited = map(sum, zip(*map(_nanoseconds, listdir(_TASKS)), strict=True))
    except (OSError, ValueError):
        return None
    return waited / 1e9 if ran else None  # a kernel may write zeros


def _nanoseconds(thread: str) -> tuple[int, int]:
    """How long a thread has had a core, and how long it has waited for one."""
    try:
        file = _open(f"{_TASKS}/{thread}/schedstat", _READ_ONLY)
    except FileNotFoundError:
        if not os.path.exists(f"{_TASKS}/{thread}"):  # it has just ended
            return 0, 0
        raise
    try:
        ran, waited, _ = map(int, read(file, 64).split())
        return ran, waited
    finally:
        close(file)
