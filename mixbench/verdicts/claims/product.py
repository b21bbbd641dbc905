"""The claim that reaching a score costs less: time per example × training examples × tuning trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from mixbench.tables.columns import FAILURES
from mixbench.tables.selection import where
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.tasks import TASKS
from mixbench.verdicts.brackets import bounded
from mixbench.verdicts.claims.answers import Answer, Decision, Phrases, decide, keys_of, lacking_comparisons
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import FEWEST, LEVEL, NOTHING, Comparison, Estimate, of_brackets, ratio_test
from mixbench.verdicts.claims.evidence import Evidence, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.claims.needs import hardest, on_task
from mixbench.verdicts.claims.runs import TRAINED
from mixbench.verdicts.cost.commands import first_commands, search_command, study_command, timing_command
from mixbench.verdicts.cost.evidence import TaskCost, by_subject, task_costs
from mixbench.verdicts.cost.lacks import TABLES
from mixbench.verdicts.cost.per_example import METERED, contexts_of_examples, of_whole_sequences
from mixbench.verdicts.cost.product import FACTORS, PRODUCT, Known, MixerCost
from mixbench.verdicts.cost.studies import trained_alike
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.environments import of_shared
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket
from mixbench.verdicts.learning.tune import by_mixer
from mixbench.verdicts.speed.blocks import DISTURBED

_READ = (SpeedRow, TrainingRow, TrialRow)
_WIDTH = 32
"""The width that models are trained at unless another one is asked for."""
EXAMPLES = ("mode", "scope", "batch", "dtype", "execution", "threads")
"""The options that choose times."""


def cheaper(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of the products, with its interval from resampling launches, seeds and trials."""
    every = {row_type: evidence.rows(row_type) for row_type in _READ}
    contents = evidence.contents(*every.values())
    shared = of_shared(every, contents)
    missing = [table for table, rows in zip(TABLES.values(), shared.values(), strict=True) if not rows]
    if len(missing) == len(_READ):
        raise NoEvidenceError("there is no speed.csv, no data_efficiency.csv and no tuning.csv", _first(claim, evidence))
    models = {row_type: of_shared({row_type: rows}, contents)[row_type] for row_type, rows in every.items()}
    training = narrowed(shared[TrainingRow], claim, TRAINED, TrainingRow) if shared[TrainingRow] else []
    trials = narrowed(shared[TrialRow], claim, TRAINED, TrialRow) if shared[TrialRow] else []
    kept = where(trials, "status", lambda status: status not in FAILURES)
    mixers = [*dict.fromkeys([*((row.mixer, row.config) for row in training), *by_mixer(trials)])]
    if not mixers:
        raise no_table(TrainingRow, "")
    found = named(claim, mixers, evidence.baseline, TrainingRow)
    columns = {name: claim.options[name] for name in EXAMPLES if claim.options[name] is not None}

    def wish_of(against: MixerKey, level: float) -> Wish:
        return Wish(
            measure=claim.options["measure"],
            columns=columns,
            targets=claim.options["target"] or (),
            baseline=found.labels[against],
            texts=evidence.texts,
            level=level,
        )

    @cache
    def costs(against: MixerKey, level: float) -> dict[Subject, TaskCost]:
        wish = wish_of(against, level)
        own = task_costs(shared[SpeedRow], training, kept, wish, (models[SpeedRow], models[TrainingRow], models[TrialRow]))
        return {cost.subject: cost for cost in own}

    comparisons = lacking_comparisons(found)
    commands: list[str] = []
    notes: list[str] = []
    for against in found.against:
        whole = costs(against, LEVEL)
        for cost in whole.values():
            place = f"on {cost.subject.words}" if len(whole) > 1 else ""
            blank = Comparison(found.label, found.labels[against], lambda level: NOTHING, place)
            own = _label(cost, found.mixer)
            if own is None or cost.baseline is None or cost.mixers.get(cost.baseline) != against:
                comparisons.append(replace(blank, detail=_lacks(cost)))
                commands += [lack.command for lack in cost.lacks if lack.command]
                continue
            found_here = _products(claim, blank, cost, own, partial(costs, against))
            notes += [*cost.warnings, *cost.left_out]
            if any(
                one.failing or ratio_test(claim.options["below"]).verdict(one.at(LEVEL)) == "undecided" for one in found_here
            ):
                wish = wish_of(against, LEVEL)
                commands.append(_more(cost, (found.mixer, against), own, shared[SpeedRow], training, kept, wish))
            comparisons += found_here
    decision = decide(ratio_test(claim.options["below"]), comparisons, "ratio of costs")
    measure = next((cost.measure for own in found.against for cost in costs(own, LEVEL).values()), claim.options["measure"])
    below = claim.options["below"]
    rule = (
        f"The cost of reaching a score, {measure} per example × training examples × tuning trials, of {found.label} relative to"
        f" {found.others}: supported if the {decision.interval_words} of the ratio, from resampling launches, seeds and trials,"
        f" lies below {below:g}, contradicted if it lies above."
    )
    tasks = {cost.subject.task for own in found.against for cost in costs(own, LEVEL).values()}
    sentence = f"{on_task([*tasks])}{_said(decision, found.label, below)}."
    failed = len(trials) - len(kept)
    notes += [f"{failed} trials failed and are left out."] if failed else []
    for row_type in _READ:
        notes += evidence.machines(row_type, shared[row_type]) if shared[row_type] else []
    return Answer(rule, sentence, decision.findings, [*dict.fromkeys(notes)], "\n".join(dict.fromkeys(commands)))


def _first(claim: Claim, evidence: Evidence) -> str:
    """The commands that make all three tables, each on a line."""
    mixers = keys_of([claim.options["mixer"], *(claim.options["against"] or (evidence.baseline or "attention",))])
    task = TASKS.get(claim.options["task"] or "shapes", TASKS["shapes"])
    width = claim.options["width"]
    shape = (claim.options["tokens"] or task.tokens, width or _WIDTH)
    return "\n".join(first_commands(mixers, width, shape, energy=claim.options["measure"] == METERED))


def _label(cost: TaskCost, mixer: MixerKey) -> str | None:
    return next((label for label, key in cost.mixers.items() if key == mixer), None)


def _lacks(cost: TaskCost) -> str:
    return "; ".join(lack.words for lack in cost.lacks) or "not every factor was measured"


def _products(claim: Claim, blank: Comparison, cost: TaskCost, own: str, again: Any) -> list[Comparison]:
    """A comparison for each score to reach."""
    by_key = {(one.label, one.target): one for one in cost.costs}
    assert cost.baseline is not None
    targets: Sequence[float] = cost.targets
    if claim.options["target"] is None:
        reached = {t: (by_key[own, t].reached, by_key[cost.baseline, t].reached) for t in targets}
        chosen = hardest(targets, reached)
        if chosen is None:
            return [replace(blank, detail="neither reaches a score")]
        targets = [chosen]
    sign = "≤" if cost.is_error else "≥"
    found = []
    for target in targets:
        one = by_key[own, target]
        if not one.ratios:
            found.append(replace(blank, detail="there is no ratio"))
            continue

        def at(level: float, target: float = target) -> Estimate:
            costs = again(level)[cost.subject].costs
            known = next(one for one in costs if (one.label, one.target) == (own, target)).ratios[PRODUCT]
            return of_brackets(known.value, known.interval)

        marks = [name for name in (own, cost.baseline) if name in cost.disturbed]
        marks = marks or [name for name in (own,) if name in cost.disturbed_ratios]
        unquiet = f"{' and '.join(marks)} {DISTURBED}" if marks else ""
        place = f"at {cost.score} {sign} {target:g} {blank.where}".rstrip()
        words = "; ".join(filter(None, (_factors(cost, one), unquiet)))
        found.append(replace(blank, where=place, at=at, detail=words, failing=bool(marks)))
    return found


def _factors(cost: TaskCost, one: MixerCost) -> str:
    """The ratio of each factor: `time 0.96 × data 1.2 × trials ≥ 2`."""
    names = {"example": cost.measure, "data": "data", "trials": "trials"}
    return " × ".join(f"{names[factor]} {_as_known(one.ratios[factor].value)}" for factor in FACTORS)


def _more(
    cost: TaskCost,
    mixers: Sequence[MixerKey],
    own: str,
    speed: Sequence[SpeedRow],
    training: Sequence[TrainingRow],
    trials: Sequence[TrialRow],
    wish: Wish,
) -> str:
    """The command that measures disturbed times again or, without any, adds to the factor that is known worst."""
    timed = contexts_of_examples(of_whole_sequences(speed), cost.subject, mixers, wish)[0]
    rows, texts = [row for mixer in mixers for row in timed[mixer]], wish.texts
    again = partial(timing_command, mixers, rows, [cost.subject.tokens])
    if cost.disturbed or cost.disturbed_ratios:
        return again(fresh=True)
    runs = trained_alike(by_subject(training)[cost.subject], by_subject(trials)[cost.subject])
    seeds, tried = len({row.seed for row in runs.study}), max(row.trial for row in runs.search)
    ratios = next(one.ratios for one in cost.costs if one.label == own)
    worst = max(FACTORS, key=lambda factor: _spread(ratios[factor]))
    if worst == "example":
        return again(launches=max(FEWEST, 2 * len({row.launch for row in rows})))
    if worst == "data":
        return study_command(mixers, runs.study, [], texts, seeds=max(FEWEST, 2 * seeds))
    return search_command(mixers, [], runs.search, texts, trials=2 * tried)


def _spread(known: Known) -> float:
    """How far apart the ends of an interval are; infinite for an open end and without an interval."""
    interval = known.interval
    return math.inf if interval is None or interval.low <= 0 else interval.high / interval.low


def _as_known(value: Bracket) -> str:
    return bounded(value) if value != UNKNOWN else "unknown"


def _said(decision: Decision, mixer: str, below: float) -> str:
    times = " with" if below == 1 else f" {below:g} times as much as with"
    phrases: Phrases = {
        "supported": f"costs less than{times}",
        "contradicted": f"costs more than{times}",
        "undecided": f"may cost less or more than{times}",
    }
    return decision.said(f"reaching a score with {mixer}", phrases, " times")
