"""The text of `mixbench data-efficiency`: scores by size, alone and against the baseline, and training examples needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Paragraph, Table, caption, fitted, heading, notes, printed
from mixbench.verdicts.learning.context import task_words
from mixbench.verdicts.learning.score_notes import score_notes
from mixbench.verdicts.learning.score_tables import score_tables
from mixbench.verdicts.learning.scores import DataSummary
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from rich.text import Text


def data_efficiency_table(summary: DataSummary, width: int, terminal: bool) -> Text:
    """Tables per task, then how to read them.

    On a terminal no line is wider than `width`: sizes that do not fit move to a second table, and long labels wrap. Otherwise
    every mixer is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    return fitted(_parts(summary), width if terminal else None)


def _parts(summary: DataSummary) -> Iterator[Paragraph | Table]:
    for task, words in zip(summary.tasks, task_words([task.context for task in summary.tasks]), strict=True):
        yield heading(" · ".join([task.context.task, *words.values()]))
        for title, table in score_tables(task, summary.baseline):
            yield from (caption(title), printed(table), BLANK)
        yield from notes(score_notes(task, summary.baseline))
        yield BLANK
    if summary.left_out:
        yield from notes([f"Left out: {counted(summary.left_out, 'row')} from other environments."])
