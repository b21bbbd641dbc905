"""The summary of speed.csv as plain values: records of the printed tables, and JSON."""

from __future__ import annotations

import dataclasses
from typing import Any

from mixbench.stats import Interval
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.records import interval_columns
from mixbench.verdicts.speed.crossover import Crossover
from mixbench.verdicts.speed.summary import LATENCY, CellSummary, Growth, SpeedSummary
from mixbench.verdicts.speed.verdicts import Verdict, verdicts


def to_json(summary: SpeedSummary) -> dict[str, Any]:
    """The summary and its verdicts as plain dicts, lists and numbers; config and settings as objects."""
    plain = dataclasses.asdict(summary) | {"verdicts": list(map(dataclasses.asdict, verdicts(summary)))}
    for cell, whole in zip(plain["cells"], summary.cells, strict=True):
        del cell["by_launch"], cell["paired_ratios"]
        cell |= {"config": unpacked(cell["config"]), "launch_ms": dict(whole.launch_ms), **whole.values}
        cell |= {"flops_mark": whole.flops_mark, "uneven": whole.uneven, "remembers": whole.remembers}
    for part in (*plain["cells"], *plain["growths"], *plain["verdicts"]):
        part |= {"context": part["context"] | {"settings": unpacked(part["context"]["settings"])}}
    return plain


def records(summary: SpeedSummary) -> list[dict[str, Any]]:
    """What is printed, as records of three kinds: "cells", "growth" of latency with the tokens N^`exponent`, "verdicts".

    Columns as in `mixbench.verdicts.records`; `ratio` is latency relative to the baseline's. A verdict has a record for each
    `crossover`, a number of tokens at which both are equally fast, or one without.
    """
    cells = [("cells", cell.context, cell.label, _cell_record(cell)) for cell in summary.cells]
    growths = [("growth", growth.context, growth.label, _growth_record(growth)) for growth in summary.growths]
    answers = [
        ("verdicts", verdict.context, verdict.mixer, _verdict_record(verdict, crossover))
        for verdict in verdicts(summary)
        for crossover in verdict.crossovers or (None,)
    ]
    return [
        {"table": table, **vars(context), "baseline": summary.baseline, "mixer": label, **record}
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
        "sentence": verdict.sentence,
    }


def _cell_record(cell: CellSummary) -> dict[str, Any]:
    marks = ("paired", "disturbed", "ratio_disturbed", "uneven", "remembers", "mean_ms", "flops_mark", "flops_remark")
    derived = (*marks, "share_of_peak", "peak_gflops_per_s", "clean_share")
    return {
        "tokens": cell.tokens,
        "status": cell.status,
        **interval_columns(LATENCY, cell.latency_ms),
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
