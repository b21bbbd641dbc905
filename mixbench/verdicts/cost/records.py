"""The cost of a task as plain values: records of a table, and JSON."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.product import PRODUCT, MixerCost
from mixbench.verdicts.records import bracket_columns

_NOT_REACHED = "not reached"


def records(cost: TaskCost) -> list[dict[str, Any]]:
    """The printed tables as a record per target, mixer and factor, alone and relative to the baseline.

    For columns of open ends see `mixbench.verdicts.records`. `disturbed` and `relative_disturbed` say of both numbers whether
    they come from times that other work disturbed; the latter is None without a ratio.
    """
    units = {"example": f"{cost.unit} per example", "data": "examples", "trials": "trials", PRODUCT: cost.unit}
    return [
        {
            "task": cost.subject.task,
            "score": cost.score,
            "target": own.target,
            "baseline": cost.baseline,
            "mixer": own.label,
            "factor": factor,
            "unit": units[factor],
            **bracket_columns("", known.value, known.interval),
            **({"mark": _NOT_REACHED} if _missed(own, factor) else {}),
            "disturbed": cost.is_disturbed(own.label, factor),
            **bracket_columns("relative_", ratio.value if ratio else None, ratio.interval if ratio else None),
            "relative_disturbed": cost.is_disturbed(own.label, factor, relative=True) if ratio else None,
        }
        for own in cost.costs
        for factor, known in own.factors.items()
        for ratio in [own.ratios.get(factor)]
    ]


def _missed(cost: MixerCost, factor: str) -> bool:
    """Whether a factor is open because the score was not reached: not by a lower bound, nor by what the baseline needs."""
    return not cost.reached if factor == PRODUCT else factor != "example" and cost.factors[factor].value.high == math.inf


def to_json(cost: TaskCost) -> dict[str, Any]:
    """The cost as plain dicts, lists and numbers; infinite ends as "not reached", or "unknown" where the score was reached."""
    plain = {name: getattr(cost, name) for name in ("score", "unit", "measure", "baseline", "targets")} | {
        "bounds": dict(cost.bounds)
    }
    parts = {name: [asdict(part) for part in getattr(cost, name)] for name in ("sources", "lacks")}
    plain |= {name: list(getattr(cost, name)) for name in ("warnings", "left_out")}
    by_key = {(own.label, own.target): own for own in cost.costs}
    costs = []
    for record in records(cost):
        own = by_key[record["mixer"], record["target"]]
        end = _NOT_REACHED if _missed(own, record["factor"]) else "unknown"
        costs.append({name: end if value == math.inf else value for name, value in record.items()})
    return {"subject": asdict(cost.subject), **plain, "costs": costs, **parts}
