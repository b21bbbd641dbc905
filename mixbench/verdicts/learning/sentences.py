"""The answers of `mixbench data-efficiency` and `tune` as sentences: each mixer against the baseline."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mixbench.verdicts.brackets import ratio
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.data_needed import UNKNOWN, Need
from mixbench.verdicts.learning.score_tables import difference_entry
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.learning.tune import Search
from mixbench.verdicts.learning.tune_tables import needed_entry
from mixbench.verdicts.words import counted, number


def score_sentences(task: TaskSummary, baseline: str | None) -> Iterator[tuple[str, str]]:
    """Label and sentence of every other mixer: its score on the most examples, and the examples that it needs.

    Better scores come first. Mixers without a score there, and all without a baseline, have none.
    """
    last = [cell for cell in task.cells if cell.train_size == task.sizes[-1] and cell.score and cell.label != baseline]
    for cell in sorted(last, key=lambda cell: _rank(cell, task.is_error)):
        if entry := difference_entry(cell, task.is_error):
            point, bounds = interval_text(cell.score) if cell.score else ("", "")
            against = f"{entry.number}{entry.tail} against {baseline}"
            score = f"{cell.label} has a test {task.score} of {point}{bounds} after {number(cell.train_size)} examples"
            yield cell.label, "; ".join(filter(None, (f"{score}, {against}", _examples(task, cell.label, baseline)))) + "."


def _rank(cell: DataCell, is_error: bool) -> float:
    point = cell.score.point if cell.score else math.nan
    return point if is_error else -point


def _examples(task: TaskSummary, label: str, baseline: str | None) -> str:
    """How many examples a mixer needs, for the hardest target that the baseline reaches."""
    own = {need.target: need for need in task.needs if need.label == label}
    base = [need for need in task.needs if need.label == baseline and need.examples.high < math.inf]
    if not base or not (need := own.get(base[-1].target)):
        return ""
    goal = f"{task.score} {'≤' if task.is_error else '≥'} {need.target:g}"
    if need.examples.high == math.inf and need.examples != UNKNOWN:
        return f"it does not reach {goal} with {number(need.examples.low)} examples"
    return _times(need, goal, baseline)


def _times(need: Need, goal: str, baseline: str | None) -> str:
    times = ratio(need.ratio, need.ratio_interval)
    return f"for {goal} it needs {times.number}{times.tail} times the examples of {baseline}" if times else ""


def search_sentences(search: Search) -> Iterator[tuple[str, str]]:
    """Label and sentence of every mixer: the trials that it needs for the hardest target that any of them reaches."""
    reached = [target for target in search.targets if any(needed[0] is not None for needed in target.trials.values())]
    if not reached:
        return
    target = reached[-1]
    goal = f"a development {search.score} {'≤' if search.is_error else '≥'} {number(target.score)}"
    for curve in sorted(search.curves, key=lambda curve: target.trials[curve.label][0] or math.inf):
        entry = needed_entry(target.trials[curve.label])
        if entry.mark:
            tried = counted(len(curve.expected), "trial")
            yield curve.label, f"{curve.label} is not expected to reach {goal} within {tried}{entry.tail}."
        else:
            noun = "trial" if entry.number == "1" else "trials"
            yield curve.label, f"{curve.label} needs {entry.number}{entry.tail} {noun} to expect {goal}."
