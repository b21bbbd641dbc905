"""Claims on test scores: better than several others, or on par with them. Differences are paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mixbench.tables.rows import TrainingRow
from mixbench.tables.scores import SCORES
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
    signed,
)
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.estimates import (
    FEWEST,
    LEVEL,
    NOTHING,
    Comparison,
    Criterion,
    Estimate,
    half_width,
    more_replicates,
    of_interval,
)
from mixbench.verdicts.claims.evidence import Evidence, Named, NoEvidenceError, named, narrowed, no_table
from mixbench.verdicts.cost.commands import study_command
from mixbench.verdicts.environments import united
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.context import TaskContext, by_context, task_words
from mixbench.verdicts.learning.means import mean_difference, relative_change
from mixbench.verdicts.learning.scores import TaskSummary, summarise
from mixbench.verdicts.words import counted, number, span

TRAINED = ("task", "layers", "width", "tokens", "device")
"""The options that choose runs."""
_STUDY = "data-efficiency"


@dataclass(frozen=True)
class Runs:
    """The runs that a claim on learning is about."""

    named: Named
    tasks: Sequence[TaskSummary]
    """The contexts with the mixer and most of the others."""
    rows: Mapping[TaskContext, Sequence[TrainingRow]]
    left_out: int
    machines: Sequence[str]

    def where(self, task: TaskSummary) -> str:
        """What tells a context from the others; empty for a single one."""
        if len(self.tasks) == 1:
            return ""
        words = task_words([other.context for other in self.tasks])
        own = words[list(self.tasks).index(task)]
        told = [text for name, text in own.items() if any(other.get(name) != text for other in words)]
        return f"on {', '.join([task.context.task, *told])}"

    def command(self, evidence: Evidence, **changes: Any) -> str:
        """The command that trains all mixers of the claim as in the first context."""
        rows = self.rows[self.tasks[0].context]
        there = {(row.mixer, row.config) for row in rows}
        mixers = [*self.named.all, *(mixer for mixer in keys_of(self.named.lacking) if mixer not in there)]
        return study_command(mixers, rows, [], evidence.texts, **changes)

    @property
    def notes(self) -> list[str]:
        """Which runs were looked at."""
        parts = []
        for task, words in zip(self.tasks, task_words([task.context for task in self.tasks]), strict=True):
            cells = [cell for cell in task.cells if (cell.mixer, cell.config) in self.named.all]
            seeds = counted(max(cell.runs for cell in cells), "seed")
            parts.append(" · ".join([task.context.task, *words.values(), seeds]))
        other = f" Left out: {counted(self.left_out, 'other context')}." if self.left_out else ""
        return [f"Runs: {'; '.join(parts)}.{other}", *self.machines]


def runs_of(claim: Claim, evidence: Evidence) -> Runs:
    """The runs of a claim. Raises NoEvidenceError."""
    every = evidence.rows(TrainingRow)
    if not every:
        seeds = {"sizes": claim.options.get("size")}
        raise no_table(TrainingRow, first_command(_STUDY, claim, evidence.baseline, TRAINED, **seeds))
    contents = evidence.contents(every)
    rows = united(narrowed(every, claim, TRAINED, TrainingRow), contents)
    mixers = list(dict.fromkeys((row.mixer, row.config) for row in rows))
    try:
        found = named(claim, mixers, evidence.baseline, TrainingRow)
    except NoEvidenceError as none:
        lacking = keys_of([claim.options["mixer"]])
        command = "" if not lacking or lacking[0] in mixers else study_command(lacking, list(rows), [], evidence.texts)
        raise NoEvidenceError(none.reason, command) from None
    summary = summarise(rows, contents=contents)
    there = {task.context: {(cell.mixer, cell.config) for cell in task.cells} for task in summary.tasks}
    able = [task for task in summary.tasks if found.mixer in there[task.context]]
    most = max(len(there[task.context].intersection(found.against)) for task in able)
    tasks = [task for task in able if len(there[task.context].intersection(found.against)) == most]
    by = {context: own for context, (own, _) in by_context(rows).items()}
    return Runs(found, tasks, by, len(able) - len(tasks), evidence.machines(TrainingRow, rows))


@dataclass(frozen=True)
class Pair:
    """The runs of two mixers on the same examples."""

    task: TaskSummary
    own: DataCell
    other: DataCell

    @property
    def scores(self) -> list[tuple[float, float]]:
        """The scores of both by seed."""
        return [(self.own.scores[seed], self.other.scores[seed]) for seed in self.own.scores if seed in self.other.scores]

    def at(self, level: float, *, relative: bool) -> Estimate:
        """The difference of scores, or the relative difference in per cent."""
        if relative:
            return of_interval(relative_change(self.scores, level), 100)
        return of_interval(mean_difference(self.scores, level))


def _pairs(claim: Claim, runs: Runs) -> list[tuple[Comparison, Pair | None]]:
    """Both mixers of every comparison, at the size of the claim; without a number where one of them has no score there."""
    found: list[tuple[Comparison, Pair | None]] = [(own, None) for own in lacking_comparisons(runs.named)]
    for task in runs.tasks:
        cells = {((cell.mixer, cell.config), cell.train_size): cell for cell in task.cells}
        size = _size(claim, task, runs.named)
        own = cells.get((runs.named.mixer, size))
        for mixer in runs.named.against:
            other, label = cells.get((mixer, size)), runs.named.labels[mixer]
            blank = Comparison(runs.named.label, label, lambda level: NOTHING, runs.where(task))
            if own is None or other is None:
                lacking = runs.named.label if own is None else label
                found.append((_with(blank, f"{lacking} was not trained on {size} examples there"), None))
                continue
            pair = Pair(task, own, other)
            relative = task.is_error and relative_change(pair.scores) is not None
            reason = _why_nothing(pair)
            found.append((_with(blank, reason, partial(pair.at, relative=relative)), pair))
    return found


def _with(comparison: Comparison, detail: str, at: Callable[[float], Estimate] | None = None) -> Comparison:
    return Comparison(comparison.mixer, comparison.against, at or comparison.at, comparison.where, detail)


def _why_nothing(pair: Pair) -> str:
    """Why there is no difference, or no interval."""
    for cell in (pair.own, pair.other):
        if not cell.scores:
            return f"all runs of {cell.label} failed: {cell.status}"
    if not pair.scores:
        return "no seed has both"
    if len(pair.scores) == 1:
        return "one seed, so no interval"
    difference = mean_difference(pair.scores)
    return "all seeds agree exactly, so no interval" if difference and difference.low is None else ""


def _size(claim: Claim, task: TaskSummary, named: Named) -> int:
    """The number of examples: the wanted one, else the largest at which all that were trained have a score."""
    if claim.options["size"] is not None:
        return int(claim.options["size"])
    sizes = [
        {cell.train_size for cell in task.cells if (cell.mixer, cell.config) == mixer and (cell.scores or not scored)}
        for scored in (True, False)
        for mixer in named.all
    ]
    with_scores, trained = sizes[: len(named.all)], [own for own in sizes[len(named.all) :] if own]
    return max(set.intersection(*with_scores) or set.intersection(*trained) or set(task.sizes))


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
    pairs = _pairs(claim, runs)
    task = runs.tasks[0]
    lower = task.is_error
    decision = decide(
        better_test(lower=lower, relative=_relative(pairs)),
        [own for own, _ in pairs],
        _quantity(task, relative=_relative(pairs)),
    )
    others, sizes = runs.named.others, _sizes(claim, runs)
    direction = "below 0 (lower is better)" if lower else "above 0"
    rule = (
        f"The {_difference_words(task, pairs)} between {runs.named.label} and {others} at {sizes} training examples, paired by"
        f" seed: supported if its {decision.interval_words} lies {direction} against every one, contradicted if it lies on the"
        " other side against any."
    )
    phrases: Phrases = {
        "supported": "is better than",
        "contradicted": "is worse than",
        "undecided": "cannot be told apart from",
    }
    said = decision.said(runs.named.label, phrases, " %" if _relative(pairs) else "", signed)
    sentence = f"Test {task.score}{_on(runs)} after training on {sizes} examples: {said}."
    return Answer(rule, sentence, decision.findings, _notes(pairs, runs), _next(decision, pairs, runs, evidence))


def on_par(claim: Claim, evidence: Evidence) -> Answer:
    """Whether the difference of test scores lies within a margin: the 95 % interval, which is wider than equivalence needs."""
    runs = runs_of(claim, evidence)
    pairs = _pairs(claim, runs)
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
        (own if pair is None else _with(own, _why(pair, relative), partial(pair.at, relative=relative)), pair)
        for own, pair in pairs
    ]
    decision = decide(parity_test(margin), [own for own, _ in pairs], _quantity(task, relative=relative))
    unit, sizes = " %" if relative else "", _sizes(claim, runs)
    within = f"within ±{margin:g}{unit}"
    kind = "relative difference" if relative else "difference"
    rule = (
        f"The {kind} of test {task.score} between {runs.named.label} and {runs.named.others} at {sizes} training examples,"
        f" paired by seed: supported if its {decision.interval_words} lies {within}, contradicted if it lies outside entirely."
        " A 90 % interval would do for equivalence at 5 %; this one is stricter."
    )
    phrases: Phrases = {
        "supported": f"is {within} of",
        "contradicted": f"is not {within} of",
        "undecided": f"may or may not be {within} of",
    }
    said = decision.said(runs.named.label, phrases, unit, signed)
    sentence = f"Test {task.score}{_on(runs)} after training on {sizes} examples: {said}."
    return Answer(rule, sentence, decision.findings, _notes(pairs, runs), _next(decision, pairs, runs, evidence, margin))


def _why(pair: Pair, relative: bool) -> str:
    if relative and pair.scores and relative_change(pair.scores) is None:
        return "a score is 0, so there is no ratio"
    return _why_nothing(pair)


def _relative(pairs: Sequence[tuple[Comparison, Pair | None]]) -> bool:
    """Whether the comparisons are relative: those of errors."""
    return any(pair is not None and pair.task.is_error and relative_change(pair.scores) is not None for _, pair in pairs)


def _quantity(task: TaskSummary, *, relative: bool) -> str:
    return f"{'relative ' * relative}difference of test {task.score}{', %' * relative}"


def _difference_words(task: TaskSummary, pairs: Sequence[tuple[Comparison, Pair | None]]) -> str:
    return _quantity(task, relative=_relative(pairs)).removesuffix(", %")


def _on(runs: Runs) -> str:
    return f" on {runs.tasks[0].context.task}" if len(runs.tasks) == 1 else ""


def _sizes(claim: Claim, runs: Runs) -> str:
    return span([_size(claim, task, runs.named) for task in runs.tasks])


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
            f" {number(max(sampling))}, is not in them."
        )
    return [*filter(None, [*found, *runs.notes])]


def _next(
    decision: Decision,
    pairs: Sequence[tuple[Comparison, Pair | None]],
    runs: Runs,
    evidence: Evidence,
    margin: float | None = None,
) -> str:
    """The command that may decide what is not decided; `margin` is that of an equivalence. Empty where none helps."""
    if not decision.undecided:
        return ""
    left = [pair for (own, pair) in pairs if own in decision.undecided and pair]
    statuses = [status for pair in left for cell in (pair.own, pair.other) for status in cell.failed.values()]
    size = next((pair.own.train_size for pair in left), None)
    sizes = {} if size is None else {"sizes": size}
    if can_be_repeated(statuses):
        return runs.command(evidence, retry_failed=True)
    if statuses and not any(pair.scores for pair in left):
        return ""
    if not left:
        return runs.command(evidence)
    wanted = [FEWEST]
    for finding, comparison in zip(decision.findings, decision.comparisons, strict=True):
        pair = next((pair for own, pair in pairs if own is comparison and pair), None)
        if finding.verdict == "undecided" and pair and finding.point is not None:
            half = half_width(comparison.at(LEVEL))
            apart = abs(finding.point) if margin is None else abs(abs(finding.point) - margin)
            wanted.append(more_replicates(len(pair.scores), half, apart))
    return runs.command(evidence, seeds=max(wanted), **sizes)
