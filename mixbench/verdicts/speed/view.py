"""What is shown of a context of speed.csv: mixers × lengths, and what each of these numbers is."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from mixbench.mixers import CONTROLS
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.labels import Context, context_words
from mixbench.verdicts.once import once
from mixbench.verdicts.prominent import prominent
from mixbench.verdicts.speed.baseline import baselines_of
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import RATIO, Form, timed
from mixbench.verdicts.speed.growth import Growth, growth
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.times import TIME, time_column
from mixbench.verdicts.speed.verdicts import Verdict, verdicts

_FASTEST = 3
"""Mixers that stand out in a context where none of the best over all contexts was timed."""


@dataclass(frozen=True)
class View:
    """What is shown of one context, which `words` name."""

    words: str
    cells: Sequence[CellSummary]
    growths: Sequence[Growth]
    answers: Sequence[Verdict]
    baseline: str | None

    @property
    def labels(self) -> list[str]:
        """The mixers: the baseline, then the others from fast to slow."""
        ranked = by_speed(self.cells)
        return sorted(ranked, key=lambda label: label != self.baseline)

    @property
    def lengths(self) -> list[int]:
        """The numbers of tokens."""
        return sorted({cell.tokens for cell in self.cells})

    @property
    def relative(self) -> bool:
        """Whether mixers are shown relative to the baseline, wherever that was timed."""
        return any(cell.ratio and cell.label != self.baseline for cell in self.cells)

    @property
    def decoding(self) -> bool:
        """Whether a call gives the next token of each sequence."""
        return any(cell.decoding for cell in self.cells)

    @property
    def time_words(self) -> str:
        """What the judged time is, in words."""
        return f"{time_column(self.on_device).words}{' per token' if self.decoding else ''}"

    @property
    def state_exponents(self) -> dict[str, float]:
        """How the state of each mixer that has one grows with the context, over the longest of these."""
        found: dict[str, float] = {}
        for label in self.labels:
            sizes = {cell.tokens: cell.value("state_mib") for cell in self.cells if cell.label == label}
            grown = growth(list(sizes), [{0: size} if size else {} for size in sizes.values()])
            found |= {label: grown[0].point} if grown else {}
        return found

    @property
    def on_device(self) -> bool:
        """Whether the times are those of a GPU."""
        return any(cell.on_device for cell in self.cells)

    @property
    def host_bound(self) -> dict[str, list[CellSummary]]:
        """The host-bound cells of each mixer that has some."""
        found = {label: [cell for cell in self.cells if cell.label == label and cell.host_bound] for label in self.labels}
        return {label: cells for label, cells in found.items() if cells}

    def quantity(self, cell: CellSummary) -> str:
        """What the table by length shows of a cell: TIME or RATIO."""
        return TIME if cell.label == self.baseline or cell.ratio is None else RATIO

    def at(self, tokens: int) -> list[CellSummary | None]:
        """The cells of one length, in the order of `labels`; None for a mixer that was not measured there."""
        cells = {cell.label: cell for cell in self.cells if cell.tokens == tokens}
        return [cells.get(label) for label in self.labels]


def by_speed(cells: Iterable[CellSummary]) -> list[str]:
    """The labels of cells of one context, the fastest mixer first: at the longest length at which any was timed, then at
    shorter ones for those that were not timed there; last, in the order of the cells, those without a time.
    """
    keys: dict[str, tuple[float, float]] = {}
    for cell in cells:
        key = (-cell.tokens, cell.time_ms.point) if cell.time_ms else (0.0, math.inf)
        keys[cell.label] = min(key, keys.get(cell.label, key))
    return sorted(keys, key=keys.__getitem__)


def standing_out(summary: SpeedSummary, named: Iterable[str] = ()) -> set[str]:
    """The labels of the mixers that stand out, as `prominent` chooses them; the best are the fastest over all contexts.

    In a context that none of these was timed in, such as decode, the fastest few stand out, too.
    """
    contexts: dict[Context, list[CellSummary]] = defaultdict(list)
    for cell in summary.cells:
        contexts[cell.context].append(cell)
    places: dict[str, list[int]] = defaultdict(list)
    for cells in contexts.values():
        for place, label in enumerate(by_speed(cells)):
            places[label].append(place)
    timed = {cell.label for cell in summary.cells if cell.time_ms}
    ranked = sorted(timed, key=lambda label: (fmean(places[label]), label))
    chosen = prominent(summary.mixers, ranked, summary.baseline, [*named, *baselines_of(summary.cells)])
    for cells in contexts.values():
        fast = by_speed(cell for cell in cells if cell.time_ms and cell.mixer not in CONTROLS and cell.label != cell.baseline)
        chosen |= set() if chosen.intersection(fast) else {*fast[:_FASTEST]}
    return chosen


@once
def views_of(summary: SpeedSummary) -> tuple[View, ...]:
    """The contexts of a summary, in its order; cells of a length from fast to slow behind the baseline."""
    contexts = list(dict.fromkeys(cell.context for cell in summary.cells))
    answers = verdicts(summary)
    return tuple(
        View(
            " · ".join(words.values()),
            _in_order(cells, baseline),
            [growth for growth in summary.growths if growth.context == context],
            [answer for answer in answers if answer.context == context],
            baseline,
        )
        for context, words in zip(contexts, context_words(contexts), strict=True)
        for cells in [[cell for cell in summary.cells if cell.context == context]]
        for baseline in [cells[0].baseline]
    )


def _in_order(cells: Sequence[CellSummary], baseline: str | None) -> list[CellSummary]:
    place = {label: number for number, label in enumerate(by_speed(cells))}
    return sorted(cells, key=lambda cell: (cell.tokens, cell.label != baseline, place[cell.label]))


def times_caption(view: View) -> str:
    """What the numbers by length are."""
    time = f"{view.time_words} by {'context' if view.decoding else 'tokens'}"
    if not view.relative:
        return f"{time}, ms"
    shown = f"{time}: {view.baseline} in ms, the others relative to it (below 1: faster)"
    if any(cell.time_ms and cell.label != view.baseline and not cell.ratio for cell in view.cells):
        return f"{shown}; in ms where {view.baseline} has no time"
    return shown


def shown_entry(view: View, cell: CellSummary, form: Form) -> Entry | None:
    """What the table by length shows of a cell: its time or ratio, or its status."""
    if cell.status != "ok":
        return Entry(cell.status, style="yellow", mark=f"failed: {cell.status}")
    entry = timed(cell, view.quantity(cell), form)
    if entry and view.relative and view.quantity(cell) == TIME and cell.label != view.baseline:
        return replace(entry, tail=f" ms{entry.tail}", style="")
    return entry
