"""Judge a cell from its rows in both versions: what came of it, and each metric by its rule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import median
from typing import Any

from mixbench.stats import launch_medians
from mixbench.tables.columns import FAILURES, Row, columns, with_rule
from mixbench.tables.scores import ERRORS
from mixbench.tables.selection import Selection, values
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.gate.cells import (
    REPLICATES,
    CellKey,
    by_replicate,
    failure_of,
    good_rows,
    relative_times,
    share_failed,
)
from mixbench.verdicts.gate.comparison import CELL, STATUS, Judgement, leading
from mixbench.verdicts.gate.metrics import CPU_TIME, bound_of, counts_things, metric_words
from mixbench.verdicts.gate.rules import WALL_BEYOND, far_wall, judge_count, judge_score, judge_time
from mixbench.verdicts.speed.times import device_times
from mixbench.verdicts.words import percent

_LAST = ("train_flops",)
"""Counts that depend on the data, too: of equal changes, another count is shown."""
COUNTS: dict[type[Row], tuple[str, ...]] = {
    row_type: tuple(sorted(with_rule(row_type, "count"), key=_LAST.__contains__)) for row_type in REPLICATES
}
"""Metrics that depend only on the code, by table."""


@dataclass(frozen=True)
class Pair:
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


@dataclass(frozen=True)
class Judge:
    """Judges cells: times beyond a threshold, counts beyond tolerances, and nothing but counts if `counts_only`.

    `level` is that of the intervals, so that all of a comparison hold together.
    """

    threshold: float
    tolerances: Mapping[str, float]
    counts_only: bool
    level: float

    def cell(self, pair: Pair) -> dict[str, Any]:
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
