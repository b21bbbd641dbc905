"""Commands that a user is told to type."""

from __future__ import annotations

import shlex
from pathlib import Path

RESULTS = "--results"


def with_folder(command: str, folder: Path) -> str:
    """A command that works on this results folder."""
    return command if folder == Path("results") else f"{command} {RESULTS} {shlex.quote(str(folder))}"


def repeated_in(command: str, folder: Path) -> str:
    """A command that was carried out, perhaps in another results folder, for this one."""
    words = shlex.split(command)
    while RESULTS in words:
        place = words.index(RESULTS)
        del words[place : place + 2]
    return with_folder(shlex.join(words), folder)
