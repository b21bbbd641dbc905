"""Training runs side by side, whatever study planned them: what is missing is trained, a row as soon as a run ends."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from mixbench.columns import columns, identity
from mixbench.environment import environment, timestamp
from mixbench.errors import RequestError
from mixbench.execution import Died
from mixbench.execution.launch import RETAINED_MEMORY
from mixbench.execution.slots import Slots
from mixbench.results import ResultsFolder
from mixbench.rows import TrainingRow
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


Result = Mapping[str, Any]


class Planned(Protocol):
    """A training run that is to be done."""

    @property
    def job(self) -> Mapping[str, Any]:
        """What the training process needs, but for the learning rate and the operations of a step."""

    @property
    def rate(self) -> float | None:
        """The learning rate."""

    @property
    def subject(self) -> tuple[Any, ...]:
        """What runs have in common of which a step costs the same."""

    @property
    def words(self) -> str:
        """The run in a few words."""

    def identity(self, environment: str) -> tuple[Any, ...]:
        """As `key_of` the row of this run."""

    def row(self, result: Result, detail: str, environment: str, begun: str) -> TrainingRow:
        """The row of this run from what the training process returned."""


Run = TypeVar("Run", bound=Planned)


def key_of(row: TrainingRow) -> tuple[Any, ...]:
    """What makes a row unique: its identity and its replicate."""
    return (*identity(row), *(getattr(row, name) for name, column in columns(type(row)).items() if column.role == "replicate"))


def first_of_each(runs: Sequence[Run]) -> list[Run]:
    """One run of each subject."""
    return list({run.subject: run for run in reversed(runs)}.values())


@dataclass
class TrainingStudy(Generic[Run]):
    """What any study of training runs does with them; `row_type` is its table."""

    folder: ResultsFolder
    progress: Progress
    row_type: type[TrainingRow]
    trainer: Trainer
    timeout: float
    environment: str
    slots: Sequence[Mapping[str, str]]
    rows: dict[tuple[Any, ...], TrainingRow] = field(default_factory=dict)
    flops: dict[tuple[Any, ...], Mapping[str, int]] = field(default_factory=dict)
    remarks: dict[tuple[Any, ...], str] = field(default_factory=dict)
    failed: int = 0

    def read(self, runs: Sequence[Run], *, fresh: bool = False, retry_failed: bool = False) -> None:
        """Take the rows that stand; before, drop those of `runs` that are to be trained again."""
        wanted = {run.identity(self.environment) for run in runs}
        if fresh or retry_failed:
            self.folder.replace(self.row_type, lambda row: key_of(row) not in wanted or not (fresh or row.status != "ok"))
        self.rows = {key_of(row): row for row in self.folder.read(self.row_type)}

    def missing(self, runs: Sequence[Run]) -> list[Run]:
        """Those of the runs that have no row."""
        return [run for run in runs if run.identity(self.environment) not in self.rows]

    @contextmanager
    def open_slots(self) -> Iterator[Slots]:
        """The processes that train."""
        with Slots([self.trainer.module], self.slots) as slots:
            yield slots

    def count(self, slots: Slots, runs: Sequence[Run]) -> None:
        """What a training step costs, once for each subject."""
        self.progress.step(0, "counting operations")
        subjects = first_of_each(runs)
        jobs = [{**run.job, "learning_rate": 1.0} for run in subjects]
        for index, outcome in slots.run(f"{self.trainer.module}:count_steps", jobs, self.timeout):
            counted: Mapping[str, Any]
            counted = {"flops": {}, "detail": f"train_flops: {outcome.detail}"} if isinstance(outcome, Died) else outcome.result
            self.flops[subjects[index].subject] = counted["flops"]
            self.remarks[subjects[index].subject] = counted["detail"]

    def train(self, slots: Slots, runs: Sequence[Run]) -> None:
        """Train them, begun in their order."""
        jobs = [{**run.job, "learning_rate": run.rate, "flops": self.flops.get(run.subject, {})} for run in runs]
        begun: dict[int, str] = {}

        def begin(index: int) -> None:
            begun[index] = timestamp()

        for done, (index, outcome) in enumerate(slots.run(f"{self.trainer.module}:train_cell", jobs, self.timeout, begin), 1):
            run = runs[index]
            result: dict[str, Any]
            result = {"status": outcome.cause, "detail": outcome.detail} if isinstance(outcome, Died) else dict(outcome.result)
            detail = "; ".join(filter(None, (result.pop("detail", ""), self.remarks.get(run.subject, ""))))
            known = {name: value for name, value in result.items() if name in columns(self.row_type)}
            row = run.row(known, detail, self.environment, begun[index])
            self.folder.append([row])
            self.rows[run.identity(self.environment)] = row
            if row.status != "ok":
                self.failed += 1
                self.progress.remark(f"{run.words}: {row.status}: {row.detail}")
            running = min(len(self.slots), len(runs) - done)
            failed = f", {self.failed} failed" if self.failed else ""
            self.progress.step(1, f"{running} running{failed}; {run.words} done")
