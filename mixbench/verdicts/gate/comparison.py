"""What a comparison of two versions says: one verdict per metric and cell, the worst of a cell's metrics for the cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mixbench.stats import Interval

VERDICTS = ("broken", "missing", "slower", "undecided", "faster", "new", "same")
"""By importance. slower and faster stand for every metric: costs more and less, for scores worse and better."""
DUEL = "duel"
"""Stands for the table where a cell was measured live."""
FAILING = ("broken", "missing", "slower")
CELL = "cell"
"""Stands for a metric where only one version has the cell at all."""
STATUS = "status"
"""Stands for a metric where the cell failed in one of the versions or in both."""
WORDS = {
    "cpu_per_calibration": "CPU time",
    "cpu_ms": "CPU time",
    "device_ms": "GPU time",
    "test_score": "test score",
    "flops": "FLOPs",
    "train_flops": "training FLOPs",
    "params": "parameters",
    "peak_memory_mib": "peak memory",
    "allocated_mib": "bytes allocated",
}
"""Metrics as they are named to people, where the column is not called so itself."""


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
        """The judgement that decides."""
        return leading(self.judgements)

    @property
    def in_both(self) -> bool:
        """Whether both versions have the cell, failed or not."""
        return self.judgements[0].metric != CELL


def leading(judgements: Iterable[Judgement]) -> Judgement:
    """The judgement that decides; among equals what was measured before what was counted, then the largest change."""
    return min(
        judgements,
        key=lambda one: (
            VERDICTS.index(one.verdict),
            one.detectable is None,
            -abs(one.change.point) if one.change else 0.0,
        ),
    )


@dataclass(frozen=True)
class Comparison:
    """All cells of two versions, most important first."""

    base: str
    head: str
    cells: tuple[ComparedCell, ...]
    remarks: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Relative changes that gate, by what is gated: `time` of stored runs, a count by its metric, DUEL of a duel."""

    @property
    def comparable(self) -> bool:
        """Whether any cell stands in both versions."""
        return any(cell.in_both for cell in self.cells)

    def count(self, verdict: str) -> int:
        """Cells with that verdict."""
        return sum(cell.verdict == verdict for cell in self.cells)

    @property
    def failing(self) -> tuple[ComparedCell, ...]:
        """Cells that fail the gate."""
        return tuple(cell for cell in self.cells if cell.verdict in FAILING)


def exit_code(comparison: Comparison, *, strict: bool = False, any_change: bool = False) -> int:
    """0 good; 1 a cell fails, with `any_change` also where one is better or new: the reference must be renewed.

    4 nothing comparable; 3 nothing fails, but with `strict` some cell is undecided.
    """
    if not comparison.comparable:
        return 4
    if comparison.failing or (any_change and any(map(comparison.count, ("faster", "new")))):
        return 1
    return 3 if strict and comparison.count("undecided") else 0


def why_not_comparable(comparison: Comparison) -> str:
    """Why no cell stands in both versions: another machine, or the keys in which they differ, each with both values."""
    if not comparison.cells:
        return "they come from different machines"
    sides = [[cell for cell in comparison.cells if cell.verdict == verdict] for verdict in ("missing", "new")]
    told = []
    for name in dict.fromkeys(name for cell in comparison.cells for name in ("study", "mixer", *cell.place)):
        values = [dict.fromkeys(_key(cell, name) for cell in side) for side in sides]
        if all(values) and values[0].keys().isdisjoint(values[1]):
            told.append(" against ".join(", ".join(filter(None, some)) or f"no {name}" for some in values))
            if name == "study":  # keys of different tables differ anyway
                break
    return "; ".join(told) or "no cell has the same keys"


def _key(cell: ComparedCell, name: str) -> str:
    return {"study": cell.study, "mixer": cell.mixer, **cell.place}.get(name, "")
