"""Errors that a user can act on. Any other exception is a bug and keeps its traceback.

MixbenchError
├── RequestError            the request cannot be carried out                     exit code 2
│   ├── UnknownNameError    an unknown name, with the closest known one
│   └── FolderBusyError     another mixbench is writing to the results folder
├── StorageError            a file could not be read or written                   exit code 1
└── WorkerError             the measuring process did not start or failed         exit code 1
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 120


def shortened(text: str) -> str:
    """A text as messages quote it: of a long one, the beginning and the end."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}…{text[-_LONGEST // 2 :]}"


class MixbenchError(Exception):
    """The message says what went wrong and where, in one sentence; `hint` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        if hint:
            self.add_note(hint)  # shown below a traceback


class RequestError(MixbenchError):
    """The request cannot be carried out as given; nothing was measured."""

    exit_code = 2


class UnknownNameError(RequestError):
    """An unknown name; the hint suggests the closest of `known`."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        place = f" {where}" if where else ""
        known_names = f"Known: {', '.join(map(shortened, names))}." if names else f"There is no {kind}{place}."
        hint = f"Did you mean {shortened(near[0])!r}? {known_names}" if near else known_names
        super().__init__(f"unknown {kind} {shortened(name)!r}{place}", hint)


class FolderBusyError(RequestError):
    """Another process is writing to the results folder: only one can at a time."""


class StorageError(MixbenchError):
    """A file could not be read or written; whatever was written before is intact."""


class StorageWarning(UserWarning):
    """Something in a file does not count: what, where, and where it is kept."""


class WorkerError(MixbenchError):
    """The measuring process did not start, stopped, or gave an answer that cannot be read."""
