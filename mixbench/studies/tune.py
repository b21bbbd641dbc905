"""The tuning study: an independent random search for every mixer, with one training run per trial."""

from __future__ import annotations

from collections.abc import Sequence

from mixbench.execution.engine import Engine
from mixbench.machine.environment import environment
from mixbench.mixers.choice import code_of
from mixbench.studies.progress import Progress
from mixbench.studies.training import Trainer, TrainingStudy
from mixbench.studies.tune_plan import PlannedTrial, TuneRequest, plan_trials
from mixbench.tables.origins import write_origins
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrialRow


def run_tuning(
    request: TuneRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    engine: Engine,
    trials: Sequence[PlannedTrial] | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    save: bool = False,
    trainer: Trainer | None = None,
) -> str:
    """Train what is missing of a search, or of some `trials` of it, and return the environment's hash.

    `engine` as for `run_data_efficiency`. Raises RequestError, StorageError, WorkerError.
    """
    trials = plan_trials(request) if trials is None else trials
    with folder.writing():
        digest = folder.save_environment(environment())
        write_origins(folder.path, code_of(request.base.mixers))
        study: TrainingStudy[PlannedTrial, TrialRow]
        study = TrainingStudy(folder, progress, TrialRow, trainer or Trainer(), request.base.timeout, digest, engine, save)
        study.read(trials, fresh=fresh, retry_failed=retry_failed)
        if missing := study.missing(trials):
            with study.open_slots(missing) as open_slots:
                study.count(open_slots, missing)
                study.train(open_slots, missing)
    return digest
