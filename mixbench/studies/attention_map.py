"""The attention-map study: train or load mixers, and map which tokens they mix in examples of the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.execution.engine import Engine
from mixbench.machine.environment import environment
from mixbench.mixers.choice import code_of
from mixbench.studies.attention_map_plan import Key, MapRequest, PlannedMap, plan_maps
from mixbench.studies.data_efficiency import trained_and_saved
from mixbench.studies.progress import Progress
from mixbench.studies.training import Trainer, TrainingStudy
from mixbench.tables.artefacts import checkpoint_name
from mixbench.tables.origins import write_origins
from mixbench.tables.results import ResultsFolder
from mixbench.tables.storage import storage_errors
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow

MAPPER = Trainer("mixbench.worker.attention_map", "map_cell")


def run_attention_map(
    request: MapRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    engine: Engine,
    maps: Sequence[PlannedMap] | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    trainer: Trainer | None = None,
    learner: Trainer | None = None,
) -> str:
    """Train and map what is missing, of the request or of some of its `maps`, and return the environment's hash.

    `engine` as for `run_data_efficiency`. The weights of every run are kept, so an interrupted study trains no model twice.
    Models whose learning rate is to be chosen are trained as by data-efficiency, by the `learner`, and are rows of its table.
    Raises RequestError, StorageError, WorkerError.
    """
    maps = plan_maps(request) if maps is None else maps
    with folder.writing():
        digest = folder.save_environment(environment())
        write_origins(folder.path, code_of(request.base.mixers))
        study = _Study(folder, progress, AttentionMapRow, trainer or MAPPER, request.base.timeout, digest, engine)
        study.read(maps, fresh=fresh, retry_failed=retry_failed)
        if fresh:
            study.forget(maps)
        missing = study.missing(maps)
        if chosen := [run.run for run in missing if run.run and run.rate is None]:
            rows = trained_and_saved(
                request.base,
                folder,
                progress,
                engine=engine,
                digest=digest,
                runs=chosen,
                fresh=fresh,
                retry_failed=retry_failed,
                trainer=learner,
            )
            missing = study.with_weights(
                missing, {row.identity(digest): found for row, found in zip(chosen, rows, strict=True)}
            )
        if missing:
            with study.open_slots(missing, counted=False) as open_slots:
                study.train(open_slots, missing)
    return digest


@dataclass
class _Study(TrainingStudy[PlannedMap, AttentionMapRow]):
    """A study of training runs with a row for each example."""

    def missing(self, runs: Sequence[PlannedMap]) -> list[PlannedMap]:
        """The runs that have not failed, with the examples that still lack a row or a map to be drawn."""
        failed = {key[:-1] for key, row in self.rows.items() if row.status != "ok"}
        open_runs = [run for run in runs if run.identity(self.environment) not in failed]
        unmapped = [run.only([e for e in run.examples if not self._is_mapped(run, e)]) for run in open_runs]
        return [run for run in unmapped if run.examples]

    def with_weights(self, runs: Sequence[PlannedMap], rows: Mapping[Key, TrainingRow]) -> list[PlannedMap]:
        """The runs with the learning rates and weights of the training `rows`, by identity; those that failed become rows."""
        left = []
        for run in runs:
            row = rows.get(run.identity(self.environment))
            own = run if row is None else replace(run, rate=row.learning_rate, file=row.checkpoint)
            if row is None or row.status == "ok":
                left.append(own)
            else:
                self.put(own.rows({"status": row.status}, row.detail, self.environment, row.measured_at))
        return left

    def job(self, run: PlannedMap) -> dict[str, Any]:
        """The job of a run, with the files that it reads and writes."""
        job = {**run.job, **run.files(self.environment, self.folder.path.resolve())}
        if job["run"] is not None:
            job["run"] |= {"checkpoint": job["checkpoint"], "about": dict(run.about), **self.as_graphs(run)}
        return job

    def forget(self, runs: Sequence[PlannedMap]) -> None:
        """Delete the kept weights of runs that are trained here, so that they are trained again. Raises StorageError."""
        for run in runs:
            file = self.folder.path / checkpoint_name(run.identity(self.environment))
            with storage_errors(f"cannot delete {file}"):
                if run.run:
                    file.unlink(missing_ok=True)

    def _is_mapped(self, run: PlannedMap, example: int) -> bool:
        """Whether an example was mapped with the run's weights, and its map is kept if it is to be drawn."""
        identity = run.identity(self.environment)
        row = self.rows.get((*identity, example))
        if row is None or (example in run.drawn and not self.has_file(row.map_file)):
            return False
        weights = {run.file} if run.file else {checkpoint_name(run.identity(environment)) for environment in self.like}
        return row.checkpoint in weights or (run.run is not None and not row.checkpoint)
