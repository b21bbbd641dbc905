"""The text of `mixbench attention-map`: how much of each mixer's sensitivity falls on the tokens that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Paragraph, Table, fitted, heading, notes
from mixbench.verdicts.attention_map import TaskMaps
from mixbench.verdicts.entries import Entry, interval_text
from mixbench.verdicts.words import counted, in_percent

if TYPE_CHECKING:
    from rich.text import Text

_NEEDED = {
    "shapes": "a step in a shape needs both shapes of its pair",
    "mqar": "a query needs its key and the value that follows it",
}


def attention_table(tasks: Sequence[TaskMaps], width: int, terminal: bool) -> Text:
    """A table per task, then how to read it; arguments as for `data_efficiency_table`."""
    return fitted((part for task in tasks for part in _task(task)), width if terminal else None)


def _task(task: TaskMaps) -> Iterator[Paragraph | Table]:
    yield heading(" · ".join([task.task, *task.words]))
    yield from (Table([line.label for line in task.lines], _columns(task)), BLANK)
    yield from notes(_notes(task))
    yield BLANK


def _columns(task: TaskMaps) -> list[Column]:
    direction = "lower is better" if task.is_error else "higher is better"
    return [
        Column("right, %", [Entry(*interval_text(line.right, _percent)) if line.right else None for line in task.lines]),
        Column("even map, %", [_share(line.chance) for line in task.lines]),
        Column("distant, %", [_share(line.distant) for line in task.lines]),
        Column(
            f"test {task.score or 'score'}, {direction}",
            [Entry(*interval_text(line.score)) if line.score else None for line in task.lines],
        ),
    ]


def _share(share: float | None) -> Entry | None:
    return None if share is None else Entry(_percent(share))


def _percent(share: float) -> str:
    return in_percent(share, ".1f")


def _notes(task: TaskMaps) -> Iterator[str]:
    needed = _NEEDED.get(task.task, "as the task says")
    if task.reach is not None:
        beyond = f"inputs more than {task.reach} tokens away, which only mixing reaches" if task.reach else "other inputs"
        yield (
            f"Shares of the norm of ∂output/∂input, for outputs that need other tokens ({needed}). distant: share on {beyond}."
            " right: the part of it that falls on needed inputs. even map: the same part if every input counted equally."
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
