"""The speed study: count every cell once, then time it in fresh launches; rows are written as soon as they are measured."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.errors import RequestError
from mixbench.execution import Died, Launch
from mixbench.execution.launch import MEASURING
from mixbench.machine.environment import environment, snapshot, timestamp
from mixbench.studies.progress import Progress
from mixbench.studies.speed_plan import GROUP_KEYS, PlannedCell, SpeedRequest, describe, groups, plan_speed
from mixbench.tables.columns import STATUSES, columns, identity
from mixbench.tables.results import ResultsFolder, failures, finished_launches
from mixbench.tables.rows import LaunchRow, SpeedRow

START_TIMEOUT = 300.0
"""Seconds that a preparatory job may take before it announces something."""
COUNTED = (*(name for name, column in columns(SpeedRow).items() if column.counted), "detail")
"""The values that are found once per cell, before anything is timed."""


@dataclass(frozen=True)
class Worker:
    """The module whose functions run in children: check, count, measure_peak, measure_group. Tests bring their own.

    The launch that counts also imports `for_counting`, which the first fake tensor would otherwise import in every child.
    """

    module: str = "mixbench.worker.speed"
    for_counting: tuple[str, ...] = ("torch._dynamo",)


def run_speed(
    request: SpeedRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    fresh: bool = False,
    retry_failed: bool = False,
    worker: Worker | None = None,
) -> str:
    """Measure what is missing of a request and return the hash of the environment.

    Every finished launch of a group is on disk before the next begins, so an interrupted study continues where it stopped.
    Raises RequestError, StorageError, WorkerError.
    """
    cells = plan_speed(request)
    with folder.writing():
        digest = folder.save_environment(environment())
        wanted = {cell.identity(digest) for cell in cells}
        if fresh or retry_failed:
            _forget(folder, wanted, None if fresh else tuple(status for status in STATUSES if status != "ok"))
        _Study(request, folder, progress, worker or Worker(), digest, cells).run()
    return digest


def _forget(folder: ResultsFolder, wanted: set[tuple[Any, ...]], statuses: Sequence[str] | None) -> None:
    """Drop the rows of the wanted cells, or only those with some statuses, so that the cells are measured again.

    Rows of launches.csv that no row of speed.csv belongs to any more are dropped with them.
    """
    before = {_process(row) for row in folder.read(SpeedRow)}
    folder.replace(SpeedRow, lambda row: identity(row) not in wanted or (statuses is not None and row.status not in statuses))
    gone = before - {_process(row) for row in folder.read(SpeedRow)}
    folder.replace(LaunchRow, lambda row: _process(row) not in gone)


def _process(row: SpeedRow | LaunchRow) -> tuple[str, str]:
    """Where and when a measuring process began."""
    return row.environment, row.measured_at


@dataclass
class _Study:
    request: SpeedRequest
    folder: ResultsFolder
    progress: Progress
    worker: Worker
    environment: str
    cells: list[PlannedCell]
    counts: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)
    finished: dict[tuple[Any, ...], set[int]] = field(default_factory=dict)
    failed: set[tuple[Any, ...]] = field(default_factory=set)

    def run(self) -> None:
        rows = [row for row in self.folder.read(SpeedRow) if row.environment == self.environment]
        self._set_orphans_aside({row.measured_at for row in rows})
        self.finished = finished_launches(rows)
        self.failed = set(failures(rows))
        self.counts = {identity(row): _counts_of(row) for row in rows if row.status == "ok"}
        self._write_unsupported()
        uncounted = [cell for cell in self._open() if self._id(cell) not in self.counts]
        launches = [launch for launch in range(1, self.request.launches + 1) if self._missing(launch)]
        steps = len(uncounted) + sum(len(self._missing(launch)) for launch in launches)
        if not steps:
            return
        self.progress.begin(steps)
        self._prepare(uncounted)
        for launch in launches:
            self._launch(launch)

    def _set_orphans_aside(self, processes: set[str]) -> None:
        """Set launch rows aside whose speed rows were never written, or were set aside."""
        self.folder.set_aside(
            LaunchRow,
            lambda row: row.environment != self.environment or row.measured_at in processes,
            "of a process without rows in speed.csv",
        )

    def _id(self, cell: PlannedCell) -> tuple[Any, ...]:
        return cell.identity(self.environment)

    def _open(self) -> list[PlannedCell]:
        """The cells that have launches left to measure and have not failed."""
        wanted = set(range(1, self.request.launches + 1))
        return [c for c in self.cells if self._id(c) not in self.failed and wanted - self.finished.get(self._id(c), set())]

    def _missing(self, launch: int) -> list[PlannedCell]:
        return [cell for cell in self._open() if launch not in self.finished.get(self._id(cell), set())]

    def _write_unsupported(self) -> None:
        cells = [cell for cell in self._open() if cell.unsupported]
        now = timestamp()
        self._fail([(cell, 1, {"status": "unsupported", "detail": cell.unsupported}) for cell in cells], now)

    def _fail(self, cells: Sequence[tuple[PlannedCell, int, Mapping[str, Any]]], measured_at: str) -> None:
        rows = [
            SpeedRow(
                **cell.keys,
                launch=launch,
                round=0,
                status=outcome["status"],
                detail=outcome["detail"],
                environment=self.environment,
                measured_at=measured_at,
            )
            for cell, launch, outcome in cells
        ]
        self.folder.append(rows)
        self.failed |= {self._id(cell) for cell, _, _ in cells}
        for row in rows:
            if row.status != "unsupported":
                self.progress.remark(f"{row.mixer} at {row.tokens} tokens, width {row.width}: {row.status}: {row.detail}")

    def _function(self, name: str) -> str:
        return f"{self.worker.module}:{name}"

    def _prepare(self, uncounted: Sequence[PlannedCell]) -> None:
        """Check the request and count the cells that have not been counted, with the allocator as users have it."""
        if not uncounted:
            return
        on_cpu = all(cell.keys["device"] == "cpu" for cell in self.cells)
        modules = [self.worker.module, *(self.worker.for_counting if on_cpu else ())]
        with Launch(modules) as launch:
            targets = sorted({cell.job["target"] for cell in uncounted})
            job = {"devices": list(self.request.device), "targets": targets}
            checked = launch.run(self._function("check"), job, START_TIMEOUT)
            faults = [checked.detail] if isinstance(checked, Died) else checked.result["faults"]
            if faults:
                raise RequestError("; ".join(faults), "Nothing was measured.")
            for cell in uncounted:
                self.progress.step(0, f"counting {cell.keys['mixer']}, {describe(cell)}")
                measured_at = timestamp()
                counted = launch.run(
                    self._function("count"), {"cell": cell.job, "threads": cell.keys["threads"]}, self.request.timeout
                )
                outcome = _died(counted) if isinstance(counted, Died) else counted.result
                if outcome["status"] == "ok":
                    self.counts[self._id(cell)] = {name: outcome[name] for name in COUNTED if name in outcome}
                    self.progress.step(1, "")
                else:
                    self._fail([(cell, 1, outcome)], measured_at)
                    self.progress.step(1 + self.request.launches, "")

    def _launch(self, number: int) -> None:
        if not self._missing(number):
            return
        self.progress.step(0, f"launch {number} of {self.request.launches}")
        modules = [self.worker.module, *(("torch._dynamo",) if self.request.compiled else ())]
        peaks: dict[tuple[Any, ...], dict[str, Any]] = {}
        with Launch(modules, environment=MEASURING) as launch:
            for group in groups(self._missing(number)):
                keys = group[0].keys
                machine = tuple(keys[name] for name in ("device", "dtype", "threads"))
                if machine not in peaks:
                    job = dict(zip(("device", "dtype", "threads"), machine, strict=True))
                    measured = launch.run(self._function("measure_peak"), job, START_TIMEOUT)
                    peaks[machine] = {} if isinstance(measured, Died) else measured.result
                self.progress.step(0, f"launch {number} of {self.request.launches}: {describe(group[0])}")
                self._measure(launch, number, group, peaks[machine])

    def _measure(self, launch: Launch, number: int, group: list[PlannedCell], peaks: Mapping[str, Any]) -> None:
        """Measure a group in one launch. A cell that kills the child gets a row, and the others are measured without it."""
        left = list(group)
        while left:
            seen = snapshot()
            measured_at = timestamp()
            outcome = launch.run(self._function("measure_group"), self._group_job(left, number), self.request.timeout)
            if isinstance(outcome, Died):
                guilty = [left[outcome.step]] if 0 <= outcome.step < len(left) else left
                self._fail([(cell, number, _died(outcome)) for cell in guilty], measured_at)
                self.progress.step(len(guilty) * (self.request.launches - number + 1), "")
                left = [cell for cell in left if cell not in guilty]
                continue
            result = outcome.result
            failed = {int(index): fault for index, fault in result["failed"].items()}
            blocks = {int(index): measured for index, measured in result["blocks"].items()}
            rows = [
                row
                for index, cell in enumerate(left)
                if index in blocks
                for row in self._rows(cell, number, blocks[index], result["stopped_by"], measured_at)
            ]
            observed = {name: value for name, value in result["launch"].items() if name in columns(LaunchRow)}
            launch_row = LaunchRow(
                **{name: group[0].keys[name] for name in GROUP_KEYS},
                launch=number,
                **{name: value for name, value in peaks.items() if name in columns(LaunchRow)},
                **observed,
                load=seen.load,
                available_mib=seen.available_mib,
                cpu_mhz=seen.cpu_mhz,
                commit=seen.commit,
                environment=self.environment,
                measured_at=measured_at,
            )
            self.folder.append([launch_row])
            self.folder.append(rows)
            for index in blocks:
                self.finished.setdefault(self._id(left[index]), set()).add(number)
            self._fail([(left[index], number, fault) for index, fault in failed.items()], measured_at)
            self.progress.step(len(blocks) + len(failed) * (self.request.launches - number + 1), "")
            return

    def _group_job(self, cells: Sequence[PlannedCell], launch: int) -> dict[str, Any]:
        seed = random.Random(f"{self.request.seed}/{launch}/{cells[0].group}").getrandbits(32)
        return {
            "cells": [cell.job for cell in cells],
            "threads": cells[0].keys["threads"],
            "precision": self.request.precision,
            "budget": self.request.budget,
            "order_seed": seed,
        }

    def _rows(
        self, cell: PlannedCell, launch: int, blocks: Sequence[Mapping[str, Any]], stopped_by: str, measured_at: str
    ) -> list[SpeedRow]:
        counts = self.counts[self._id(cell)]
        tokens = cell.keys["tokens"] * cell.keys["batch"]
        return [
            SpeedRow(
                **cell.keys,
                launch=launch,
                round=number,
                **block,
                **counts,
                tokens_per_s=tokens / block["latency_ms"] * 1e3,
                gflops_per_s=counts["flops"] / block["latency_ms"] / 1e6 if counts.get("flops") else None,
                rounds=len(blocks),
                stopped_by=stopped_by,
                environment=self.environment,
                measured_at=measured_at,
            )
            for number, block in enumerate(blocks, start=1)
        ]


def _counts_of(row: SpeedRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COUNTED}


def _died(outcome: Died) -> dict[str, str]:
    return {"status": outcome.cause, "detail": outcome.detail}
