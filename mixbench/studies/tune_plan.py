"""Plan the trials of a request: independent draws of hyperparameters, the same for every mixer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mixbench.errors import RequestError
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import canonical_json, read_object
from mixbench.parsing.ranges import Range, drawn_share
from mixbench.studies.data_efficiency_plan import PlannedRun, plan_run, run_keys, run_settings
from mixbench.studies.data_efficiency_request import LEARNING_RATE, DataRequest, PreparedTask, train_sizes
from mixbench.studies.plan_size import check_plan_size
from mixbench.tables.columns import columns
from mixbench.tables.training_rows import TrialRow

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
        return (*self.run.subject, *sorted(self.job["arguments"].items()))

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
    (seed,) = request.base.seeds
    # trials are independent: each has its own weights, order of examples and subset
    seeds = [random.Random(f"{seed}/{trial}").getrandbits(31) for trial in range(1, request.trials + 1)]
    return [
        plan(trial, own_seed)
        for task in request.base.tasks
        for dumped in [_dumped(request.base, task)]
        for plans in [[_planner(request, task, mixer, dumped) for mixer in request.base.mixers]]
        for trial, own_seed in enumerate(seeds, 1)
        for plan in plans
    ]


def _dumped(request: DataRequest, task: PreparedTask) -> Callable[[float, float], str]:
    (width,) = request.widths
    # mixers draw alike, trial by trial
    return lru_cache(64)(lambda rate, dropout: canonical_json(run_settings(request, task, rate, width, dropout)))


def _planner(
    request: TuneRequest, task: PreparedTask, mixer: ChosenMixer, dumped: Callable[[float, float], str]
) -> Callable[[int, int], PlannedTrial]:
    """What plans a trial of a mixer on a task, given its number and its seed. All of them share the keys of the search.

    `dumped` gives the settings of a run by learning rate and dropout.
    """
    (seed,), (width,) = request.base.seeds, request.base.widths
    ranges = request.own_ranges(mixer)
    size = train_sizes(request.base.sizes, task)[0]
    fixed_rate, config = _fixed_rate(request.base, mixer), read_object(mixer.config)
    searched = {each.name: each.text for each in ranges}
    settings = run_settings(request.base, task, fixed_rate, width, request.base.dropout)
    plain = canonical_json(config | dict(mixer.options))
    settings |= {name: searched.pop(name, settings[name]) for name in (RATE, DROPOUT)}
    told = canonical_json(settings | {"searched": searched})
    values = {**run_keys(request.base, task, mixer, size, width, told), "seed": seed}
    keys = {name: values[name] for name, column in columns(TrialRow).items() if column.role == "key"}

    def plan(trial: int, own_seed: int) -> PlannedTrial:
        drawn = {each.name: each.value(drawn_share(seed, trial, each.option)) for each in ranges}
        rate = float(drawn.get(RATE, fixed_rate))
        dropout = float(drawn.get(DROPOUT, request.base.dropout))
        try:
            options = {each.option: str(drawn[each.name]) for each in ranges if each.mixer}
            own_mixer = mixer.with_options(options) if options else mixer
            row = dumped(rate, dropout)
            run = plan_run(request.base, task, own_mixer, size, own_seed, rate, width, dropout=dropout, settings=row)
        except RequestError as error:
            draw = ", ".join(f"{name}={value}" for name, value in drawn.items())
            raise RequestError(f"trial {trial} draws {draw}: {error}", error.hint) from error
        own_config = canonical_json(config | dict(own_mixer.options)) if options else plain
        return PlannedTrial(run, keys, trial, drawn, own_config)

    return plan


def _fixed_rate(request: DataRequest, mixer: ChosenMixer) -> float:
    rate = request.rate(mixer)
    return LEARNING_RATE if isinstance(rate, str) else rate
