"""Two results folders in, a comparison out: cells matched by key on the same machine, each metric judged by its rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mixbench.columns import FAILURES, Row, canonical_json, columns
from mixbench.environment import machine_part
from mixbench.rows import TABLES, LaunchRow, SpeedRow, TrainingRow
from mixbench.stats import launch_medians
from mixbench.verdicts import MixerKey, in_words, mixer_labels, unpacked, without_versions
from mixbench.verdicts.comparison import VERDICTS, ComparedCell, Comparison, Judgement
from mixbench.verdicts.gates import judge_count, judge_score, judge_time, simultaneous_level

DEFAULT_THRESHOLD = 0.30
"""Stored times fail the gate only beyond this: measured at other times, they differ by as much without any change."""
COUNTS: dict[type[Row], tuple[str, ...]] = {
    SpeedRow: ("flops", "params", "peak_memory_mib", "operators", "allocated_mib"),
    TrainingRow: ("params", "train_flops"),
}
"""Metrics that are equal whenever the code is."""
_CAUSES = {"flops": "FLOPs", "allocated_mib": "bytes allocated", "peak_memory_mib": "peak memory", "params": "parameters"}

Values = Mapping[int, float]
"""Replicate to value."""
CellKey = tuple[Any, ...]


@dataclass(frozen=True)
class Measured:
    """What a results folder holds. `environments` by the hash in the rows."""

    name: str
    rows: Mapping[type[Row], Sequence[Any]]
    environments: Mapping[str, Mapping[str, Any]]


def compare(
    base: Measured,
    head: Measured,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tolerances: Mapping[str, float] | None = None,
    counts_only: bool = False,
) -> Comparison:
    """Every cell of either version, judged; times only of the same machine, counts alone of any machine.

    `threshold` is the relative change of a stored time that gates, `tolerances` those of counts (default 0). Of several
    environments of one machine the newest stands for the version.
    """
    remarks: list[str] = []
    pairs: list[tuple[type[Row], CellKey, list[Any], list[Any]]] = []
    for row_type in COUNTS:
        sides = [_by_machine(side, row_type, counts_only, remarks) for side in (base, head)]
        for machine in sides[0].keys() & sides[1].keys():
            cells = [_by_cell(side[machine]) for side in sides]
            keys = dict.fromkeys((*cells[0], *cells[1]))
            pairs += [(row_type, key, cells[0].get(key, []), cells[1].get(key, [])) for key in keys]
        remarks += _alone(base.name, sides[0].keys() - sides[1].keys(), row_type)
        remarks += _alone(head.name, sides[1].keys() - sides[0].keys(), row_type)
    keys_of = {row_type: [key for kind, key, _, _ in pairs if kind is row_type] for row_type in COUNTS}
    labels = {row_type: _labels(keys, row_type) for row_type, keys in keys_of.items()}
    places = {row_type: _places(keys, labels[row_type], row_type) for row_type, keys in keys_of.items()}
    calibration = [_calibration(side.rows.get(LaunchRow, ())) for side in (base, head)]
    timed = sum(bool(kind is SpeedRow and below and above) for kind, _, below, above in pairs)
    judge = _Judge(threshold, tolerances or {}, counts_only, simultaneous_level(timed), calibration[0], calibration[1])
    compared = [
        ComparedCell(
            study=_STUDIES[kind],
            mixer=labels[kind][key],
            place=places[kind][key],
            **judge.cell(kind, below, above),
        )
        for kind, key, below, above in pairs
    ]
    compared = _renamed(compared)
    compared.sort(key=_importance)
    return Comparison(base.name, head.name, tuple(compared), tuple(remarks), {} if counts_only else {"time": threshold})


_STUDIES: dict[type[Row], str] = {row_type: name for name, row_type in TABLES.items()}


def _by_machine(side: Measured, row_type: type[Row], any_machine: bool, remarks: list[str]) -> dict[str, list[Any]]:
    """Rows of the newest environment of each machine; "" stands for all machines where they need not be equal."""
    newest: dict[str, tuple[str, str]] = {}
    rows = side.rows.get(row_type, ())
    machines = {
        digest: "" if any_machine else canonical_json(machine_part(side.environments[digest]))
        for digest in {row.environment for row in rows}
    }
    for row in rows:
        machine = machines[row.environment]
        newest[machine] = max(newest.get(machine, ("", "")), (row.measured_at, row.environment))
    chosen = {environment for _, environment in newest.values()}
    if older := sum(row.environment not in chosen for row in rows):
        remarks.append(f"{side.name}: {older} rows of {_STUDIES[row_type]}.csv from older environments are left out")
    return {machine: [row for row in rows if row.environment == digest] for machine, (_, digest) in newest.items()}


def _alone(name: str, machines: Iterable[str], row_type: type[Row]) -> list[str]:
    return [
        f"{name} has {_STUDIES[row_type]}.csv from a machine that the other has not ({cpu}): not compared"
        for cpu in sorted(str(unpacked(machine).get("cpu")) for machine in machines)
    ]


def _by_cell(rows: Iterable[Any]) -> dict[CellKey, list[Any]]:
    """Rows by key; of a user's mixer whatever its file holds, of several states of the file the newest."""
    cells: dict[CellKey, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        keys = [getattr(row, name) for name in _keys(type(row))]
        keys[_keys(type(row)).index("config")] = without_versions(row.config)
        cells[tuple(keys)][row.config].append(row)
    return {key: max(states.values(), key=lambda some: some[-1].measured_at) for key, states in cells.items()}


def _keys(row_type: type[Row]) -> list[str]:
    return [name for name, column in columns(row_type).items() if column.role == "key"]


def _labels(cells: Sequence[CellKey], row_type: type[Row]) -> dict[CellKey, str]:
    places = [_keys(row_type).index(name) for name in ("mixer", "config")]
    mixers: dict[CellKey, MixerKey] = {cell: (cell[places[0]], cell[places[1]]) for cell in cells}
    labels = mixer_labels(mixers.values())
    return {cell: labels[mixer] for cell, mixer in mixers.items()}


def _places(cells: Sequence[CellKey], labels: Mapping[CellKey, str], row_type: type[Row]) -> dict[CellKey, dict[str, str]]:
    """Every key but the mixer in words; of the settings those that are needed to tell two cells apart."""
    keys = {cell: dict(zip(_keys(row_type), cell, strict=True)) for cell in cells}
    places = {
        cell: {name: text for name, value in keys[cell].items() if value is not False and (text := in_words(name, value))}
        for cell in cells
    }
    alike: dict[tuple[str, ...], list[CellKey]] = defaultdict(list)
    for cell in cells:
        alike[labels[cell], *places[cell].values()].append(cell)
    for group in alike.values():
        settings = [unpacked(keys[cell]["settings"]) for cell in group]
        differing = sorted(
            {name for one in settings for name in one if any(other.get(name) != one[name] for other in settings)}
        )
        for cell, own in zip(group, settings, strict=True):
            places[cell] |= {name: f"{name}={own[name]}" for name in sorted(differing) if name in own}
    return places


def _calibration(launches: Iterable[LaunchRow]) -> dict[tuple[Any, ...], float]:
    return {_process(row): row.calibration_cpu_ms for row in launches if row.calibration_cpu_ms}


def _process(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in (*_keys(LaunchRow), "environment", "launch", "measured_at"))


@dataclass(frozen=True)
class _Judge:
    threshold: float
    tolerances: Mapping[str, float]
    counts_only: bool
    level: float
    base_calibration: Mapping[tuple[Any, ...], float]
    head_calibration: Mapping[tuple[Any, ...], float]

    def cell(self, row_type: type[Row], base: Sequence[Any], head: Sequence[Any]) -> dict[str, Any]:
        """Judgements, detail and cause of a cell from its rows."""
        if not head:
            return {"judgements": (Judgement("cell", "missing"),), "detail": "measured in the base, not in the head"}
        if not base:
            return {"judgements": (Judgement("cell", "new"),)}
        faults = [row for row in head if row.status != "ok"]
        known = {row.status for row in base if row.status != "ok"}
        if faults and (known.isdisjoint(row.status for row in faults) or _share(faults, head) > _share(base, base)):
            told = next((row for row in faults if row.status in FAILURES), faults[0])
            return {"judgements": (Judgement("cell", "broken"),), "detail": f"{told.status}: {told.detail}"}
        good = [[row for row in rows if row.status == "ok"] for rows in (base, head)]
        if not good[0]:
            verdict = "new" if good[1] else "same"
            return {"judgements": (Judgement("cell", verdict),), "detail": f"{base[0].status} in the base: {base[0].detail}"}
        counts = [
            judge_count(
                metric, _by_replicate(good[0], metric), _by_replicate(good[1], metric), self.tolerances.get(metric, 0.0)
            )
            for metric in COUNTS[row_type]
            if any(_by_replicate(rows, metric) for rows in good)
        ]
        judged = counts + ([] if self.counts_only else self._measured(row_type, *good))
        cause = _cause(counts, *good) if any(one.verdict != "same" for one in judged) else ""
        return {"judgements": tuple(judged) or (Judgement("cell", "same"),), "cause": cause}

    def _measured(self, row_type: type[Row], base: Sequence[Any], head: Sequence[Any]) -> list[Judgement]:
        if row_type is TrainingRow:
            scores = [_by_replicate(rows, "test_score") for rows in (base, head)]
            higher = head[0].score == "accuracy"
            return [judge_score("test_score", *scores, higher_is_better=higher, level=self.level)]
        on_gpu = base[0].device != "cpu"
        metric: str = "device_ms" if on_gpu else "cpu_per_calibration"
        times = [
            launch_medians((row.launch, row.device_ms if on_gpu else _relative_time(row, calibration)) for row in rows)
            for rows, calibration in ((base, self.base_calibration), (head, self.head_calibration))
        ]
        return [judge_time(metric, *times, threshold=self.threshold, level=self.level)] if any(times) else []


def _share(faults: Sequence[Any], rows: Sequence[Any]) -> float:
    return len([row for row in faults if row.status != "ok"]) / len(rows)


def _relative_time(row: SpeedRow, calibration: Mapping[tuple[Any, ...], float]) -> float | None:
    """CPU time relative to that of the calibration workload in the same process: what the machine's speed cancels out of."""
    fixed = calibration.get(_process(row))
    return row.cpu_ms / fixed if row.cpu_ms and fixed else None


def _by_replicate(rows: Iterable[Any], metric: str) -> dict[int, float]:
    """Replicate to value; rounds of a launch share their counts."""
    found: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if (value := getattr(row, metric)) is not None:
            found[row.launch if isinstance(row, SpeedRow) else row.seed].append(value)
    return {replicate: median(values) for replicate, values in found.items()}


def _cause(counts: Sequence[Judgement], base: Sequence[Any], head: Sequence[Any]) -> str:
    """What the counters tell: operators as a number, the rest in percent, another variant by its names."""
    said = []
    for one in counts:
        if one.verdict in ("same", "new", "missing") or one.base is None or one.head is None:
            continue
        if one.metric == "operators":
            more = round(one.head - one.base)
            said.append(f"{abs(more)} {'more' if more > 0 else 'fewer'} operator{'s' if abs(more) != 1 else ''}")
        elif one.change:
            said.append(f"{100 * one.change.point:+.3g} % {_CAUSES.get(one.metric, one.metric)}")
    if isinstance(base[0], SpeedRow) and base[0].variant != head[0].variant:
        said.append(f"{base[0].variant or 'no variant'} became {head[0].variant or 'no variant'}")
    return ", ".join(said)


def _renamed(cells: Sequence[ComparedCell]) -> list[ComparedCell]:
    """Where a cell is missing and a new one stands at the same place, say so: a renamed mixer is both."""
    new: dict[tuple[Any, ...], str] = {
        (cell.study, *cell.place.values()): cell.mixer for cell in cells if cell.verdict == "new"
    }
    return [
        cell
        if cell.verdict != "missing" or not (other := new.get((cell.study, *cell.place.values())))
        else ComparedCell(cell.study, cell.mixer, cell.place, cell.judgements, f"{cell.detail}; renamed to {other}?")
        for cell in cells
    ]


def _importance(cell: ComparedCell) -> tuple[int, float, str]:
    change = cell.leading.change
    return VERDICTS.index(cell.verdict), -abs(change.point) if change else 0.0, cell.name
