"""Slots for training on the nodes of a Ray cluster: one for each CPU, or several for each GPU, each with a launch server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.execution import ray_node
from mixbench.execution.cargo import Cargo, files_named
from mixbench.execution.launch import Outcome
from mixbench.execution.ray_actors import Actors, Job, Slot


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


class RaySlots(Actors):
    """The slots of a cluster, as a context manager; leaving it ends them and their jobs.

    `modules` and `optional` ones are imported as by `Launch`. Raises RequestError as `Actors`.
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
        super().__init__(engine, ray_node.Slot, (list(modules), list(optional), dict(engine.variables)), most, cargo, say)

    def running(self, left: int) -> str:
        """By node, how many jobs are running and done."""
        busy = [slot.node.name for slot in self._slots if slot.job]
        return ", ".join(f"{node.name} {busy.count(node.name)} running {node.done} done" for node in self._nodes.usable())

    def run(
        self,
        function: str,
        jobs: Sequence[Mapping[str, Any]],
        timeout: float,
        started: Callable[[int], None] = lambda index: None,
    ) -> Iterator[tuple[int, Outcome]]:
        """As `Slots.run`. Outcomes have the environment of the node, and the files that the job wrote."""

        def call(slot: Slot, job: Job) -> Any:
            if not job.lost_on:
                started(job.index)
            described = jobs[job.index]
            return slot.actor.run.remote(function, described, timeout, files_named(described, self._cargo.results))

        self._call = call
        yield from self._carry_out(len(jobs))
