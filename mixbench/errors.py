"""Errors that a user can act on. Anything else that is raised is a bug and keeps its traceback.

MixbenchError
├── RequestError            the request is wrong: nothing was measured            exit code 2
│   ├── UnknownNameError    a name that is not known, with the nearest that is
│   └── FolderBusyError     another mixbench is writing to the results folder
├── StorageError            a file could not be read or written                   exit code 1
└── WorkerError             the measuring process could not be started            exit code 1
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class MixbenchError(Exception):
    """What went wrong and where, in one sentence; `hint` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class RequestError(MixbenchError):
    """The request cannot be carried out as it stands; nothing was measured."""

    exit_code = 2


class UnknownNameError(RequestError):
    """A name that is not known; suggests the nearest of `known`."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        place = f" {where}" if where else ""
        known_names = f"Known: {', '.join(names)}." if names else f"There is no {kind}{place}."
        super().__init__(f"unknown {kind} {name!r}{place}", f"Did you mean {near[0]!r}? {known_names}" if near else known_names)


class FolderBusyError(RequestError):
    """Only one process writes to a results folder at a time."""


class StorageError(MixbenchError):
    """A results file could not be read or written; what was written before is intact."""


class WorkerError(MixbenchError):
    """The measuring process could not be started or broke the protocol."""
