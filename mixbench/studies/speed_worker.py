"""The child's side of a speed study as its parent sees it: which modules run there, and whether a request can be measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError
from mixbench.execution import Died, Finished, Launch, run_each
from mixbench.machine.neighbours import Neighbour, neighbours
from mixbench.studies.contract_jobs import IMPORTED_ONCE, VERIFY
from mixbench.studies.outcomes import Outcome
from mixbench.studies.speed_contract import Verify
from mixbench.studies.speed_counting import Ask

START_TIMEOUT = 300.0
"""Seconds that a job may take which runs no code of a mixer."""


@dataclass(frozen=True)
class Worker:
    """The modules whose functions run in children: check, measure_peak, measure_group; foresee, count, measure_energy.

    Launches also import what every child would otherwise import, where they can: the one that counts `for_counting`, which the
    first fake tensor needs, those that compile `for_compiling`. `watch` says who else uses the machine, before anything is
    measured. Tests bring their own.
    """

    module: str = "mixbench.worker.speed"
    counter: str = "mixbench.worker.counting"
    for_counting: tuple[str, ...] = ("torch._dynamo",)
    for_compiling: tuple[str, ...] = ("torch._dynamo", "torch._inductor.compile_fx")
    verifier: str = VERIFY
    """Holds mixers to their contract; none does where it is empty."""
    watch: Callable[[], Sequence[Neighbour]] = neighbours

    def function(self, name: str) -> str:
        """A function of `module`, as a launch runs it."""
        return f"{self.module}:{name}"

    def asking(self, launch: Launch, timeout: float) -> Ask:
        """Has children of a launch call functions of `counter`."""
        return lambda function, job: launch.run(f"{self.counter}:{function}", job, timeout)

    def verifying(self, launch: Launch) -> Verify:
        """Has children call `verifier`: those of a launch one after the other, or others side by side."""
        run_alone = self.function("run_alone")

        def verify(jobs: Sequence[Mapping[str, Any]], timeout: float, at_once: int) -> Iterator[Finished | Died]:
            if at_once > 1:
                modules = IMPORTED_ONCE
                yield from run_each(self.verifier, jobs, threads=1, timeout=timeout, modules=modules, at_once=at_once)
            else:
                for job in jobs:
                    yield launch.run(run_alone, {"function": self.verifier, "job": job, "threads": 1}, timeout)

        return verify

    def check(
        self, launch: Launch, devices: Sequence[str], targets: Sequence[str], timeout: float, every: Iterable[str] = ()
    ) -> dict[str, Outcome]:
        """The outcomes of the targets whose code cannot be imported, ends the process that imports it, or never returns.

        Raises RequestError if a device is missing, and if nothing of `every` target of the request can be imported.
        """
        faults: list[str] = []
        dead: dict[str, Outcome] = {}
        unusable: dict[str, str] = {}
        if set(devices) != {"cpu"}:
            checked = launch.run(self.function("check"), {"devices": list(devices), "targets": []}, START_TIMEOUT)
            faults += [checked.detail] if isinstance(checked, Died) else checked.result["faults"]
        for target in targets:  # each in a process of its own, so that none has to answer for another
            checked = launch.run(self.function("check"), {"devices": [], "targets": [target]}, timeout)
            if isinstance(checked, Died):
                dead[target] = {"status": checked.cause, "detail": f"while it was imported: {checked.detail}"}
            elif found := checked.result.get("faults"):
                unusable[target] = "; ".join(found)
        if not {*targets, *every} - {*unusable}:
            faults += unusable.values()
        if faults:
            raise RequestError("; ".join(faults), "Nothing was measured.")
        return dead | {target: {"status": "error", "detail": fault} for target, fault in unusable.items()}
