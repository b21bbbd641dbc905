"""Claims on test scores: better than several others, or on par with them. Differences are paired by seed.

A mixer that is no better than the best constant answer has learned nothing: to be better than others that have not either, or
on par with one, supports no claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mixbench.tables.scores import SCORES
from mixbench.verdicts.claims.answers import (
    Answer,
    Decision,
    Phrases,
    can_be_repeated,
    decide,
    failed_note,
    listed,
    signed,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import (
    FEWEST,
    LEVEL,
    Comparison,
    Criterion,
    Estimate,
    half_width,
    more_replicates,
)
from mixbench.verdicts.claims.evidence import Evidence, NoEvidenceError
from mixbench.verdicts.claims.pairs import (
    Pair,
    no_better_than_constant,
    pairs_of,
    said_of_constant,
    size_of,
    why_nothing,
    with_reason,
)
from mixbench.verdicts.claims.runs import Runs, runs_of
from mixbench.verdicts.learning.means import relative_change
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.words import number, span


def better_test(*, lower: bool, relative: bool) -> Criterion:
    """A difference on the better side of 0 supports a claim, one on the other side contradicts it."""
    return Criterion(
        supports=lambda estimate: estimate.below(0) if lower else estimate.above(0),
        contradicts=lambda estimate: estimate.above(0) if lower else estimate.below(0),
        smallest=_smallest_change if relative else half_width,
    )


def parity_test(margin: float) -> Criterion:
    """A difference within a margin supports a claim, one outside it contradicts it."""
    return Criterion(
        supports=lambda estimate: estimate.within(margin),
        contradicts=lambda estimate: estimate.above(margin) or estimate.below(-margin),
        smallest=half_width,
        steps=False,
    )


def better_score(claim: Claim, evidence: Evidence) -> Answer:
    """The paired difference of test scores to each of several mixers, corrected by Holm's procedure."""
    runs = runs_of(claim, evidence)
    _check_one_score(runs)
    pairs = pairs_of(claim, runs)
    task = runs.tasks[0]
    lower = task.is_error
    decision = decide(
        better_test(lower=lower, relative=_relative(pairs)),
        [own for own, _ in pairs],
        _quantity(task, relative=_relative(pairs)),
    )
    others, sizes = runs.named.others, _sizes(claim, runs)
    idle = no_better_than_constant(pairs, both=False)
    direction = "below 0 (lower is better)" if lower else "above 0"
    rule = (
        f"The {_difference_words(task, pairs)} between {runs.named.label} and {others} at {sizes} training examples, paired by"
        f" seed: supported if its {decision.interval_words} lies {direction}{runs.named.against_each}, and"
        f" {runs.named.label} is clearly better than a constant answer; contradicted if the interval lies on the other"
        f" side{runs.named.against_any}."
    )
    phrases: Phrases = {
        "supported": "is better than",
        "contradicted": "is worse than",
        "undecided": "cannot be told apart from",
    }
    said = decision.said(runs.named.label, phrases, " %" if _relative(pairs) else "", signed)
    sentence = f"{_test_score(task)}{_on(runs)} after training on {sizes} examples: {said}{said_of_constant(idle)}."
    findings = [*decision.findings, *idle]
    return Answer(rule, sentence, findings, _notes(pairs, runs), _next(decision, pairs, runs, claim, evidence))


def on_par(claim: Claim, evidence: Evidence) -> Answer:
    """Whether the difference of test scores lies within a margin: the 95 % interval, which is wider than equivalence needs."""
    runs = runs_of(claim, evidence)
    _check_one_score(runs)
    pairs = pairs_of(claim, runs)
    task = runs.tasks[0]
    relative = claim.options["relative-margin"] is not None
    margin = 100 * claim.options["relative-margin"] if relative else claim.options["margin"]
    limits = SCORES[task.score].limits if task.score in SCORES else None
    if limits and not relative and margin >= limits[1] - limits[0]:
        raise NoEvidenceError(
            f"the margin {margin:g} is as wide as the range of {task.score}, {limits[0]:g} to {limits[1]:g};"
            f" two points are 0.02, or 2%"
        )
    pairs = [
        (own if pair is None else with_reason(own, _why(pair, relative), partial(pair.at, relative=relative)), pair)
        for own, pair in pairs
    ]
    decision = decide(parity_test(margin), [own for own, _ in pairs], _quantity(task, relative=relative))
    unit, sizes = " %" if relative else "", _sizes(claim, runs)
    idle = no_better_than_constant(pairs, both=True)
    within = f"within ±{margin:g}{unit}"
    kind = "relative difference" if relative else "difference"
    rule = (
        f"The {kind} of test {task.score} between {runs.named.label} and {runs.named.others} at {sizes} training examples,"
        f" paired by seed: supported if its {decision.interval_words} lies {within}, and both are clearly better than a"
        " constant answer; contradicted if the interval lies entirely outside. A 90 % interval would do for equivalence at"
        " 5 %; this one is stricter."
    )
    phrases: Phrases = {
        "supported": f"is {within} of",
        "contradicted": f"is not {within} of",
        "undecided": f"may or may not be {within} of",
    }
    said = decision.said(runs.named.label, phrases, unit, signed)
    sentence = f"{_test_score(task)}{_on(runs)} after training on {sizes} examples: {said}{said_of_constant(idle)}."
    findings = [*decision.findings, *idle]
    return Answer(rule, sentence, findings, _notes(pairs, runs), _next(decision, pairs, runs, claim, evidence, margin))


def _check_one_score(runs: Runs) -> None:
    """Raise NoEvidenceError for tasks of different scores: their differences have neither a unit nor a direction in common."""
    tasks = {task.score: task.context.task for task in runs.tasks}
    if len(tasks) > 1:
        each = listed([f"{score} on {task}" for score, task in tasks.items()])
        raise NoEvidenceError(f"tasks have different scores ({each}): make a claim of each, with task")


def _why(pair: Pair, relative: bool) -> str:
    if relative and pair.scores and relative_change(pair.scores) is None:
        return "a score is 0, so there is no ratio"
    return why_nothing(pair, relative=relative)


def _relative(pairs: Sequence[tuple[Comparison, Pair | None]]) -> bool:
    """Whether the comparisons are relative: those of errors."""
    return any(pair is not None and pair.task.is_error and relative_change(pair.scores) is not None for _, pair in pairs)


def _quantity(task: TaskSummary, *, relative: bool) -> str:
    return f"{'relative ' * relative}difference of test {task.score}{', %' * relative}"


def _difference_words(task: TaskSummary, pairs: Sequence[tuple[Comparison, Pair | None]]) -> str:
    return _quantity(task, relative=_relative(pairs)).removesuffix(", %")


def _test_score(task: TaskSummary) -> str:
    """The score, with its direction where lower is better."""
    return f"Test {task.score}{' (lower is better)' * task.is_error}"


def _on(runs: Runs) -> str:
    return f" on {runs.tasks[0].context.task}" if len(runs.tasks) == 1 else ""


def _sizes(claim: Claim, runs: Runs) -> str:
    return span([size_of(claim, task, runs.named) for task in runs.tasks])


def _smallest_change(estimate: Estimate) -> float | None:
    """The reduction, per cent, that would lie below 0: on the log scale the interval is as wide anywhere."""
    if estimate.point is None or estimate.high is None:
        return None
    return 100 * (1 - (100 + estimate.point) / (100 + estimate.high))


def _notes(pairs: Sequence[tuple[Comparison, Pair | None]], runs: Runs) -> list[str]:
    """What was left out, and how sure it is."""
    cells = {id(cell): cell for _, pair in pairs if pair for cell in (pair.own, pair.other)}.values()
    found = [failed_note(cell.label, list(cell.failed.values()), cell.runs, "run") for cell in cells]
    sampling = [cell.test_standard_error for cell in cells if cell.test_standard_error]
    if sampling:
        found.append(
            f"Intervals are over seeds, which share a test set; the sampling error of one score, at most"
            f" {number(max(sampling))}, is not included."
        )
    return [*filter(None, [*found, *runs.notes])]


def _next(
    decision: Decision,
    pairs: Sequence[tuple[Comparison, Pair | None]],
    runs: Runs,
    claim: Claim,
    evidence: Evidence,
    margin: float | None = None,
) -> str:
    """The commands that may decide what is not decided, a line each; `margin` is that of an equivalence."""
    found = []
    for task, left in runs.undecided(decision):
        on_both = [pair for own, pair in pairs if pair and any(own is undecided for undecided in left)]
        statuses = [status for pair in on_both for cell in (pair.own, pair.other) for status in cell.failed.values()]
        if can_be_repeated(statuses):
            found.append(runs.command(evidence, task, retry_failed=True))
        elif runs.lacking or not statuses or any(pair.scores for pair in on_both):
            seeds = _seeds([(own, pair) for own, pair in pairs if pair in on_both], margin)
            found.append(runs.command(evidence, task, sizes=size_of(claim, task, runs.named), **seeds))
    return "\n".join(found)


def _seeds(undecided: Sequence[tuple[Comparison, Pair | None]], margin: float | None) -> dict[str, int]:
    """How many seeds may decide; those of the other runs where there is nothing to go by."""
    wanted = []
    for own, pair in undecided:
        estimate = own.at(LEVEL)
        if pair and estimate.point is not None:
            apart = abs(estimate.point) if margin is None else abs(abs(estimate.point) - margin)
            wanted.append(more_replicates(len(pair.scores), half_width(estimate), apart))
    return {"seeds": max(FEWEST, *wanted)} if wanted else {}
