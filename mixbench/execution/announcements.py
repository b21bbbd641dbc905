"""What a measuring process announces: the step that it begins, and when."""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import sys
from time import monotonic

_ANNOUNCEMENT = struct.Struct("qd")  # step, time.monotonic()


def new_board() -> int:
    """The descriptor of memory for a `Board`, to be handed to the processes that share it."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("mixbench")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, _ANNOUNCEMENT.size)
    return descriptor


class Board:
    """Memory that several processes share: it tells what one was doing last, even after its death."""

    def __init__(self, descriptor: int) -> None:
        self._memory = mmap.mmap(descriptor, _ANNOUNCEMENT.size)

    @classmethod
    def hidden(cls, descriptor: int) -> Board:
        """The board, with `descriptor` closed, and so its copy in `mmap`: code of a mixer could write to it or truncate it."""
        copy = os.dup(descriptor)
        os.close(copy)  # now the lowest free number, which `mmap` takes
        board = cls(descriptor)
        with contextlib.suppress(OSError):
            if os.path.sameopenfile(descriptor, copy):
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, copy, inheritable=False)
                os.close(nowhere)
        os.close(descriptor)
        return board

    def announce(self, step: int) -> None:
        """Say that a step begins now."""
        self._memory[:] = _ANNOUNCEMENT.pack(step, monotonic())

    @property
    def step(self) -> int:
        """The step that was announced last."""
        return int(_ANNOUNCEMENT.unpack(self._memory[:])[0])

    def left(self, timeout: float) -> float:
        """Seconds until nothing has been announced for `timeout` seconds."""
        announced = float(_ANNOUNCEMENT.unpack(self._memory[:])[1])
        return announced + timeout - monotonic()
