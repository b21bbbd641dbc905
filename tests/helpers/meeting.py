"""A meeting of jobs on several nodes: none goes on before so many nodes hold one, so that no test depends on which is quicker.

A job that takes part calls `attend`; FAKE_MEETING names the folder. Where FAKE_STALL is set, so many jobs of the node go on,
and the next one stalls until it is killed. FAKE_NODE tells nodes apart.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NEVER = 1_000_000
"""More nodes than there are: jobs wait until fewer are expected."""
_PATIENCE = 300.0
"""Seconds after which a job no longer waits, and fails."""


class Meeting:
    """How many nodes have to hold a job before any goes on, and how many jobs of each go on, if not all."""

    def __init__(self, folder: Path, nodes: int, stall: int | None = None) -> None:
        self.folder, self._stall = folder, stall
        folder.mkdir()
        self.expect(nodes)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which jobs know of it."""
        return {"FAKE_MEETING": str(self.folder), **({} if self._stall is None else {"FAKE_STALL": str(self._stall)})}

    def expect(self, nodes: int) -> None:
        """Have jobs wait for so many nodes from now on; with 0, for none."""
        new = self.folder / "new"
        new.write_text(str(nodes))
        new.replace(self.folder / "expected")


def invite(variables: Mapping[str, str]) -> Sequence[Any]:
    """Have all jobs that this process will start take part: the `watch` of a `Worker`."""
    os.environ |= variables
    return ()


def attend() -> None:
    """Wait for the others; stall where that is asked for."""
    folder, node = Path(os.environ.get("FAKE_MEETING", "")), os.environ.get("FAKE_NODE", "here")
    if folder == Path():
        return
    with (folder / f"node-{node}").open("a") as own:
        own.write("x")
    jobs = (folder / f"node-{node}").stat().st_size
    deadline = time.monotonic() + _PATIENCE

    def must_wait() -> bool:
        missing = int((folder / "expected").read_text()) - len([*folder.glob("node-*")])
        return missing > 0 or jobs > int(os.environ.get("FAKE_STALL", NEVER))

    while must_wait():
        if time.monotonic() > deadline:
            raise TimeoutError("the other nodes did not come")
        time.sleep(0.02)
