"""Ray clusters of several nodes on this machine, for tests. Each has a folder of its own, and ends with the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import psutil
from killing import wait_until_gone
from places import HELPERS
from running import search_path

_QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
"""So that a lost node is noticed within a second."""
_WAITING = {"timeout_ms_task_wait_for_death_info": 60_000}
"""So that the reason for which a process was lost is known, however busy this machine is."""
_NODE = {"object_store_memory": 80_000_000, "include_dashboard": False}


_PATIENCE = 60.0
"""Seconds that a busy machine may take."""


def _named(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What every node is started with. FAKE_NODE tells its processes from those of others."""
    return {**_NODE, "env_vars": {"FAKE_NODE": uuid4().hex, **(variables or {})}}


class NodesHere:
    """A cluster whose first node has one CPU. Its nodes find the fakes of `tests/helpers`."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        first = {"num_cpus": 1, "_system_config": _QUICK | _WAITING, **_named()}
        self._cluster = Cluster(initialize_head=True, head_node_args=first)
        self.address: str = self._cluster.address

    def add(self, variables: Mapping[str, str] | None = None, **given: Any) -> Any:
        """Add a node whose processes have these environment variables; returns it."""
        return self._cluster.add_node(**_named(variables), **given)

    def kill(self, node: Any) -> None:
        """End all processes of a node at once, as if its machine had lost power, and wait until the cluster knows.

        Ray alone ends that which starts the others; these then go on for about a second.
        """
        first = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.remove_node(node, allow_graceful=False)
        deadline = time.monotonic() + _PATIENCE
        while any(other["NodeID"] == node.node_id and other["Alive"] for other in self._cluster.global_state.node_table()):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def close(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()


@contextmanager
def cluster_here() -> Iterator[NodesHere]:
    """A cluster that ends with the block. Its folder has a short name: paths of sockets must not be long."""
    folder = tempfile.mkdtemp(prefix="ray-")
    given = {
        "RAY_TMPDIR": folder,
        "RAY_USAGE_STATS_ENABLED": "0",
        "MIXBENCH_CACHE": f"{folder}/cache",
        "PYTHONPATH": search_path(HELPERS),
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    cluster = None
    try:
        cluster = NodesHere()
        yield cluster
    finally:
        if cluster:
            cluster.close()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        shutil.rmtree(folder, ignore_errors=True)


def processes_of_jobs() -> list[int]:
    """The processes on clusters of this test that carry out jobs: actors, and all that they have started."""
    actors = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if any(name in " ".join(process.info["cmdline"] or ()) for name in ("ray::Slot", "ray::SpeedNode"))
        and (process.info["environ"] or {}).get("RAY_TMPDIR") == os.environ["RAY_TMPDIR"]
    ]
    return [process.pid for actor in actors for process in (actor, *actor.children(recursive=True))]


def end_in_the_middle(process: subprocess.Popen[str], is_in_the_middle: Callable[[], bool], number: signal.Signals) -> str:
    """Send a driver a signal once it is in the middle of its jobs, and wait for it to end; what it wrote to standard error.

    Nothing of its jobs is left then.
    """
    deadline = time.monotonic() + 2 * _PATIENCE
    try:
        while not is_in_the_middle():
            assert process.poll() is None, process.communicate()
            if time.monotonic() > deadline:
                process.kill()
                raise AssertionError(f"it does not come to the middle of its jobs: {process.communicate()}")
            time.sleep(0.05)
        started = processes_of_jobs()
        assert len(started) > 2
        process.send_signal(number)
        errors = process.communicate(timeout=_PATIENCE)[1]
    finally:
        process.kill()
    assert wait_until_gone(started) == []
    assert processes_of_jobs() == []
    return errors
