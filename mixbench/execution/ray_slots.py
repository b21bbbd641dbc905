"""Slots on the nodes of a Ray cluster: the driver's side, which alone writes rows.

Every second the driver looks at the nodes. A new one is held to the driver's mixbench and torch, gets what the jobs need, and
then as many slots as it has CPUs or GPUs for; a slot is an actor with a launch server. A job whose slot is lost with its
process or its node is started again, on another node if there is one, at most twice.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any

from mixbench.errors import RequestError, WorkerError
from mixbench.execution import ray_look, ray_node
from mixbench.execution.cargo import Cargo, Packed, Unpacked, files_named, pack
from mixbench.execution.launch import Died, Outcome
from mixbench.execution.ray_cluster import connect, differences, reason_of
from mixbench.machine.environment import environment, physical_cores

RERUNS = 2
"""How often a job is started again whose slot was lost."""
_EVERY = 1.0
"""Seconds between looks at the nodes."""
_FAULTS = 3
"""A node on which so many slots in a row do not start is left out."""
_BUSY = 20.0
"""Seconds after which the user is told of a slot whose node has no room for it."""
_PATIENCE = 120.0
"""Seconds to wait for a node when there is none."""


@dataclass(frozen=True)
class RayEngine:
    """A Ray cluster, by its address; with "" the one that this machine belongs to, or one that is started here.

    `variables` are environment variables of the processes. There is a slot for each CPU, at most `jobs` per node; or, with
    `gpu`, `per_gpu` for each GPU, with `capped` no more per node than it has CPUs.
    """

    address: str
    variables: Mapping[str, str]
    jobs: int | None = None
    gpu: bool = False
    per_gpu: int = 1
    capped: bool = False
    at_once: int = 1
    elsewhere: bool = True

    def open(
        self, modules: Sequence[str], optional: Sequence[str], most: int, cargo: Cargo, say: Callable[[str], None]
    ) -> RaySlots:
        """Slots on the nodes of the cluster."""
        return RaySlots(self, modules, optional, most, cargo, say)

    def slots_on(self, resources: Mapping[str, float]) -> int:
        """How many slots a node with these resources has."""
        cpus, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
        if not self.gpu:
            return min(cpus, self.jobs or cpus)
        return gpus * (max(1, min(self.per_gpu, cpus // gpus)) if self.capped and gpus else self.per_gpu)

    def resources(self, node: Mapping[str, float]) -> dict[str, float]:
        """What a slot takes of a node with these resources."""
        return {"num_cpus": 0, "num_gpus": int(10_000 / self.per_gpu) / 10_000} if self.gpu else {"num_cpus": 1}


@dataclass
class _Node:
    id: str
    name: str
    resources: Mapping[str, float]
    environment: Mapping[str, Any] = field(default_factory=dict)
    unpacked: Unpacked | None = None
    left_out: str = ""
    """Why it gets no slots."""
    faults: int = 0
    lost: int = 0
    """Jobs that were lost on it."""
    done: int = 0
    is_busy: bool = False
    """Whether the user knows that it is waited for."""


@dataclass(eq=False)
class _Job:
    index: int
    lost_on: list[str] = field(default_factory=list)
    """The nodes where its slot was lost."""


@dataclass(eq=False)
class _Slot:
    node: _Node
    actor: Any
    asked: float
    """When Ray was asked for it."""
    exists: bool = False
    ready: bool = False
    job: _Job | None = None


class RaySlots:
    """Slots on the nodes of a cluster, as a context manager; leaving it ends them and their jobs.

    Raises RequestError if there is no cluster, or no node that can be used.
    """

    def __init__(
        self,
        engine: RayEngine,
        modules: Sequence[str],
        optional: Sequence[str],
        most: int,
        cargo: Cargo,
        say: Callable[[str], None],
    ) -> None:
        self._engine, self._cargo, self._most, self._say = engine, cargo, most, say
        self._actor: type = ray_node.Slot
        self._given: tuple[Any, ...] = (list(modules), list(optional), dict(engine.variables))
        """What its actors get, and then what is unpacked on their node."""
        self._here = environment()
        self._nodes: dict[str, _Node] = {}
        self._slots: list[_Slot] = []
        self._pending: dict[Any, Callable[[Any], None]] = {}
        """What is waited for, and what to do when it is there."""
        self._waiting: deque[_Job] = deque()
        self._ended: deque[tuple[int, Outcome]] = deque()
        self._looked = 0.0
        self._call: Callable[[_Slot, _Job], Any] = lambda slot, job: None

    def __enter__(self) -> RaySlots:
        self._own = connect(self._engine.address, self._engine.jobs or physical_cores())
        import ray

        self._ray = ray
        try:
            self._packed: Packed = pack(self._cargo, ray.put, self._say)
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
        wanted = sum(self._engine.slots_on(node.resources) for node in self._usable())
        return max(1, min(self._most, wanted))

    def running(self, left: int) -> str:
        """By node, how many jobs are running and done."""
        busy = [slot.node.name for slot in self._slots if slot.job]
        return ", ".join(f"{node.name} {busy.count(node.name)} running {node.done} done" for node in self._usable())

    def run(
        self,
        function: str,
        jobs: Sequence[Mapping[str, Any]],
        timeout: float,
        started: Callable[[int], None] = lambda index: None,
    ) -> Iterator[tuple[int, Outcome]]:
        """As `Slots.run`. Outcomes have the environment of the node, and the files that the job wrote."""

        def call(slot: _Slot, job: _Job) -> Any:
            if not job.lost_on:
                started(job.index)
            described = jobs[job.index]
            return slot.actor.run.remote(function, described, timeout, files_named(described, self._cargo.results))

        self._call = call
        yield from self._carry_out(len(jobs))

    def _carry_out(self, jobs: int) -> Iterator[tuple[int, Outcome]]:
        """Have `_call` start so many jobs, the first ones first, and give their outcomes as they come."""
        self._waiting = deque(map(_Job, range(jobs)))
        for _ in range(jobs):
            while not self._ended:
                self._require_nodes()
                self._step()
            yield self._ended.popleft()

    def _step(self) -> None:
        """Look at the nodes if it is time, give work to slots that have none, and wait a little for what comes."""
        if time.monotonic() > self._looked + _EVERY:
            self._look()
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

    def _look(self) -> None:
        """Find nodes that have joined, and those that are gone."""
        alive = {node["NodeID"]: node for node in self._ray.nodes() if node["Alive"]}
        for name in [name for name in self._nodes if name not in alive]:
            self._say(f"node {self._nodes.pop(name).name} is gone")
        for name in [name for name in alive if name not in self._nodes]:
            self._nodes[name] = node = _Node(name, self._name(alive[name], alive.values()), alive[name]["Resources"])
            if self._engine.slots_on(node.resources):
                self._await(self._on(node, ray_look.look), self._looked_at, node)
            else:
                node.left_out = f"it has no {'GPU' if self._engine.gpu else 'CPU'} for jobs"

    def _name(self, node: Mapping[str, Any], alive: Iterable[Mapping[str, Any]]) -> str:
        """The name of a node's machine; with part of its number if another node has that name."""
        name = str(node["NodeManagerHostname"])
        is_shared = [other["NodeManagerHostname"] for other in alive].count(name) > 1
        return f"{name}/{node['NodeID'][:4]}" if is_shared else name

    def _on(self, node: _Node, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on a node, whatever is running there."""
        return self._ray.remote(function).options(num_cpus=0, **self._placed(node)).remote(*arguments)

    def _placed(self, node: _Node) -> dict[str, Any]:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node.id, soft=False)}

    def _await(self, reference: Any, then: Callable[[_Node, Any], None], node: _Node) -> None:
        def arrived(reference: Any) -> None:
            try:
                answer = self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                if node.id in self._nodes:  # else it is known to be gone
                    self._leave_out(node, reason_of(error))
                return
            then(node, answer)

        self._pending[reference] = arrived

    def _looked_at(self, node: _Node, found: Mapping[str, Any]) -> None:
        if fault := found.get("fault") or differences(found, self._here):
            self._leave_out(node, fault)
            return
        node.environment = found
        self._await(self._on(node, ray_node.prepare, self._packed), self._prepared, node)

    def _prepared(self, node: _Node, unpacked: Unpacked | str) -> None:
        if isinstance(unpacked, str):
            self._leave_out(node, unpacked)
        else:
            node.unpacked = unpacked

    def _leave_out(self, node: _Node, reason: str) -> None:
        node.left_out = reason
        self._say(f"node {node.name} is left out: {reason}")

    def _usable(self) -> list[_Node]:
        return [node for node in self._nodes.values() if node.unpacked and not node.left_out]

    def _require_nodes(self) -> None:
        """Raise RequestError where every node is left out, WorkerError where none comes for a while."""
        if any(not node.left_out for node in self._nodes.values()):
            self._alone_since = time.monotonic()
            return
        if self._nodes and self._slots == [] and not any(node.done for node in self._nodes.values()) and self._looked:
            faults = "; ".join(f"{node.name}: {node.left_out}" for node in self._nodes.values())
            raise RequestError(f"no node of the Ray cluster can be used: {faults}", "`ray status` shows the cluster.")
        if time.monotonic() > getattr(self, "_alone_since", time.monotonic()) + _PATIENCE:
            raise WorkerError(f"the Ray cluster has had no node for jobs for {_PATIENCE:.0f} s")

    def _fill(self) -> None:
        """Start slots where there is room: on a node that loses no jobs, and on the emptiest, first."""
        room = {node.id: self._engine.slots_on(node.resources) for node in self._usable()}
        for slot in self._slots:
            if slot.node.id in room:
                room[slot.node.id] -= 1
        while len(self._slots) < self._most and (free := [self._nodes[name] for name in room if room[name] > 0]):
            node = min(free, key=lambda node: (node.lost, -room[node.id]))
            room[node.id] -= 1
            takes = self._engine.resources(node.resources)
            actor = self._ray.remote(self._actor).options(max_restarts=0, **takes, **self._placed(node))
            slot = _Slot(node, actor.remote(*self._given, node.unpacked), time.monotonic())
            self._slots.append(slot)
            self._pending[slot.actor.__ray_ready__.remote()] = partial(self._exists, slot)
            self._pending[slot.actor.start.remote()] = partial(self._started, slot)

    def _exists(self, slot: _Slot, reference: Any) -> None:
        slot.exists = True  # or it was lost, as `_started` will learn

    def _say_who_is_busy(self) -> None:
        """Tell of nodes where slots wait for what nobody has given back; once, until none waits there."""
        late = {slot.node.id for slot in self._slots if not slot.exists and time.monotonic() > slot.asked + _BUSY}
        free = self._ray._private.state.available_resources_per_node() if late else {}
        for node in self._usable():
            lacking = [
                name
                for name, option in (("CPU", "num_cpus"), ("GPU", "num_gpus"))
                if free.get(node.id, {}).get(name, 0) < self._engine.resources(node.resources).get(option, 0)
            ]
            is_busy = node.id in late and bool(lacking)
            if is_busy and not node.is_busy:
                wanted = " or ".join(lacking)
                self._say(
                    f"node {node.name} has no free {wanted} for the next job, which waits; other Ray jobs may use them:"
                    " see `ray status`"
                )
            node.is_busy = is_busy

    def _started(self, slot: _Slot, reference: Any) -> None:
        try:
            fault = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            fault = reason_of(error)
        if not fault:
            slot.ready, slot.node.faults = True, 0
            return
        self._drop(slot)
        slot.node.faults += 1
        if slot.node.faults == _FAULTS and slot.node.id in self._nodes:
            self._leave_out(slot.node, fault)

    def _give(self) -> None:
        """Give jobs to slots that are free."""
        for slot in self._slots:
            if not slot.ready or slot.job or not self._waiting:
                continue
            if job := next((job for job in self._waiting if self._may_run(job, slot)), None):
                self._waiting.remove(job)
                slot.job = job
                self._pending[self._call(slot, job)] = partial(self._finished, slot)

    def _may_run(self, job: _Job, slot: _Slot) -> bool:
        """Whether a job was not lost on the node of a slot, or was lost on every other one with slots, too."""
        return slot.node.id not in job.lost_on or all(other.node.id in job.lost_on for other in self._slots if other.ready)

    def _finished(self, slot: _Slot, reference: Any) -> None:
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

    def _outcome(self, slot: _Slot, job: _Job, reference: Any) -> Outcome | None:
        """What has come of a job; None where that is not its end. Raises RayError."""
        outcome: Outcome = self._ray.get(reference)
        return outcome

    def _lost(self, job: _Job, node: _Node, reason: str) -> None:
        job.lost_on.append(node.id)
        node.lost += 1
        if len(job.lost_on) > RERUNS:
            detail = f"its process was lost {len(job.lost_on)} times, the last time on {node.name}: {reason}"
            self._ended.append((job.index, Died(0, "killed", detail, node.environment)))
        else:
            self._say(f"a job on {node.name} was lost and starts again: {reason}")
            self._waiting.appendleft(job)

    def _drop(self, slot: _Slot) -> None:
        self._slots.remove(slot)
        with suppress(Exception):
            self._ray.kill(slot.actor)
