"""Commands that measure what the cost of reaching a score lacks, or is known worst of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.tasks import TASKS
from mixbench.verdicts.claims.answers import keys_of
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import FEWEST
from mixbench.verdicts.claims.evidence import Evidence
from mixbench.verdicts.cost.commands import first_commands, search_command, speed_command, study_command, timing_command
from mixbench.verdicts.cost.evidence import TaskCost, by_subject
from mixbench.verdicts.cost.per_example import METERED, contexts_of_examples, of_whole_sequences
from mixbench.verdicts.cost.product import FACTORS, Known
from mixbench.verdicts.cost.studies import trained_alike
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.labels import MixerKey

_WIDTH = 32
"""The width that models are trained at unless another one is asked for."""


def first_of_all(claim: Claim, evidence: Evidence) -> str:
    """The commands that make all three tables, each on a line."""
    mixers = keys_of([claim.options["mixer"], *(claim.options["against"] or (evidence.baseline or "attention",))])
    task = TASKS.get(claim.options["task"] or "shapes", TASKS["shapes"])
    width = claim.options["width"]
    shape = (claim.options["tokens"] or task.tokens, width or _WIDTH)
    shared = {name: claim.options[name] for name in ("task", "layers", "device")}
    return "\n".join(first_commands(mixers, width, shape, energy=claim.options["measure"] == METERED, shared=shared))


def all_factors(
    mixers: Sequence[MixerKey],
    speed: Sequence[SpeedRow],
    training: Sequence[TrainingRow],
    trials: Sequence[TrialRow],
    wish: Wish,
) -> Iterator[str]:
    """The commands that train, search and time mixers of which there is nothing, as those that are there; none without any."""
    studied, searched = by_subject(training), by_subject(trials)
    for subject in sorted({*studied, *searched}) if mixers else ():
        runs = trained_alike(studied.get(subject, []), searched.get(subject, []))
        others = of_whole_sequences(speed)
        timed = contexts_of_examples(others, subject, runs.mixers, wish)
        taken = [row for rows in timed[0].values() for row in rows] if timed else []
        yield study_command(mixers, runs.study, runs.search, wish.texts)
        yield search_command(mixers, runs.study, runs.search, wish.texts)
        yield speed_command(mixers, subject, taken, others, wish)


def more(
    cost: TaskCost,
    mixers: Sequence[MixerKey],
    ratios: Sequence[Mapping[str, Known]],
    speed: Sequence[SpeedRow],
    training: Sequence[TrainingRow],
    trials: Sequence[TrialRow],
    wish: Wish,
) -> str:
    """The command that measures disturbed times again or, without any, adds to the factor that is known worst.

    `ratios` are those of the score that is not decided; without any, more trials are tried.
    """
    timed = contexts_of_examples(of_whole_sequences(speed), cost.subject, mixers, wish)[0]
    rows, texts = [row for mixer in mixers for row in timed[mixer]], wish.texts
    again = partial(timing_command, mixers, rows, [cost.subject.tokens])
    if cost.disturbed or cost.disturbed_ratios:
        return again(fresh=True)
    runs = trained_alike(by_subject(training)[cost.subject], by_subject(trials)[cost.subject])
    seeds, tried = len({row.seed for row in runs.study}), max(row.trial for row in runs.search)
    worst = max(FACTORS, key=lambda factor: _spread(ratios[0][factor])) if ratios else "trials"
    if worst == "example":
        return again(launches=max(FEWEST, 2 * len({row.launch for row in rows})))
    if worst == "data":
        return study_command(mixers, runs.study, [], texts, seeds=max(FEWEST, 2 * seeds))
    return search_command(mixers, [], runs.search, texts, trials=2 * tried)


def _spread(known: Known) -> float:
    """How far apart the ends of an interval are; infinite for an open end and without an interval."""
    interval = known.interval
    return math.inf if interval is None or interval.low <= 0 else interval.high / interval.low
