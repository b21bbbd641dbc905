"""What a comparison of two versions says: one verdict per metric and cell, the worst of a cell's metrics for the cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mixbench.stats import Interval

VERDICTS = ("broken", "missing", "slower", "undecided", "faster", "new", "same")
"""By importance. slower and faster stand for every metric: costs more and less, for scores worse and better."""
FAILING = ("broken", "missing", "slower")


@dataclass(frozen=True)
class Judgement:
    """What became of one metric of one cell. `base` and `head` in the metric's unit, None where not measured."""

    metric: str
    verdict: str
    base: float | None = None
    head: float | None = None
    change: Interval | None = None
    """Of head relative to base: 0.1 is 10 % more. Bounds only where replicates stand behind it."""
    detectable: float | None = None
    """The smallest relative change that would have been seen."""
    remark: str = ""


@dataclass(frozen=True)
class ComparedCell:
    """One cell of both versions."""

    study: str
    """Name of the table: speed, data_efficiency; duel where it was measured live."""
    mixer: str
    """Label of the mixer."""
    place: Mapping[str, str]
    """The other keys in words, by column: tokens → `256 tokens`."""
    judgements: tuple[Judgement, ...]
    detail: str = ""
    """Why the cell is broken or missing, or what it may be called now."""
    cause: str = ""
    """What the counters tell of a change: `2 more operators, +12 % bytes`."""

    @property
    def verdict(self) -> str:
        """The most important one of the metrics."""
        return min((judgement.verdict for judgement in self.judgements), key=VERDICTS.index)

    @property
    def name(self) -> str:
        """Names the cell among all of all studies, the same in every version: what CI services follow over time."""
        return " · ".join((self.study, self.mixer, *self.place.values()))

    @property
    def leading(self) -> Judgement:
        """The judgement that decides, the largest change among equals."""
        return min(self.judgements, key=lambda one: (VERDICTS.index(one.verdict), -abs(one.change.point) if one.change else 0))


@dataclass(frozen=True)
class Comparison:
    """All cells of two versions, most important first."""

    base: str
    head: str
    cells: tuple[ComparedCell, ...]
    remarks: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Relative changes that gate, by what is gated: `time` of stored runs, `floor` of a duel."""

    @property
    def comparable(self) -> bool:
        """Whether any cell stands in both versions."""
        return any(cell.verdict not in ("new", "missing") for cell in self.cells)

    def count(self, verdict: str) -> int:
        """Cells with that verdict."""
        return sum(cell.verdict == verdict for cell in self.cells)

    @property
    def failing(self) -> tuple[ComparedCell, ...]:
        """Cells that fail the gate."""
        return tuple(cell for cell in self.cells if cell.verdict in FAILING)
