"""Cells of a results folder: rows by key, what a cell is called among all others, what its replicates say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mixbench.machine.environment import machine_part
from mixbench.tables.columns import FAILURES, Row, canonical_json, columns
from mixbench.tables.rows import TABLES, LaunchRow, SpeedRow, TrainingRow, TrialRow
from mixbench.verdicts.labels import MixerKey, in_words, mixer_labels, unpacked, without_versions

CellKey = tuple[Any, ...]
"""Values of the key columns, the config without the hash of a user's file."""
_REPLICATES: dict[type[Row], tuple[str, str]] = {
    SpeedRow: ("launch", "launches"),
    TrainingRow: ("seed", "seeds"),
    TrialRow: ("trial", "trials"),
}
"""Column of the replicate, and what several are called."""
_HASH = re.compile("[0-9a-f]{13,}")

STUDIES: dict[type[Row], str] = {row_type: name for name, row_type in TABLES.items()}


@dataclass(frozen=True)
class Measured:
    """What a results folder holds. `environments` by the hash in the rows."""

    name: str
    rows: Mapping[type[Row], Sequence[Any]]
    environments: Mapping[str, Mapping[str, Any]]


def rows_by_machine(side: Measured, row_type: type[Row], any_machine: bool, remarks: list[str]) -> dict[str, list[Any]]:
    """Rows of the newest environment of each machine; all under "" where machines need not be equal."""
    newest: dict[str, tuple[str, str]] = {}
    rows = side.rows.get(row_type, ())
    named = {row.environment for row in rows}
    machines = {digest: canonical_json(machine_part(side.environments[digest])) for digest in named}
    for row in rows:
        machine = machines[row.environment]
        newest[machine] = max(newest.get(machine, ("", "")), (row.measured_at, row.environment))
    chosen = {environment for _, environment in newest.values()}
    if older := sum(row.environment not in chosen for row in rows):
        remarks.append(f"{side.name}: {older} rows of {STUDIES[row_type]}.csv from older environments are left out")
    kept: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.environment in chosen:
            kept["" if any_machine else machines[row.environment]].append(row)
    return kept


def by_cell(rows: Iterable[Any]) -> dict[CellKey, list[Any]]:
    """Rows by key, of several environments the newest; of a user's mixer whatever its file holds, its newest state."""
    cells: dict[CellKey, dict[tuple[str, str], list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        keys = [getattr(row, name) for name in keys_of(type(row))]
        keys[keys_of(type(row)).index("config")] = without_versions(row.config)
        cells[tuple(keys)][row.config, row.environment].append(row)
    return {key: max(states.values(), key=lambda some: some[-1].measured_at) for key, states in cells.items()}


def keys_of(row_type: type[Row]) -> list[str]:
    return [name for name, column in columns(row_type).items() if column.role == "key"]


def cell_labels(cells: Sequence[CellKey], row_type: type[Row]) -> dict[CellKey, str]:
    places = [keys_of(row_type).index(name) for name in ("mixer", "config")]
    mixers: dict[CellKey, MixerKey] = {cell: (cell[places[0]], cell[places[1]]) for cell in cells}
    labels = mixer_labels(mixers.values())
    return {cell: labels[mixer] for cell, mixer in mixers.items()}


def cell_places(cells: Sequence[CellKey], labels: Mapping[CellKey, str], row_type: type[Row]) -> dict[CellKey, dict[str, str]]:
    """Every key but the mixer in words; of the settings those that are needed to tell two cells apart."""
    keys = {cell: dict(zip(keys_of(row_type), cell, strict=True)) for cell in cells}
    places = {cell: place_of(keys[cell]) for cell in cells}
    alike: dict[tuple[str, ...], list[CellKey]] = defaultdict(list)
    for cell in cells:
        alike[labels[cell], *places[cell].values()].append(cell)
    for group in alike.values():
        for cell, words in zip(group, differing([flattened(keys[cell]["settings"]) for cell in group]), strict=True):
            places[cell] |= words
    return places


def place_of(keys: Mapping[str, Any]) -> dict[str, str]:
    """Key columns in words, without the mixer and what is not so."""
    return {name: text for name, value in keys.items() if value is not False and (text := in_words(name, value))}


def split_places(places: Sequence[Mapping[str, str]]) -> tuple[list[str], list[list[str]]]:
    """Of places in words by column: what all share, and what is left of each."""
    columns_of_any = dict.fromkeys(name for place in places for name in place)
    shared = [name for name in columns_of_any if len({place.get(name) for place in places}) == 1]
    left = [[text for name, text in place.items() if name not in shared] for place in places]
    return [places[0][name] for name in shared], left


def differing(several: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Of each the values that not all share, as `name=value` by name."""
    return [
        {name: f"{name}={one[name]}" for name in sorted(one) if any(other.get(name) != one[name] for other in several)}
        for one in several
    ]


def flattened(text: str) -> dict[str, Any]:
    """A JSON column with what is nested beside the rest and hashes cut short."""
    flat: dict[str, Any] = {}
    for name, value in unpacked(text).items():
        inner = flattened(canonical_json(value)) if isinstance(value, dict) else {name: value}
        flat |= {key: some[:12] if _HASH.fullmatch(str(some)) else some for key, some in inner.items()}
    return flat


def good_rows(rows: Iterable[Any]) -> list[Any]:
    return [row for row in rows if row.status == "ok"]


def replicate_of(row: Any) -> int:
    """The launch, the seed or the trial."""
    return int(getattr(row, _REPLICATES[type(row)][0]))


def share_failed(rows: Sequence[Any]) -> float:
    """Of the replicates: one that failed is a single row, one that went well has a row per round."""
    return len({replicate_of(row) for row in rows if row.status != "ok"}) / len(set(map(replicate_of, rows)))


def failure_of(rows: Sequence[Any]) -> str:
    """`oom: needs 12 GiB`, and how many failed unless all did."""
    faults = [row for row in rows if row.status != "ok"]
    told = next((row for row in faults if row.status in FAILURES), faults[0])
    failed, every = len(set(map(replicate_of, faults))), len(set(map(replicate_of, rows)))
    some = f" ({failed} of {every} {_REPLICATES[type(told)][1]})" if failed < every else ""
    named = told.detail.startswith(told.status)
    return (told.detail if named else ": ".join(filter(None, (told.status, told.detail)))) + some


def by_replicate(rows: Iterable[Any], metric: str) -> dict[int, float]:
    """Replicate to value; rounds of a launch share their counts."""
    found: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if (value := getattr(row, metric)) is not None:
            found[replicate_of(row)].append(value)
    return {replicate: median(values) for replicate, values in found.items()}


def calibration_times(launches: Iterable[LaunchRow]) -> dict[tuple[Any, ...], float]:
    return {process_of(row): row.calibration_cpu_ms for row in launches if row.calibration_cpu_ms}


def process_of(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in (*keys_of(LaunchRow), "environment", "launch", "measured_at"))


def relative_time(row: SpeedRow, calibration: Mapping[tuple[Any, ...], float]) -> float | None:
    """CPU time relative to that of the calibration workload in the same process: what the machine's speed cancels out of."""
    fixed = calibration.get(process_of(row))
    return row.cpu_ms / fixed if row.cpu_ms and fixed else None
