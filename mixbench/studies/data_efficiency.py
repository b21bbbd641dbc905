"""The data-efficiency study: train every mixer on growing parts of a data set, side by side; a row as soon as a run ends."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixbench.columns import columns, identity
from mixbench.environment import environment, timestamp
from mixbench.errors import RequestError
from mixbench.execution import Died, Outcome
from mixbench.execution.launch import RETAINED_MEMORY
from mixbench.execution.slots import Slots
from mixbench.results import ResultsFolder
from mixbench.rows import TrainingRow
from mixbench.studies.data_efficiency_plan import DataRequest, PlannedRun, plan_runs, plan_trials
from mixbench.studies.progress import Progress

TRAINING = RETAINED_MEMORY | {"OMP_NUM_THREADS": "1"}
"""Environment of training processes: freed memory is kept, one thread."""


def slots_for(device: str, jobs: int, per_gpu: int) -> list[dict[str, str]]:
    """Environments of the processes that train side by side: `jobs` on the CPU, or `per_gpu` for each visible GPU.

    Raises RequestError for a device that is not known or not there.
    """
    if jobs < 1 or per_gpu < 1:
        raise RequestError(f"--jobs is {jobs} and --per-gpu {per_gpu}: both must be at least 1")
    if device == "cpu":
        return [TRAINING] * jobs
    if device != "cuda":
        raise RequestError(f"--device {device!r} is not known", "Give cpu or cuda; CUDA_VISIBLE_DEVICES chooses among GPUs.")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = visible.split(",") if visible is not None else [str(index) for index in range(len(environment()["gpus"]))]
    gpus = [gpu.strip() for gpu in seen if gpu.strip() not in ("", "-1")]
    if not gpus:
        raise RequestError("device cuda is not available: no GPU was found", "Train on the CPU: --device cpu.")
    return [TRAINING | {"CUDA_VISIBLE_DEVICES": gpu} for gpu in gpus for _ in range(per_gpu)]


@dataclass(frozen=True)
class Trainer:
    """The module whose functions run in children: count_steps and train_cell. Tests bring their own."""

    module: str = "mixbench.execution.trainer"


def run_data_efficiency(
    request: DataRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    slots: Sequence[Mapping[str, str]],
    fresh: bool = False,
    retry_failed: bool = False,
    trainer: Trainer | None = None,
) -> str:
    """Train what is missing of a request and return the environment's hash.

    `slots` are the environment variables of processes that train at the same time. Every run that has ended is on disk, so an
    interrupted study continues where it was. Raises RequestError, StorageError, WorkerError.
    """
    runs = plan_runs(request)
    trials = plan_trials(request)
    with folder.writing():
        digest = folder.save_environment(environment())
        study = _Study(folder, progress, trainer or Trainer(), request.timeout, digest, list(slots))
        wanted = {run.identity(digest) for run in (*runs, *(trial for some in trials.values() for trial in some))}
        if fresh or retry_failed:
            folder.replace(TrainingRow, lambda row: key_of(row) not in wanted or not (fresh or row.status != "ok"))
        study.run(runs, trials)
    return digest


def key_of(row: TrainingRow) -> tuple[Any, ...]:
    """As `PlannedRun.identity` of the run behind a row."""
    return (*identity(row), row.seed)


@dataclass
class _Study:
    folder: ResultsFolder
    progress: Progress
    trainer: Trainer
    timeout: float
    environment: str
    slots: list[Mapping[str, str]]
    rows: dict[tuple[Any, ...], TrainingRow] = field(default_factory=dict)
    flops: dict[tuple[Any, ...], Mapping[str, int]] = field(default_factory=dict)
    remarks: dict[tuple[Any, ...], str] = field(default_factory=dict)
    failed: int = 0

    def run(self, runs: Sequence[PlannedRun], trials: Mapping[tuple[Any, ...], Sequence[PlannedRun]]) -> None:
        self.rows = {key_of(row): row for row in self.folder.read(TrainingRow)}
        missing = self._missing(runs)
        open_trials = [trial for run in _first_of_each(missing) for trial in self._missing(trials.get(run.subject, ()))]
        if not missing:
            return
        self.progress.begin(len(missing) + len(open_trials))
        with Slots([self.trainer.module], self.slots) as slots:
            self._count(slots, _first_of_each(missing))
            if open_trials:
                self._train(slots, open_trials)
            self._train(slots, [self._with_rate(run, trials) for run in missing])

    def _missing(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        return [run for run in runs if run.identity(self.environment) not in self.rows]

    def _with_rate(self, run: PlannedRun, trials: Mapping[tuple[Any, ...], Sequence[PlannedRun]]) -> PlannedRun:
        """The run with the learning rate whose trial was best on the development set; with the middle one where all failed."""
        if run.rate is not None:
            return run
        candidates = trials[run.subject]
        rows = [self.rows[trial.identity(self.environment)] for trial in candidates]
        scored = [(row.dev_score, trial.rate) for row, trial in zip(rows, candidates, strict=True) if row.dev_score is not None]
        best = min if rows and any(row.score == "mse" for row in rows) else max
        rate = best(scored)[1] if scored else candidates[(len(candidates) - 1) // 2].rate
        return replace(run, rate=rate)

    def _count(self, slots: Slots, subjects: Sequence[PlannedRun]) -> None:
        """What a training step costs, once for each subject."""
        self.progress.step(0, "counting operations")
        jobs = [{**run.job, "learning_rate": 1.0} for run in subjects]
        for index, outcome in slots.run(f"{self.trainer.module}:count_steps", jobs, self.timeout):
            counted: dict[str, Any]
            counted = {"flops": {}, "detail": f"train_flops: {outcome.detail}"} if isinstance(outcome, Died) else outcome.result
            self.flops[subjects[index].subject] = counted["flops"]
            self.remarks[subjects[index].subject] = counted["detail"]

    def _train(self, slots: Slots, runs: Sequence[PlannedRun]) -> None:
        jobs = [{**run.job, "learning_rate": run.rate, "flops": self.flops.get(run.subject, {})} for run in runs]
        begun: dict[int, str] = {}

        def begin(index: int) -> None:
            begun[index] = timestamp()

        for done, (index, outcome) in enumerate(slots.run(f"{self.trainer.module}:train_cell", jobs, self.timeout, begin), 1):
            run = runs[index]
            row = self._row(run, outcome, begun[index])
            self.folder.append([row])
            self.rows[run.identity(self.environment)] = row
            if row.status != "ok":
                self.failed += 1
                self.progress.remark(
                    f"{row.task}, {row.mixer} on {row.train_size} examples, seed {row.seed}: {row.status}: {row.detail}"
                )
            running = min(len(self.slots), len(runs) - done)
            failed = f", {self.failed} failed" if self.failed else ""
            self.progress.step(1, f"{running} running{failed}; {row.task}, {row.mixer} on {row.train_size} examples done")

    def _row(self, run: PlannedRun, outcome: Outcome, begun: str) -> TrainingRow:
        result: dict[str, Any]
        result = {"status": outcome.cause, "detail": outcome.detail} if isinstance(outcome, Died) else dict(outcome.result)
        detail = "; ".join(filter(None, (result.pop("detail", ""), self.remarks.get(run.subject, ""))))
        known = {name: value for name, value in result.items() if name in columns(TrainingRow)}
        return TrainingRow(
            **run.keys,
            **known,
            seed=run.seed,
            detail=detail,
            learning_rate=run.rate,
            dropout=run.job["dropout"],
            environment=self.environment,
            measured_at=begun,
        )


def _first_of_each(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """One run of each subject."""
    return list({run.subject: run for run in reversed(runs)}.values())
