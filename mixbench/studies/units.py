"""The units of a plan: which of its cells stay together wherever they are carried out, and how long they take.

All that is timed at one shape is a unit, so that ratios stay paired, between executions and modes too. Training runs are units
of their own, except for those whose learning rate is chosen together. Whatever differs between machines is left out: shards of
a plan fit together only if every machine has the same units.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from mixbench.studies.attention_map_plan import PlannedMap
from mixbench.studies.data_efficiency_plan import PlannedRun
from mixbench.studies.shards import Unit
from mixbench.studies.speed_counting import counting_steps
from mixbench.studies.speed_plan import PlannedCell, cannot_run, groups
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_steps import measuring
from mixbench.studies.training_plan import Planned
from mixbench.studies.training_steps import run_seconds
from mixbench.studies.tune_plan import PlannedTrial

Cell = TypeVar("Cell")
Run = TypeVar("Run", bound=Planned)
Trials = Mapping[tuple[Any, ...], Sequence[PlannedRun]]
"""The trials by which `auto` chooses learning rates, by the subject that each is chosen for."""
_SHAPE = ("tokens", "width", "batch")
_ENERGY = {"cpu": 1.1, "cuda": 5.1}
"""Seconds of measuring the energy of a cell."""
_EXAMPLE = 0.02
"""Seconds of mapping an example."""


def speed_units(request: SpeedRequest, cells: Sequence[PlannedCell], *, own_threads: bool) -> list[Unit]:
    """A unit for each number of tokens, width and batch; with `own_threads`, machines may have different numbers of threads."""
    mixers = {(mixer.name, mixer.config): mixer for mixer in request.mixers}

    def shape(cell: PlannedCell) -> tuple[int, ...]:
        return tuple(cell.keys[name] for name in _SHAPE)

    def seconds(own: Sequence[PlannedCell]) -> float:
        run = [cell for cell in own if cell.job and not cannot_run(cell.keys, mixers[cell.keys["mixer"], cell.keys["config"]])]
        timed = sum(measuring(group, request.budget).seconds for group in groups(run))
        counted = sum(step.seconds for step in counting_steps(run))
        metered = sum(_ENERGY[cell.keys["device"].partition(":")[0]] for cell in run) if request.energy else 0.0
        return request.launches * timed + counted + metered

    def told(cell: PlannedCell) -> Iterable[object]:
        keys = cell.keys | {"threads": None} if own_threads else cell.keys
        return *keys.values(), request.launches, request.energy

    def words(own: Sequence[PlannedCell]) -> str:
        return "{} tokens, width {}, batch {}".format(*shape(own[0]))

    return _units(cells, shape, words, told, seconds)


def run_units(runs: Sequence[PlannedRun], trials: Trials) -> list[Unit]:
    """A unit for each run; one for all runs that share the choice of a learning rate, and the `trials` for it."""
    alone = _seconds_by_subject(run_seconds)

    def seconds(own: Sequence[PlannedRun]) -> float:
        return sum(map(alone, [*own, *trials.get(own[0].subject, ())]))

    return _units(runs, _together(trials), _chosen_words(trials), lambda run: run.identity(""), seconds)


def trial_units(trials: Sequence[PlannedTrial]) -> list[Unit]:
    """A unit for each trial of each mixer."""
    alone = _seconds_by_subject(run_seconds)
    return _units(trials, _alone, _first_words, lambda trial: trial.identity(""), lambda own: sum(map(alone, own)))


def map_units(maps: Sequence[PlannedMap], trials: Trials = MappingProxyType({})) -> list[Unit]:
    """A unit for each model with its examples; one for all that share the choice of a rate, and the `trials` for it."""

    def seconds(own: Sequence[PlannedMap]) -> float:
        mapping = sum(run_seconds(run) + _EXAMPLE * len(run.examples) for run in own)
        return mapping + sum(map(run_seconds, trials.get(own[0].subject, ())))

    def told(run: PlannedMap) -> Iterable[object]:
        return *run.identity(""), len(run.examples), run.drawn

    return _units(maps, _together(trials), _chosen_words(trials), told, seconds)


def _first_words(own: Sequence[PlannedTrial]) -> str:
    return own[0].words


def _alone(trial: PlannedTrial) -> Hashable:
    return trial.identity("")


def _together(trials: Trials) -> Callable[[PlannedRun | PlannedMap], Hashable]:
    """What runs share that stay together: those that share a choice of the learning rate."""
    return lambda run: run.subject if run.subject in trials else run.identity("")


def _chosen_words(trials: Trials) -> Callable[[Sequence[PlannedRun | PlannedMap]], str]:
    def words(own: Sequence[PlannedRun | PlannedMap]) -> str:
        run = own[0]
        if run.subject not in trials:
            return run.words
        return f"{run.about['task']}, all that shares a choice of the learning rate of {run.label}"

    return words


def _seconds_by_subject(predict: Callable[[Planned], float]) -> Callable[[Planned], float]:
    """A prediction that is made once for the runs whose steps cost the same."""
    known: dict[Hashable, float] = {}

    def seconds(run: Planned) -> float:
        subject = run.subject
        if subject not in known:
            known[subject] = predict(run)
        return known[subject]

    return seconds


def _units(
    cells: Sequence[Cell],
    together: Callable[[Cell], Hashable],
    words: Callable[[Sequence[Cell]], str],
    told: Callable[[Cell], Iterable[object]],
    seconds: Callable[[Sequence[Cell]], float],
) -> list[Unit]:
    """A unit of all cells with the same `together`; its key has words for them and a digest of what is `told` of each."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, cell in enumerate(cells):
        places[together(cell)].append(place)
    units = []
    for own in places.values():
        members = [cells[place] for place in own]
        content = hashlib.sha256()
        for line in sorted("\t".join(map(str, told(cell))) for cell in members):
            content.update(f"{line}\n".encode())
        # three digits: what processors compute differently in the last one must not change a shard
        predicted = float(f"{seconds(members):.3g}")
        units.append(Unit(f"{words(members)} [{content.hexdigest()[:12]}]", predicted, own))
    return units
