"""The way of a job's answer from the child to the server: a pipe on which the code of a mixer may write anything, too.

A message is recognised by a token that is made for each job before the mixer's code is loaded.
"""

from __future__ import annotations

import os

FINISHED, RAISED, COPIED = b"F", b"R", b"C"
"""Kinds of messages: the result of the function; the exception that it raised; that a copy of the child came back."""

UNSENT = 70
"""The exit code of a child that could not send its message."""

_LONGEST = 1 << 26
_write, _fstat = os.write, os.fstat  # as they are before a mixer's code is loaded


class Sender:
    """The child's end of the pipe `descriptor`."""

    def __init__(self, descriptor: int, token: bytes) -> None:
        self._descriptor = descriptor
        self._token = token
        self._pipe = self._identity()

    def _identity(self) -> tuple[int, int]:
        status = _fstat(self._descriptor)
        return status.st_dev, status.st_ino

    def send(self, kind: bytes, content: str) -> None:
        """Send JSON. Raises OSError if the descriptor is no longer the pipe."""
        message = memoryview(b"".join((self._token, kind, content.encode(), b"\n")))
        if self._identity() != self._pipe:
            raise OSError("the mixer closed the pipe for the answer and opened another file in its place")
        while message:
            message = message[_write(self._descriptor, message) :]


class Receiver:
    """Finds messages with this token among whatever else arrives."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        self._received = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Add what has arrived; returns kind and JSON of the first message once it is whole. ValueError: it is too long."""
        self._received += data
        start = self._received.find(self._token)
        if start < 0:
            del self._received[: -len(self._token)]
            return None
        end = self._received.find(b"\n", start)
        if end < 0:
            del self._received[:start]
            if len(self._received) > _LONGEST:
                raise ValueError(f"the answer is longer than {_LONGEST >> 20} MiB")
            return None
        message = bytes(self._received[start + len(self._token) : end])
        return message[:1], message[1:]
