"""The runs of a history as series: one metric of one cell on one machine from commit to commit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from mixbench.parsing.canonical import canonical_json
from mixbench.tables.entries import Commit, Entry, TrackedCell, Values
from mixbench.tables.fields import Column
from mixbench.tables.rows import TABLES
from mixbench.tables.scores import ERRORS
from mixbench.verdicts.gate.cells import CellKey, cell_places, split_places
from mixbench.verdicts.gate.judging import COUNTS
from mixbench.verdicts.gate.metrics import CPU_TIME, FAILED, LOWER_BOUNDS, METRICS
from mixbench.verdicts.labels import MixerKey, mixer_labels, mixer_order, unpacked

LEAST_COMMITS = 3
"""A change of a measured metric has at least this many commits before it and after it, up to the next change."""

_ORDER = (CPU_TIME, "device_ms", "test_score", "latency_ms", FAILED)
TRACKED: dict[str, Column] = {
    name: METRICS[name]
    for name in dict.fromkeys((*_ORDER, *(count for counts in COUNTS.values() for count in counts), *LOWER_BOUNDS))
}
"""The metrics that a history follows. The direction of test_score is that of the kind of score."""
COUNTED = frozenset(name for name, column in TRACKED.items() if column.rule == "count")
"""Free of noise."""
FOR_PEOPLE = tuple(name for name, column in TRACKED.items() if column.rule == "reported")
"""Metrics that are kept to be drawn: on a shared machine they are too noisy to be judged, except on request."""
NAMES = {name: column.words for name, column in TRACKED.items() if column.words}
"""The usual names of metrics, where they differ from the names of the columns."""
_CODE = ("sources", "mixbench")
"""Software that changes with every commit anyway."""


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
        """Whether no change could be found, however large."""
        return len(self.points) < (2 if self.metric in COUNTED else 2 * LEAST_COMMITS)

    @cached_property
    def judgeable(self) -> bool:
        """Whether relative changes mean anything: always for counts, for noisy values if those of all commits are above 0."""
        return self.metric in COUNTED or all(point.middle > 0 for point in self.points)


def series_of(entries: Iterable[Entry]) -> list[Series]:
    """Every metric of every cell on every machine, ordered by mixer and keys; entries by the time of their commits."""
    lines: dict[tuple[str, CellKey, str, str], list[Point]] = defaultdict(list)
    cells: dict[tuple[str, CellKey], TrackedCell] = {}
    scores: dict[tuple[str, CellKey], str] = {}
    entries = list(entries)
    configs = _configs(entries)
    for entry in entries:
        software = {name: held for name, held in entry.software.items() if name not in _CODE}
        for cell in entry.cells:
            cell = replace(cell, key={**cell.key, "config": configs.get(_mixer(cell), cell.key["config"])})
            known = cell.table, tuple(cell.key.values())
            cells[known] = cell
            scores[known] = cell.score or scores.get(known, "")
            for metric, values in cell.metrics.items():
                if metric in TRACKED and values:
                    lines[*known, metric, entry.machine_hash].append(Point(entry.commit, values, software))
    mixers: dict[tuple[str, CellKey], MixerKey] = {known: _mixer(cell) for known, cell in cells.items()}
    labels = mixer_labels(mixers.values())
    places = {}
    for table in {table for table, _ in cells}:
        keys = [key for name, key in cells if name == table]
        places[table] = cell_places(keys, {key: labels[mixers[table, key]] for key in keys}, TABLES[table])
    found = []
    for (table, key, metric, machine), points in lines.items():
        mixer = mixers[table, key]
        better = TRACKED[metric].better
        if metric == "test_score":
            better = "lower" if scores[table, key] in ERRORS else "higher"
        found.append(Series(machine, table, mixer, labels[mixer], key, places[table][key], metric, better, tuple(points)))
    order, metrics = mixer_order(mixers.values()), list(TRACKED)
    found.sort(
        key=lambda series: (series.study, order.index(series.mixer), series.key, metrics.index(series.metric), series.machine)
    )
    return found


def _configs(entries: Sequence[Entry]) -> dict[MixerKey, str]:
    """Configs without the place of a user's file, where no run has two mixers that only the place tells apart."""
    without: dict[MixerKey, str] = {}
    several: set[MixerKey] = set()
    for entry in entries:
        own = {_mixer(cell) for cell in entry.cells if ".py:" in cell.key["mixer"]}
        shorter = {mixer: canonical_json({k: v for k, v in unpacked(mixer[1]).items() if k != "file"}) for mixer in own}
        counts = Counter((name, shorter[name, config]) for name, config in own)
        several |= {key for key, count in counts.items() if count > 1}
        without |= shorter
    return {mixer: config for mixer, config in without.items() if (mixer[0], config) not in several}


def _mixer(cell: TrackedCell) -> MixerKey:
    return cell.key["mixer"], cell.key["config"]


def told_apart(series: Sequence[Series]) -> tuple[str, list[str]]:
    """A text of what all series share, and the name of each: its mixer and whatever distinguishes it."""
    shared, rests = split_places([each.place for each in series])
    return " · ".join(shared), [" · ".join([each.label, *own]) for each, own in zip(series, rests, strict=True)]
