"""The data-efficiency study: train every mixer on growing parts of a data set, several at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.execution.engine import Engine
from mixbench.machine.environment import environment
from mixbench.mixers.choice import code_of
from mixbench.studies.data_efficiency_plan import PlannedRun, plan_runs, plan_trials
from mixbench.studies.data_efficiency_request import DataRequest
from mixbench.studies.progress import Progress
from mixbench.studies.training import Trainer, TrainingStudy
from mixbench.studies.training_plan import first_of_each
from mixbench.tables.origins import write_origins
from mixbench.tables.results import ResultsFolder
from mixbench.tables.scores import ERRORS
from mixbench.tables.training_rows import TrainingRow


def run_data_efficiency(
    request: DataRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    engine: Engine,
    runs: Sequence[PlannedRun] | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    save: bool = False,
    trainer: Trainer | None = None,
) -> str:
    """Train what is missing of a request, or of some `runs` of its plan, and return the environment's hash.

    `engine` says where runs are carried out; `save` keeps the best weights. Every run is on disk as soon as it ends, so an
    interrupted study can be resumed. Raises RequestError, StorageError, WorkerError.
    """
    with folder.writing():
        digest = folder.save_environment(environment())
        write_origins(folder.path, code_of(request.mixers))
        study = _Study(folder, progress, TrainingRow, trainer or Trainer(), request.timeout, digest, engine, save)
        study.carry_out(request, plan_runs(request) if runs is None else runs, fresh=fresh, retry_failed=retry_failed)
    return digest


def trained_and_saved(
    request: DataRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    engine: Engine,
    digest: str,
    runs: Sequence[PlannedRun],
    fresh: bool = False,
    retry_failed: bool = False,
    trainer: Trainer | None = None,
) -> list[TrainingRow]:
    """The rows of `runs`, whose weights are kept, after training what is missing. The caller is writing the folder.

    `digest` is the environment's hash. Raises StorageError, WorkerError.
    """
    study = _Study(folder, progress, TrainingRow, trainer or Trainer(), request.timeout, digest, engine, save=True)
    study.carry_out(request, runs, fresh=fresh, retry_failed=retry_failed)
    return [study.rows[run.identity(digest)] for run in runs]


@dataclass
class _Study(TrainingStudy[PlannedRun, TrainingRow]):
    """Training runs, and the trials by which `auto` chooses their learning rates."""

    def carry_out(self, request: DataRequest, runs: Sequence[PlannedRun], *, fresh: bool, retry_failed: bool) -> None:
        """Train what is missing of `runs`, and of the trials that they need."""
        subjects = {run.subject for run in runs}
        trials = {subject: own for subject, own in plan_trials(request).items() if subject in subjects}
        every = [*runs, *(trial for some in trials.values() for trial in some)]
        self.read(every, fresh=fresh, retry_failed=retry_failed)
        missing = self.missing(runs)
        if not missing:
            return
        needed = [trial for run in first_of_each(missing) for trial in trials.get(run.subject, ())]
        # a choice needs their scores, not their weights
        open_trials = [trial for trial in needed if trial.identity(self.environment) not in self.rows]
        with self.open_slots([*open_trials, *missing]) as slots:
            self.count(slots, missing)
            if open_trials:
                self.train(slots, open_trials)
            self.train(slots, [self._with_rate(run, trials) for run in missing])

    def _with_rate(self, run: PlannedRun, trials: Mapping[tuple[Any, ...], Sequence[PlannedRun]]) -> PlannedRun:
        """The run with the learning rate of the trial that scored best on the development set; the middle one if all failed."""
        if run.rate is not None:
            return run
        candidates = trials[run.subject]
        rows = [self.rows[trial.identity(self.environment)] for trial in candidates]
        scored = [(row.dev_score, trial.rate) for row, trial in zip(rows, candidates, strict=True) if row.dev_score is not None]
        best = min if rows and any(row.score in ERRORS for row in rows) else max
        rate = best(scored)[1] if scored else candidates[(len(candidates) - 1) // 2].rate
        return replace(run, rate=rate)
