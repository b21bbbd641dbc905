"""Compare two results folders: cells are matched by key and machine, and each metric is judged by its rule."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from mixbench.stats import launch_medians
from mixbench.tables.columns import FAILURES, Row, columns, with_rule
from mixbench.tables.rows import TABLE_FILES, TABLE_NAMES
from mixbench.tables.scores import ERRORS
from mixbench.tables.selection import NOTHING, Selection, type_of, values
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.environments import UNITED
from mixbench.verdicts.gate.across import Advice, advise, apart, as_cells, how_to_compare
from mixbench.verdicts.gate.cells import (
    REPLICATES,
    CellKey,
    Measured,
    by_cell,
    by_replicate,
    cell_labels,
    cell_places,
    differing,
    earlier_code,
    failure_of,
    flattened,
    good_rows,
    names_in_both,
    relative_times,
    rows_by_machine,
    share_failed,
    united_rows,
    with_launches,
)
from mixbench.verdicts.gate.comparison import CELL, STATUS, VERDICTS, ComparedCell, Comparison, Judgement, leading
from mixbench.verdicts.gate.metrics import CPU_TIME, bound_of, counts_things, metric_words
from mixbench.verdicts.gate.rules import WALL_BEYOND, far_wall, judge_count, judge_score, judge_time, simultaneous_level
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.machines import machine_words
from mixbench.verdicts.speed.times import device_times, with_times
from mixbench.verdicts.words import percent

DEFAULT_THRESHOLD = 0.30
"""Stored times fail the gate only beyond this: measured at different times, they differ by this much without any change."""
_LAST = ("train_flops",)
"""Counts that depend on the data, too: of equal changes, another count is shown."""
COUNTS: dict[type[Row], tuple[str, ...]] = {
    row_type: tuple(sorted(with_rule(row_type, "count"), key=_LAST.__contains__)) for row_type in REPLICATES
}
"""Metrics that depend only on the code, by table."""


def compare(
    base: Measured,
    head: Measured,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tolerances: Mapping[str, float] | None = None,
    counts_only: bool = False,
    across_machines: bool = False,
) -> Comparison:
    """Every cell of either version, judged. Times are compared on one machine only; with `counts_only`, any machine will do.

    `threshold` is the relative change of a stored time that gates, `tolerances` those of counts (default 0). Where a version
    has several environments of one machine, the newest counts. Training runs of several machines are united. With
    `across_machines`, there is advice on the cells that were not measured on any common machine; they are never judged.
    """
    remarks: list[str] = []
    pairs: list[_Pair] = []
    advice: list[Advice] = []
    for row_type in COUNTS:
        below, above = (_by_machine(side, row_type, counts_only, remarks) for side in (base, head))
        # if a version has no row of the table at all, the table is lost or new on any machine
        machines = [name for name in below | above if (name in below or not below) and (name in above or not above)]
        told = _machine_words(machines)
        names = names_in_both(base, head, row_type)
        for side, by_machine, own in ((base, below, names[0]), (head, above, names[1])):
            for machine in machines:
                remarks += [f"{side.name}: {remark}" for remark in earlier_code(by_machine.get(machine, ()), own)]
        cells = [
            {machine: by_cell(_timed(rows, side), own) for machine, rows in by_machine.items()}
            for side, by_machine, own in zip((base, head), (below, above), names, strict=True)
        ]
        everywhere = _by_key(cells[0]), _by_key(cells[1])
        far = apart(*everywhere) if row_type is SpeedRow and not counts_only else []
        lone = [{keys[side] for keys in far} for side in (0, 1)]
        for machine in machines:
            old, new = (side.get(machine, {}) for side in cells)
            keys = [key for key in old if key in new or key not in lone[0]]
            keys += [key for key in new if key not in old and key not in lone[1]]
            pairs += [_Pair(row_type, told[machine], key, old.get(key, NOTHING), new.get(key, NOTHING)) for key in keys]
        for side, others in ((base, below.keys() - machines), (head, above.keys() - machines)):
            remarks += _alone(side.name, others, row_type)
        if far and across_machines:
            advice = advise(*everywhere, threshold)
        elif far:
            remarks.append(how_to_compare(len(far)))
    cells_of = {row_type: [pair.key for pair in pairs if pair.row_type is row_type] for row_type in COUNTS}
    labels = {row_type: cell_labels(keys, row_type) for row_type, keys in cells_of.items()}
    places = {row_type: cell_places(keys, labels[row_type], row_type) for row_type, keys in cells_of.items()}
    intervals = sum(all(pair.good) for pair in pairs)
    judge = _Judge(threshold, tolerances or {}, counts_only, simultaneous_level(intervals))
    compared = [
        ComparedCell(
            study=TABLE_NAMES[pair.row_type],
            mixer=labels[pair.row_type][pair.key],
            place=places[pair.row_type][pair.key] | pair.machine,
            **judge.cell(pair),
        )
        for pair in pairs
    ]
    compared = _renamed(compared)
    compared.sort(key=importance)
    limits = ({} if counts_only else {"time": threshold}) | dict(tolerances or {})
    advised = tuple(sorted(as_cells(advice), key=importance))
    return Comparison(base.name, head.name, tuple(compared), tuple(remarks), limits, advised)


def _by_machine(side: Measured, row_type: type[Row], counts_only: bool, remarks: list[str]) -> dict[str, Selection[Any]]:
    """The rows to compare by machine; under "" where the machine does not matter."""
    return united_rows(side, row_type, remarks) if row_type in UNITED else rows_by_machine(side, row_type, counts_only, remarks)


def _timed(rows: Selection[Any], side: Measured) -> Selection[Any]:
    """Rows of speed.csv with the columns that times are compared by; others as they are."""
    return with_times(with_launches(rows, side.of(LaunchRow))) if type_of(rows) is SpeedRow else rows


def _by_key(machines: Mapping[str, Mapping[CellKey, Selection[Any]]]) -> dict[CellKey, dict[str, Selection[Any]]]:
    found: dict[CellKey, dict[str, Selection[Any]]] = defaultdict(dict)
    for machine, cells in machines.items():
        for key, rows in cells.items():
            found[key][machine] = rows
    return found


@dataclass(frozen=True)
class _Pair:
    """The rows of one cell on one machine, none where a version has none."""

    row_type: type[Row]
    machine: dict[str, str]
    key: CellKey
    base: Selection[Any]
    head: Selection[Any]

    @cached_property
    def good(self) -> tuple[Selection[Any], Selection[Any]]:
        """The rows that have metrics."""
        return good_rows(self.base), good_rows(self.head)


def _alone(name: str, machines: Iterable[str], row_type: type[Row]) -> list[str]:
    return [
        f"{name} has {TABLE_FILES[row_type]} from a machine that the other folder lacks ({machine}): not compared"
        for machine in sorted(machine_words(unpacked(machine)) for machine in machines)
    ]


def _machine_words(machines: Sequence[str]) -> dict[str, dict[str, str]]:
    """What distinguishes each machine from the others; {} for a single one."""
    return dict(zip(machines, differing([flattened(machine) for machine in machines]), strict=True))


@dataclass(frozen=True)
class _Judge:
    threshold: float
    tolerances: Mapping[str, float]
    counts_only: bool
    level: float

    def cell(self, pair: _Pair) -> dict[str, Any]:
        """Judgements, detail and cause of a cell, from its rows in both versions."""
        base, head, good = pair.base, pair.head, pair.good
        if not head:
            return {"judgements": (Judgement(CELL, "missing"),), "detail": "not in the head"}
        known, faults = ({*values(rows, "status")} - {"ok"} for rows in (base, head))
        if not base and not good[1] and faults.intersection(FAILURES):
            return {"judgements": (Judgement(CELL, "broken"),), "detail": f"new, and {failure_of(head)}"}
        if not base:
            return {"judgements": (Judgement(CELL, "new"),)}
        if not faults <= known or (faults and share_failed(head) > share_failed(base)) or (good[0] and not good[1]):
            return {"judgements": (Judgement(STATUS, "broken"),), "detail": failure_of(head)}
        if not good[0]:
            verdict = "new" if good[1] else "same"
            return {"judgements": (Judgement(STATUS, verdict),), "detail": f"in the base {failure_of(base)}"}
        counts = self._counts(pair.row_type, *good)
        judged = ([] if self.counts_only else self._measured(pair.row_type, *good)) + counts
        if not judged:
            return {"judgements": (Judgement(STATUS, "undecided", remark="no metric that can be compared was measured"),)}
        decides = leading(judged)
        cause = _cause([count for count in counts if count is not decides], *good) if decides.verdict != "same" else ""
        return {"judgements": tuple(judged), "cause": cause}

    def _counts(self, row_type: type[Row], base: Selection[Any], head: Selection[Any]) -> list[Judgement]:
        judged = []
        for metric in COUNTS[row_type]:
            below, above = by_replicate(base, metric), by_replicate(head, metric)
            if below or above:
                tolerance, higher = self.tolerances.get(metric, 0.0), columns(row_type)[metric].better == "higher"
                bounds = bound_of(base, metric), bound_of(head, metric)
                judged.append(judge_count(metric, below, above, tolerance, higher_is_better=higher, bounds=bounds))
        return judged

    def _measured(self, row_type: type[Row], base: Selection[Any], head: Selection[Any]) -> list[Judgement]:
        if row_type is SpeedRow:
            return self._times(base, head)
        higher = head.first("score") not in ERRORS
        return [
            judge_score(
                metric, *(by_replicate(rows, metric) for rows in (base, head)), higher_is_better=higher, level=self.level
            )
            for metric in with_rule(row_type, "score")
        ]

    def _times(self, base: Selection[SpeedRow], head: Selection[SpeedRow]) -> list[Judgement]:
        """The times of a GPU as they are; CPU time relative to the calibration, because it differs from day to day."""
        on_gpu = base.first("device") != "cpu"
        judged = []
        for metric in with_rule(SpeedRow, "time") if on_gpu else (CPU_TIME,):
            times_of = relative_times if metric == CPU_TIME else device_times
            times = [_by_launch(rows, times_of(rows)) for rows in (base, head)]
            if any(times):
                judgement = judge_time(metric, *times, threshold=self.threshold, level=self.level)
                judged.append(self._with_wall(judgement, base, head))
        if not judged and on_gpu and all(None not in rows.values("device_ms") for rows in (base, head)):
            return []  # the GPU had nothing to do, and the counts say whether that is the same
        return judged or [Judgement("device_ms" if on_gpu else CPU_TIME, "undecided", remark=_NO_TIME[on_gpu])]

    def _with_wall(self, judgement: Judgement, base: Selection[SpeedRow], head: Selection[SpeedRow]) -> Judgement:
        """The judgement on a time, with a note if the wall time grew by far more."""
        on_gpu = judgement.metric != CPU_TIME
        walls = [
            _by_launch(rows, rows.values("latency_ms") if on_gpu else relative_times(rows, "latency_ms"))
            for rows in (base, head)
        ]
        if not (judgement.base and judgement.head and all(walls)):
            return judgement
        below, above = (median(own.values()) for own in walls)
        judged = math.log(judgement.head / judgement.base)
        note = far_wall(math.log(above / below), judged, judgement.metric, max(WALL_BEYOND, self.threshold))
        return replace(judgement, remark="; ".join(filter(None, (judgement.remark, note))))


_NO_TIME = {
    True: "no time on the GPU in speed.csv",
    False: "no CPU time in speed.csv, or no calibration in launches.csv: time is not compared",
}


def _by_launch(rows: Selection[SpeedRow], times: Sequence[float | None]) -> dict[int, float]:
    return launch_medians(zip(rows.values("launch"), times, strict=True))


def _cause(counts: Sequence[Judgement], base: Selection[Any], head: Selection[Any]) -> str:
    """How the counts explain a change: operators by their number, other counts in per cent, a variant by its names."""
    reasons = []
    for count in counts:
        if count.verdict in ("same", "new", "missing") or count.base is None or count.head is None:
            continue
        if counts_things(count.metric):
            more = round(count.head - count.base)
            noun = count.metric.removesuffix("s") if abs(more) == 1 else count.metric
            reasons.append(f"{abs(more)} {'more' if more > 0 else 'fewer'} {noun}")
        elif count.change:
            known = " (lower bounds)" if count.head_mark else ""
            reasons.append(f"{percent(count.change.point, signed=True)} {metric_words(count.metric)}{known}")
    if base.table.row_type is SpeedRow and (variants := [rows.first("variant") for rows in (base, head)])[0] != variants[1]:
        reasons.append(" became ".join(variant or "no variant" for variant in variants))
    return ", ".join(reasons)


def _renamed(cells: Sequence[ComparedCell]) -> list[ComparedCell]:
    """Suggest a new name where a mixer that only the base has is missing and one that only the head has took its place."""
    verdicts: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        verdicts[cell.mixer].add("" if cell.in_both else cell.verdict)
    new: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for cell in cells:
        if verdicts[cell.mixer] == {"new"}:
            new[cell.study, *cell.place.values()].append(cell.mixer)
    return [
        replace(cell, detail=f"{cell.detail}; renamed to {others[0]}?")
        if verdicts[cell.mixer] == {"missing"} and len(others := new[cell.study, *cell.place.values()]) == 1
        else cell
        for cell in cells
    ]


def importance(cell: ComparedCell) -> tuple[int, float]:
    """Sorts by verdict, then by the size of the change; equal cells stay in the order in which they were measured."""
    change = cell.leading.change
    return VERDICTS.index(cell.verdict), -abs(change.point) if change else 0.0
