"""What data_efficiency.csv says as text: scores by mixer and size, what they are against the baseline's, data needed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.brackets import needed, ratio
from mixbench.cli.text.layout import (
    TELLS_NOTHING,
    Column,
    Entry,
    Segment,
    as_text,
    interval_text,
    matrix,
    number,
    wrapped,
)
from mixbench.stats import Interval
from mixbench.verdicts.learning.context import task_words
from mixbench.verdicts.learning.data_needed import UNKNOWN, Need
from mixbench.verdicts.learning.resampling import DRAWS, ENOUGH_SEEDS, best_coverage
from mixbench.verdicts.learning.scores import DataCell, DataSummary, TaskSummary

if TYPE_CHECKING:
    from rich.text import Text


def data_efficiency_table(summary: DataSummary, width: int, terminal: bool) -> Text:
    """What `mixbench data-efficiency` prints: tables per task, then how to read them.

    On a terminal no line is wider than `width`: sizes that do not fit move to a second table, long labels wrap. Otherwise
    every mixer is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    room = width if terminal else None
    lines: list[list[Segment]] = []
    for task, words in zip(summary.tasks, task_words([task.context for task in summary.tasks]), strict=True):
        heading = " · ".join([task.context.task, *words.values()])
        lines += [[(line, "bold cyan")] for line in wrapped(heading, room)]
        for caption, labels, columns in _tables(task, summary.baseline):
            lines += [[(line, "italic")] for line in wrapped(caption, room)] + matrix(labels, columns, room) + [[]]
        lines += [[(line, "dim")] for note in _notes(task, summary.baseline) for line in wrapped(note, room)] + [[]]
    if summary.left_out:
        lines += [[(line, "dim")] for line in wrapped(f"{summary.left_out} rows from other environments are left out.", room)]
    return as_text(lines)


Table = tuple[str, list[str], list[Column]]
"""Caption, labels of the rows, columns."""


def _tables(task: TaskSummary, baseline: str | None) -> Iterator[Table]:
    """Those that have anything to show."""
    better = "less is better" if task.is_error else "more is better"
    every = list(task.lines)
    others = [label for label in every if label != baseline]
    by_size: list[tuple[str, list[str], _EntryOf]] = [
        (f"test {task.score or 'score'} by training examples, {better}", every, _score),
        (f"difference to {baseline}", others, lambda cell: _change(cell.difference, task, _same_decimals(cell.difference))),
        (f"relative change against {baseline}, %", others, lambda cell: _change(cell.relative, task, _percent)),
    ]
    for caption, labels, entry in by_size:
        cells = {(cell.label, cell.train_size): entry(cell) for cell in task.cells}
        columns = [Column(number(size), [cells.get((label, size)) for label in labels]) for size in task.sizes]
        if any(entry for column in columns for entry in column.entries):
            yield caption, labels, columns
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
    for caption, labels, shown in by_target:
        needs = {(need.label, need.target): shown(need) for need in task.needs}
        targets = dict.fromkeys(need.target for need in task.needs)
        columns = [Column(f"{sign} {target:g}", [needs.get((label, target)) for label in labels]) for target in targets]
        if any(entry for column in columns for entry in column.entries):
            yield caption, labels, columns


_EntryOf = Callable[[DataCell], Entry | None]


def _score(cell: DataCell) -> Entry | None:
    if cell.score is None:
        statuses = set(cell.failed.values())
        return Entry(statuses.pop() if len(statuses) == 1 else "failed", style="yellow")
    point, bounds = interval_text(cell.score)
    return Entry(point, bounds + (f" {len(cell.scores)} of {cell.runs}" if cell.failed else ""))


def _change(interval: Interval | None, task: TaskSummary, shown: Callable[[float], str]) -> Entry | None:
    if interval is None:
        return None
    better, worse = ("red", "green") if task.is_error else ("green", "red")
    low, high = interval.low, interval.high
    style = better if low is not None and low > 0 else worse if high is not None and high < 0 else ""
    point, bounds = interval_text(interval, shown)
    return Entry(point, bounds if high is None or high < TELLS_NOTHING else " (any)", style)


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}"


def _same_decimals(interval: Interval | None) -> Callable[[float], str]:
    """Three significant digits of the largest end, and as many decimals of the others."""
    ends = [abs(end) for end in (interval.point, interval.low, interval.high) if end] if interval else []
    decimals = max(0, 2 - math.floor(math.log10(max(ends)))) if ends else 0
    return lambda value: f"{round(value, decimals) + 0.0:+.{decimals}f}"


def _percent(value: float) -> str:
    """Tenths below 100."""
    percent = round(100 * value, 1) + 0.0
    return f"{percent:+.1f}" if abs(percent) < 100 else _signed(percent)


def _notes(task: TaskSummary, baseline: str | None) -> Iterator[str]:
    """How to read the numbers, and what they lack."""
    cells = [cell for cell in task.cells if cell.scores]
    seeds = len({seed for cell in cells for seed in cell.scores})
    counts = sorted({len(cell.scores) for cell in cells})
    if seeds > 1:
        span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        scale = ", errors as geometric means on the log scale (differences: arithmetic)" if task.is_error else ""
        yield f"In brackets: 95 % t-intervals over {span} seeds{scale}."
    elif cells:
        yield "One seed: no intervals. More seeds give them: --seeds 5."
    if any(cell.difference for cell in cells):
        yield f"Differences to {baseline} are paired: the same seed draws the same examples for every mixer."
    if any(need.examples != UNKNOWN for need in task.needs):
        drawn = f"; seeds resampled, {DRAWS} draws" if seeds > 1 else ""
        yield f"Examples needed: isotonic, linear in log examples, nothing beyond what was trained{drawn}."
        if 1 < seeds < ENOUGH_SEEDS:
            yield f"With {seeds} seeds these intervals hold in at most {100 * best_coverage(seeds):.0f} % of cases, not 95 %."
    yield from _sampling_error(cells, task.is_error)
    yield from _failures(task)
    yield from _learning_rates(task)


def _sampling_error(cells: Sequence[DataCell], is_error: bool) -> Iterator[str]:
    """Of an error relative to it, as everything about errors is."""
    found = sorted(
        100 * cell.test_standard_error / cell.score.point if is_error else cell.test_standard_error
        for cell in cells
        if cell.test_standard_error is not None and cell.score and cell.score.point > 0
    )
    examples = next((cell.test_examples for cell in cells if cell.test_examples), None)
    if found and examples:
        ends = list(dict.fromkeys(f"{value:.2g}" for value in (found[0], found[-1])))
        unit = " %" if is_error else ""
        yield (
            f"One test score is uncertain by ± {' to '.join(ends)}{unit} (standard error) from its"
            f" {number(examples)} test examples, on top of the intervals."
        )


def _failures(task: TaskSummary) -> Iterator[str]:
    for cell in task.cells:
        by_status: dict[str, list[int]] = defaultdict(list)
        for seed, status in cell.failed.items():
            by_status[status].append(seed)
        told = "; ".join(
            f"{status} with seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
            for status, seeds in by_status.items()
        )
        if told:
            reason = f": {cell.detail}" if cell.detail else ""
            where = f"{cell.label} on {number(cell.train_size)} examples"
            yield f"{where}: {len(cell.failed)} of {cell.runs} runs failed, not in the mean: {told}{reason}"


def _learning_rates(task: TaskSummary) -> Iterator[str]:
    by_rates: dict[tuple[float, ...], list[str]] = defaultdict(list)
    for label, cells in task.lines.items():
        by_rates[tuple(sorted({rate for cell in cells for rate in cell.learning_rates}))].append(label)
    told = [f"{' and '.join(f'{rate:g}' for rate in rates)} ({', '.join(of)})" for rates, of in by_rates.items() if rates]
    if len(by_rates) == 1 < len(task.lines):
        told = [text.partition(" (")[0] for text in told]
    if told:
        chosen = ", chosen on the development set" if task.context.learning_rate == "auto" else ""
        yield f"Learning rate{chosen}: {'; '.join(told)}."
    if task.trials:
        yield f"Runs that only chose a learning rate are not shown: {task.trials}."
