"""Plan the trials of a request: independent draws of hyperparameters, the same for every mixer."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mixbench.errors import RequestError
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import canonical_json
from mixbench.parsing.ranges import Range, drawn_share
from mixbench.studies.data_efficiency_plan import (
    LEARNING_RATE,
    DataRequest,
    PlannedRun,
    PreparedTask,
    plan_run,
    train_sizes,
)
from mixbench.studies.plan_size import check_plan_size
from mixbench.tables.columns import columns
from mixbench.tables.rows import TrialRow

RATE = "learning_rate"
DROPOUT = "dropout"


@dataclass(frozen=True)
class TuneRequest:
    """What to search: `base` describes what is trained, with one size and one seed; `ranges` what is drawn.

    Raises RequestError.
    """

    base: DataRequest
    ranges: tuple[Range, ...]
    trials: int

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise RequestError(f"--trials is {self.trials}; it must be at least 1")
        check_plan_size(tasks=len(self.base.tasks), mixers=len(self.base.mixers), trials=self.trials)
        if len(self.base.sizes) != 1:
            raise RequestError("a search trains on one part of the data", "Give one size: --size 0.5.")

    def own_ranges(self, mixer: ChosenMixer) -> list[Range]:
        """The ranges that a mixer draws from."""
        return [each for each in self.ranges if each.mixer in ("", mixer.name)]


@dataclass(frozen=True)
class PlannedTrial:
    """One trial: a run with the values that it drew; `config` is the mixer's, with the drawn values of its options."""

    run: PlannedRun
    keys: dict[str, Any]
    trial: int
    sampled: Mapping[str, float | str]
    config: str

    @property
    def job(self) -> Mapping[str, Any]:
        return self.run.job

    @property
    def rate(self) -> float | None:
        return self.run.rate

    @property
    def unsupported(self) -> str:
        return self.run.unsupported

    @property
    def subject(self) -> tuple[Any, ...]:
        """Shared by trials whose steps cost the same: drawn sizes of a mixer change its operations."""
        return (*self.run.subject, canonical_json(self.job["arguments"]))

    @property
    def words(self) -> str:
        return f"{self.keys['task']}, {self.run.label}, trial {self.trial}"

    @property
    def about(self) -> dict[str, Any]:
        """The keys and the seed of the training run, with the drawn values of the mixer's options."""
        return {**self.run.about, "config": self.config}

    def identity(self, environment: str) -> tuple[Any, ...]:
        """The identity of this trial's row, and its number."""
        return (*self.keys.values(), environment, self.trial)

    def row_keys(self, environment: str) -> list[tuple[Any, ...]]:
        """The key of this trial's row."""
        return [self.identity(environment)]

    def rows(self, result: Mapping[str, Any], detail: str, environment: str, begun: str) -> list[TrialRow]:
        """The row of this trial: that of its run, with the keys of the search and what was drawn."""
        (row,) = self.run.rows(result, detail, environment, begun)
        drawn = {"trial": self.trial, "sampled": canonical_json(self.sampled)}
        return [TrialRow(**{**vars(row), **self.keys, **drawn})]


def plan_trials(request: TuneRequest) -> list[PlannedTrial]:
    """Every trial of every mixer, trial by trial. Raises RequestError if a range contains values that a mixer cannot take."""
    return [
        _plan_trial(request, task, mixer, trial)
        for task in request.base.tasks
        for trial in range(1, request.trials + 1)
        for mixer in request.base.mixers
    ]


def _plan_trial(request: TuneRequest, task: PreparedTask, mixer: ChosenMixer, trial: int) -> PlannedTrial:
    (seed,), (width,) = request.base.seeds, request.base.widths
    ranges = request.own_ranges(mixer)
    drawn = {each.name: each.value(drawn_share(seed, trial, each.option)) for each in ranges}
    rate = float(drawn.get(RATE, _fixed_rate(request.base, mixer)))
    dropout = float(drawn.get(DROPOUT, request.base.dropout))
    options = {each.option: str(drawn[each.name]) for each in ranges if each.mixer}
    size = train_sizes(request.base.sizes, task)[0]
    # trials are independent: each has its own weights, order of examples and subset
    own_seed = random.Random(f"{seed}/{trial}").getrandbits(31)
    try:
        own_mixer = mixer.with_options(options)
        run = plan_run(replace(request.base, dropout=dropout), task, own_mixer, size, own_seed, rate, width)
    except RequestError as error:
        draw = ", ".join(f"{name}={value}" for name, value in drawn.items())
        raise RequestError(f"trial {trial} draws {draw}: {error}", error.hint) from error
    searched = {each.name: each.text for each in ranges}
    settings = json.loads(run.keys["settings"])
    settings |= {RATE: searched.pop(RATE, rate), DROPOUT: searched.pop(DROPOUT, dropout), "searched": searched}
    values = {**run.keys, "settings": canonical_json(settings), "seed": seed}
    keys = {name: values[name] for name, column in columns(TrialRow).items() if column.role == "key"}
    config = canonical_json(json.loads(mixer.config) | dict(own_mixer.options))
    return PlannedTrial(run, keys, trial, drawn, config)


def _fixed_rate(request: DataRequest, mixer: ChosenMixer) -> float:
    rate = request.rate(mixer)
    return LEARNING_RATE if isinstance(rate, str) else rate
