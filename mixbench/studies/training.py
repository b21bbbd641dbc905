"""Training runs for any study: missing runs are carried out, several at a time, and each writes its row as soon as it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from mixbench.execution import Died, Finished
from mixbench.execution.cargo import Cargo
from mixbench.execution.engine import Engine, Opened
from mixbench.machine.environment import timestamp
from mixbench.parsing.sources import split_target
from mixbench.studies.outcomes import UNUSABLE, failure_of, unusable
from mixbench.studies.progress import Progress
from mixbench.studies.training_plan import Key, Planned, Result, Run, first_of_each
from mixbench.studies.training_rows import Trained, by_key, environments_like, key_as
from mixbench.studies.training_steps import COUNTING, training
from mixbench.tables.artefacts import checkpoint_name
from mixbench.tables.columns import columns
from mixbench.tables.remarks import SEPARATOR, one_by_one, unknown
from mixbench.tables.results import ResultsFolder
from mixbench.tables.storage import storage_errors, write_atomically

PRELOADED = ("torch._dynamo", "numpy.ma")
"""What every optimiser of torch imports, and numpy's `unique`: imported once per server, not once per run."""


@dataclass(frozen=True)
class Trainer:
    """The module whose functions run in children: `count_steps`, then `cell` for each run. Tests bring their own."""

    module: str = "mixbench.worker.train"
    cell: str = "train_cell"
    preloaded: Sequence[str] = PRELOADED


@dataclass
class TrainingStudy(Generic[Run, Trained]):
    """A study of training runs with the table of `row_type`. `save` keeps the best weights of every run.

    `not_as_graphs` says, by subject, why steps cannot be CUDA graphs: it is learned from the first run of a subject.

    Rows have the environment of the machine that trained. What was done in any of the environments `like` this one is done.
    """

    folder: ResultsFolder
    progress: Progress
    row_type: type[Trained]
    trainer: Trainer
    timeout: float
    environment: str
    engine: Engine
    save: bool = False
    rows: dict[Key, Trained] = field(default_factory=dict)
    flops: dict[Key, Mapping[str, int]] = field(default_factory=dict)
    remarks: dict[Key, str] = field(default_factory=dict)
    not_as_graphs: dict[Key, str] = field(default_factory=dict)
    like: set[str] = field(default_factory=set)
    failed: int = 0

    def read(self, runs: Sequence[Run], *, fresh: bool = False, retry_failed: bool = False) -> None:
        """Load the stored rows, after dropping those of `runs` that are to be trained again."""
        wanted = {key for run in runs for key in run.row_keys(self.environment)}
        self.like |= environments_like(self.folder, self.environment)
        if fresh or retry_failed:
            self.folder.replace(self.row_type, lambda row: self._key(row) not in wanted or not (fresh or row.status != "ok"))
        self.rows = by_key(self.folder.read(self.row_type), self.environment, self.like)
        refused = [run for run in self.missing(runs) if run.unsupported]
        self.put([row for run in refused for row in self._unsupported_rows(run)])

    def _key(self, row: Trained) -> Key:
        return key_as(self.environment, self.like, row)

    def _unsupported_rows(self, run: Run) -> Sequence[Trained]:
        return run.rows({"status": "unsupported"}, run.unsupported, self.environment, timestamp())

    def missing(self, runs: Sequence[Run]) -> list[Run]:
        """The runs that lack a row, or weights that are to be kept."""
        return [run for run in runs if not all(map(self._is_done, run.row_keys(self.environment)))]

    def _is_done(self, key: Key) -> bool:
        row = self.rows.get(key)
        return row is not None and (not self.save or row.status != "ok" or self.has_file(row.checkpoint))

    def has_file(self, name: str) -> bool:
        """Whether the results folder has the file that a row names."""
        return bool(name) and os.path.isfile(self.folder.path / name)

    @contextmanager
    def open_slots(self, runs: Sequence[Run], *, counted: bool = True) -> Iterator[Opened]:
        """Say what is to be done, and open the slots that train, no more than there are runs."""
        steps = [*([COUNTING] if counted else []), *map(training, runs)]
        self.progress.begin(steps, self.engine.at_once)
        opened = self.engine.open(
            [self.trainer.module], self.trainer.preloaded, len(runs), self._cargo(runs), self.progress.remark
        )
        with opened as slots:
            if self.engine.elsewhere:  # only now it is known how many run at a time
                self.progress.begin(steps, slots.at_once)
            yield slots

    def _cargo(self, runs: Sequence[Run]) -> Cargo:
        """What the jobs of these runs need."""
        results = self.folder.path.resolve()
        jobs = [part for job in map(self.job, runs) for part in (job, job.get("run") or {})]
        targets = (split_target(job["target"]) for job in jobs if job.get("target"))
        data = [job["data"] for job in jobs if "data" in job]
        data += [
            job["checkpoint"] for job in jobs if job.get("checkpoint") and not Path(job["checkpoint"]).is_relative_to(results)
        ]
        return Cargo(results, frozenset(data), {digest: Path(file) for file, _, digest in targets if digest})

    def count(self, slots: Opened, runs: Sequence[Run]) -> None:
        """Count the operations of a training step, once for each subject."""
        self.progress.doing("counting operations")
        subjects = first_of_each(runs)
        jobs = [{**run.job, "learning_rate": 1.0} for run in subjects]
        for index, outcome in slots.run(f"{self.trainer.module}:count_steps", jobs, self.timeout):
            counted: Mapping[str, Any] = {} if isinstance(outcome, Died) else outcome.result
            remark = unknown("train_flops", outcome.detail) if isinstance(outcome, Died) else counted.get("detail", "")
            self.flops[subjects[index].subject] = counted.get("flops", {})
            self.remarks[subjects[index].subject] = remark
        self.progress.done(COUNTING)

    def train(self, slots: Opened, runs: Sequence[Run]) -> None:
        """Train the runs, starting them in order; those that cannot have CUDA graphs again without."""
        left = len(runs)
        while runs:
            again: list[Run] = []
            known = {*self.not_as_graphs}
            jobs = [self.job(run) for run in runs]
            begun: dict[int, str] = {}

            def begin(index: int, runs: Sequence[Run] = runs, begun: dict[int, str] = begun) -> None:
                begun[index] = timestamp()
                self.progress.begun(training(runs[index]))

            for index, outcome in slots.run(f"{self.trainer.module}:{self.trainer.cell}", jobs, self.timeout, begin):
                run = runs[index]
                if run.subject not in known and (reason := _why_not_as_graphs(run, outcome)):
                    again.append(run)
                    if run.subject not in self.not_as_graphs:
                        self.not_as_graphs[run.subject] = reason
                        self.progress.remark(f"{run.words}: it runs again without CUDA graphs, which takes longer: {reason}")
                        jobs[:] = map(self.job, runs)  # those that have not started yet
                    continue
                left -= 1
                self._finish(run, self._rows(run, outcome, begun[index]), slots.running(left))
            runs = again

    def _finish(self, run: Run, rows: Sequence[Trained], running: str) -> None:
        """Keep the rows of a run, and tell of it and of those that are `running`."""
        self.put(rows)
        if rows[0].status != "ok":
            self.failed += 1
            self.progress.remark(f"{run.words}: {rows[0].status}: {rows[0].detail}")
        failed = f", {self.failed} failed" if self.failed else ""
        self.progress.done(training(run))
        self.progress.doing(f"{running}{failed}; {run.words} done")

    def _rows(self, run: Run, outcome: Finished | Died, begun: str) -> Sequence[Trained]:
        environment = self._keep(outcome)

        def rows_of(result: Result, remark: str) -> Sequence[Trained]:
            detail = SEPARATOR.join(filter(None, (result.get("detail", ""), remark)))
            others = {name: value for name, value in result.items() if name != "detail"}
            rows: Sequence[Trained] = run.rows(others, detail, environment, begun)
            return rows

        result = failure_of(outcome) if isinstance(outcome, Died) else outcome.result
        try:
            return rows_of(result, self._remarks(run) if result["status"] == "ok" else "")
        except UNUSABLE as error:
            return rows_of(unusable(error), "")

    def _keep(self, outcome: Finished | Died) -> str:
        """Write what an outcome brings from another machine; the environment that it ran in."""
        if outcome.environment is None:
            return self.environment
        for name, content in outcome.files.items() if isinstance(outcome, Finished) else ():
            file = self.folder.path / name
            with storage_errors(f"cannot write {file}"):
                file.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(file, content)
        environment = self.folder.save_environment(outcome.environment)
        self.like.add(environment)
        return environment

    def _remarks(self, run: Run) -> str:
        """How the metrics of a run were found."""
        slow = self.not_as_graphs.get(run.subject, "") if "train_seconds" in columns(self.row_type) else ""
        return SEPARATOR.join(filter(None, (self.remarks.get(run.subject, ""), one_by_one(slow) if slow else "")))

    def job(self, run: Run) -> dict[str, Any]:
        """The job of a run's training process."""
        job = {**run.job, "learning_rate": run.rate, "flops": self.flops.get(run.subject, {}), **self.as_graphs(run)}
        if self.save:
            file = self.folder.path.resolve() / checkpoint_name(run.identity(self.environment))
            job |= {"checkpoint": str(file), "about": dict(run.about)}
        return job

    def as_graphs(self, run: Run) -> dict[str, bool]:
        """The part of a run's job that forbids CUDA graphs, once it is known that its steps cannot be any."""
        return {"graphs": False} if run.subject in self.not_as_graphs else {}

    def put(self, rows: Sequence[Trained]) -> None:
        """Add rows, replacing those with the same keys."""
        new = {self._key(row): row for row in rows}
        if new.keys() & self.rows.keys():
            self.folder.replace(self.row_type, lambda row: self._key(row) not in new)
        self.folder.append(rows)
        self.rows |= new


def _why_not_as_graphs(run: Planned, outcome: Finished | Died) -> str:
    """Why a run is to be made again without CUDA graphs; empty where it is not. A process that died may have died of them."""
    if isinstance(outcome, Finished):
        return str(outcome.result.get("not_as_graphs", ""))
    graphs = (run.job.get("run") or run.job).get("graphs")
    return outcome.detail if graphs and outcome.cause != "timeout" else ""
