"""Commands that a user is told to type."""

from __future__ import annotations

import shlex
from pathlib import Path


def with_folder(command: str, folder: Path) -> str:
    """A command that works on this results folder."""
    return command if folder == Path("results") else f"{command} --results {shlex.quote(str(folder))}"
