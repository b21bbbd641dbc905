"""Running commands: what is known of one that has ended, and Python in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Completed:
    """How a command ended and what it printed."""

    exit_code: int
    stdout: str
    stderr: str


Run = Callable[..., Completed]
"""What the fixtures `run`, `run_in` and `run_process` are."""


def search_path(*first: object) -> str:
    """A PYTHONPATH: these folders, then what is on the user's, which may be all that Python finds mixbench and torch by."""
    told = os.environ.get("PYTHONPATH", "")
    places = [*map(str, first), *(told.split(os.pathsep) if told else ())]
    return os.pathsep.join(dict.fromkeys(map(os.path.abspath, places)))


def environment_in(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a process that works in `folder` and has its cache there."""
    return {**os.environ, "MIXBENCH_CACHE": str(folder / "cache"), **variables}


def run_python(*arguments: object, folder: Path, timeout: float = 120.0, **variables: str) -> Completed:
    """Run the Python of this environment in `folder`, with its cache there, and wait for it to end."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, cwd=folder, env=environment_in(folder, **variables)
    )
    return Completed(done.returncode, done.stdout, done.stderr)
