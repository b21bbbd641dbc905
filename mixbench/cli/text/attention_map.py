"""The text of `mixbench attention-map`: how much of each mixer's sensitivity falls on the tokens that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Paragraph, Table, fitted, heading, notes, printed
from mixbench.verdicts.attention_map import TaskMaps
from mixbench.verdicts.attention_table import maps_notes, maps_table

if TYPE_CHECKING:
    from rich.text import Text


def attention_table(tasks: Sequence[TaskMaps], width: int, terminal: bool) -> Text:
    """A table per task, then how to read it; arguments as for `data_efficiency_table`."""
    return fitted((part for task in tasks for part in _task(task)), width if terminal else None)


def _task(task: TaskMaps) -> Iterator[Paragraph | Table]:
    yield heading(" · ".join([task.task, *task.words]))
    yield from (printed(maps_table(task)), BLANK)
    yield from notes(maps_notes(task))
    yield BLANK
