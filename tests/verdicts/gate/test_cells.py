"""The values of a cell's replicates."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import pytest
from synthetic import speed_rows

from mixbench.tables.selection import selection
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.gate.cells import by_replicate


def rows_with(rounds: int, **columns: object) -> list[SpeedRow]:
    rows, _ = speed_rows(("attention",), (64,), launches=3, rounds=rounds)
    return [replace(row, **columns) for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize("rounds", [2, 3])
@pytest.mark.parametrize(("metric", "value"), [("operators", 9), ("flops", 2**60), ("peak_memory_mib", 0.1)])
def test_a_value_that_all_rounds_share_is_their_median(metric: str, value: float, rounds: int) -> None:
    found = by_replicate(selection(rows_with(rounds, **{metric: value})), metric)
    assert found == dict.fromkeys((1, 2, 3), median([value] * rounds))
    assert {*map(type, found.values())} == {type(median([value] * rounds))}


def test_a_replicate_without_the_metric_is_left_out() -> None:
    nothing, (first, *others) = rows_with(2, operators=None, energy_j=None), rows_with(2, operators=5)
    assert by_replicate(selection(nothing), "operators") == by_replicate(selection(nothing), "energy_j") == {}
    assert by_replicate(selection([replace(first, operators=8), *others]), "operators") == {1: 6.5, 2: 5, 3: 5}
