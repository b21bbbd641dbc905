"""Which rows of a table count: those of whole launches, and each only once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from mixbench.tables.columns import Row, columns
from mixbench.tables.rows import LaunchRow, PairRow, SpeedRow

EVERY_TIME = (LaunchRow, PairRow)
"""Rows of one cell and replicate that were measured at different times all count."""
ROUND = "round"
AGAIN = "repeated below"
REPLACED = "measured again later"


def left_out(rows: Sequence[Row]) -> dict[int, str]:
    """The places of the rows that do not count, with the reason.

    They belong to a launch that has fewer rounds than its `rounds`, are given again, or were measured again: then the newest
    whole measurement counts.
    """
    runs: dict[tuple[Any, ...], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    run_of = attrgetter(*_run(type(rows[0]))) if rows else None
    for place, row in enumerate(rows):
        runs[run_of(row)][row.measured_at].append(place)  # type: ignore[attr-defined,misc]
    reasons: dict[int, str] = {}
    for measured in runs.values():
        whole = ""
        for time in sorted(measured, reverse=True):
            found = _judge(rows, measured[time])
            reasons |= found
            if len(found) < len(measured[time]):
                reasons |= dict.fromkeys(measured[time], REPLACED) if whole else {}
                whole = whole or time
    return reasons


def complete(rows: Sequence[SpeedRow]) -> list[SpeedRow]:
    """The rows that count."""
    reasons = left_out(rows)
    return [row for place, row in enumerate(rows) if place not in reasons]


def _run(row_type: type[Row]) -> list[str]:
    """The columns that rows share which were measured by one process, or which replace each other."""
    names = [name for name, column in columns(row_type).items() if column.role in ("key", "replicate") and name != ROUND]
    names += ["environment", *(["status"] if "status" in columns(row_type) else [])]
    return [*names, "measured_at"] if row_type in EVERY_TIME else names


def _judge(rows: Sequence[Row], places: Sequence[int]) -> dict[int, str]:
    """Why some of the rows that were measured by one process do not count; all if rounds are missing."""
    last = {getattr(rows[place], ROUND, 0): place for place in places}
    first = rows[places[0]]
    if isinstance(first, SpeedRow):
        rounds = max(rows[place].rounds for place in places)  # type: ignore[attr-defined]
        if len(last) < rounds:
            return dict.fromkeys(places, f"from a launch with only {len(last)} of {rounds} rounds")
    return {place: AGAIN for place in places if place not in last.values()}
