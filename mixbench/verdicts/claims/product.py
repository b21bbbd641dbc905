"""The claim that reaching a score costs less: time per example × training examples × tuning trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from mixbench.tables.columns import FAILURES
from mixbench.tables.selection import where
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.brackets import bounded
from mixbench.verdicts.claims.answers import Answer, Decision, Phrases, decide, keys_of, lacking_comparisons
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import LEVEL, NOTHING, Comparison, Estimate, of_brackets, ratio_test
from mixbench.verdicts.claims.evidence import Evidence, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.claims.needs import hardest, on_task
from mixbench.verdicts.claims.product_commands import all_factors, first_of_all, more
from mixbench.verdicts.claims.runs import TRAINED
from mixbench.verdicts.cost.evidence import TaskCost, task_costs
from mixbench.verdicts.cost.lacks import TABLES
from mixbench.verdicts.cost.product import FACTORS, PRODUCT, MixerCost
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.environments import of_shared
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket
from mixbench.verdicts.learning.tune import by_mixer
from mixbench.verdicts.speed.blocks import DISTURBED
from mixbench.verdicts.words import counted

_READ = (SpeedRow, TrainingRow, TrialRow)
EXAMPLES = ("mode", "scope", "batch", "dtype", "execution", "threads")
"""The options that choose times."""


def cheaper(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of the products, with its interval from resampling launches, seeds and trials."""
    every = {row_type: evidence.rows(row_type) for row_type in _READ}
    contents = evidence.contents(*every.values())
    shared = of_shared(every, contents)
    first = first_of_all(claim, evidence)
    missing = [table for table, rows in zip(TABLES.values(), shared.values(), strict=True) if not rows]
    if len(missing) == len(_READ):
        raise NoEvidenceError("there is no speed.csv, no data_efficiency.csv and no tuning.csv", first)
    models = {row_type: of_shared({row_type: rows}, contents)[row_type] for row_type, rows in every.items()}
    training = narrowed(shared[TrainingRow], claim, TRAINED, TrainingRow, first) if shared[TrainingRow] else []
    trials = narrowed(shared[TrialRow], claim, TRAINED, TrialRow, first) if shared[TrialRow] else []
    kept = where(trials, "status", lambda status: status not in FAILURES)
    mixers = [*dict.fromkeys([*((row.mixer, row.config) for row in training), *by_mixer(trials)])]
    if not mixers:
        raise no_table(TrainingRow, first)
    try:
        found = named(claim, mixers, evidence.baseline, TrainingRow)
    except NoEvidenceError as none:
        new = [mixer for mixer in keys_of([claim.options["mixer"]]) if mixer not in mixers]
        wish = Wish(measure=claim.options["measure"], texts=evidence.texts)
        raise NoEvidenceError(none.reason, "\n".join(all_factors(new, shared[SpeedRow], training, kept, wish))) from None

    def wish_of(against: MixerKey, level: float) -> Wish:
        return replace(wish_of_claim(claim), baseline=found.labels[against], texts=evidence.texts, level=level)

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
            comparisons += _products(claim, replace(blank, source=(cost, against)), cost, own, partial(costs, against))
            notes += [*cost.warnings, *cost.left_out]
    decision = decide(ratio_test(claim.options["below"]), comparisons, "ratio of costs")
    for cost, against, *ratios in (own.source for own in decision.undecided if own.source):
        mine = found.mixer, against
        commands.append(more(cost, mine, ratios, shared[SpeedRow], training, kept, wish_of(against, LEVEL)))
    new = [mixer for mixer in keys_of(found.lacking) if mixer not in found.labels]
    commands += all_factors(new, shared[SpeedRow], training, kept, wish_of(found.mixer, LEVEL))
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
    notes += [f"{counted(failed, 'trial')} failed and {'is' if failed == 1 else 'are'} left out."] if failed else []
    for row_type in _READ:
        notes += evidence.machines(row_type, shared[row_type]) if shared[row_type] else []
    return Answer(rule, sentence, decision.findings, [*dict.fromkeys(notes)], "\n".join(dict.fromkeys(commands)))


def wish_of_claim(claim: Claim) -> Wish:
    """What a claim asks of costs, whatever its mixer is compared with."""
    columns = {name: claim.options[name] for name in EXAMPLES if claim.options[name] is not None}
    return Wish(measure=claim.options["measure"], columns=columns, targets=claim.options["target"] or ())


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
            found.append(replace(blank, detail="there is no ratio", source=None))
            continue

        def at(level: float, target: float = target) -> Estimate:
            costs = again(level)[cost.subject].costs
            known = next(one for one in costs if (one.label, one.target) == (own, target)).ratios[PRODUCT]
            return of_brackets(known.value, known.interval)

        marks = [name for name in (own, cost.baseline) if name in cost.disturbed]
        marks = marks or [name for name in (own,) if name in cost.disturbed_ratios]
        unquiet = f"{DISTURBED}: {' and '.join(marks)}" if marks else ""
        place = f"at {cost.score} {sign} {target:g} {blank.where}".rstrip()
        words = "; ".join(filter(None, (_factors(cost, one), unquiet)))
        source = (*blank.source, one.ratios)
        found.append(replace(blank, where=place, at=at, detail=words, disturbed=bool(marks), source=source))
    return found


def _factors(cost: TaskCost, one: MixerCost) -> str:
    """The ratio of each factor: `time 0.96 × data 1.2 × trials ≥ 2`."""
    names = {"example": cost.measure, "data": "data", "trials": "trials"}
    return " × ".join(f"{names[factor]} {_as_known(one.ratios[factor].value)}" for factor in FACTORS)


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
