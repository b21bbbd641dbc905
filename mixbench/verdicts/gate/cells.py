"""Cells of a results folder: their rows by key, their names, the values of their replicates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from mixbench.machine.environment import machine_part
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.columns import FAILURES, Row, columns
from mixbench.tables.origins import Sources
from mixbench.tables.rows import TABLES, LaunchRow, SpeedRow, TrainingRow, TrialRow
from mixbench.verdicts.environments import UNITED, united
from mixbench.verdicts.gate.same_mixers import Names, names_of_both
from mixbench.verdicts.labels import UNSAID, MixerKey, in_words, mixer_labels, unpacked
from mixbench.verdicts.words import counted

CellKey = tuple[Any, ...]
"""Values of the key columns; the mixer and its config are those that a comparison knows it by."""
REPLICATES: dict[type[Row], tuple[str, str]] = {
    SpeedRow: ("launch", "launches"),
    TrainingRow: ("seed", "seeds"),
    TrialRow: ("trial", "trials"),
}
"""The tables whose cells are compared, with the column of the replicate and its plural."""
_HASH = re.compile("[0-9a-f]{13,}")

STUDIES: dict[type[Row], str] = {row_type: name for name, row_type in TABLES.items()}


@dataclass(frozen=True)
class Measured:
    """The content of a results folder; `environments` by the hash in the rows, `sources` as in its `sources.json`."""

    name: str
    rows: Mapping[type[Row], Sequence[Any]]
    environments: Mapping[str, Mapping[str, Any]]
    sources: Sources = field(default_factory=dict)


def rows_by_machine(side: Measured, row_type: type[Row], any_machine: bool, remarks: list[str]) -> dict[str, list[Any]]:
    """Rows of the newest environment of each machine; all under "" if the machine does not matter."""
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


def united_rows(side: Measured, row_type: type[Row], remarks: list[str]) -> dict[str, list[Any]]:
    """Rows of a table of training runs under "", whatever machine they are from: see `united`."""
    rows = side.rows.get(row_type, ())
    kept = united(rows, side.environments)
    if left_out := len(rows) - len(kept):
        remarks.append(
            f"{side.name}: {counted(left_out, 'row')} of {STUDIES[row_type]}.csv from older environments, or of runs that"
            " another machine repeated, are left out"
        )
    return {"": kept} if kept else {}


def names_in_both(base: Measured, head: Measured, row_type: type[Row]) -> tuple[Names, Names]:
    """The mixers of a table in two folders, as `names_of_both` tells them apart."""
    below, above = (rows_by_machine(side, row_type, True, []).get("", []) for side in (base, head))
    return names_of_both(below, above, (base.sources, head.sources))


def by_cell(rows: Iterable[Any], names: Names) -> dict[CellKey, list[Any]]:
    """Rows by key, under each name of their mixer; rows of speed.csv from the newest of several environments."""
    cells: dict[CellKey, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        for mixer, config in names.get((row.mixer, row.config), ((row.mixer, row.config),)):
            named = {"mixer": mixer, "config": config}
            environment = "" if isinstance(row, UNITED) else row.environment
            cells[tuple(named.get(name, getattr(row, name)) for name in keys_of(type(row)))][environment].append(row)
    return {key: max(own.values(), key=lambda rows: max(row.measured_at for row in rows)) for key, own in cells.items()}


def of_present_code(rows: Iterable[Any], names: Names) -> list[Any]:
    """Without the rows of a mixer from before its code changed: cells that were not measured since are not known."""
    return [row for row in rows if names.get((row.mixer, row.config), True)]


def earlier_code(rows: Sequence[Any], names: Names) -> list[str]:
    """What `of_present_code` leaves out, in words; [] for nothing."""
    if not (left_out := len(rows) - len(of_present_code(rows, names))):
        return []
    return [f"{counted(left_out, 'row')} of {STUDIES[type(rows[0])]}.csv from before a mixer's code changed are left out"]


def keys_of(row_type: type[Row]) -> list[str]:
    """Names of the key columns."""
    return [name for name, column in columns(row_type).items() if column.role == "key"]


def cell_labels(cells: Sequence[CellKey], row_type: type[Row]) -> dict[CellKey, str]:
    """The label of each cell's mixer."""
    places = [keys_of(row_type).index(name) for name in ("mixer", "config")]
    mixers: dict[CellKey, MixerKey] = {cell: (cell[places[0]], cell[places[1]]) for cell in cells}
    labels = mixer_labels(mixers.values())
    return {cell: labels[mixer] for cell, mixer in mixers.items()}


def cell_places(cells: Sequence[CellKey], labels: Mapping[CellKey, str], row_type: type[Row]) -> dict[CellKey, dict[str, str]]:
    """Every key but the mixer in words, with only those settings that are needed to tell two cells apart."""
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
    """A text of the key columns, without the mixer and without what goes without saying."""
    return {name: text for name, value in keys.items() if value != UNSAID.get(name) and (text := in_words(name, value))}


def split_places(places: Sequence[Mapping[str, str]]) -> tuple[list[str], list[list[str]]]:
    """Places in words by column, split into what all share and the rest of each."""
    names = dict.fromkeys(name for place in places for name in place)
    shared = [name for name in names if len({place.get(name) for place in places}) == 1]
    rests = [[text for name, text in place.items() if name not in shared] for place in places]
    return [places[0][name] for name in shared], rests


def differing(mappings: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """For each mapping, the values that not all mappings share, as `name=value` by name."""
    return [
        {
            name: f"{name}={value}"
            for name, value in sorted(mapping.items())
            if any(other.get(name) != value for other in mappings)
        }
        for mapping in mappings
    ]


def flattened(text: str) -> dict[str, Any]:
    """The values of a JSON column without nesting, hashes cut short."""
    flat: dict[str, Any] = {}
    for name, value in unpacked(text).items():
        if isinstance(value, dict):
            flat |= flattened(canonical_json(value))
        else:
            flat[name] = str(value)[:12] if _HASH.fullmatch(str(value)) else value
    return flat


def good_rows(rows: Iterable[Any]) -> list[Any]:
    """The rows that have metrics."""
    return [row for row in rows if row.status == "ok"]


def replicate_of(row: Any) -> int:
    """The launch, the seed or the trial."""
    return int(getattr(row, REPLICATES[type(row)][0]))


def share_failed(rows: Sequence[Any]) -> float:
    """Share of the replicates that failed: a failed one has a single row, a good one a row per round."""
    return len({replicate_of(row) for row in rows if row.status != "ok"}) / len(set(map(replicate_of, rows)))


def failure_of(rows: Sequence[Any]) -> str:
    """`oom: needs 12 GiB`, and how many replicates failed unless all did."""
    faults = [row for row in rows if row.status != "ok"]
    fault = next((row for row in faults if row.status in FAILURES), faults[0])
    reason = fault.detail if fault.detail.startswith(fault.status) else ": ".join(filter(None, (fault.status, fault.detail)))
    failed, total = len(set(map(replicate_of, faults))), len(set(map(replicate_of, rows)))
    return reason + (f" ({failed} of {total} {REPLICATES[type(fault)][1]})" if failed < total else "")


def by_replicate(rows: Iterable[Any], metric: str) -> dict[int, float]:
    """The value of each replicate that has the metric: the median over its rounds."""
    found: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if (value := getattr(row, metric)) is not None:
            found[replicate_of(row)].append(value)
    return {replicate: median(values) for replicate, values in found.items()}


def calibration_times(launches: Iterable[LaunchRow], of: str = "calibration_cpu_ms") -> dict[tuple[Any, ...], float]:
    """CPU time (or wall time: `calibration_ms`) of the calibration workload by process, ms."""
    return {process_of(row): time for row in launches if (time := getattr(row, of))}


def process_of(row: Row) -> tuple[Any, ...]:
    """The values that rows of speed.csv and launches.csv share if they were measured in one process."""
    return tuple(getattr(row, name) for name in (*keys_of(LaunchRow), "environment", "launch", "measured_at"))


def device_time(row: SpeedRow) -> float | None:
    """Time on a GPU, ms; None where it was not measured, and where the GPU had nothing to do."""
    return None if row.device_ms is None else row.time_ms


def relative_time(row: SpeedRow, calibration: Mapping[tuple[Any, ...], float], of: str = "cpu_ms") -> float | None:
    """CPU time relative to that of the calibration workload in the same process, so that the machine's speed cancels out.

    With `of="latency_ms"` wall time, relative to the wall times in `calibration`.
    """
    time, fixed = getattr(row, of), calibration.get(process_of(row))
    return time / fixed if time and fixed else None
