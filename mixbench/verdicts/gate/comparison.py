"""The result of comparing two versions: a verdict per metric and cell; a cell has the worst verdict of its metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mixbench.stats import Interval
from mixbench.verdicts.gate.metrics import lower_bound_of, metric_words
from mixbench.verdicts.labels import UNSAID

VERDICTS = ("broken", "missing", "slower", "undecided", "faster", "new", "same")
"""The verdicts by importance. slower and faster apply to every metric: it costs more or less, a score is worse or better."""
DUEL = "duel"
"""Used instead of the table's name if a cell was measured live."""
FAILING = ("broken", "missing", "slower")
CELL = "cell"
"""Used instead of a metric if only one version has the cell."""
ADVICE = (
    "Between machines: time relative to the baseline of the same shape. A ratio may differ because the machines do, so it never"
    " fails."
)
STATUS = "status"
"""Used instead of a metric if the cell failed in either version."""


@dataclass(frozen=True)
class Judgement:
    """The verdict on one metric of one cell. `base` and `head` in the metric's unit, None where not measured."""

    metric: str
    verdict: str
    base: float | None = None
    head: float | None = None
    change: Interval | None = None
    """Head relative to base: 0.1 is 10 % more. With bounds where there are replicates to estimate them from."""
    detectable: float | None = None
    """The smallest relative change that would have been detected."""
    remark: str = ""
    base_mark: str = ""
    """≥ before a count that is only a lower bound."""
    head_mark: str = ""

    @property
    def name(self) -> str:
        """The metric as the head reports it: a lower bound has a name of its own."""
        return lower_bound_of(self.metric) if self.head_mark else self.metric

    @property
    def words(self) -> str:
        """The usual name of the metric, or of the lower bound that either version has of it."""
        return metric_words(lower_bound_of(self.metric) if self.base_mark or self.head_mark else self.metric)


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
    """Why the cell is broken or missing, or what it may have been renamed to."""
    cause: str = ""
    """How the counts explain a change: `2 more operators, +12 % bytes`."""

    @property
    def verdict(self) -> str:
        """The most important verdict among the metrics."""
        return min((judgement.verdict for judgement in self.judgements), key=VERDICTS.index)

    @property
    def name(self) -> str:
        """Names the cell uniquely among those of all studies, alike in every version, so that CI services can follow it."""
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
    """The judgement that decides; among equal verdicts a measured metric comes before a count, then the largest change."""
    return min(
        judgements,
        key=lambda judgement: (
            VERDICTS.index(judgement.verdict),
            judgement.detectable is None,
            -abs(judgement.change.point) if judgement.change else 0.0,
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
    """Relative changes beyond which the gate fails: under `time` for stored runs, a count's metric, or DUEL for a duel."""
    advice: tuple[ComparedCell, ...] = ()
    """Times relative to the baseline's that were measured on different machines. They never fail."""

    @property
    def comparable(self) -> bool:
        """Whether any cell is in both versions."""
        return any(cell.in_both for cell in self.cells)

    def count(self, verdict: str) -> int:
        """Cells with that verdict."""
        return sum(cell.verdict == verdict for cell in self.cells)

    @property
    def failing(self) -> tuple[ComparedCell, ...]:
        """The cells that fail the gate."""
        return tuple(cell for cell in self.cells if cell.verdict in FAILING)


def exit_code(comparison: Comparison, *, strict: bool = False, any_change: bool = False) -> int:
    """0 pass; 1 a cell fails; 3 with `strict`, nothing fails but some cell is undecided; 4 nothing is comparable.

    With `any_change`, 1 also if a cell is faster or new: the reference must be measured again. Where there is only advice, 0.
    """
    if not comparison.comparable:
        return 0 if comparison.advice and not comparison.failing else 4
    if comparison.failing or (any_change and any(map(comparison.count, ("faster", "new")))):
        return 1
    return 3 if strict and comparison.count("undecided") else 0


def why_not_comparable(comparison: Comparison) -> str:
    """Why no cell is in both versions: another machine, or the keys in which they differ, each with both values."""
    if not comparison.cells:
        return "they come from different machines"
    sides = [[cell for cell in comparison.cells if cell.verdict == verdict] for verdict in ("missing", "new")]
    reasons = []
    for name in dict.fromkeys(name for cell in comparison.cells for name in ("study", "mixer", *cell.place)):
        values = [dict.fromkeys(_key(cell, name) for cell in side) for side in sides]
        if all(values) and values[0].keys().isdisjoint(values[1]):
            reasons.append(" against ".join(", ".join(filter(None, side)) or f"no {name}" for side in values))
            if name == "study":  # keys of different tables differ anyway
                break
    return "; ".join(reasons) or "no cell has the same keys"


def _key(cell: ComparedCell, name: str) -> str:
    known: Mapping[str, str] = {"study": cell.study, "mixer": cell.mixer, **UNSAID, **cell.place}
    return known.get(name, "")
