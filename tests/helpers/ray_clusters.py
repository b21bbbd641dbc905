"""Ray clusters of several nodes on this machine, for tests. Each has a folder of its own, and ends with the test."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
from places import HELPERS
from running import search_path

_QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
"""So that a lost node is noticed within a second."""
_NODE = {"object_store_memory": 80_000_000, "include_dashboard": False}


class NodesHere:
    """A cluster whose first node has one CPU. Its nodes find the fakes of `tests/helpers`."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": _QUICK, **_NODE})
        self.address: str = self._cluster.address

    def add(self, **given: Any) -> Any:
        """Add a node; returns it."""
        return self._cluster.add_node(**_NODE, **given)

    def kill(self, node: Any) -> None:
        """End all processes of a node at once, as if its machine had lost power.

        Ray alone ends that which starts the others; these then go on for about a second.
        """
        first = psutil.Process(node.all_processes["raylet"][0].process.pid)
        for process in (first, *first.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._cluster.remove_node(node, allow_graceful=False)

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
