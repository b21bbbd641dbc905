"""Errors that a user can act on. Any other exception is a bug and keeps its traceback.

MixbenchError
├── RequestError            the request cannot be carried out                     exit code 2
│   ├── UnknownNameError    an unknown name, with the closest known one
│   └── FolderBusyError     another mixbench is writing to the results folder
├── StorageError            a file could not be read or written                   exit code 1
└── WorkerError             the measuring process did not start or failed         exit code 1

A MixbenchWarning is no error: it tells what was left out of a file, or that two mixers are one.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 120
"""Characters of a text that a message quotes."""
_LONGEST_LINE = 500
_LONGEST_MESSAGE, _LONGEST_HINT = 1500, 5000


def shortened(text: str, most: int = _LONGEST) -> str:
    """A text as messages, tables and figures show it: of a long one, the beginning and the end."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-(most // 2) :]}"


def one_line(text: object) -> str:
    """A text on one line that can be stored, at most 500 characters long."""
    return " ".join(str(text).encode(errors="replace").decode().replace("\0", " ").split())[:_LONGEST_LINE]


class MixbenchError(Exception):
    """The message says what went wrong and where, in one sentence; `hint` says what to do next."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(shortened(message, _LONGEST_MESSAGE))
        self.hint = hint = shortened(hint, _LONGEST_HINT)
        if hint:
            self.add_note(hint)  # shown below a traceback


class RequestError(MixbenchError):
    """The request cannot be carried out as given; nothing was measured."""

    exit_code = 2


class UnknownNameError(RequestError):
    """An unknown name; the hint suggests the closest of `known`, and lists all by the alphabet or `in_order`."""

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "", *, in_order: bool = False) -> None:
        names = list(map(shortened, known if in_order else sorted(known)))
        near = get_close_matches(shortened(name), names, n=1, cutoff=0.5)
        place = f" {where}" if where else ""
        known_names = f"Known: {', '.join(names)}." if names else f"There is no {kind}{place}."
        hint = f"Did you mean {near[0]!r}? {known_names}" if near else known_names
        super().__init__(f"unknown {kind} {shortened(name)!r}{place}", hint)


class FolderBusyError(RequestError):
    """Another process is writing to the results folder: only one can at a time."""


class StorageError(MixbenchError):
    """A file could not be read or written; whatever was written before is intact."""


class MixbenchWarning(UserWarning):
    """What a user should know although nothing failed; the command line prints it as a remark."""


class SameCodeWarning(MixbenchWarning):
    """Files that were named as several mixers have the same code."""


class StorageWarning(MixbenchWarning):
    """Some lines of a file were left out; the message says which, why, and where they are kept."""


class LeftOutWarning(MixbenchWarning):
    """Some rows of a results folder are not part of the figures; the message says which, and how they can be."""


class WorkerError(MixbenchError):
    """The measuring process did not start, stopped, or returned an invalid answer."""
