"""Two results folders in, a comparison out: cells matched by key on the same machine, each metric judged by its rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.stats import launch_medians
from mixbench.tables.columns import FAILURES, Row
from mixbench.tables.rows import LaunchRow, SpeedRow, TrainingRow, TrialRow
from mixbench.verdicts.gate.cells import (
    STUDIES,
    CellKey,
    Measured,
    by_cell,
    by_replicate,
    calibration_times,
    cell_labels,
    cell_places,
    differing,
    failure_of,
    flattened,
    good_rows,
    relative_time,
    rows_by_machine,
    share_failed,
)
from mixbench.verdicts.gate.comparison import CELL, STATUS, VERDICTS, WORDS, ComparedCell, Comparison, Judgement, leading
from mixbench.verdicts.gate.rules import judge_count, judge_score, judge_time, simultaneous_level
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.learning.scores import ERRORS

DEFAULT_THRESHOLD = 0.30
"""Stored times fail the gate only beyond this: measured at other times, they differ by as much without any change."""
COUNTS: dict[type[Row], tuple[str, ...]] = {
    SpeedRow: ("flops", "params", "peak_memory_mib", "operators", "allocated_mib"),
    TrainingRow: ("params", "train_flops"),
    TrialRow: ("params", "train_flops"),
}
"""Metrics that are equal whenever the code is."""


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
    pairs: list[_Pair] = []
    for row_type in COUNTS:
        below, above = (rows_by_machine(side, row_type, counts_only, remarks) for side in (base, head))
        # a version without a single row of the table has lost it, or has it new, whatever the machine
        machines = [one for one in below | above if (one in below or not below) and (one in above or not above)]
        told = _machine_words(machines)
        for machine in machines:
            cells = [by_cell(side.get(machine, ())) for side in (below, above)]
            keys = dict.fromkeys((*cells[0], *cells[1]))
            pairs += [_Pair(row_type, told[machine], key, cells[0].get(key, []), cells[1].get(key, [])) for key in keys]
        for side, others in ((base, below.keys() - machines), (head, above.keys() - machines)):
            remarks += _alone(side.name, others, row_type)
    cells_of = {row_type: [pair.key for pair in pairs if pair.row_type is row_type] for row_type in COUNTS}
    labels = {row_type: cell_labels(keys, row_type) for row_type, keys in cells_of.items()}
    places = {row_type: cell_places(keys, labels[row_type], row_type) for row_type, keys in cells_of.items()}
    calibration = [calibration_times(side.rows.get(LaunchRow, ())) for side in (base, head)]
    intervals = sum(bool(good_rows(pair.base) and good_rows(pair.head)) for pair in pairs)
    judge = _Judge(threshold, tolerances or {}, counts_only, simultaneous_level(intervals), calibration[0], calibration[1])
    compared = [
        ComparedCell(
            study=STUDIES[pair.row_type],
            mixer=labels[pair.row_type][pair.key],
            place=places[pair.row_type][pair.key] | pair.machine,
            **judge.cell(pair.row_type, pair.base, pair.head),
        )
        for pair in pairs
    ]
    compared = _renamed(compared)
    compared.sort(key=importance)
    limits = ({} if counts_only else {"time": threshold}) | dict(tolerances or {})
    return Comparison(base.name, head.name, tuple(compared), tuple(remarks), limits)


@dataclass(frozen=True)
class _Pair:
    """Rows of one cell on one machine, [] where a version has none."""

    row_type: type[Row]
    machine: dict[str, str]
    key: CellKey
    base: list[Any]
    head: list[Any]


def _alone(name: str, machines: Iterable[str], row_type: type[Row]) -> list[str]:
    return [
        f"{name} has {STUDIES[row_type]}.csv from a machine that the other has not ({told}): not compared"
        for told in sorted(map(_machine_name, machines))
    ]


def _machine_name(machine: str) -> str:
    part = unpacked(machine)
    return ", ".join([str(part["cpu"]), f"{part['logical_cores']} cores", f"{part['memory_gib']} GiB", *(part["gpus"] or ())])


def _machine_words(machines: Sequence[str]) -> dict[str, dict[str, str]]:
    """What tells each machine from the others; {} where there is one."""
    return dict(zip(machines, differing([flattened(machine) for machine in machines]), strict=True))


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
            return {"judgements": (Judgement(CELL, "missing"),), "detail": "not in the head"}
        if not base and not good_rows(head) and any(row.status in FAILURES for row in head):
            return {"judgements": (Judgement(CELL, "broken"),), "detail": f"new, and {failure_of(head)}"}
        if not base:
            return {"judgements": (Judgement(CELL, "new"),)}
        known, faults = ({row.status for row in rows if row.status != "ok"} for rows in (base, head))
        good = good_rows(base), good_rows(head)
        if not faults <= known or share_failed(head) > share_failed(base) or (good[0] and not good[1]):
            return {"judgements": (Judgement(STATUS, "broken"),), "detail": failure_of(head)}
        if not good[0]:
            verdict = "new" if good[1] else "same"
            return {"judgements": (Judgement(STATUS, verdict),), "detail": f"in the base {failure_of(base)}"}
        counts = [
            judge_count(metric, by_replicate(good[0], metric), by_replicate(good[1], metric), self.tolerances.get(metric, 0.0))
            for metric in COUNTS[row_type]
            if any(by_replicate(rows, metric) for rows in good)
        ]
        judged = ([] if self.counts_only else self._measured(row_type, *good)) + counts
        if not judged:
            return {"judgements": (Judgement(STATUS, "undecided", remark="nothing that could be compared was measured"),)}
        decides = leading(judged)
        cause = _cause([one for one in counts if one is not decides], *good) if decides.verdict != "same" else ""
        return {"judgements": tuple(judged), "cause": cause}

    def _measured(self, row_type: type[Row], base: Sequence[Any], head: Sequence[Any]) -> list[Judgement]:
        if row_type is not SpeedRow:
            scores = [by_replicate(rows, "test_score") for rows in (base, head)]
            higher = head[0].score not in ERRORS
            return [judge_score("test_score", *scores, higher_is_better=higher, level=self.level)]
        on_gpu = base[0].device != "cpu"
        metric: str = "device_ms" if on_gpu else "cpu_per_calibration"
        times = [
            launch_medians((row.launch, (row.device_ms or None) if on_gpu else relative_time(row, calibration)) for row in rows)
            for rows, calibration in ((base, self.base_calibration), (head, self.head_calibration))
        ]
        if not any(times):
            return [Judgement(metric, "undecided", remark=_NO_TIME[on_gpu])]
        return [judge_time(metric, *times, threshold=self.threshold, level=self.level)]


_NO_TIME = {
    True: "no time on the GPU in speed.csv",
    False: "no CPU time, or no calibration of it in launches.csv: time is not compared",
}


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
            said.append(f"{100 * one.change.point:+.3g} % {WORDS.get(one.metric, one.metric)}")
    if isinstance(base[0], SpeedRow) and base[0].variant != head[0].variant:
        said.append(f"{base[0].variant or 'no variant'} became {head[0].variant or 'no variant'}")
    return ", ".join(said)


def _renamed(cells: Sequence[ComparedCell]) -> list[ComparedCell]:
    """Where a mixer that only the base has is missing and one that only the head has stands in its place, say so."""
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
    """Verdict, then size of the change; equals stay in the order in which they were measured."""
    change = cell.leading.change
    return VERDICTS.index(cell.verdict), -abs(change.point) if change else 0.0
