"""The summary of speed.csv as text: the answer on one screen, or every number with `--details`."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Paragraph, Part, caption, fitted, heading, notes, printed
from mixbench.verdicts.speed.cells import FORMS
from mixbench.verdicts.speed.notes import brief_notes, long_notes
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.tables import costs_table, growth_table, long_table, times_table
from mixbench.verdicts.speed.view import View, standing_out, times_caption, views_of
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from rich.text import Text


def speed_table(summary: SpeedSummary, width: int, terminal: bool, details: bool = False) -> Text:
    """For each context latencies by length, the verdicts in words and the other costs, or with `details` a line per cell.

    On a terminal no line is wider than `width`: intervals become ± or are left to the longest length, columns that still do
    not fit move to a second table, and long labels and reasons wrap. Elsewhere every row is one line of its natural length.
    Print it with `Console.print(text, soft_wrap=True)`.
    """
    room = width if terminal else None
    return fitted(_details(summary) if details else _brief(summary, room), room)


def _brief(summary: SpeedSummary, room: int | None) -> Iterator[Part]:
    views, shown = views_of(summary), standing_out(summary)
    form = min(FORMS, key=lambda form: sum(printed(times_table(view, form)).tables(room) for view in views))
    for view in views:
        one = len(view.lengths) == 1
        yield heading(f"{view.words} · {view.lengths[0]} tokens" if one else view.words)
        if not one:
            yield caption(times_caption(view))
        yield printed(times_table(view, form))
        yield from (BLANK, *_sentences(view, shown))
        if not one:
            yield printed(costs_table(view))
            yield BLANK
    yield from notes(brief_notes(summary, views, form))


def _details(summary: SpeedSummary) -> Iterator[Part]:
    views = views_of(summary)
    for view in views:
        yield heading(view.words)
        yield printed(long_table(view))
        if view.growths:
            yield from (BLANK, printed(growth_table(view.growths)))
        yield from (BLANK, *_sentences(view))
    yield from notes(long_notes(summary))


def _sentences(view: View, shown: Container[str] | None = None) -> list[Paragraph]:
    """The answers in words: those on some mixers, and how many there are on others."""
    told = [answer.sentence for answer in view.answers if shown is None or answer.mixer in shown]
    rest = len(view.answers) - len(told)
    if rest:
        told.append(f"{counted(rest, 'more mixer')}: see the table, or --details for their verdicts.")
    return [*map(Paragraph, told), BLANK] if told else []
