"""The speed study: count every cell once, then time it in fresh launches; rows are written as soon as they are measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.execution import Died, Launch
from mixbench.execution.launch import MEASURING
from mixbench.machine.environment import Snapshot, environment, snapshot, timestamp
from mixbench.machine.neighbours import warning
from mixbench.mixers.choice import code_of
from mixbench.studies.compiled_code import keep_compiled_code
from mixbench.studies.outcomes import Outcome
from mixbench.studies.progress import Progress, Step
from mixbench.studies.speed_contract import Contract
from mixbench.studies.speed_counting import count_cells, counting_steps
from mixbench.studies.speed_energy import Energies, without_energy
from mixbench.studies.speed_plan import PlannedCell, describe, groups, plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_rows import (
    COUNTED,
    UNSEEN,
    Origin,
    beside_others,
    counted_as,
    counts_of,
    failure_row,
    read_group,
)
from mixbench.studies.speed_steps import PEAK_KEYS, START, launching, measuring, peaking, peaks_of
from mixbench.studies.speed_verification import Verification
from mixbench.studies.speed_worker import START_TIMEOUT, Worker
from mixbench.tables.columns import identity
from mixbench.tables.done import done
from mixbench.tables.origins import write_origins
from mixbench.tables.removal import drop
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow


def run_speed(
    request: SpeedRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    cells: Sequence[PlannedCell] | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    worker: Worker | None = None,
) -> str:
    """Measure what is missing of a request, or of some `cells` of its plan, and return the hash of the environment.

    Every finished launch of a group is on disk before the next begins, so an interrupted study continues where it stopped.
    Raises RequestError, StorageError, WorkerError.
    """
    cells = plan_speed(request) if cells is None else list(cells)
    with folder.writing():
        digest = folder.save_environment(environment())
        write_origins(folder.path, code_of(request.mixers))
        wanted = {cell.identity(digest) for cell in cells}
        if fresh or retry_failed:
            drop(folder, SpeedRow, lambda row: identity(row) not in wanted or not (fresh or row.status != "ok"))
        compiling = keep_compiled_code(folder.path, fresh=fresh) if "compiled" in request.execution else {}
        worker = worker or Worker()
        verification = Verification(request, progress, worker, Contract(digest))
        _Study(request, folder, progress, worker, digest, cells, Energies(folder, digest), compiling, verification).run()
    return digest


@dataclass
class _Study:
    request: SpeedRequest
    folder: ResultsFolder
    progress: Progress
    worker: Worker
    environment: str
    cells: list[PlannedCell]
    energies: Energies
    compiling: dict[str, str]
    """Environment variables for processes that compile; empty where none does."""
    verification: Verification
    counts: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    finished: dict[tuple[Any, ...], set[int]] = field(default_factory=dict)
    failed: set[tuple[Any, ...]] = field(default_factory=set)
    highest_mhz: dict[str, float | None] = field(default_factory=dict)
    """The highest clock of each GPU that was seen in this launch."""

    def run(self) -> None:
        table = self.folder.table(SpeedRow)
        table = table.taken(table.where("environment", self.environment.__eq__))
        self._set_orphans_aside({*table.distinct("measured_at").values})
        known = done(table)
        self.finished, self.failed = known.finished, known.failed
        self.counts = {counted_as(cell): without_energy(counts_of(row)) for cell, row in known.latest.items()}
        self.energies.read(known.latest.values())
        self._write_unsupported()
        self.verification.contract.read()
        self._refuse()
        self._warn()
        uncounted = [*{self._counted(cell): cell for cell in self._uncounted()}.values()]  # any of those that share counts
        launches = [launch for launch in range(1, self.request.launches + 1) if self._missing(launch)]
        prepared = bool(uncounted or self._unmetered() or self.verification.missing(self._open()))
        if not (prepared or launches):
            return
        if others := self.worker.watch():
            self.progress.remark(warning(others, self.request.threads))
        self.progress.begin([*([START] if prepared else []), *counting_steps(uncounted), *self._steps(launches)])
        if prepared:
            self._prepare(uncounted, launches)
        failed = 0
        for place, launch in enumerate(launches):
            if len(self.failed) > failed:  # there is less to do
                failed = len(self.failed)
                self.progress.remaining(self._steps(launches[place:]))
            self._launch(launch)
        self._add_energy()

    def _steps(self, launches: Sequence[int]) -> list[Step]:
        """What these launches have to do, and what follows them."""
        steps = [step for launch in launches for step in launching(self._missing(launch), self.request.budget)]
        energy = self.energies.steps(self._unmetered())
        return [*steps, START, *energy] if energy else steps

    def _set_orphans_aside(self, processes: set[str]) -> None:
        """Set launch rows aside whose speed rows were never written, or were set aside."""
        self.folder.set_aside(
            LaunchRow,
            lambda row: row.environment != self.environment or row.measured_at in processes,
            "a launch without rows in speed.csv",
        )

    def _id(self, cell: PlannedCell) -> tuple[Any, ...]:
        return cell.identity(self.environment)

    def _counted(self, cell: PlannedCell) -> tuple[Any, ...]:
        return counted_as(self._id(cell))

    def _open(self) -> list[PlannedCell]:
        """The cells that have launches left to measure and have not failed."""
        wanted = set(range(1, self.request.launches + 1))
        return [c for c in self.cells if self._id(c) not in self.failed and wanted - self.finished.get(self._id(c), set())]

    def _missing(self, launch: int) -> list[PlannedCell]:
        return [cell for cell in self._open() if launch not in self.finished.get(self._id(cell), set())]

    def _uncounted(self) -> list[PlannedCell]:
        return [cell for cell in self._open() if self._counted(cell) not in self.counts]

    def _unmetered(self) -> list[PlannedCell]:
        """The cells whose energy is asked for and not known."""
        cells = [cell for cell in self.cells if self.request.energy and self._id(cell) not in self.failed]
        return self.energies.lacking(cells)

    def _write_unsupported(self) -> None:
        unsupported = [
            (cell, {"status": "unsupported", "detail": cell.unsupported}) for cell in self._open() if cell.unsupported
        ]
        self._fail(unsupported, self._origin(1))

    def _refuse(self) -> None:
        """Fail the cells of built-in mixers that break their contract."""
        self._fail(self.verification.refused(self._open()), self._origin(1))

    def _warn(self) -> None:
        """Have the rows of other mixers say which check they fail."""
        still_open = {self._id(cell) for cell in self._open()}
        warned = iter(self.verification.warned([cell for cell in self.cells if self._id(cell) in still_open]))
        self.cells = [next(warned) if self._id(cell) in still_open else cell for cell in self.cells]

    def _fail(self, failed: Sequence[tuple[PlannedCell, Outcome]], origin: Origin) -> None:
        rows = [failure_row(cell, outcome, origin) for cell, outcome in failed]
        self.folder.append(rows)
        self.failed |= {self._id(cell) for cell, _ in failed}
        for row, (cell, _) in zip(rows, failed, strict=True):
            if row.status != "unsupported":
                self.progress.remark(f"{cell.label} at {row.tokens} tokens, width {row.width}: {row.status}: {row.detail}")

    def _origin(self, launch: int, seen: Snapshot = UNSEEN) -> Origin:
        return Origin(self.environment, launch, timestamp(), seen)

    def _prepare(self, uncounted: Sequence[PlannedCell], launches: Sequence[int]) -> None:
        """Check the request, find meters, and count the cells that need it, with the allocator as users have it."""
        optional = [*self.worker.for_counting, *(self.worker.for_compiling if self.compiling else ())] if uncounted else []
        with Launch([self.worker.module, self.worker.counter], optional, environment=self.compiling) as launch:
            targets = sorted({cell.job["target"] for cell in uncounted})
            every = [mixer.target for mixer in self.request.mixers]
            dead = self.worker.check(launch, self.request.device, targets, self.request.timeout, every)
            ask = self.worker.asking(launch, self.request.timeout)
            for text in self.energies.find_meters(self._unmetered(), ask):
                self.progress.remark(text)
            self.progress.done(START)
            self._fail([(c, dead[c.job["target"]]) for c in self._uncounted() if c.job["target"] in dead], self._origin(1))
            built_in = [(mixer, device) for mixer, device in self.verification.missing(self._open()) if mixer.entry]
            self.verification.verify(built_in, launch)
            self._refuse()
            alive = [cell for cell in uncounted if self._id(cell) not in self.failed]
            self.progress.remaining([*counting_steps(alive), *self._steps(launches)])
            for cell, outcome in count_cells(alive, ask, self.progress):
                if outcome.get("status") == "ok":
                    self.counts[self._counted(cell)] = {name: outcome[name] for name in COUNTED if name in outcome}
                else:
                    sharing = [other for other in self._uncounted() if self._counted(other) == self._counted(cell)]
                    self._fail([(other, outcome) for other in sharing], self._origin(1))
            self.verification.verify(self.verification.missing(self._open()), launch)  # without those that hung meanwhile
            self._warn()

    def _measuring(self, *modules: str) -> Launch:
        return Launch(modules, self.worker.for_compiling if self.compiling else (), environment=MEASURING | self.compiling)

    def _add_energy(self) -> None:
        """Add the energy that is asked for to the rows of cells that have been timed, or the reason why there is none."""
        cells = [cell for cell in self._unmetered() if self.finished.get(self._id(cell))]
        self.energies.add_reasons(cells)
        if not (steps := self.energies.steps(cells)):
            return
        self.progress.remaining([START, *steps])
        longest = max(meter.get("seconds", 0.0) for meter in self.energies.meters.values())
        with self._measuring(self.worker.module, self.worker.counter) as launch:
            self.progress.done(START)
            self.energies.add(cells, self.worker.asking(launch, self.request.timeout + longest), self.progress)

    def _launch(self, number: int) -> None:
        if not self._missing(number):
            return
        self.progress.doing(f"launch {number} of {self.request.launches}")
        peaks: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.highest_mhz.clear()
        with self._measuring(self.worker.module) as launch:
            self.progress.done(START)
            for group in groups(self._missing(number)):
                machine = peaks_of(group[0])
                if machine not in peaks:
                    job = dict(zip(PEAK_KEYS, machine, strict=True))
                    measured = launch.run(self.worker.function("measure_peak"), job, START_TIMEOUT)
                    peaks[machine] = {} if isinstance(measured, Died) else measured.result
                    self.progress.done(peaking(group[0]))
                self.progress.doing(f"launch {number} of {self.request.launches}: {describe(group[0])}")
                self._measure(launch, number, group, peaks[machine])
                self.progress.done(measuring(group, self.request.budget))

    def _measure(self, launch: Launch, number: int, group: Sequence[PlannedCell], peaks: Outcome) -> None:
        """Measure a group in one launch, in one process, but for cells that fail there or disturb the others.

        Each of those is measured in a process of its own before it is judged: no cell has to answer for another.
        """
        parties: list[tuple[Sequence[PlannedCell], str]] = [(group, "")]
        while parties:
            cells, remark = parties.pop(0)
            origin = self._origin(number, snapshot())
            outcome = launch.run(self.worker.function("measure_group"), self._group_job(cells, number), self.request.timeout)
            counts = [self.energies.values(cell, self.counts[self._counted(cell)]) for cell in cells]
            measured = read_group(cells, outcome, counts, peaks, origin, remark)
            device = cells[0].keys["device"]
            self.highest_mhz[device] = measured.highest_mhz or self.highest_mhz.get(device)
            if measured.launch and measured.rows:
                self.folder.append([measured.launch])
                self.folder.append([row for rows in measured.rows.values() for row in rows])
            for index in measured.rows:
                self.finished.setdefault(self._id(cells[index]), set()).add(number)
            if len(cells) == 1:
                for failure in measured.failed.values():
                    self._fail([(cells[0], failure)], origin)
                continue
            apart = {**{index: beside_others(failure) for index, failure in measured.failed.items()}, **measured.disturbing}
            rest = [cell for index, cell in enumerate(cells) if index not in measured.rows and index not in apart]
            parties += [(rest, remark)] if rest else []
            parties += [([cells[index]], reason) for index, reason in apart.items()]

    def _group_job(self, cells: Sequence[PlannedCell], launch: int) -> dict[str, Any]:
        seed = random.Random(f"{self.request.seed}/{launch}/{cells[0].group}").getrandbits(32)
        return {
            "cells": [cell.job for cell in cells],
            "threads": cells[0].keys["threads"],
            "precision": self.request.precision,
            "budget": self.request.budget,
            "order_seed": seed,
            "highest_mhz": self.highest_mhz.get(cells[0].keys["device"]),
        }
