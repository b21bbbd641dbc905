"""The text of `mixbench data-efficiency`: scores by size, alone and against the baseline, and training examples needed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Paragraph, Table, caption, fitted, heading, notes
from mixbench.stats import Interval
from mixbench.verdicts.brackets import needed, ratio
from mixbench.verdicts.entries import Entry, change_text, interval_text
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.context import task_words
from mixbench.verdicts.learning.data_needed import UNKNOWN, Need
from mixbench.verdicts.learning.resampling import DRAWS, few_replicates
from mixbench.verdicts.learning.scores import DataSummary, TaskSummary
from mixbench.verdicts.words import counted, in_percent, number, percent, span

if TYPE_CHECKING:
    from rich.text import Text

STATE = "state MiB"

UNEQUAL = 1.5
"""From so many times the mean of the others on, the largest class is told."""


def data_efficiency_table(summary: DataSummary, width: int, terminal: bool) -> Text:
    """Tables per task, then how to read them.

    On a terminal no line is wider than `width`: sizes that do not fit move to a second table, and long labels wrap. Otherwise
    every mixer is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    return fitted(_parts(summary), width if terminal else None)


def _parts(summary: DataSummary) -> Iterator[Paragraph | Table]:
    for task, words in zip(summary.tasks, task_words([task.context for task in summary.tasks]), strict=True):
        yield heading(" · ".join([task.context.task, *words.values()]))
        for title, table in _tables(task, summary.baseline):
            yield from (caption(title), table, BLANK)
        yield from notes(_notes(task, summary.baseline))
        yield BLANK
    if summary.left_out:
        yield from notes([f"Left out: {counted(summary.left_out, 'row')} from other environments."])


def _tables(task: TaskSummary, baseline: str | None) -> Iterator[tuple[str, Table]]:
    """Captions and tables, where there is anything to show."""
    better = "lower is better" if task.is_error else "higher is better"
    every = list(task.lines)
    others = [label for label in every if label != baseline]
    by_size: list[tuple[str, list[str], _EntryOf]] = [
        (f"test {task.score or 'score'} by training examples, {better}", every, _score),
        (f"difference to {baseline}", others, lambda cell: _difference(cell, task.is_error)),
        (f"relative change against {baseline}, %", others, lambda cell: _relative(cell, task.is_error)),
    ]
    for title, labels, entry in by_size:
        cells = {(cell.label, cell.train_size): entry(cell) for cell in task.cells}
        entries = {size: [cells.get((label, size)) for label in labels] for size in task.sizes}
        further = _further(task) if labels is every else {}
        columns = [
            Column(_heading(task, size), [*own, *(line.get(size) for line in further.values())])
            for size, own in entries.items()
        ]
        if any(entry for own in entries.values() for entry in own):
            yield title, Table([*labels, *further], [*columns, *(_states(task, labels, further) if labels is every else [])])
    sign = "≤" if task.is_error else "≥"
    sizes = {label: [cell.train_size for cell in cells if cell.scores] for label, cells in task.lines.items()}
    by_target: list[tuple[str, list[str], Callable[[Need], Entry | None]]] = [
        (
            f"training examples needed for a test {task.score} of",
            every,
            lambda need: needed(need.examples, need.interval, min(sizes[need.label]), max(sizes[need.label])),
        ),
        (f"training examples needed relative to {baseline}", others, lambda need: ratio(need.ratio, need.ratio_interval)),
    ]
    for title, labels, shown in by_target:
        needs = {(need.label, need.target): shown(need) for need in task.needs}
        targets = dict.fromkeys(need.target for need in task.needs)
        columns = [Column(f"{sign} {target:g}", [needs.get((label, target)) for label in labels]) for target in targets]
        if any(entry for column in columns for entry in column.entries):
            yield title, Table(labels, columns)


def _states(task: TaskSummary, labels: Sequence[str], further: Iterable[str]) -> list[Column]:
    """The column of the states, where any is known."""
    states = {
        label: next((cell.state_mib for cell in cells if cell.state_mib is not None), None)
        for label, cells in task.lines.items()
    }
    if all(state is None for state in states.values()):
        return []
    shown = [None if (state := states[label]) is None else Entry(number(state)) for label in labels]
    return [Column(STATE, [*shown, *(None for _ in further)])]


def _heading(task: TaskSummary, size: int) -> str:
    """A number of training examples and, where runs ended within the first epoch, how many of them they saw."""
    seen = [cell.examples_seen for cell in task.cells if cell.train_size == size and cell.examples_seen]
    return f"{number(size)} ({number(min(seen))} seen)" if seen and min(seen) < size else number(size)


def _further(task: TaskSummary) -> dict[str, dict[int, Entry | None]]:
    """Lines of the table of scores below those of the mixers, by size."""
    epochs = {cell.train_size: Entry(number(cell.epochs)) for cell in task.cells if cell.epochs}
    constant = None if task.constant is None else Entry(number(task.constant))
    lines: dict[str, dict[int, Entry | None]] = {
        task.constant_words: dict.fromkeys(task.sizes, constant),
        "epochs": {size: epochs.get(size) for size in task.sizes},
    }
    return {name: line for name, line in lines.items() if any(line.values())}


_EntryOf = Callable[[DataCell], Entry | None]


def _score(cell: DataCell) -> Entry | None:
    if cell.score is None:
        return Entry(cell.status, style="yellow")
    point, bounds = interval_text(cell.score)
    return Entry(point, bounds + (f" {len(cell.scores)} of {cell.runs}" if cell.failed else ""))


def _difference(cell: DataCell, is_error: bool) -> Entry | None:
    if cell.difference is None:
        return None
    return Entry(*interval_text(cell.difference, _same_decimals(cell.difference)), _style(cell.difference, is_error))


def _relative(cell: DataCell, is_error: bool) -> Entry | None:
    return Entry(*change_text(cell.relative, _percent), _style(cell.relative, is_error)) if cell.relative else None


def _style(change: Interval, is_error: bool) -> str:
    """Green for better than the baseline, red for worse."""
    higher, lower = ("red", "green") if is_error else ("green", "red")
    return higher if change.low is not None and change.low > 0 else lower if change.high is not None and change.high < 0 else ""


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}"


def _same_decimals(interval: Interval) -> Callable[[float], str]:
    """Three significant digits of the largest end, and as many decimals for the others."""
    ends = [abs(end) for end in (interval.point, interval.low, interval.high) if end]
    decimals = max(0, 2 - math.floor(math.log10(max(ends)))) if ends else 0
    return lambda value: f"{value:+z.{decimals}f}"


def _percent(value: float) -> str:
    """A share in per cent, with tenths below 100 %."""
    tenths = in_percent(value, ".1f", signed=True)
    return tenths if abs(float(tenths)) < 100 else _signed(float(tenths))


def _notes(task: TaskSummary, baseline: str | None) -> Iterator[str]:
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
