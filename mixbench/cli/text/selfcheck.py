"""What is known of this machine's gate, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import Column, Entry, Segment, as_text, wrapped
from mixbench.verdicts.gate.selfcheck import Figures, Rate

if TYPE_CHECKING:
    from rich.text import Text


def selfcheck_table(figures: Figures, room: int | None) -> Text:
    """What `mixbench selfcheck` prints: how often the duel's rule flags a cell, by slowdown, then what that means."""
    slowdowns = sorted({0.0, *figures.detected, *figures.planted})
    columns = [
        Column("slower by", [Entry(_percent(slowdown)) for slowdown in slowdowns]),
        Column("flagged, %", [_rate(figures.detected.get(one) if one else figures.false_alarms) for one in slowdowns]),
        Column("with real work, %", [_rate(figures.planted.get(one)) for one in slowdowns]),
        Column("which cost", [_cost(figures.planted_ratio.get(one)) for one in slowdowns]),
    ]
    lines: list[list[Segment]] = [[("".join(f"  {column.heading:>{column.width}}" for column in columns), "bold")]]
    lines += [[segment for column in columns for segment in column.line(row)] for row in range(len(slowdowns))]
    lines += [[]] + [[(line, "dim")] for note in _notes(figures) for line in wrapped(note, room)]
    return as_text(lines)


def _rate(rate: Rate | None) -> Entry | None:
    return Entry(f"{100 * rate.point:.3g}", f" ({100 * rate.low:.3g}–{100 * rate.high:.3g})") if rate else None


def _cost(ratio: float | None) -> Entry | None:
    return None if ratio is None else Entry(f"{100 * ratio:+.1f} %")


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _notes(figures: Figures) -> Iterator[str]:
    sets = figures.false_alarms.sets
    yield (
        f"From {figures.pairs} pairs of equal code and {figures.workloads} workloads, {sets} separate sets of pairs; in"
        " brackets 95 % intervals. Slower by 0 %: false alarms. flagged: ratios of equal code, shifted; real work: measured."
    )
    yield f"A cell is flagged where two looks at eight pairs each say slower beyond {_percent(figures.floor)}."
    if figures.smallest is None:
        yield "No slowdown up to 50 % is found in 90 % of cells here: this machine is too noisy to gate on."
    else:
        yield f"The smallest slowdown that is found in 90 % of cells, and so worth gating on: {_percent(figures.smallest)}."
    if figures.stored_threshold is None:
        yield "Stored runs: no threshold up to 100 % keeps them apart; use duel."
    else:
        yield f"Stored runs (mixbench compare): no false alarm from a threshold of {_percent(figures.stored_threshold)} on."
