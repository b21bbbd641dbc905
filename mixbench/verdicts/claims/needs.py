"""Claims on what reaching a score takes: fewer training examples, fewer tuning trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from mixbench.tables.columns import FAILURES
from mixbench.tables.rows import TrialRow
from mixbench.tables.selection import where
from mixbench.verdicts.claims.answers import (
    Answer,
    Decision,
    Phrases,
    can_be_repeated,
    decide,
    failed_note,
    first_command,
    keys_of,
    lacking_comparisons,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import FEWEST, LEVEL, NOTHING, Comparison, Estimate, of_brackets, ratio_test
from mixbench.verdicts.claims.evidence import Evidence, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.claims.scores import TRAINED, Runs, runs_of
from mixbench.verdicts.cost.commands import search_command
from mixbench.verdicts.environments import united
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.data_needed import Bracket, Need, data_needed
from mixbench.verdicts.learning.resampling import few_replicates
from mixbench.verdicts.learning.scores import TaskSummary, curves
from mixbench.verdicts.learning.tune import Search, by_mixer, by_search, search_of_rows
from mixbench.verdicts.words import counted, number

SEARCHED = (*TRAINED, "size")
"""The options that choose trials."""


def hardest(targets: Sequence[float], reached: Mapping[float, tuple[bool, bool]]) -> float | None:
    """Of targets from the easiest on, the hardest that the other mixer reaches, or else the mixer; None where neither does.

    `reached` says by target whether the mixer and the other one reach it.
    """
    for place in (1, 0):
        for target in reversed(targets):
            if reached[target][place]:
                return target
    return None


def fewer_examples(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of the training examples that two mixers need to reach a score, read off their learning curves."""
    runs = runs_of(claim, evidence)
    below = claim.options["below"]
    comparisons = lacking_comparisons(runs.named)
    for task in runs.tasks:
        for against in runs.named.against:
            comparisons += _examples(claim, runs, task, against)
    decision = decide(ratio_test(below), comparisons, "ratio of training examples needed")
    score = runs.tasks[0].score
    rule = (
        f"The training examples that {runs.named.label} needs to reach a test {score}, relative to {runs.named.others}:"
        f" supported if the {decision.interval_words} of the ratio, over seeds, lies below {below:g}, contradicted if it lies"
        f" above; a score that one of them does not reach leaves an end open. {_which(claim)}"
    )
    sentence = f"{on_task([task.context.task for task in runs.tasks])}{_said(decision, runs.named.label, EXAMPLES, below)}."
    seeds = min((len(seeds) for task in runs.tasks for curve in _own_curves(runs, task) if (seeds := _seeds(curve))), default=0)
    return Answer(
        rule, sentence, decision.findings, [*_notes(runs, seeds), *runs.notes], _next_runs(decision, runs, evidence, seeds)
    )


def _which(claim: Claim) -> str:
    if claim.options["target"]:
        return "It must hold for every score."
    return "The score is the hardest of those that the summary chooses that the other mixer reaches."


def _own_curves(runs: Runs, task: TaskSummary) -> list[Mapping[int, Mapping[int, float]]]:
    every = curves(task)
    return [every[label] for mixer in runs.named.all if (label := _label(task, mixer)) in every]


def _label(task: TaskSummary, mixer: MixerKey) -> str:
    return next((cell.label for cell in task.cells if (cell.mixer, cell.config) == mixer), "")


def _seeds(curve: Mapping[int, Mapping[int, float]]) -> set[int]:
    return {seed for scores in curve.values() for seed in scores}


def _examples(claim: Claim, runs: Runs, task: TaskSummary, against: MixerKey) -> list[Comparison]:
    """A comparison for each score to reach."""
    own, other = _label(task, runs.named.mixer), _label(task, against)
    blank = Comparison(runs.named.label, runs.named.labels[against], lambda level: NOTHING, runs.where(task))
    lines = curves(task)
    for label, name in ((own, runs.named.label), (other, runs.named.labels[against])):
        if not any(lines.get(label, {}).values()):
            return [replace(blank, detail=f"{name} has no score there")]

    @cache
    def needs(targets: tuple[float, ...], level: float) -> dict[tuple[str, float], Need]:
        return {(need.label, need.target): need for need in data_needed(lines, other, targets, task.is_error, level)}

    targets = claim.options["target"]
    if targets is None:
        chosen = tuple(dict.fromkeys(need.target for need in task.needs))
        found = needs(chosen, LEVEL)
        reached = {target: (_reached(found[own, target]), _reached(found[other, target])) for target in chosen}
        target = hardest(chosen, reached)
        if target is None:
            return [replace(blank, detail="neither reaches a score that a constant answer does not")]
        targets = (target,)
    sign = "≤" if task.is_error else "≥"
    comparisons = []
    for target in targets:
        place = f"at {task.score} {sign} {target:g} {blank.where}".rstrip()
        constant = task.constant
        if constant is not None and (target >= constant if task.is_error else target <= constant):
            detail = f"the best constant answer, {number(constant)}, reaches it"
            comparisons.append(replace(blank, where=place, detail=detail))
            continue
        pair = needs(targets, LEVEL)

        def at(level: float, target: float = target) -> Estimate:
            need = needs(targets, level)[own, target]
            return of_brackets(need.ratio, need.ratio_interval)

        words = [
            f"{name} {_need_words(pair[label, target].examples)}"
            for label, name in ((own, blank.mixer), (other, blank.against))
        ]
        one = "" if pair[own, target].ratio_interval else "; no interval"
        comparisons.append(replace(blank, where=place, at=at, detail=f"{', '.join(words)}{one}"))
    return comparisons


def _reached(need: Need) -> bool:
    return need.examples.high < math.inf


def _need_words(need: Bracket) -> str:
    if need.high == math.inf:
        return f"not reached with {_whole(need.low)}"
    return f"at most {_whole(need.high)}" if need.low <= 0 else _whole(need.low)


def _whole(value: float) -> str:
    return number(int(value) if float(value).is_integer() else value)


EXAMPLES, TRIALS = "training examples", "tuning trials"


def on_task(tasks: Sequence[str]) -> str:
    """The beginning of a sentence about one task; empty for several."""
    return f"On {tasks[0]}, " if len(tasks) == 1 else ""


def _said(decision: Decision, mixer: str, what: str, below: float) -> str:
    than = f"{what} than" if below == 1 else f"{what} than {below:g} times those of"
    phrases: Phrases = {
        "supported": f"needs fewer {than}",
        "contradicted": f"needs more {than}",
        "undecided": f"may need fewer or more {than}",
    }
    return decision.said(mixer, phrases, " times")


def _notes(runs: Runs, seeds: int) -> list[str]:
    cells = [cell for task in runs.tasks for cell in task.cells if (cell.mixer, cell.config) in runs.named.all and cell.failed]
    failed = [
        failed_note(f"{cell.label} on {cell.train_size} examples", list(cell.failed.values()), cell.runs, "run")
        for cell in cells
    ]
    return [*failed, *filter(None, [few_replicates(seeds, "seed", "--seeds 5")] if seeds > 1 else [])]


def _next_runs(decision: Decision, runs: Runs, evidence: Evidence, seeds: int) -> str:
    """The command that may decide what is not decided."""
    if not decision.undecided:
        return ""
    cells = [cell for task in runs.tasks for cell in task.cells if (cell.mixer, cell.config) in runs.named.all]
    if can_be_repeated(status for cell in cells for status in cell.failed.values()):
        return runs.command(evidence, retry_failed=True)
    if keys_of(runs.named.lacking):
        return runs.command(evidence)
    return runs.command(evidence, seeds=max(FEWEST, 2 * seeds if seeds > 1 else FEWEST))


def fewer_trials(claim: Claim, evidence: Evidence) -> Answer:
    """The ratio of the tuning trials after which two mixers are expected to reach a score, by simultaneous bands."""
    every = evidence.rows(TrialRow)
    if not every:
        raise no_table(TrialRow, first_command("tune", claim, evidence.baseline, SEARCHED))
    rows = united(narrowed(every, claim, SEARCHED, TrialRow), evidence.contents(every))
    # what ran out of memory or time says nothing of what a trial gives; what diverged does
    kept = where(rows, "status", lambda status: status not in FAILURES)
    mixers = list(by_mixer(rows))
    try:
        found = named(claim, mixers, evidence.baseline, TrialRow)
    except NoEvidenceError as none:
        lacking = [mixer for mixer in keys_of([claim.options["mixer"]]) if mixer not in mixers]
        raise NoEvidenceError(none.reason, search_command(lacking, [], list(rows), evidence.texts) if lacking else "") from None
    below = claim.options["below"]
    groups = [own for own in by_search(kept) if found.mixer in by_mixer(own)]
    if not groups:
        raise NoEvidenceError(
            f"all trials of {found.label} failed",
            search_command([found.mixer], [], list(rows), evidence.texts, retry_failed=True),
        )
    most = max(len(by_mixer(own).keys() & set(found.against)) for own in groups)
    groups = [own for own in groups if len(by_mixer(own).keys() & set(found.against)) == most]
    comparisons = lacking_comparisons(found)
    for own in groups:
        search = search_of_rows(own, None, claim.options["target"] or ())
        for against in found.against:
            comparisons += _trials(claim, found.label, found.labels[against], found.mixer, against, search, len(groups) > 1)
    decision = decide(ratio_test(below), comparisons, "ratio of tuning trials needed")
    rule = (
        f"The tuning trials after which {found.label} is expected to reach a development score, relative to {found.others}:"
        f" supported if the interval of the ratio lies below {below:g}, contradicted if it lies above. Its ends are those of"
        " the 95 % bands around both expected scores, which hold for all numbers of trials at once, so no correction for"
        f" several is needed. {_which(claim)}"
    )
    sentence = f"{on_task([own[0].task for own in groups])}{_said(decision, found.label, TRIALS, below)}."
    notes = []
    by_name = {found.labels[mixer]: by_mixer(rows).get(mixer, []) for mixer in found.all}
    for name, tried in by_name.items():
        broken = [row.status for row in tried if row.status in FAILURES]
        diverged, of = sum(row.status == "diverged" for row in tried), counted(len(tried), "trial")
        notes.append(failed_note(name, broken, len(tried), "trial"))
        notes.append(f"{name}: {diverged} of {of} diverged and count as the worst score seen." if diverged else "")
    trials = max(row.trial for row in groups[0])
    notes.append(f"Trials: {groups[0][0].task}, {counted(trials, 'trial')} per mixer on {groups[0][0].train_size} examples.")
    notes += evidence.machines(TrialRow, rows)
    command = ""
    if decision.undecided:
        lacking = [mixer for mixer in keys_of(found.lacking) if mixer not in mixers]
        broken_any = any(row.status in FAILURES for tried in by_name.values() for row in tried)
        changes: dict[str, Any] = {"retry_failed": True} if broken_any else {} if lacking else {"trials": 2 * trials}
        command = search_command([*found.all, *lacking], [], groups[0], evidence.texts, **changes)
    return Answer(rule, sentence, decision.findings, [*filter(None, notes)], command)


def _trials(
    claim: Claim, label: str, against_label: str, mixer: MixerKey, against: MixerKey, search: Search, several: bool
) -> list[Comparison]:
    """A comparison for each score to reach."""
    place = f"on {search.task}, seed {search.seed}" if several else ""
    blank = Comparison(label, against_label, lambda level: NOTHING, place)
    lines = {curve.mixer: curve for curve in search.curves}
    for name, key in ((label, mixer), (against_label, against)):
        if key not in lines:
            return [replace(blank, detail=f"{name} has no trial with a score there")]
    own, other = lines[mixer], lines[against]
    targets = [target.score for target in search.targets]
    if claim.options["target"] is None:
        by_target = {target.score: target.trials for target in search.targets}
        reached = {
            score: (trials[own.label][0] is not None, trials[other.label][0] is not None) for score, trials in by_target.items()
        }
        chosen = hardest(targets, reached)
        if chosen is None:
            return [replace(blank, detail="neither reaches a score within half of the trials")]
        targets = [chosen]
    sign = "≤" if search.is_error else "≥"
    comparisons = []
    for score in targets:
        needs = [_trial_brackets(curve.needed(score, search.is_error), len(curve.expected)) for curve in (own, other)]
        (mine, my_band), (theirs, their_band) = needs
        words = f"{label} {_need_words(mine)}, {against_label} {_need_words(theirs)}"
        estimate = of_brackets(ratio_of(mine, theirs), ratio_of(my_band, their_band))
        comparisons.append(
            replace(
                blank,
                where=f"at {search.score} {sign} {number(score)} {place}".rstrip(),
                at=partial(_whatever, estimate),
                detail=words,
            )
        )
    return comparisons


def _whatever(estimate: Estimate, level: float) -> Estimate:
    """An estimate that has one interval."""
    return estimate


def _trial_brackets(needed: tuple[float | None, float | None, float | None], most: int) -> tuple[Bracket, Bracket]:
    """The trials needed and their band, open beyond the curve."""
    point, earliest, latest = needed
    value = Bracket(most, math.inf) if point is None else Bracket(point, point)
    return value, Bracket(most if earliest is None else earliest, math.inf if latest is None else latest)


def ratio_of(own: Bracket, other: Bracket) -> Bracket:
    """The ratio of two numbers as far as known."""
    return Bracket(own.low / other.high if other.high else math.inf, own.high / other.low if other.low else math.inf)
