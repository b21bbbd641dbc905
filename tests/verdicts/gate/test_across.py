"""Advice on cells that base and head measured on different machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from synthetic import MACHINE, measured, speed_rows
from synthetic_training import training_rows

from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.gate.cells import Measured
from mixbench.verdicts.gate.compare import compare
from mixbench.verdicts.gate.comparison import ComparedCell, Comparison, exit_code

OTHER = {**MACHINE, "cpu": "Example 7000", "logical_cores": 16, "gpus": ["Example GPU", "Example GPU"]}
HOWEVER = "--across-machines"


def on(machine: dict[str, Any], digest: str, tokens: tuple[int, ...] = (64,), seed: int = 0, **changes: Any) -> Measured:
    """Three mixers measured on one machine; `changes` of every row."""
    mixers = ("attention", "hypermixer", "none")
    rows, launches = speed_rows(
        mixers, tokens, rounds=3, launch_noise=0.01, round_noise=0.01, environment=digest, seed=seed, **changes
    )
    return replace(measured(rows, launches), environments={digest: machine})


def together(*parts: Measured) -> Measured:
    tables = {kind: [row for part in parts for row in part.rows.get(kind, ())] for kind in (SpeedRow, LaunchRow, TrainingRow)}
    return Measured("merged", tables, {digest: content for part in parts for digest, content in part.environments.items()})


def edited(version: Measured, **changes: Any) -> Measured:
    """Columns of the rows of every table, each a value or a function of the row."""

    def new(row: Any) -> Any:
        known = {name: value for name, value in changes.items() if hasattr(row, name)}
        return replace(row, **{name: value(row) if callable(value) else value for name, value in known.items()})

    return replace(version, rows={kind: [new(row) for row in rows] for kind, rows in version.rows.items()})


def told(comparison: Comparison) -> str:
    return "\n".join(comparison.remarks)


def by_mixer(comparison: Comparison) -> dict[str, ComparedCell]:
    return {cell.mixer: cell for cell in comparison.advice}


def test_cells_of_other_machines_are_not_compared_and_the_remark_names_the_option() -> None:
    comparison = compare(on(MACHINE, "aaa"), on(OTHER, "bbb"))
    assert (comparison.cells, comparison.advice, exit_code(comparison)) == ((), (), 4)
    assert "3 cells of speed.csv in both folders, but from different machines: not compared. To compare" in told(comparison)
    assert HOWEVER in told(comparison)
    assert HOWEVER not in told(compare(on(MACHINE, "aaa"), on(MACHINE, "aaa", seed=1)))


def test_a_cell_that_another_machine_measured_is_neither_missing_nor_new() -> None:
    base = together(on(MACHINE, "aaa", (64, 128)), on(OTHER, "bbb", (256,)))
    head = together(on(MACHINE, "aaa", (64, 256)), on(OTHER, "bbb", (128, 256)))
    comparison = compare(base, head)
    assert {cell.place["tokens"]: cell.verdict for cell in comparison.cells if cell.place["cpu"].endswith("9000")} == {
        "64 tokens": "same",
        "256 tokens": "new",
    }
    assert exit_code(comparison) == 0
    assert "3 cells of speed.csv in both folders" in told(comparison)


def test_a_cell_that_no_machine_measured_again_is_missing() -> None:
    base = together(on(MACHINE, "aaa", (64, 128)), on(OTHER, "bbb", (256,)))
    comparison = compare(base, together(on(MACHINE, "aaa", (64,)), on(OTHER, "bbb", (256,))), across_machines=True)
    assert {cell.place["tokens"] for cell in comparison.cells if cell.verdict == "missing"} == {"128 tokens"}
    assert exit_code(comparison) == 1


def test_across_machines_the_ratio_to_the_baseline_is_compared_and_a_slower_one_never_fails() -> None:
    def twice(row: Any) -> Any:
        return row.latency_ms * (8 if row.mixer == "hypermixer" else 4)

    head = edited(on(OTHER, "bbb", seed=1), latency_ms=twice)  # a machine with a quarter of the speed, and a slower mixer
    comparison = compare(on(MACHINE, "aaa"), head, across_machines=True)
    found = by_mixer(comparison)
    assert {mixer: cell.verdict for mixer, cell in found.items()} == {"hypermixer": "slower", "none": "same"}
    judged = found["hypermixer"].leading
    assert judged.metric == "ratio to attention"
    assert judged.change
    assert judged.change.point == pytest.approx(1.0, abs=0.05)
    assert judged.head == pytest.approx(2 * (judged.base or 0), rel=0.05)
    assert found["none"].place["machines"] == (
        "Example 9000, 4 cores, 16 GiB, 2 threads → Example 7000, 16 cores, 16 GiB, 2 × Example GPU, 2 threads"
    )
    assert (comparison.failing, exit_code(comparison), exit_code(comparison, strict=True, any_change=True)) == ((), 0, 0)
    assert HOWEVER not in told(comparison)


def test_machines_with_other_numbers_of_cores_are_compared_at_their_own_number_of_threads() -> None:
    head = edited(on(OTHER, "bbb", seed=1), threads=8)
    comparison = compare(on(MACHINE, "aaa"), head, across_machines=True)
    assert [cell.verdict for cell in comparison.advice] == ["same", "same"]
    assert comparison.advice[0].place["machines"].endswith("8 threads")
    both = together(head, edited(head, threads=4))
    assert compare(on(MACHINE, "aaa"), both, across_machines=True).advice == ()


def test_ratios_are_taken_on_one_machine_beside_a_baseline_that_both_have() -> None:
    def lacking(version: Measured, mixer: str) -> Measured:
        return replace(
            version, rows={k: [row for row in v if getattr(row, "mixer", "") != mixer] for k, v in version.rows.items()}
        )

    base, head = lacking(on(MACHINE, "aaa"), "attention"), lacking(on(OTHER, "bbb"), "attention")
    assert {cell.leading.metric for cell in compare(base, head, across_machines=True).advice} == {"ratio to hypermixer"}
    # attention was measured on both machines, but beside hypermixer only on one
    split = together(lacking(on(OTHER, "bbb"), "attention"), on(MACHINE, "ccc", (128,)))
    assert {cell.leading.metric for cell in compare(on(MACHINE, "aaa"), split, across_machines=True).advice} == {
        "ratio to hypermixer"
    }


def test_a_mixer_that_was_not_measured_beside_the_baseline_is_undecided() -> None:
    head = edited(
        on(OTHER, "bbb"), measured_at=lambda row: row.measured_at + ("x" if getattr(row, "mixer", "") == "none" else "")
    )
    found = by_mixer(compare(on(MACHINE, "aaa"), head, across_machines=True))
    assert {mixer: cell.verdict for mixer, cell in found.items()} == {"hypermixer": "same", "none": "undecided"}
    assert found["none"].leading.remark == "not measured beside the baseline on both machines"


def runs(digest: str, seeds: set[int], machine: dict[str, Any], date: str = "2025-01-01T00:00:00Z") -> Measured:
    rows = training_rows(("attention", "none"), (250,), score="accuracy")
    kept = [replace(row, environment=digest, measured_at=date) for row in rows if row.seed in seeds]
    return Measured("runs", {TrainingRow: kept}, {digest: machine})


def test_training_runs_of_several_machines_are_united() -> None:
    base = together(runs("aaa", {0, 1, 2}, MACHINE), runs("bbb", {3, 4}, OTHER))
    head = together(runs("aaa", {3, 4}, MACHINE), runs("bbb", {0, 1, 2}, OTHER))
    comparison = compare(base, head)
    assert [cell.verdict for cell in comparison.cells] == ["same", "same"]
    assert comparison.remarks == ()
    other_torch = together(
        runs("aaa", {0, 1, 2}, {**MACHINE, "torch": "2.11"}), runs("bbb", {3, 4}, OTHER, "2025-02-01T00:00:00Z")
    )
    assert "6 rows of data_efficiency.csv from older environments" in told(compare(base, other_torch))
