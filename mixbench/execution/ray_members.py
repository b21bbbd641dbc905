"""The nodes that belong to a Ray cluster: which have joined, whether jobs can run there, which are left out, and why.

A node that joins is held to the driver's mixbench and torch, and then gets what the jobs need.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mixbench.errors import RequestError, WorkerError
from mixbench.execution import ray_look, ray_node
from mixbench.execution.cargo import Packed, Unpacked
from mixbench.execution.ray_cluster import differences, reason_of

_PATIENCE = 120.0
"""Seconds to wait for a node when there is none."""


@dataclass
class Node:
    """A node, what it has, and how its jobs have gone."""

    id: str
    name: str
    resources: Mapping[str, float]
    environment: Mapping[str, Any] = field(default_factory=dict)
    unpacked: Unpacked | None = None
    left_out: str = ""
    """Why it gets no slots."""
    faults: int = 0
    """Slots in a row that did not start on it."""
    lost: int = 0
    """Jobs that were lost on it."""
    done: int = 0
    is_busy: bool = False
    """Whether the user knows that it is waited for."""


def placed_on(node: Node) -> dict[str, Any]:
    """The option of Ray with which a task or an actor runs on a node, or not at all."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False)}


class Members:
    """The nodes of the cluster that this process is connected to.

    `lacks` says what a node with some resources lacks for a slot, and `here` is the environment that others are held to.
    `await_it` takes a reference of Ray and what to do with it when it is there.
    """

    def __init__(
        self,
        lacks: Callable[[Mapping[str, float]], str],
        here: Mapping[str, Any],
        packed: Packed,
        await_it: Callable[[Any, Callable[[Any], None]], None],
        say: Callable[[str], None],
    ) -> None:
        import ray

        self._ray = ray
        self._lacks, self._here, self._packed, self._await_it, self._say = lacks, here, packed, await_it, say
        self._nodes: dict[str, Node] = {}
        self._last_seen = time.monotonic()

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes.values())

    def look(self) -> None:
        """Find nodes that have joined, and those that are gone."""
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        for name in [name for name in self._nodes if name not in alive]:
            self._say(f"node {self._nodes.pop(name).name} is gone")
        for name in [name for name in alive if name not in self._nodes]:
            self._nodes[name] = node = Node(name, _name(alive[name], alive.values()), alive[name]["Resources"])
            node.left_out = self._lacks(node.resources)
            if not node.left_out:
                self._ask(node, self._looked_at, ray_look.look)

    def usable(self) -> list[Node]:
        """The nodes on which jobs can run."""
        return [node for node in self if node.unpacked and not node.left_out]

    def leave_out(self, node: Node, reason: str) -> None:
        """Give a node no more slots, and say why, unless it is known to be gone."""
        node.left_out = reason
        if node.id in self._nodes:
            self._say(f"node {node.name} is left out: {reason}")

    def require_some(self, *, begun: bool) -> None:
        """Raise RequestError where every node is left out and nothing has `begun`, WorkerError where none comes for long."""
        if any(not node.left_out for node in self):
            self._last_seen = time.monotonic()
        elif self._nodes and not begun:
            faults = "; ".join(f"{node.name}: {node.left_out}" for node in self)
            raise RequestError(f"no node of the Ray cluster can be used: {faults}", "`ray status` shows the cluster.")
        elif time.monotonic() > self._last_seen + _PATIENCE:
            raise WorkerError(f"the Ray cluster has had no node for jobs for {_PATIENCE:.0f} s")

    def _ask(self, node: Node, then: Callable[[Node, Any], None], function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function on a node, whatever is running there, and do something `then` with its answer."""

        def arrived(reference: Any) -> None:
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                self.leave_out(node, reason_of(error))
                return
            then(node, answer)

        self._await_it(self._ray.remote(function).options(num_cpus=0, **placed_on(node)).remote(*arguments), arrived)

    def _looked_at(self, node: Node, found: Mapping[str, Any]) -> None:
        if fault := found.get("fault") or differences(found, self._here):
            self.leave_out(node, fault)
            return
        node.environment = found
        self._ask(node, self._prepared, ray_node.prepare, self._packed)

    def _prepared(self, node: Node, unpacked: Unpacked | str) -> None:
        if isinstance(unpacked, str):
            self.leave_out(node, unpacked)
        else:
            node.unpacked = unpacked


def _name(node: Mapping[str, Any], alive: Iterable[Mapping[str, Any]]) -> str:
    """The name of a node's machine; with part of its number if another node has that name."""
    name = str(node["NodeManagerHostname"])
    is_shared = [other["NodeManagerHostname"] for other in alive].count(name) > 1
    return f"{name}/{node['NodeID'][:4]}" if is_shared else name
