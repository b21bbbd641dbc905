"""Actors on the nodes of a Ray cluster and the jobs that they carry out: the driver's side, which alone writes rows.

Every second the driver looks at the nodes. One that can be used has as many actors as there are slots on it. A job whose actor
is lost with its process or its node is started again, on another node if there is one, at most twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self

from mixbench.execution.cargo import Cargo, pack
from mixbench.execution.launch import Died, Outcome
from mixbench.execution.ray_cluster import connect, reason_of
from mixbench.execution.ray_members import Members, Node, placed_on
from mixbench.machine.environment import environment, physical_cores

RERUNS = 2
"""How often a job is started again whose slot was lost."""
_EVERY = 1.0
"""Seconds between looks at the nodes."""
_FAULTS = 3
"""A node on which so many slots in a row do not start is left out."""
_BUSY = 20.0
"""Seconds after which the user is told of a slot whose node has no room for it."""


class Sharing(Protocol):
    """A cluster by its address, and how its nodes are shared out in slots."""

    @property
    def address(self) -> str:
        """With "" the one that this machine belongs to, or one that is started here, with as many CPUs as `jobs`."""

    @property
    def jobs(self) -> int | None:
        """The most slots on a node; None for as many as it has room for."""

    @property
    def gpu(self) -> bool:
        """Whether a slot needs a GPU."""

    def slots_on(self, resources: Mapping[str, float]) -> int:
        """How many slots a node with these resources has."""

    def resources(self, node: Mapping[str, float]) -> dict[str, float]:
        """What a slot takes of a node with these resources."""


@dataclass(eq=False)
class Job:
    """A job by its place among all."""

    index: int
    lost_on: list[str] = field(default_factory=list)
    """The nodes where its slot was lost."""


@dataclass(eq=False)
class Slot:
    """An actor on a node, and the job that it carries out."""

    node: Node
    actor: Any
    asked: float
    """When Ray was asked for it."""
    exists: bool = False
    ready: bool = False
    job: Job | None = None


class Actors:
    """Actors in the slots of a cluster, `most` at most, as a context manager; leaving it ends them and their jobs.

    Each is an `actor`, made of `given` and what is unpacked on its node; its method `start` gives a fault, or "".
    Raises RequestError if there is no cluster, or no node that can be used.
    """

    def __init__(
        self, cluster: Sharing, actor: type, given: tuple[Any, ...], most: int, cargo: Cargo, say: Callable[[str], None]
    ) -> None:
        self._cluster, self._actor, self._given = cluster, actor, given
        self._most, self._cargo, self._say = most, cargo, say
        self._here = environment()
        self._slots: list[Slot] = []
        self._pending: dict[Any, Callable[[Any], None]] = {}
        """What is waited for, and what to do when it is there."""
        self._waiting: deque[Job] = deque()
        self._ended: deque[tuple[int, Outcome]] = deque()
        self._looked = 0.0
        self._call: Callable[[Slot, Job], Any] = lambda slot, job: None

    def __enter__(self) -> Self:
        self._own = connect(self._cluster.address, self._cluster.jobs or physical_cores())
        import ray

        self._ray = ray
        try:
            packed = pack(self._cargo, ray.put, self._say)
            self._nodes = Members(self._lacks, self._here, packed, self._pending.__setitem__, self._say)
            while not any(slot.ready for slot in self._slots):
                self._require_nodes()
                self._step()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End all slots."""
        for slot in self._slots:
            with suppress(Exception):  # whatever is wrong with the cluster now
                self._ray.kill(slot.actor)
        self._slots.clear()
        self._pending.clear()
        if self._own:
            self._ray.shutdown()

    @property
    def at_once(self) -> int:
        """How many slots there are, or will be when all nodes have theirs."""
        wanted = sum(self._cluster.slots_on(node.resources) for node in self._nodes.usable())
        return max(1, min(self._most, wanted))

    def _carry_out(self, jobs: int) -> Iterator[tuple[int, Outcome]]:
        """Have `_call` start so many jobs, the first ones first, and give their outcomes as they come."""
        self._waiting = deque(map(Job, range(jobs)))
        for _ in range(jobs):
            while not self._ended:
                self._require_nodes()
                self._step()
            yield self._ended.popleft()

    def _lacks(self, resources: Mapping[str, float]) -> str:
        return "" if self._cluster.slots_on(resources) else f"it has no {'GPU' if self._cluster.gpu else 'CPU'} for jobs"

    def _require_nodes(self) -> None:
        self._nodes.require_some(begun=bool(self._slots) or any(node.done for node in self._nodes))

    def _step(self) -> None:
        """Look at the nodes if it is time, give work to slots that have none, and wait a little for what comes."""
        if time.monotonic() > self._looked + _EVERY:
            self._nodes.look()
            self._say_who_is_busy()
            self._looked = time.monotonic()
        self._fill()
        self._give()
        if not self._pending:
            time.sleep(_EVERY)
            return
        ready, _ = self._ray.wait([*self._pending], timeout=_EVERY)
        for reference in ready:
            self._pending.pop(reference)(reference)
        self._give()

    def _fill(self) -> None:
        """Start slots where there is room: on a node that loses no jobs, and on the emptiest, first."""
        usable = self._nodes.usable()
        room = {node.id: self._cluster.slots_on(node.resources) for node in usable}
        for slot in self._slots:
            if slot.node.id in room:
                room[slot.node.id] -= 1
        while len(self._slots) < self._most and (free := [node for node in usable if room[node.id] > 0]):
            node = min(free, key=lambda node: (node.lost, -room[node.id]))
            room[node.id] -= 1
            takes = self._cluster.resources(node.resources)
            actor = self._ray.remote(self._actor).options(max_restarts=0, **takes, **placed_on(node))
            slot = Slot(node, actor.remote(*self._given, node.unpacked), time.monotonic())
            self._slots.append(slot)
            self._pending[slot.actor.__ray_ready__.remote()] = partial(self._exists, slot)
            self._pending[slot.actor.start.remote()] = partial(self._started, slot)

    def _exists(self, slot: Slot, reference: Any) -> None:
        slot.exists = True  # or it was lost, as `_started` will learn

    def _say_who_is_busy(self) -> None:
        """Tell of nodes where slots wait for what nobody has given back; once, until none waits there."""
        late = {slot.node.id for slot in self._slots if not slot.exists and time.monotonic() > slot.asked + _BUSY}
        free = self._ray._private.state.available_resources_per_node() if late else {}
        for node in self._nodes.usable():
            lacking = [
                name
                for name, option in (("CPU", "num_cpus"), ("GPU", "num_gpus"))
                if free.get(node.id, {}).get(name, 0) < self._cluster.resources(node.resources).get(option, 0)
            ]
            is_busy = node.id in late and bool(lacking)
            if is_busy and not node.is_busy:
                wanted = " or ".join(lacking)
                self._say(
                    f"node {node.name} has no free {wanted} for the next job, which waits; other Ray jobs may use them:"
                    " see `ray status`"
                )
            node.is_busy = is_busy

    def _started(self, slot: Slot, reference: Any) -> None:
        try:
            fault = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            fault = reason_of(error)
        if not fault:
            slot.ready, slot.node.faults = True, 0
            return
        self._drop(slot)
        slot.node.faults += 1
        if slot.node.faults == _FAULTS:
            self._nodes.leave_out(slot.node, fault)

    def _give(self) -> None:
        """Give jobs to slots that are free."""
        for slot in self._slots:
            if not slot.ready or slot.job or not self._waiting:
                continue
            if job := next((job for job in self._waiting if self._may_run(job, slot)), None):
                self._waiting.remove(job)
                slot.job = job
                self._pending[self._call(slot, job)] = partial(self._finished, slot)

    def _may_run(self, job: Job, slot: Slot) -> bool:
        """Whether a job was not lost on the node of a slot, or was lost on every other one with slots, too."""
        return slot.node.id not in job.lost_on or all(other.node.id in job.lost_on for other in self._slots if other.ready)

    def _finished(self, slot: Slot, reference: Any) -> None:
        job = slot.job
        assert job is not None
        try:
            outcome = self._outcome(slot, job, reference)
        except self._ray.exceptions.RayError as error:
            slot.job = None
            self._drop(slot)
            self._lost(job, slot.node, reason_of(error))
            return
        if outcome is None:
            return
        slot.job = None
        slot.node.done += 1
        self._ended.append((job.index, replace(outcome, environment=slot.node.environment)))

    def _outcome(self, slot: Slot, job: Job, reference: Any) -> Outcome | None:
        """What has come of a job; None where that is not its end. Raises RayError."""
        outcome: Outcome = self._ray.get(reference)
        return outcome

    def _lost(self, job: Job, node: Node, reason: str) -> None:
        job.lost_on.append(node.id)
        node.lost += 1
        if len(job.lost_on) > RERUNS:
            detail = f"its process was lost {len(job.lost_on)} times, the last time on {node.name}: {reason}"
            self._ended.append((job.index, Died(0, "killed", detail, node.environment)))
        else:
            self._say(f"a job on {node.name} was lost and starts again: {reason}")
            self._waiting.appendleft(job)

    def _drop(self, slot: Slot) -> None:
        self._slots.remove(slot)
        with suppress(Exception):
            self._ray.kill(slot.actor)
