"""Plan the training runs of a request: every mixer on every part of every data set with every seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import canonical_json
from mixbench.studies.data_efficiency_request import AUTO, LEARNING_RATES, DataRequest, PreparedTask, Rate, train_sizes
from mixbench.studies.speed_plan import FEATURE_FACTOR
from mixbench.tables.columns import Row, columns
from mixbench.tables.training_rows import TrainingRow

WARM_UP = 0.1
WEIGHT_DECAY = 0.01
EVALUATIONS = 4


@dataclass(frozen=True)
class PlannedRun:
    """One training run: the row's keys, the seed, what the training process needs. `rate` is None until chosen.

    A run that is `unsupported`, for this reason, is a row and is not carried out.
    """

    keys: dict[str, Any]
    seed: int
    job: dict[str, Any]
    rate: float | None
    label: str
    unsupported: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Columns that do not depend on the result."""

    @property
    def about(self) -> dict[str, Any]:
        """The keys and the seed of this run's row."""
        return {**self.keys, "seed": self.seed}

    def identity(self, environment: str) -> tuple[Any, ...]:
        """The identity of this run's row, and its seed."""
        return (*self.keys.values(), environment, self.seed)

    def row_keys(self, environment: str) -> list[tuple[Any, ...]]:
        """The key of this run's row."""
        return [self.identity(environment)]

    @property
    def subject(self) -> tuple[Any, ...]:
        """Shared by runs whose steps cost the same. Tasks of one name may differ in their data."""
        return (self.job["data"], *(self.keys[name] for name in ("mixer", "config", "layers", "width")))

    @property
    def words(self) -> str:
        """The run in a few words."""
        return f"{self.keys['task']}, {self.label} on {self.keys['train_size']} examples, seed {self.seed}"

    def rows(self, result: Mapping[str, Any], detail: str, environment: str, begun: str) -> list[TrainingRow]:
        """The row of this run, from what the training process returned."""
        row = TrainingRow(
            **self.keys,
            **known_columns(result, TrainingRow),
            seed=self.seed,
            detail=detail,
            learning_rate=self.rate,
            dropout=self.job["dropout"],
            **self.facts,
            environment=environment,
            measured_at=begun,
        )
        return [row]


def known_columns(result: Mapping[str, Any], row_type: type[Row]) -> dict[str, Any]:
    """The results of a training process that are columns of the table."""
    return {name: value for name, value in result.items() if name in columns(row_type)}


def plan_runs(request: DataRequest) -> list[PlannedRun]:
    """All runs, with the largest sizes first so that all slots stay busy. Raises RequestError for an impossible shape."""
    runs = []
    for task in request.tasks:
        told = cache(lambda rate, width, task=task: canonical_json(run_settings(request, task, rate, width, request.dropout)))
        runs += [
            plan_run(request, task, mixer, size, seed, rate, width, settings=told(rate, width))
            for size in train_sizes(request.sizes, task)
            for seed in request.seeds
            for width in request.widths
            for mixer in request.mixers
            for rate in [request.rate(mixer)]
        ]
    return runs


def plan_trials(request: DataRequest) -> dict[tuple[Any, ...], list[PlannedRun]]:
    """The trials by which `auto` chooses learning rates, by the subject that each is chosen for."""
    return {
        trials[0].subject: trials
        for task in request.tasks
        for width in request.widths
        for mixer in request.mixers
        if request.rate(mixer) == AUTO and not mixer.unsupported
        for trials in [
            [
                plan_run(request, task, mixer, train_sizes(request.sizes, task)[0], request.seeds[0], rate, width)
                for rate in LEARNING_RATES
            ]
        ]
    }


def run_settings(request: DataRequest, task: PreparedTask, rate: Rate, width: int, dropout: float) -> dict[str, Any]:
    """The settings of a run's row."""
    settings = {
        "batch": request.batch,
        "dropout": dropout,
        "evaluations": EVALUATIONS,
        "feature_hidden": FEATURE_FACTOR * width,
        "learning_rate": rate,
        "optimiser": "AdamW",
        "schedule": "linear",
        "steps": request.steps,
        "task": dict(task.settings),
        "warm_up": WARM_UP,
        "weight_decay": WEIGHT_DECAY,
    }
    score = request.score or task.form.score
    return settings | ({"score": score} if score != task.form.score else {})


def run_keys(
    request: DataRequest, task: PreparedTask, mixer: ChosenMixer, size: int, width: int, settings: str
) -> dict[str, Any]:
    """The key columns of a run's row."""
    values = {
        "task": task.name,
        "mixer": mixer.name,
        "config": mixer.config,
        "layers": request.layers,
        "width": width,
        "tokens": task.form.tokens,
        "train_size": size,
        "device": request.device,
        "settings": settings,
    }
    return {name: values[name] for name, column in columns(TrainingRow).items() if column.role == "key"}


def plan_run(
    request: DataRequest,
    task: PreparedTask,
    mixer: ChosenMixer,
    size: int,
    seed: int,
    rate: Rate,
    width: int,
    *,
    dropout: float | None = None,
    settings: str | None = None,
) -> PlannedRun:
    """One run, with another `dropout` than the request's if given; `settings` are those of its row, if they are known.

    Raises RequestError for a shape that the mixer cannot have.
    """
    dropout = request.dropout if dropout is None else dropout
    if settings is None:
        settings = canonical_json(run_settings(request, task, rate, width, dropout))
    keys = run_keys(request, task, mixer, size, width, settings)
    score = request.score or task.form.score
    job = {
        "data": str(task.folder),
        "target": mixer.target,
        "arguments": mixer.arguments(task.form.tokens, width),
        "honours_mask": mixer.entry.honours_mask if mixer.entry else None,
        "full_length": not (mixer.entry and mixer.entry.honours_mask),
        "layers": request.layers,
        "width": width,
        "feature_hidden": FEATURE_FACTOR * width,
        "dropout": dropout,
        "batch": request.batch,
        "steps": request.steps,
        "warm_up": WARM_UP,
        "evaluations": min(EVALUATIONS, request.steps),
        "learning_rate": None,
        "weight_decay": WEIGHT_DECAY,
        "train_size": size,
        "seed": seed,
        "device": request.device,
        "flops": {},
        "score": score,
        "graphs": request.device != "cpu",
        "has_steps": mixer.entry.has_steps(mixer.options) if mixer.entry else None,
    }
    label = mixer.label if len(request.widths) == 1 else f"{mixer.label} of width {width}"
    facts = {"constant_score": task.constant_scores.get(score), "classes": task.classes}
    return PlannedRun(keys, seed, job, None if isinstance(rate, str) else rate, label, mixer.unsupported, facts)
