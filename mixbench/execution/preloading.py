"""Modules that the launch server imports so that its children need not, as long as children can still be forked.

A forked child cannot use CUDA once its parent has started the driver. It lacks the parent's threads, but not the locks that
they hold.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from typing import NoReturn

_DEVICES = re.compile(r"/dev/(nvidia(?!ctl$|\d+$)|kfd|dxg)")
"""GPUs that are open for work. What NVML alone opens, nvidiactl and nvidia0, harms no child."""
_ASK_NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"
"""With 1, `torch.cuda.is_available`, which modules may call while they are imported, leaves CUDA alone."""
_CUDA = "libcuda.so.1"
_NOT_INITIALISED = 3  # CUDA_ERROR_NOT_INITIALIZED
_DESCRIPTORS = "/dev/fd"
_THREADS = "/proc/self/task"
_SECONDS_TO_END = 0.5
"""A thread that has been joined is still listed for a moment."""


def preload(modules: Sequence[str], start_again: Callable[[], NoReturn]) -> None:
    """Import modules, but for those that cannot be imported; call `start_again` if that leaves a trace that harms children."""
    if not modules:
        return
    before = _traces()
    with _variable(_ASK_NVML, "1"):
        for module in modules:
            with contextlib.suppress(Exception, SystemExit):
                importlib.import_module(module)
    deadline = monotonic() + _SECONDS_TO_END
    while _traces() - before:
        if monotonic() > deadline:
            start_again()
        sleep(0.01)


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _traces() -> set[str]:
    """What a fork would not survive: threads besides the main one, and a GPU in use."""
    torch = sys.modules.get("torch")
    threads = os.listdir(_THREADS) if os.path.isdir(_THREADS) else map(str, threading.enumerate())
    in_use = {"torch": torch and torch.cuda.is_initialized(), "driver": _driver_started()}
    return {*threads, *_open_devices(), *(name for name, used in in_use.items() if used)}


def _open_devices() -> set[str]:
    """Devices of GPUs that this process has open."""
    found = set()
    for descriptor in os.listdir(_DESCRIPTORS):
        with contextlib.suppress(OSError):  # that of the list itself, closed again; where there are no links, no GPU is known
            found.add(os.readlink(f"{_DESCRIPTORS}/{descriptor}"))
    return {path for path in found if _DEVICES.match(path)}


def _driver_started() -> bool:
    """Whether the CUDA driver is loaded and started: only then does it answer other than that it is not."""
    with contextlib.suppress(OSError, AttributeError):
        driver = ctypes.CDLL(_CUDA, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        return int(driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int()))) != _NOT_INITIALISED
    return False


def replace_process(command: Sequence[str], environment: dict[str, str], kept: dict[int, int]) -> NoReturn:
    """Become a new process that runs `command` and has no descriptors but 0, 1, 2 and copies of those `kept`, by number."""
    for descriptor in map(int, os.listdir(_DESCRIPTORS)):
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, descriptor <= 2)
    for number, copy in kept.items():
        os.dup2(copy, number)
    os.execve(command[0], list(command), environment)
