"""Modules that the launch server imports to spare its children the time, as long as children can still be forked.

A forked child cannot use CUDA once its parent has started the driver. It lacks the parent's threads, but not the locks that
they hold.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import NoReturn

_GPUS = "/dev/nvidia"
_DESCRIPTORS = "/dev/fd"
_THREADS = "/proc/self/task"
_SECONDS_TO_END = 0.5
"""A thread that has been joined is still listed for a moment."""


def preload(modules: Sequence[str], start_again: Callable[[], NoReturn]) -> None:
    """Import modules, without those that cannot be imported; call `start_again` if they leave a trace that harms children."""
    before = _traces()
    for module in modules:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(module)
    deadline = monotonic() + _SECONDS_TO_END
    while _traces() - before:
        if monotonic() > deadline:
            start_again()
        sleep(0.01)


def _traces() -> set[str]:
    """What a fork would not survive: threads besides the main one, open GPUs, a GPU that torch uses."""
    torch = sys.modules.get("torch")
    threads = os.listdir(_THREADS) if os.path.isdir(_THREADS) else map(str, threading.enumerate())
    return {*threads, *_open_gpus(), *(["torch"] if torch and torch.cuda.is_initialized() else [])}


def _open_gpus() -> set[str]:
    """Devices of the NVIDIA driver that this process has open."""
    found = set()
    for descriptor in os.listdir(_DESCRIPTORS):
        with contextlib.suppress(OSError):  # that of the list itself, closed again; where there are no links, no GPU is known
            found.add(os.readlink(f"{_DESCRIPTORS}/{descriptor}"))
    return {path for path in found if path.startswith(_GPUS)}


def replace_process(command: Sequence[str], environment: dict[str, str], kept: dict[int, int]) -> NoReturn:
    """Become a new process that runs `command` and has no descriptors but 0, 1, 2 and copies of those `kept`, by number."""
    for descriptor in map(int, os.listdir(_DESCRIPTORS)):
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, descriptor <= 2)
    for number, copy in kept.items():
        os.dup2(copy, number)
    os.execve(command[0], list(command), environment)
