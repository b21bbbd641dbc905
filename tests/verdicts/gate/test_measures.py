import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sample_rows import speed_row
from sample_version import measured
from synthetic import speed_rows
from synthetic_training import training_rows, training_settings

from mixbench.tables.columns import columns
from mixbench.tables.remarks import lower_bound
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.gate import measures as found_by
from mixbench.verdicts.gate.cells import Measured
from mixbench.verdicts.gate.compare import compare
from mixbench.verdicts.gate.judging import COUNTS
from mixbench.verdicts.gate.measures import REPORTED, Measure, cells_of, failures, unmeasured

T_95_2 = 4.302652729911275
"""Quantile 0.975 of Student's t with two degrees of freedom."""


def measures(whole: Measured) -> list[Measure]:
    return found_by.measures(cells_of(whole))


def only(found: list[Measure], metric: str) -> Measure:
    (measure,) = [measure for measure in found if measure.metric == metric]
    return measure


def rounds(by_launch: dict[int, list[float]], metric: str = "latency_ms") -> list[SpeedRow]:
    return [
        speed_row(launch=launch, round=number, **{metric: value})
        for launch, values in by_launch.items()
        for number, value in enumerate(values, 1)
    ]


@pytest.mark.parametrize("metric", ["latency_ms", "cpu_ms", "device_ms", "tokens_per_s", "energy_j"])
def test_what_is_measured_has_an_interval_over_the_medians_of_launches(metric: str) -> None:
    # medians 1, 2, 4: on the log scale a range of log 4, of which three replicates take 0.8133 more on both sides
    found = only(measures(measured(*rounds({1: [1.0, 1.0, 50.0], 2: [2.0, 0.1, 2.0], 3: [4.0]}, metric))), metric)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 4**-0.8133, 4**1.8133))


@pytest.mark.parametrize("metric", ["flops", "params", "operators"])
def test_what_is_counted_is_a_whole_number_without_an_interval(metric: str) -> None:
    rows = [speed_row(launch=launch, round=number, **{metric: 30}) for launch in (1, 2) for number in (1, 2)]
    found = only(measures(measured(*rows)), metric)
    assert (repr(found.value), found.low, found.high) == ("30", None, None)


def test_a_part_of_a_mebibyte_is_kept() -> None:
    assert only(measures(measured(speed_row(peak_memory_mib=1.5))), "peak_memory_mib").value == 1.5


def test_a_cpu_time_of_zero_is_no_fault() -> None:
    found = only(measures(measured(*rounds({1: [0.0], 2: [2.0]}, "cpu_ms"))), "cpu_ms")
    assert found.value == 1.0


def scored(score: str, scores: Sequence[float]) -> Measure:
    rows = training_rows(["none"], [250], seeds=range(len(scores)), score=score)
    changed = [replace(row, test_score=value) for row, value in zip(rows, scores, strict=True)]
    return only(measures(measured(*changed)), "test_score")


def test_an_error_is_a_geometric_mean_over_seeds_as_in_the_table() -> None:
    found = scored("mse", [0.25, 1.0])
    assert found.value == pytest.approx(0.5)
    assert (found.low or 0) * (found.high or 0) == pytest.approx(0.25)


def test_an_accuracy_is_a_mean_over_seeds() -> None:
    found = scored("accuracy", [0.4, 0.5, 0.6])
    half = T_95_2 * 0.1 / math.sqrt(3)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half))


def test_a_count_that_is_a_lower_bound_is_a_measure_of_another_name() -> None:
    bounded = speed_row(flops=3, detail=lower_bound("flops", ["foo"]))
    found = {measure.metric: measure for measure in measures(measured(bounded))}
    assert "flops" not in found
    assert (found["flops_lower_bound"].value, found["flops_lower_bound"].unit) == (3, "FLOP")


def test_one_launch_gives_a_value_without_bounds() -> None:
    found = only(measures(measured(*rounds({1: [2.0]}))), "latency_ms")
    assert (found.value, found.low, found.high) == (2.0, None, None)


def test_units_and_directions_are_those_of_the_columns() -> None:
    found = measures(measured(*speed_rows(launches=2, rounds=1)[0]))
    assert {measure.metric for measure in found} == {
        "latency_ms",
        "cpu_ms",
        "tokens_per_s",
        "flops",
        "params",
        "peak_memory_mib",
    }
    table = columns(SpeedRow)
    assert all(
        (measure.unit, measure.better) == (table[measure.metric].unit, table[measure.metric].better) for measure in found
    )
    assert {(measure.metric, measure.better) for measure in found} >= {
        ("latency_ms", "lower"),
        ("tokens_per_s", "higher"),
        ("params", ""),
    }


@pytest.mark.parametrize(("score", "better"), [("accuracy", "higher"), ("mse", "lower"), ("", "")])
def test_the_direction_of_a_score_is_that_of_its_kind(score: str, better: str) -> None:
    rows = [replace(row, score=score) for row in training_rows(["none"], [250])]
    directions = {measure.metric: measure.better for measure in measures(measured(*rows))}
    assert directions == {"test_score": better, "train_seconds": "lower", "train_flops": "lower", "params": ""}


def test_a_failed_run_does_not_hide_the_direction_of_a_score() -> None:
    rows = training_rows(["none"], [250], seeds=range(3), score="mse", failures={("none", 250, 0): ("oom", "why")})
    assert only(measures(measured(*rows)), "test_score").better == "lower"


def test_every_reported_metric_is_a_column() -> None:
    for row_type, metrics in REPORTED.items():
        assert all(columns(row_type)[metric].role == "metric" for metric in metrics)


def test_what_is_measured_is_reported_before_what_is_counted() -> None:
    timed = ("latency_ms", "cpu_ms", "device_ms", "tokens_per_s")
    assert REPORTED[SpeedRow] == (*timed, *COUNTS[SpeedRow], "energy_j")
    assert REPORTED[TrainingRow] == ("test_score", "train_seconds", "train_flops", "params", "state_mib")


def test_a_cell_is_called_as_in_a_comparison() -> None:
    rows = [*speed_rows(["attention", "hypermixer:heads=4"], [64, 128], modes=["inference", "training"])[0]]
    rows += training_rows(["none"], [250, 500], settings=training_settings(steps=7))
    both = measured(*rows)
    compared = [cell.name for cell in compare(both, both).cells]
    assert sorted({measure.cell for measure in measures(both)}) == sorted(compared)
    assert len(compared) == 10


def test_a_failure_of_some_launches_is_told_beside_the_value_of_the_others() -> None:
    whole = measured(
        speed_row(launch=1, latency_ms=2.0),
        speed_row(launch=2, status="timeout", detail="no progress within 60 s"),
        speed_row(launch=3, status="diverged"),
    )
    ((cell, status, detail),) = failures(cells_of(whole))
    assert only(measures(whole), "latency_ms") == Measure(cell, "latency_ms", "ms", "lower", 2.0)
    assert (status, detail) == ("timeout", "timeout: no progress within 60 s (2 of 3 launches)")
    assert not unmeasured(cells_of(whole))


@pytest.mark.parametrize("status", ["unsupported", "diverged"])
def test_what_cannot_run_here_is_no_failure(status: str) -> None:
    whole = measured(speed_row(status=status, detail="no kernel"))
    assert not failures(cells_of(whole))
    ((_, found, detail),) = unmeasured(cells_of(whole))
    assert (found, detail) == (status, f"{status}: no kernel")
