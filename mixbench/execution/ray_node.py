"""What runs on a node of a Ray cluster: the slots, each with a launch server."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from mixbench.errors import MixbenchError, one_line
from mixbench.execution.cargo import Packed, Unpacked, relocated, unpack
from mixbench.execution.launch import Finished, Launch, Outcome
from mixbench.parsing.sources import MOVED

SCRATCH = "mixbench-slot-"
"""How folders for a while begin on a node; the process that uses them follows."""
_ABANDONED = 3600.0
"""Seconds since the last job after which the files of a slot that is gone are removed."""


def prepare(packed: Packed) -> Unpacked | str:
    """Find on this node what the jobs need, or fetch it; why that failed, in words."""
    import ray

    try:
        return unpack(packed, ray.get)
    except MixbenchError as error:
        return one_line(error)


class Slot:
    """A launch server on this node: an actor of Ray."""

    def __init__(
        self, modules: Sequence[str], optional: Sequence[str], variables: Mapping[str, str], unpacked: Unpacked
    ) -> None:
        self._unpacked = unpacked
        self._launch = Launch(modules, optional, environment={**variables, MOVED: json.dumps(dict(unpacked.code))})
        drop_leftovers()
        self._scratch = tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-")

    def start(self) -> str:
        """Start the server; why it did not start, in words."""
        try:
            self._launch.start()
            self._launch.wait_until_ready()
        except MixbenchError as error:
            return one_line(error)
        return ""

    def run(self, function: str, job: Mapping[str, Any], timeout: float, files: Mapping[str, bytes]) -> Outcome:
        """As `Launch.run`. These files are there, and those that the job writes come with the outcome."""
        for name, content in files.items():
            Path(self._scratch, name).parent.mkdir(parents=True, exist_ok=True)
            Path(self._scratch, name).write_bytes(content)
        try:
            moved = relocated(job, {**self._unpacked.data, self._unpacked.results: self._scratch})
            outcome = self._launch.run(function, moved, timeout)
            if isinstance(outcome, Finished):
                written = _files_below(Path(self._scratch))
                new = {name: content for name, content in written.items() if files.get(name) != content}
                return replace(outcome, files=new)
            return outcome
        finally:
            for place in os.scandir(self._scratch):
                shutil.rmtree(place) if place.is_dir() else os.unlink(place)

    def close(self) -> None:
        """End the server."""
        self._launch.close()
        shutil.rmtree(self._scratch, ignore_errors=True)


def _files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def drop_leftovers() -> None:
    """Remove what slots have left that were killed."""
    for place in Path(tempfile.gettempdir()).glob(f"{SCRATCH}*"):
        with suppress(OSError, ValueError):
            process = int(place.name.removeprefix(SCRATCH).partition("-")[0])
            if not psutil.pid_exists(process) and time.time() - place.stat().st_mtime > _ABANDONED:
                shutil.rmtree(place, ignore_errors=True)
