"""Jobs for an isolated child that finds what is found once per cell: foresee, count, measure_energy.

One process takes many cells, one after the other. It stops at the first that fails or changes what they share, so that this
one can be tried alone, and returns the outcomes of those before it as `found`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from mixbench.worker.calls import count_of
from mixbench.worker.measure import energy, memory, once
from mixbench.worker.measure.subject import Cell, build_subject
from mixbench.worker.measure.surroundings import Surroundings
from mixbench.worker.speed import Announce, Job, Result, failure, pin, timed_call


def foresee(job: Job, announce: Announce) -> Result:
    """What is known of each cell before it runs, for `count`. Nothing is measured in this process: see `once.foresee`."""
    return _each(job, announce, lambda cell, _: once.foresee(cell))


def count(job: Job, announce: Announce) -> Result:
    """Find the values that are found once per cell (FLOPs, memory, operators), in passes that are never timed.

    `job["foreseen"]` has the outcome of `foresee` for each cell, or is missing.
    """
    foreseen = job.get("foreseen") or [{}] * len(job["cells"])
    return _each(job, announce, lambda cell, index: once.find(cell, foreseen[index]))


def find_meter(job: Job, announce: Announce) -> Result:
    """The `seconds` for which calls on a device are repeated to measure their energy, or why energy is `missing`."""
    announce(0)
    meter = energy.find_meter(job["device"])
    return {"missing": meter} if isinstance(meter, str) else {"seconds": meter.window}


def measure_energy(job: Job, announce: Announce) -> Result:
    """The energy of a call of each cell, as it is timed, with warm caches: `energy_j`, or why it is `missing`."""
    return _each(job, announce, lambda cell, _: _energy(cell))


def _energy(cell: Cell) -> Result:
    meter = energy.find_meter(cell.device)
    if isinstance(meter, str):
        return {"status": "ok", "missing": meter}
    call = timed_call(build_subject(cell), replace(cell, caches="warm"))
    joules = energy.energy_per_call(call, meter)
    if joules is None:
        return {"status": "ok", "missing": f"the counter of {meter.name} did not move"}
    return {"status": "ok", "energy_j": joules / count_of(call)}


def _each(job: Job, announce: Announce, work: Callable[[Cell, int], Mapping[str, Any]]) -> Result:
    cells = [Cell(**cell) for cell in job["cells"]]
    surroundings: Surroundings | None = None
    found: list[Mapping[str, Any]] = []
    for index, cell in enumerate(cells):
        announce(index)
        pin(job["threads"], training=cell.mode == "training", device=cell.device)  # also what the cell before has changed
        surroundings = surroundings or (Surroundings() if len(cells) > 1 else None)
        try:
            outcome = work(cell, index)
        except Exception as error:
            outcome = failure(error)
        if surroundings:
            if outcome["status"] != "ok" or surroundings.changes():
                break
            memory.leave_none(torch.device(cell.device))
            if cell.execution == "compiled":
                torch.compiler.reset()
        found.append(outcome)
    return {"found": found}
