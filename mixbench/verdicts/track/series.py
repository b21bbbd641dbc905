"""What a history follows: its runs as series, one metric of one cell on one machine from commit to commit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from mixbench.tables.columns import Column, columns
from mixbench.tables.history import Commit, Entry, TrackedCell, Values
from mixbench.tables.rows import TABLES, SpeedRow, TrainingRow
from mixbench.verdicts.gate.cells import CellKey, cell_places, split_places
from mixbench.verdicts.gate.compare import COUNTS
from mixbench.verdicts.gate.comparison import WORDS
from mixbench.verdicts.labels import MixerKey, mixer_labels, mixer_order
from mixbench.verdicts.learning.scores import ERRORS

LEAST_COMMITS = 3
"""A change of what is measured has at least so many commits before it and as many after it, up to the next one."""

_OWN = {
    "cpu_per_calibration": Column("metric", "CPU time relative to the calibration workload of the same process", "", "lower"),
    "failed": Column("metric", "share of the launches or seeds that failed", "", "lower"),
}
_ORDER = ("cpu_per_calibration", "device_ms", "test_score", "latency_ms", "failed")
TRACKED: dict[str, Column] = {
    name: (columns(TrainingRow) | columns(SpeedRow) | _OWN)[name]
    for name in dict.fromkeys((*_ORDER, *(count for counts in COUNTS.values() for count in counts)))
}
"""What a history follows. The direction of test_score is that of the score."""
COUNTED = frozenset(TRACKED) - frozenset(_ORDER) | {"failed"}
"""Free of noise."""
FOR_PEOPLE = ("latency_ms",)
"""Kept to be drawn: too noisy on a shared machine to be judged unless asked for."""
NAMES = WORDS | {"latency_ms": "latency", "failed": "failed share"}
"""Metrics as they are named to people, where the column is not called so itself."""
_CODE = ("sources", "mixbench")
"""Of the software what changes with the commits themselves."""


@dataclass(frozen=True)
class Point:
    """The values of one metric of one cell at one commit, and the software that they were measured with."""

    commit: Commit
    values: Values
    software: Mapping[str, Any]

    @property
    def middle(self) -> float:
        """The median over launches or seeds."""
        return median(self.values.values())


@dataclass(frozen=True)
class Series:
    """One metric of one cell on one machine, by the time of the commits."""

    machine: str
    study: str
    mixer: MixerKey
    label: str
    key: CellKey
    place: Mapping[str, str]
    """The other keys in words, by column."""
    metric: str
    better: str
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """Names the cell, as `mixbench compare` does."""
        return " · ".join((self.study, self.label, *self.place.values()))

    @property
    def too_short(self) -> bool:
        """Whether no change could be seen, however large."""
        return len(self.points) < (2 if self.metric in COUNTED else 2 * LEAST_COMMITS)

    @cached_property
    def judgeable(self) -> bool:
        """Whether a share of it means anything: counts always, noisy values where each commit's is above 0."""
        return self.metric in COUNTED or all(point.middle > 0 for point in self.points)


def series_of(entries: Iterable[Entry]) -> list[Series]:
    """Every metric of every cell on every machine, ordered by mixer and keys; entries by the time of their commits."""
    lines: dict[tuple[str, CellKey, str, str], list[Point]] = defaultdict(list)
    cells: dict[tuple[str, CellKey], TrackedCell] = {}
    scores: dict[tuple[str, CellKey], str] = {}
    for entry in entries:
        software = {name: held for name, held in entry.software.items() if name not in _CODE}
        for cell in entry.cells:
            place = cell.table, tuple(cell.key.values())
            cells[place] = cell
            scores[place] = cell.score or scores.get(place, "")
            for metric, values in cell.metrics.items():
                if metric in TRACKED and values:
                    lines[*place, metric, entry.machine_hash].append(Point(entry.commit, values, software))
    mixers: dict[tuple[str, CellKey], MixerKey] = {
        place: (cell.key["mixer"], cell.key["config"]) for place, cell in cells.items()
    }
    labels = mixer_labels(mixers.values())
    words = {}
    for table in {table for table, _ in cells}:
        keys = [key for of, key in cells if of == table]
        words[table] = cell_places(keys, {key: labels[mixers[table, key]] for key in keys}, TABLES[table])
    found = []
    for (table, key, metric, machine), points in lines.items():
        mixer = mixers[table, key]
        better = TRACKED[metric].better
        if metric == "test_score":
            better = "lower" if scores[table, key] in ERRORS else "higher"
        found.append(Series(machine, table, mixer, labels[mixer], key, words[table][key], metric, better, tuple(points)))
    order, metrics = mixer_order(mixers.values()), list(TRACKED)
    found.sort(key=lambda one: (one.study, order.index(one.mixer), one.key, metrics.index(one.metric), one.machine))
    return found


def told_apart(series: Sequence[Series]) -> tuple[str, list[str]]:
    """What all cells share, in words, and a name of each by the mixer and what is left."""
    shared, left = split_places([one.place for one in series])
    return " · ".join(shared), [" · ".join([one.label, *own]) for one, own in zip(series, left, strict=True)]
