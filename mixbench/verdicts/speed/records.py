"""The summary of speed.csv as plain values: records of the printed tables, and JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from mixbench.stats import Interval
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.records import interval_columns
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.crossover import Crossover
from mixbench.verdicts.speed.growth import Growth
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.times import TIME, WALL
from mixbench.verdicts.speed.verdicts import Verdict, verdicts

_FOUND = ("flops_mark", "uneven", "remembers", "host_bound", "bound_by", "matched")
"""What a cell tells that is not stored in it."""


def to_json(summary: SpeedSummary) -> dict[str, Any]:
    """The summary and its verdicts as plain dicts, lists and numbers; config and settings as objects."""
    plain = dataclasses.asdict(summary) | {"verdicts": list(map(dataclasses.asdict, verdicts(summary)))}
    for cell, whole in zip(plain["cells"], summary.cells, strict=True):
        del cell["by_launch"], cell["paired_ratios"]
        cell |= {"config": unpacked(cell["config"]), "launch_ms": dict(whole.launch_ms), **whole.values}
        cell |= {name: getattr(whole, name) for name in _FOUND}
    for part in (*plain["cells"], *plain["growths"], *plain["verdicts"]):
        part |= {"context": part["context"] | {"settings": unpacked(part["context"]["settings"])}}
    return plain


def records(summary: SpeedSummary) -> list[dict[str, Any]]:
    """What is printed, as records of three kinds: "cells", "growth" of time with the tokens N^`exponent`, "verdicts".

    Columns as in `mixbench.verdicts.records`; `time_ms` is device time on a GPU and wall time on the CPU, `latency_ms` is
    always wall time, and `ratio` is of `time_ms`, relative to the baseline's. A verdict has a record for each `crossover`, a
    number of tokens at which both are equally fast, or one without.
    """
    cells = [("cells", cell.context, cell.label, _cell_record(cell)) for cell in summary.cells]
    growths = [("growth", growth.context, growth.label, _growth_record(growth)) for growth in summary.growths]
    answers = [
        ("verdicts", verdict.context, verdict.mixer, _verdict_record(verdict, crossover))
        for verdict in verdicts(summary)
        for crossover in verdict.crossovers or (None,)
    ]
    baselines = {cell.context: cell.baseline for cell in summary.cells}
    return [
        {"table": table, **vars(context), "baseline": baselines[context], "mixer": label, **record}
        for table, context, label, record in (*cells, *growths, *answers)
    ]


def _verdict_record(verdict: Verdict, crossover: Crossover | None) -> dict[str, Any]:
    bounds = None if crossover is None else Interval(crossover.tokens, crossover.low, crossover.high)
    return {
        "tokens": verdict.tokens,
        **interval_columns("ratio", verdict.ratio),
        "paired": verdict.paired,
        "disturbed": verdict.disturbed,
        **interval_columns("crossover", bounds),
        "faster_beyond": None if crossover is None else crossover.faster_beyond,
        **{f"{size.metric}_ratio": size.ratio for size in verdict.smaller},
        **{f"{size.metric}_smaller_from": size.smaller_from for size in verdict.smaller},
        "sentence": verdict.sentence,
    }


def _cell_record(cell: CellSummary) -> dict[str, Any]:
    marks = ("paired", "disturbed", "wall_disturbed", "ratio_disturbed", *_FOUND, "mean_ms", "flops_remark")
    derived = (*marks, "share_of_peak", "share_of_bandwidth", "peak_gflops_per_s", "clean_share")
    return {
        "tokens": cell.tokens,
        "status": cell.status,
        **interval_columns(TIME, cell.time_ms),
        **interval_columns(WALL, cell.latency_ms),
        **interval_columns("ratio", cell.ratio),
        **cell.values,
        **{name: getattr(cell, name) for name in derived},
        "launches": cell.launches,
        "failed_launches": cell.failed_launches,
        "detail": cell.detail,
        "remarks": cell.remarks,
    }


def _growth_record(growth: Growth) -> dict[str, Any]:
    lengths = ", ".join(map(str, growth.lengths))
    return {**interval_columns("exponent", growth.exponent), "lengths": lengths, "disturbed": growth.disturbed}
