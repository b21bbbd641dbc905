"""The notes below the tables of `mixbench data-efficiency`: how to read the numbers, and what they do not include."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.data_needed import UNKNOWN
from mixbench.verdicts.learning.resampling import DRAWS, few_replicates
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.words import counted, in_percent, number, percent, span

UNEQUAL = 1.5
"""From so many times the mean of the others on, the largest class is told."""


def score_notes(task: TaskSummary, baseline: str | None) -> Iterator[str]:
    """How to read the numbers, and what they do not include."""
    cells = [cell for cell in task.cells if cell.scores]
    seeds = len({seed for cell in cells for seed in cell.scores})
    if seeds > 1:
        scale = "; errors as geometric means on the log scale, their differences as arithmetic means" if task.is_error else ""
        yield f"In brackets: 95 % t-intervals over {span({len(cell.scores) for cell in cells})} seeds{scale}."
    elif cells:
        yield few_replicates(1, "seed", "--seeds 5")
    if any(cell.difference for cell in cells):
        yield f"Differences to {baseline} are paired: the same seed draws the same examples for every mixer."
    if any(need.examples != UNKNOWN for need in task.needs):
        drawn = f"; intervals from {DRAWS} simulated curves that vary as the seeds do" if seeds > 1 else ""
        yield f"Examples needed: by isotonic regression, linear in log examples, within the trained sizes only{drawn}."
    yield from _states_note(task)
    yield from _constant(task)
    yield from _part_of_an_epoch(cells)
    yield from _still_improving(cells)
    yield from _sampling_error(cells, task.is_error)
    yield from _failures(task)
    yield from _learning_rates(task)


def _states_note(task: TaskSummary) -> Iterator[str]:
    """What the column of the states holds."""
    if any(cell.state_mib is not None for cell in task.cells):
        layers = f" in {counted(task.context.layers, 'layer')}" if task.context.layers > 1 else ""
        yield f"State: what the mixers keep of one sequence after {number(task.context.tokens)} tokens{layers}."


def _part_of_an_epoch(cells: Sequence[DataCell]) -> Iterator[str]:
    """The note on runs that ended before they had seen every training example."""
    short = [cell for cell in cells if cell.steps and cell.examples_seen and cell.examples_seen < cell.train_size]
    for steps, seen in dict.fromkeys((cell.steps or 0, cell.examples_seen or 1) for cell in short):
        sizes = sorted({cell.train_size for cell in short if (cell.steps, cell.examples_seen) == (steps, seen)})
        where, all_of_them = ", ".join(map(number, sizes)), math.ceil(sizes[-1] * steps / seen)
        found = f"Less than one epoch at {where} examples: {number(steps)} steps see {number(seen)} of them."
        yield f"{found} To see all: --steps {all_of_them}."


def _constant(task: TaskSummary) -> Iterator[str]:
    """The notes on mixers that are no better than a constant answer, and on classes of unequal size."""
    constant, no_better = task.constant, task.no_better_than_constant
    if constant is None:
        return
    if no_better:
        every = [label for label, cells in task.lines.items() if any(cell.score for cell in cells)]
        answer = f"better than the {task.constant_words} ({number(constant)}) by more than interval and sampling error"
        yield f"No mixer is {answer}." if no_better == every else f"Not {answer}: {', '.join(no_better)}."
    others = (task.classes or 1) - 1
    if task.score == "accuracy" and others and constant >= UNEQUAL * (1 - constant) / others:
        share = percent(constant)
        yield f"One of {task.classes} classes has {share} of the test examples: --score macro-f1 weighs all classes equally."


def _still_improving(cells: Sequence[DataCell]) -> Iterator[str]:
    """The note on runs that were stopped while their score was still getting better."""
    falls: list[float] = []
    where: dict[str, list[str]] = defaultdict(list)
    for cell in cells:
        if cell.still_improving and cell.last_change is not None:
            falls.append(-cell.last_change)
            where[cell.label].append(number(cell.train_size))
    if where:
        which = "; ".join(f"{label} at {', '.join(sizes)}" for label, sizes in where.items())
        fall = " to ".join(dict.fromkeys(in_percent(end, ".0f") for end in (min(falls), max(falls))))
        found = (
            f"Still improving when training ended (error {fall} % lower at the last evaluation than at any before): {which}."
        )
        yield f"{found} Train longer: --steps {2 * max(cell.steps or 0 for cell in cells)}."


def _sampling_error(cells: Sequence[DataCell], is_error: bool) -> Iterator[str]:
    """The note on the standard error of a score; for errors it is relative to the error, like their intervals."""
    found = [
        cell.test_standard_error / cell.score.point if is_error else cell.test_standard_error
        for cell in cells
        if cell.test_standard_error is not None and cell.score and cell.score.point > 0
    ]
    examples = next((cell.test_examples for cell in cells if cell.test_examples), None)
    if found and examples:
        ends = dict.fromkeys(in_percent(end, ".2g") if is_error else f"{end:.2g}" for end in (min(found), max(found)))
        error = f"{' to '.join(ends)}{' %' if is_error else ''}"
        yield f"Not in the intervals: sampling {number(examples)} test examples gives every score a standard error of {error}."


def _failures(task: TaskSummary) -> Iterator[str]:
    for cell in task.cells:
        by_status: dict[str, list[int]] = defaultdict(list)
        for seed, status in cell.failed.items():
            by_status[status].append(seed)
        statuses = "; ".join(
            f"{status} with seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
            for status, seeds in by_status.items()
        )
        if statuses:
            reason = f": {cell.detail}" if cell.detail else ""
            where = f"{cell.label} on {number(cell.train_size)} examples"
            if {*by_status} == {"unsupported"}:
                yield f"{where}: not trained, unsupported{reason}"
                continue
            yield f"{where}: {len(cell.failed)} of {cell.runs} runs failed, not in the mean: {statuses}{reason}"


def _learning_rates(task: TaskSummary) -> Iterator[str]:
    by_rates: dict[tuple[float, ...], list[str]] = defaultdict(list)
    for label, cells in task.lines.items():
        by_rates[tuple(sorted({rate for cell in cells for rate in cell.learning_rates}))].append(label)
    values = {" and ".join(f"{rate:g}" for rate in rates): mixers for rates, mixers in by_rates.items() if rates}
    if values:
        chosen = ", chosen on the development set" if task.context.learning_rate == "auto" else ""
        same = len(by_rates) == 1 < len(task.lines)
        hint = " One rate may suit some mixers better than others: --learning-rate auto." if same and not chosen else ""
        texts = values if same else [f"{rates} ({', '.join(mixers)})" for rates, mixers in values.items()]
        yield f"Learning rate{chosen}: {'; '.join(texts)}.{hint}"
    if task.trials:
        yield f"Not shown: {counted(task.trials, 'run')} that only served to choose a learning rate."
