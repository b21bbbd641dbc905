"""The runs of two mixers on the same examples: what a claim on test scores compares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mixbench.verdicts.claims.answers import lacking_comparisons
from mixbench.verdicts.claims.claim import Claim, Finding
from mixbench.verdicts.claims.estimates import LEVEL, NOTHING, Comparison, Estimate, of_change, of_interval
from mixbench.verdicts.claims.evidence import Named
from mixbench.verdicts.claims.runs import Runs
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.means import mean_difference, relative_change
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.words import number


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
            return of_change(relative_change(self.scores, level))
        return of_interval(mean_difference(self.scores, level))


def pairs_of(claim: Claim, runs: Runs) -> list[tuple[Comparison, Pair | None]]:
    """Both mixers of every comparison, at the size of the claim; without a number where one of them has no score there."""
    found: list[tuple[Comparison, Pair | None]] = [(own, None) for own in lacking_comparisons(runs.named)]
    for task in runs.tasks:
        cells = {((cell.mixer, cell.config), cell.train_size): cell for cell in task.cells}
        size = size_of(claim, task, runs.named)
        own = cells.get((runs.named.mixer, size))
        for mixer in runs.named.against:
            other, label = cells.get((mixer, size)), runs.named.labels[mixer]
            blank = Comparison(runs.named.label, label, lambda level: NOTHING, runs.where(task), source=task)
            if own is None or other is None:
                lacking = runs.named.label if own is None else label
                found.append((with_reason(blank, f"{lacking} was not trained on {size} examples there"), None))
                continue
            pair = Pair(task, own, other)
            relative = task.is_error and relative_change(pair.scores) is not None
            reason = why_nothing(pair, relative=relative)
            found.append((with_reason(blank, reason, partial(pair.at, relative=relative)), pair))
    return found


def with_reason(comparison: Comparison, detail: str, at: Callable[[float], Estimate] | None = None) -> Comparison:
    """A comparison with another detail and, where it is given, another estimate."""
    return replace(comparison, at=at or comparison.at, detail=detail)


def why_nothing(pair: Pair, *, relative: bool) -> str:
    """Why there is no difference, or no interval of it."""
    for cell in (pair.own, pair.other):
        if not cell.scores:
            return f"all runs of {cell.label} failed: {cell.status}"
    if not pair.scores:
        return "no seed has both"
    if len(pair.scores) == 1:
        return "one seed, so no interval"
    estimate = pair.at(LEVEL, relative=relative)
    return "all seeds agree exactly, so no interval" if estimate.low is None and not estimate.unknown else ""


def size_of(claim: Claim, task: TaskSummary, named: Named) -> int:
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


def no_better_than_constant(pairs: Sequence[tuple[Comparison, Pair | None]], *, both: bool) -> list[Finding]:
    """A finding for the mixer, and with `both` for the others, where it is not clearly better than the best constant answer."""
    found: dict[int, Finding] = {}
    for pair in (pair for _, pair in pairs if pair):
        for cell in (pair.own, pair.other) if both else (pair.own,):
            if cell.score is None or pair.task.beats_constant(cell):
                continue
            constant = f"{pair.task.constant_words} ({number(pair.task.constant or 0.0)})"
            found[id(cell)] = Finding(
                label=cell.label,
                quantity=f"test {pair.task.score}",
                point=cell.score.point,
                low=cell.score.low,
                high=cell.score.high,
                verdict="undecided",
                detail=f"not clearly better than the {constant}",
            )
    return list(found.values())


def said_of_constant(idle: Sequence[Finding]) -> str:
    """What is said at the end of a sentence of mixers that have learned nothing."""
    return "".join(f"; {finding.label} is {finding.detail}" for finding in idle)
