"""What attention_map.csv says as text: how much of what mixers see falls on the right tokens, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import Column, Entry, Segment, as_text, interval_text, matrix, wrapped
from mixbench.verdicts.attention_map import TaskMaps

if TYPE_CHECKING:
    from rich.text import Text

_NEEDED = {
    "shapes": "a step in a shape needs both shapes of its pair",
    "mqar": "a query needs its key and the value behind it",
}


def attention_table(tasks: Sequence[TaskMaps], width: int, terminal: bool) -> Text:
    """What `mixbench attention-map` prints: a table per task, then how to read it; as `data_efficiency_table`."""
    room = width if terminal else None
    lines: list[list[Segment]] = []
    for task in tasks:
        lines += [[(line, "bold cyan")] for line in wrapped(" · ".join([task.task, *task.words]), room)]
        lines += [*matrix([line.label for line in task.lines], _columns(task), room), []]
        lines += [[(line, "dim")] for note in _notes(task) for line in wrapped(note, room)] + [[]]
    return as_text(lines)


def _columns(task: TaskMaps) -> list[Column]:
    direction = "less is better" if task.is_error else "more is better"
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
    return f"{100 * share:.1f}"


def _notes(task: TaskMaps) -> Iterator[str]:
    needed = _NEEDED.get(task.task, "as the task says")
    if task.reach is not None:
        beyond = f"inputs more than {task.reach} tokens away, which only mixing reaches" if task.reach else "other inputs"
        yield (
            f"Of the norm of ∂output/∂input, in outputs that need other tokens ({needed}): distant is the share of {beyond};"
            " right is the part of that on the inputs that are needed, even map what it would be if all of them counted alike."
        )
    seeds = {line.seeds for line in task.lines if line.seeds}
    if seeds and max(seeds) > 1:
        yield f"In brackets: 95 % t-intervals over {max(seeds)} seeds."
    elif seeds:
        examples = max(line.examples for line in task.lines)
        yield f"In brackets: 95 % t-intervals over {examples} test examples of one trained model each; more models: --seeds 5."
    for line in task.lines:
        if line.detail:
            yield f"{line.label}: {line.detail}"
