"""The tables of `mixbench data-efficiency`: scores by size, alone and against the baseline, and training examples needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from mixbench.stats import Interval
from mixbench.verdicts.brackets import needed, ratio
from mixbench.verdicts.entries import Entry, change_text, difference_text, interval_text
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.data_needed import Need
from mixbench.verdicts.learning.scores import TaskSummary
from mixbench.verdicts.table import Column, Table
from mixbench.verdicts.words import in_percent, number

STATE = "state MiB"


def score_tables(task: TaskSummary, baseline: str | None) -> Iterator[tuple[str, Table]]:
    """Captions and tables, where there is anything to show."""
    better = "lower is better" if task.is_error else "higher is better"
    every = list(task.lines)
    others = [label for label in every if label != baseline]
    by_size: list[tuple[str, list[str], _EntryOf]] = [
        (f"test {task.score or 'score'} by training examples, {better}", every, _score),
        (f"difference to {baseline}", others, lambda cell: difference_entry(cell, task.is_error)),
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
            lambda need: needed(need.examples, need.interval, min(own), max(own)) if (own := sizes[need.label]) else None,
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
    shown = [None if (state := states[label]) is None else Entry(number(state), value=state) for label in labels]
    return [Column(STATE, [*shown, *(None for _ in further)])]


def _heading(task: TaskSummary, size: int) -> str:
    """A number of training examples and, where runs ended within the first epoch, how many of them they saw."""
    seen = [cell.examples_seen for cell in task.cells if cell.train_size == size and cell.examples_seen]
    return f"{number(size)} ({number(min(seen))} seen)" if seen and min(seen) < size else number(size)


def _further(task: TaskSummary) -> dict[str, dict[int, Entry | None]]:
    """Lines of the table of scores below those of the mixers, by size."""
    epochs = {cell.train_size: Entry(number(cell.epochs), value=cell.epochs) for cell in task.cells if cell.epochs}
    constant = None if task.constant is None else Entry(number(task.constant), value=task.constant)
    lines: dict[str, dict[int, Entry | None]] = {
        task.constant_words: dict.fromkeys(task.sizes, constant),
        "epochs": {size: epochs.get(size) for size in task.sizes},
    }
    return {name: line for name, line in lines.items() if any(line.values())}


_EntryOf = Callable[[DataCell], Entry | None]


def _score(cell: DataCell) -> Entry | None:
    if cell.score is None:
        return Entry(cell.status, style="yellow", mark=f"failed: {cell.status}")
    point, bounds = interval_text(cell.score)
    if not cell.failed:
        return Entry(point, bounds, value=cell.score.point)
    mark = f"{len(cell.failed)} of {cell.runs} runs failed"
    return Entry(point, f"{bounds} {len(cell.scores)} of {cell.runs}", value=cell.score.point, mark=mark)


def difference_entry(cell: DataCell, is_error: bool) -> Entry | None:
    """The difference of a mean score to the baseline's; None where it is not known."""
    if cell.difference is None:
        return None
    point, bounds = difference_text(cell.difference, _same_decimals(cell.difference))
    return Entry(point, bounds, _style(cell.difference, is_error), value=cell.difference.point)


def _relative(cell: DataCell, is_error: bool) -> Entry | None:
    if cell.relative is None:
        return None
    point, bounds = change_text(cell.relative, _percent)
    return Entry(point, bounds, _style(cell.relative, is_error), value=100 * cell.relative.point)


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
