"""What runs in the child of a job: its function, and an end that the code of a mixer cannot prevent.

A mixer may fork. Its copy of the child must not measure as well: it ends as soon as it comes back to code of mixbench.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from mixbench.execution.announcements import Board
from mixbench.execution.answers import COPIED, FINISHED, RAISED, UNSENT, Sender

_PACKAGE = str(Path(__file__).parents[1])
_NEVER_BACK = os.sep + os.path.join("multiprocessing", "popen_fork.py")
_SECONDS_TO_SPEAK = 0.2
_LONGEST = 500

# as they are before a mixer's code is loaded
_exit, _getpid, _settrace, _frame, _sleep = os._exit, os.getpid, sys.settrace, sys._getframe, time.sleep
_encode, _format = json.JSONEncoder().encode, traceback.format_exception_only


def run_job(function: str, job: dict[str, Any], board: Board, answer: Sender) -> NoReturn:
    """Call `function` ("module:name") as `name(job, announce)`, send its result or what it raised, and end."""
    own = _getpid()

    def leave_copy() -> NoReturn:
        _send_and_exit(answer, COPIED, "null")

    def announce(step: int) -> None:
        if _getpid() != own:
            leave_copy()
        board.announce(step)

    try:
        copies = _Copies(leave_copy)
        module, _, name = function.partition(":")
        content = _encode(getattr(importlib.import_module(module), name)(job, announce))
        copies.let_speak()
        kind = FINISHED if _getpid() == own else COPIED
    except BaseException as error:
        kind, content = RAISED, _describe(error)
    finally:
        _send_and_exit(answer, kind, content)


def _send_and_exit(answer: Sender, kind: bytes, content: str) -> NoReturn:
    code = UNSENT
    try:
        answer.send(kind, content)
        code = 0
    finally:
        _exit(code)


def _describe(error: BaseException) -> str:
    """The exception as JSON, on one line, even if it cannot be shown."""
    text = type(error).__name__
    with contextlib.suppress(BaseException):
        text = " ".join("".join(_format(error)).split())
    return _encode(text.encode(errors="replace").decode()[:_LONGEST])


class _Copies:
    """Ends every copy of this process that os.fork makes, once it comes back to a function of mixbench, by calling `leave`.

    Processes that multiprocessing starts never come back.
    """

    def __init__(self, leave: Callable[[], NoReturn]) -> None:
        self._leave = leave
        self._made = False
        os.register_at_fork(after_in_child=self._in_copy, after_in_parent=self._in_original)

    def let_speak(self) -> None:
        """Wait for a copy that comes back at the same time to say so."""
        if self._made:
            _sleep(_SECONDS_TO_SPEAK)

    def _in_original(self) -> None:
        self._made = True

    def _in_copy(self) -> None:
        frames = []
        frame: FrameType | None = _frame(1)
        while frame:
            frames.append(frame)
            frame = frame.f_back
        if any(frame.f_code.co_filename.endswith(_NEVER_BACK) for frame in frames):
            return
        for frame in frames:
            if frame.f_code.co_filename.startswith(_PACKAGE):
                frame.f_trace = self._back
        _settrace(self._trace)

    def _back(self, frame: FrameType, event: str, argument: object) -> NoReturn:
        self._leave()

    def _trace(self, frame: FrameType, event: str, argument: object) -> None:
        """Trace no new function."""
