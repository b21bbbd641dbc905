"""Claims on what reaching a score takes: fewer training examples, fewer tuning trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from mixbench.tasks import TASKS
from mixbench.verdicts.claims.answers import (
    Answer,
    Decision,
    Phrases,
    can_be_repeated,
    decide,
    failed_note,
    lacking_comparisons,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import FEWEST, LEVEL, NOTHING, Comparison, Estimate, of_brackets, ratio_test
from mixbench.verdicts.claims.evidence import Evidence
from mixbench.verdicts.claims.runs import Runs, runs_of
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.data_needed import Bracket, Need, data_needed
from mixbench.verdicts.learning.resampling import few_replicates
from mixbench.verdicts.learning.scores import TaskSummary, curves
from mixbench.verdicts.words import agreeing, number

EXAMPLES, TRIALS = "training examples", "tuning trials"
"""What is needed."""
_MORE = 4
"""By how many times the examples grow that are proposed where no mixer reaches a score."""


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
        f" above; a score that one of them does not reach leaves an end open. {which(claim)}"
    )
    sentence = f"{on_task([task.context.task for task in runs.tasks])}{said(decision, runs.named.label, EXAMPLES, below)}."
    seeds = min((len(seeds) for task in runs.tasks for curve in _own_curves(runs, task) if (seeds := _seeds(curve))), default=0)
    return Answer(
        rule, sentence, decision.findings, [*_notes(runs, seeds), *runs.notes], _next_runs(decision, runs, evidence, seeds)
    )


def which(claim: Claim) -> str:
    """Which scores decide."""
    if claim.options["target"]:
        return "It must hold for every score."
    return "The score is the hardest one in the table that the other mixer reaches."


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
    blank = Comparison(runs.named.label, runs.named.labels[against], lambda level: NOTHING, runs.where(task), source=task)
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
            return [replace(blank, detail="neither reaches a better score than a constant answer")]
        targets = (target,)
    sign = "≤" if task.is_error else "≥"
    comparisons = []
    for target in targets:
        place = f"at {task.score} {sign} {target:g} {blank.where}".rstrip()
        constant = task.constant
        if constant is not None and (target >= constant if task.is_error else target <= constant):
            detail = f"the best constant answer, {number(constant)}, reaches it"
            comparisons.append(replace(blank, where=place, detail=detail, source=None))
            continue
        pair = needs(targets, LEVEL)

        def at(level: float, target: float = target) -> Estimate:
            need = needs(targets, level)[own, target]
            return of_brackets(need.ratio, need.ratio_interval)

        words = [
            f"{name}: {need_words(pair[label, target].examples, 'example')}"
            for label, name in ((own, blank.mixer), (other, blank.against))
        ]
        one = "" if pair[own, target].ratio_interval else "; no interval"
        comparisons.append(replace(blank, where=place, at=at, detail=f"{', '.join(words)}{one}"))
    return comparisons


def _reached(need: Need) -> bool:
    return need.examples.high < math.inf


def need_words(need: Bracket, noun: str) -> str:
    """A need in words: `194 examples`, `at most 50 examples` or `not reached with 3200 examples`."""
    if need.high == math.inf:
        return f"not reached with {_with_noun(need.low, noun)}"
    return f"at most {_with_noun(need.high, noun)}" if need.low <= 0 else _with_noun(need.low, noun)


def _with_noun(value: float, noun: str) -> str:
    whole = float(value).is_integer()
    return f"{number(int(value) if whole else value)} {agreeing(noun, value)}"


def on_task(tasks: Sequence[str]) -> str:
    """The beginning of a sentence about one task; empty for several."""
    return f"On {tasks[0]}, " if len(tasks) == 1 else ""


def said(decision: Decision, mixer: str, what: str, below: float) -> str:
    """What is found, in words; `what` is needed."""
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
    """The commands that may decide what is not decided, a line each."""
    found = []
    for task, left in runs.undecided(decision):
        cells = [cell for cell in task.cells if (cell.mixer, cell.config) in runs.named.all]
        if can_be_repeated(status for cell in cells for status in cell.failed.values()):
            found.append(runs.command(evidence, task, retry_failed=True))
        elif runs.lacking:
            found.append(runs.command(evidence, task))
        elif any(own.at(LEVEL).is_known for own in left):
            found.append(runs.command(evidence, task, seeds=max(FEWEST, 2 * seeds)))
        elif task.context.task in TASKS:  # more examples can be drawn
            sizes = [*task.sizes, _MORE * max(task.sizes)]
            found.append(runs.command(evidence, task, sizes=",".join(map(str, sizes))))
    return "\n".join(found)
