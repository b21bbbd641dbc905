"""Cells of a results folder: their rows by key, their names, the values of their replicates."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from mixbench.machine.environment import machine_part
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.columns import FAILURES, Row, columns
from mixbench.tables.origins import Sources
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import Selection, beside, distinct, joined, parted, selection
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.environments import UNITED, united
from mixbench.verdicts.gate.same_mixers import Names, names_of_both
from mixbench.verdicts.labels import UNSAID, MixerKey, in_words, mixer_labels, unpacked
from mixbench.verdicts.words import counted

_CALIBRATION = {"cpu_ms": "calibration_cpu_ms", "latency_ms": "calibration_ms"}
CellKey = tuple[Any, ...]
"""Values of the key columns; the mixer and its config are those that a comparison knows it by."""
REPLICATES: dict[type[Row], tuple[str, str]] = {
    SpeedRow: ("launch", "launches"),
    TrainingRow: ("seed", "seeds"),
    TrialRow: ("trial", "trials"),
}
"""The tables whose cells are compared, with the column of the replicate and its plural."""
_HASH = re.compile("[0-9a-f]{13,}")


@dataclass(frozen=True)
class Measured:
    """The content of a results folder; `environments` by the hash in the rows, `sources` as in its `sources.json`."""

    name: str
    rows: Mapping[type[Row], Sequence[Any]]
    environments: Mapping[str, Mapping[str, Any]]
    sources: Sources = field(default_factory=dict)

    def of(self, row_type: type[Row]) -> Selection[Any]:
        """The rows of a table; none if it is not there."""
        return selection(self.rows.get(row_type, ()))


def rows_by_machine(side: Measured, row_type: type[Row], any_machine: bool, remarks: list[str]) -> dict[str, Selection[Any]]:
    """Rows of the newest environment of each machine; all under "" if the machine does not matter."""
    newest: dict[str, tuple[str, str]] = {}
    rows = side.of(row_type)
    machines = {digest: canonical_json(machine_part(side.environments[digest])) for digest in distinct(rows, "environment")}
    for time, environment in distinct(rows, "measured_at", "environment"):
        machine = machines[environment]
        newest[machine] = max(newest.get(machine, ("", "")), (time, environment))
    chosen = {environment for _, environment in newest.values()}
    present = rows.at(rows.test("environment", chosen.__contains__)) if rows else rows
    if older := len(rows) - len(present):
        remarks.append(f"{side.name}: {counted(older, 'row')} of {TABLE_FILES[row_type]} from older environments are left out")
    if any_machine:
        return {"": present} if present else {}
    return {machines[environment]: own for (environment,), own in parted(present, ["environment"])}


def united_rows(side: Measured, row_type: type[Row], remarks: list[str]) -> dict[str, Selection[Any]]:
    """Rows of a table of training runs under "", whatever machine they are from: see `united`."""
    rows = side.of(row_type)
    kept = selection(united(rows, side.environments))
    if left_out := len(rows) - len(kept):
        remarks.append(
            f"{side.name}: {counted(left_out, 'row')} of {TABLE_FILES[row_type]} from older environments, or of runs that"
            " another machine repeated, are left out"
        )
    return {"": kept} if kept else {}


def names_in_both(base: Measured, head: Measured, row_type: type[Row]) -> tuple[Names, Names]:
    """The mixers of a table in two folders, as `names_of_both` tells them apart."""
    below, above = (rows_by_machine(side, row_type, True, []).get("", ()) for side in (base, head))
    return names_of_both(below, above, (base.sources, head.sources))


def by_cell(rows: Sequence[Any], names: Names) -> dict[CellKey, Selection[Any]]:
    """Rows by key, under each name of their mixer; rows of speed.csv from the newest of several environments."""
    selected = selection(rows)
    if not selected:
        return {}
    keys = keys_of(selected.table.row_type)
    origin = () if selected.table.row_type in UNITED else ("environment",)
    places = [keys.index(name) for name in ("mixer", "config")]
    cells: dict[CellKey, dict[CellKey, list[Selection[Any]]]] = defaultdict(lambda: defaultdict(list))
    for found, own in parted(selected, [*keys, *origin]):
        key, environment = [*found[: len(keys)]], found[len(keys) :]
        measured = key[places[0]], key[places[1]]
        for named in names.get(measured, (measured,)):
            for place, name in zip(places, named, strict=True):
                key[place] = name
            cells[tuple(key)][environment].append(own)
    return {key: _newest([*map(joined, own.values())]) for key, own in cells.items()}


def _newest(alternatives: Sequence[Selection[Any]]) -> Selection[Any]:
    """Those rows of which one was measured last."""
    if len(alternatives) == 1:
        return alternatives[0]
    return max(alternatives, key=lambda rows: max(rows.values("measured_at")))


def of_present_code(rows: Sequence[Any], names: Names) -> Sequence[Any]:
    """Without the rows of a mixer from before its code changed: cells that were not measured since are not known."""
    if all(names.values()):
        return rows
    known = [own for mixer, own in parted(selection(rows), ["mixer", "config"]) if names.get((mixer[0], mixer[1]), True)]
    return joined(known) if known else rows[:0]


def earlier_code(rows: Sequence[Any], names: Names) -> list[str]:
    """What `of_present_code` leaves out, in words; [] for nothing."""
    if not (left_out := len(rows) - len(of_present_code(rows, names))):
        return []
    table = TABLE_FILES[selection(rows).table.row_type]
    return [f"{counted(left_out, 'row')} of {table} from before a mixer's code changed are left out"]


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


def good_rows(rows: Selection[Any]) -> Selection[Any]:
    """The rows that have metrics."""
    return rows.at(rows.test("status", "ok".__eq__)) if rows else rows


def _bad_rows(rows: Selection[Any]) -> Selection[Any]:
    return rows.at(rows.test("status", "ok".__ne__))


def replicates_of(rows: Selection[Any]) -> list[int]:
    """The launch, the seed or the trial of each row."""
    return rows.values(REPLICATES[rows.table.row_type][0])


def share_failed(rows: Selection[Any]) -> float:
    """Share of the replicates that failed: a failed one has a single row, a good one a row per round."""
    return len({*replicates_of(_bad_rows(rows))}) / len({*replicates_of(rows)})


def failure_of(rows: Selection[Any]) -> str:
    """`oom: needs 12 GiB`, and how many replicates failed unless all did."""
    faults = _bad_rows(rows)
    fault = next((row for row in faults if row.status in FAILURES), faults[0])
    reason = fault.detail if fault.detail.startswith(fault.status) else ": ".join(filter(None, (fault.status, fault.detail)))
    failed, total = (len({*replicates_of(own)}) for own in (faults, rows))
    return reason + (f" ({failed:,} of {total:,} {REPLICATES[type(fault)][1]})" if failed < total else "")


def by_replicate(rows: Selection[Any], metric: str) -> dict[int, float]:
    """The value of each replicate that has the metric: the median over its rounds."""
    found: dict[int, list[float]] = defaultdict(list)
    for replicate, value in zip(replicates_of(rows), rows.values(metric), strict=True):
        if value is not None:
            found[replicate].append(value)
    return {replicate: median(own) for replicate, own in found.items()}


def process_columns() -> list[str]:
    """The columns in which rows of speed.csv and launches.csv agree that were measured in one process."""
    return [*keys_of(LaunchRow), "environment", "launch", "measured_at"]


def with_launches(rows: Selection[SpeedRow], launches: Sequence[LaunchRow]) -> Selection[SpeedRow]:
    """Rows of speed.csv with the metrics of launches.csv, calibration times and peaks; None where a process has none there."""
    metrics = [name for name, column in columns(LaunchRow).items() if column.role == "metric"]
    return beside(rows, selection(launches), process_columns(), metrics) if rows else rows


def relative_times(rows: Selection[SpeedRow], of: str = "cpu_ms") -> list[float | None]:
    """CPU times relative to that of the calibration workload in the same process, so that the machine's speed cancels out.

    With `of="latency_ms"` wall times, relative to its wall time. The rows are those `with_launches`.
    """
    pairs = zip(rows.values(of), rows.values(_CALIBRATION[of]), strict=True)
    return [time / fixed if time and fixed and min(time, fixed) > 0 else None for time, fixed in pairs]
