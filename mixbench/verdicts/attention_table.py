"""The table of `mixbench attention-map` and the notes below it: how much falls on the tokens that are needed."""

from __future__ import annotations

from collections.abc import Iterator

from mixbench.stats import Interval
from mixbench.verdicts.attention_map import ON_NEEDED, TaskMaps
from mixbench.verdicts.entries import Entry, interval_text
from mixbench.verdicts.table import Column, Table
from mixbench.verdicts.words import counted, in_percent

_NEEDED = {
    "shapes": "a step in a shape needs both shapes of its pair",
    "mqar": "a query needs its key and the value that follows it",
}


def maps_table(task: TaskMaps) -> Table:
    """A line per mixer."""
    return Table([line.label for line in task.lines], _columns(task))


def _columns(task: TaskMaps) -> list[Column]:
    direction = "lower is better" if task.is_error else "higher is better"
    return [
        Column(f"{ON_NEEDED}, %", [_shares(line.right) for line in task.lines]),
        Column("even map, %", [_share(line.chance) for line in task.lines]),
        Column("distant, %", [_share(line.distant) for line in task.lines]),
        Column(
            f"test {task.score or 'score'}, {direction}",
            [Entry(*interval_text(line.score), value=line.score.point) if line.score else None for line in task.lines],
        ),
    ]


def _shares(share: Interval | None) -> Entry | None:
    return Entry(*interval_text(share, _percent), value=100 * share.point) if share else None


def _share(share: float | None) -> Entry | None:
    return None if share is None else Entry(_percent(share), value=100 * share)


def _percent(share: float) -> str:
    return in_percent(share, ".1f")


def maps_notes(task: TaskMaps) -> Iterator[str]:
    """How to read the numbers, and which are missing."""
    needed = _NEEDED.get(task.task, "as the task says")
    if task.reach is not None:
        beyond = f"inputs more than {task.reach} tokens away, which only mixing reaches" if task.reach else "other inputs"
        yield (
            f"Shares of the norm of ∂output/∂input, for outputs that need other tokens ({needed}). distant: share on {beyond}."
            f" {ON_NEEDED}: the part of it that falls on needed ones. even map: the same part if every input counted equally."
        )
    seeds = max(line.seeds for line in task.lines)
    if seeds > 1:
        yield f"In brackets: 95 % t-intervals over {seeds} seeds."
    elif seeds:
        examples = counted(max(line.examples for line in task.lines), "test example")
        yield f"In brackets: 95 % t-intervals over {examples} of one trained model each; train more models with --seeds 5."
    for line in task.lines:
        if line.detail:
            yield f"{line.label}: {line.detail}"
