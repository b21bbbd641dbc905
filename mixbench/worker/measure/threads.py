"""Operators in threads that a call starts: a dispatch mode is one thread's own, so every new thread gets one that passes on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from torch.utils._python_dispatch import TorchDispatchMode

_watched: WeakSet[threading.Thread] = WeakSet()
_from_before: list[WeakSet[threading.Thread]] = []
_modes: list[TorchDispatchMode] = []


class _PassingOn(TorchDispatchMode):
    """Passes operators on to the mode that is used at that time; code may keep a thread for later calls."""

    supports_higher_order_operators = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _modes:
            return _modes[-1].__torch_dispatch__(func, types, args, kwargs)
        return func(*args, **(kwargs or {}))


@contextmanager
def watching_new_threads() -> Iterator[None]:
    """Threads that start meanwhile can be watched, for as long as they run."""

    def enter(*_: object) -> None:
        sys.setprofile(None)
        _watched.add(threading.current_thread())
        _PassingOn().__enter__()  # type: ignore[no-untyped-call]

    before = threading.getprofile()
    threading.setprofile(enter)
    try:
        yield
    finally:
        threading.setprofile(before)


@contextmanager
def in_all_threads(mode: TorchDispatchMode) -> Iterator[None]:
    """Use a mode in this thread and in all that can be watched."""
    _modes.append(mode)
    try:
        with mode:
            yield
    finally:
        _modes.remove(mode)


def expect_no_more_threads() -> None:
    """From now on, threads are taken to be a mixer's: those that run already are not."""
    _from_before[:] = [WeakSet(threading.enumerate())]


def unwatched_threads() -> list[str]:
    """Names of a mixer's threads that run and cannot be watched, as they started earlier."""
    others = set(threading.enumerate()).difference(_watched, *_from_before, {threading.current_thread()})
    return [thread.name for thread in others if _from_before and not isinstance(thread, threading._DummyThread)]
