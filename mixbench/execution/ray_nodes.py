"""Whole nodes of a Ray cluster: one job per node at a time, which tells what it has found while it goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mixbench.execution.launch import Outcome
from mixbench.execution.ray_actors import Actors, Job, Slot
from mixbench.execution.ray_slots import RayEngine

_SETTLING = 30.0
"""Seconds that nodes have to be ready before the first job starts."""


@dataclass(frozen=True)
class WholeNodes(RayEngine):
    """A cluster of which jobs take whole nodes: those with a CPU or, with `gpu`, with a GPU."""

    def slots_on(self, resources: Mapping[str, float]) -> int:
        """One, or none."""
        return int(resources.get("CPU", 0) >= 1 and (not self.gpu or resources.get("GPU", 0) >= 1))

    def resources(self, node: Mapping[str, float]) -> dict[str, float]:
        """All of a node, so that nothing else of Ray runs there."""
        return {"num_cpus": node["CPU"], "num_gpus": node.get("GPU", 0)}


@dataclass(frozen=True)
class Unfit:
    """Told by a job instead of an outcome: its node cannot carry out any job."""

    reason: str


class Told(Protocol):
    """A study whose jobs are carried out by whole nodes."""

    def job(self, index: int, environment: Mapping[str, Any]) -> Any:
        """The job, as it starts on a node with this environment."""

    def heard(self, index: int, node: str, environment: Mapping[str, Any], news: Any) -> None:
        """A job tells something."""

    def prefers(self, index: int, environment: Mapping[str, Any]) -> bool:
        """Whether a node with this environment can continue the job, while another would have to begin with it."""


class RayNodes(Actors):
    """The nodes of a cluster, each with an actor that takes it whole: `actor`, made of `given` and what its node has.

    The method `run` of an actor gets a job and yields what it tells, then an outcome or `Unfit`. A context manager, as
    `Actors`.
    """

    _study: Told

    def __enter__(self) -> RayNodes:
        super().__enter__()
        try:
            begun = time.monotonic()
            while self._settling() and time.monotonic() < begun + _SETTLING:
                self._step()
        except BaseException:
            self.close()
            raise
        return self

    def _settling(self) -> bool:
        ready = {slot.node.id for slot in self._slots if slot.ready}
        return len(ready) < self._most and any(not node.left_out and node.id not in ready for node in self._nodes)

    def measure(self, study: Told, jobs: int) -> Iterator[tuple[int, Outcome]]:
        """Carry out so many jobs of a study, starting them in order, and give their outcomes as they come."""
        self._study = study

        def call(slot: Slot, job: Job) -> Any:
            described = study.job(job.index, slot.node.environment)
            return slot.actor.run.options(num_returns="streaming").remote(described)

        self._call = call
        yield from self._carry_out(jobs)

    def _may_run(self, job: Job, slot: Slot) -> bool:
        """Whether a node may have a job: not while another one that is there can continue it."""
        if not super()._may_run(job, slot):
            return False
        continuing = {
            other.node.id
            for other in self._slots
            if other.ready and other.node.id not in job.lost_on and self._study.prefers(job.index, other.node.environment)
        }
        return not continuing or slot.node.id in continuing

    def _outcome(self, slot: Slot, job: Job, reference: Any) -> Outcome | None:
        told = self._ray.get(next(reference))
        if isinstance(told, Outcome):
            return told
        if isinstance(told, Unfit):
            slot.job = None
            self._nodes.leave_out(slot.node, told.reason)
            self._drop(slot)
            self._waiting.appendleft(job)
            return None
        self._study.heard(job.index, slot.node.name, slot.node.environment, told)
        self._pending[reference] = lambda reference: self._finished(slot, reference)
        return None
