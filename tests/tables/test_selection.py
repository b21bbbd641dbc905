"""Rows that were read by columns are the rows of a list: the same values, groups and choices, whatever is asked for first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from synthetic import speed_rows

from mixbench.tables.by_column import of_rows
from mixbench.tables.selection import (
    NOTHING,
    beside,
    distinct,
    grouped,
    joined,
    parted,
    selection,
    values,
    where,
    where_together,
)
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

ROWS, LAUNCHES = speed_rows(("attention", "none", "hypermixer:heads=4"), (64, 128), launches=2, rounds=3)
ROWS = [replace(row, latency_ms=None) if row.round == 2 else row for row in ROWS[::-1]]


QUESTIONS: dict[str, Callable[[Sequence[SpeedRow]], Any]] = {
    "rows": list,
    "number": len,
    "any": bool,
    "one row": lambda rows: rows[3],
    "a slice": lambda rows: [*rows[2:9:2]],
    "floats": lambda rows: values(rows, "latency_ms"),
    "whole numbers": lambda rows: values(rows, "flops"),
    "values": lambda rows: distinct(rows, "tokens"),
    "pairs of values": lambda rows: distinct(rows, "mixer", "launch"),
    "by a column": lambda rows: [*where(rows, "round", lambda number: number > 1)],
    "by two": lambda rows: [*where_together(rows, ("mixer", "tokens"), {("none", 64), ("attention", 128)}.__contains__)],
    "groups": lambda rows: [(key, [*own]) for key, own in grouped(rows, "mixer", "tokens").items()],
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_selection_answers_as_a_list_does(question: str) -> None:
    ask = QUESTIONS[question]
    chosen = selection(of_rows(SpeedRow, ROWS)).at(np.arange(1, len(ROWS)))
    assert ask(chosen) == ask(ROWS[1:])


def test_parts_of_a_table_are_joined_in_its_order() -> None:
    whole = selection(ROWS)
    first, second, *_ = (own for _, own in parted(whole, ["round"]))
    assert [*joined([second, first])] == [row for row in ROWS if row.round in (first.first("round"), second.first("round"))]


def test_many_groups_are_told_apart_by_columns_of_many_values() -> None:
    rows = [replace(row, tokens=place + 1, flops=10**20 + place) for place, row in enumerate(ROWS)]
    columns = ["tokens", "flops", "mixer", "config", "settings", "launch", "round", "measured_at"] * 5
    assert [len(own) for _, own in parted(selection(rows), columns)] == [1] * len(rows)
    assert len(distinct(selection(ROWS), *columns[1:])) == len(
        set(zip(*(values(ROWS, name) for name in columns[1:]), strict=True))
    )


def test_columns_of_another_table_stand_beside_the_rows_that_agree_with_it() -> None:
    names = ["tokens", "launch", "measured_at"]
    known = {(row.tokens, row.launch, row.measured_at): row.calibration_ms for row in LAUNCHES[1:]}
    both = beside(selection(ROWS), selection(LAUNCHES[1:]), names, ["calibration_ms"])
    assert both.values("calibration_ms") == [known.get((row.tokens, row.launch, row.measured_at)) for row in ROWS]
    assert [*both] == ROWS, "a row has its own columns alone"
    assert set(beside(selection(ROWS), NOTHING, names, ["calibration_ms"]).values("calibration_ms")) == {None}


def test_without_rows_nothing_is_found() -> None:
    empty = selection(ROWS).at(np.zeros(len(ROWS), dtype=bool))
    for rows in (NOTHING, empty, selection([]), selection(of_rows(LaunchRow, []))):
        assert not rows
        assert [*rows] == values(rows, "tokens") == distinct(rows, "tokens", "mixer") == [*parted(rows, ["mixer"])] == []
        assert [*where(rows, "mixer", bool)] == [] == [*where_together(rows, ("mixer",), bool)]
        assert grouped(rows, "mixer") == {}
