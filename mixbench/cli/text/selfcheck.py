"""The text of `mixbench selfcheck`: how often duel flags a cell, by slowdown, and what that means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Table, fitted, notes
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.gate.selfcheck import Figures, Rate
from mixbench.verdicts.words import in_percent, percent

if TYPE_CHECKING:
    from rich.text import Text


def selfcheck_table(figures: Figures, room: int | None) -> Text:
    """A row per slowdown, then how to read it; `room`: characters in a line, None without a limit."""
    slowdowns = sorted({0.0, *figures.detected, *figures.planted})
    rates = {**figures.detected, 0.0: figures.false_alarms}
    columns = [
        Column("flagged, %", [_rate(rates.get(slowdown)) for slowdown in slowdowns]),
        Column("with real work, %", [_rate(figures.planted.get(slowdown)) for slowdown in slowdowns]),
        Column("its measured cost", [_cost(figures.planted_ratio.get(slowdown)) for slowdown in slowdowns]),
    ]
    table = Table([percent(slowdown, "g") for slowdown in slowdowns], columns, heading="slower by")
    return fitted([table, BLANK, *notes(_notes(figures))], room)


def _rate(rate: Rate | None) -> Entry | None:
    return Entry(in_percent(rate.point), f" ({in_percent(rate.low)}–{in_percent(rate.high)})") if rate else None


def _cost(change: float | None) -> Entry | None:
    return None if change is None else Entry(percent(change, ".1f", signed=True))


def _notes(figures: Figures) -> Iterator[str]:
    yield (
        f"From {figures.pairs} pairs of equal code and {figures.workloads} workloads, {figures.false_alarms.sets} separate sets"
        " of pairs. In brackets: 95 % intervals. flagged: ratios of equal code, shifted by the slowdown (0 %: false alarms);"
        " with real work: the same where one process did real extra work, which cost as much as measured."
    )
    yield f"A cell is flagged if eight pairs and eight new ones both find it slower by more than {percent(figures.floor, 'g')}."
    if figures.smallest is None:
        yield "No slowdown up to 50 % is found in 90 % of cells: this machine is too noisy for a gate."
    else:
        smallest = percent(figures.smallest, "g")
        yield f"The smallest slowdown found in 90 % of cells is {smallest}: smaller ones are not worth gating on."
    if figures.stored_threshold is None:
        yield "Stored runs (mixbench compare): no threshold up to 100 % is known to raise no false alarm; use duel."
    else:
        threshold = percent(figures.stored_threshold, "g")
        yield f"Stored runs (mixbench compare): no false alarm with a threshold of {threshold} or more."
