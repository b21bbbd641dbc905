import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sample_rows import speed_row
from synthetic import speed_rows
from synthetic_training import training_rows, training_settings

from mixbench.tables.columns import columns
from mixbench.tables.remarks import lower_bound
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.gate import report as reports
from mixbench.verdicts.gate.cells import Measured
from mixbench.verdicts.gate.compare import COUNTS, compare
from mixbench.verdicts.gate.comparison import exit_code
from mixbench.verdicts.gate.report import REPORTED, STATES, Entry, Measure, cells_of, report

T_95_2 = 4.302652729911275
"""Quantile 0.975 of Student's t with two degrees of freedom."""


def measured(*rows: object, name: str = "head", cpu: str = "a CPU") -> Measured:
    tables = {kind: [row for row in rows if type(row) is kind] for kind in (SpeedRow, LaunchRow, TrainingRow)}
    machine = {"cpu": cpu, "logical_cores": 4, "memory_gib": 8, "gpus": None}
    return Measured(name, tables, {row.environment: machine for row in rows})  # type: ignore[attr-defined]


def measures(whole: Measured) -> list[Measure]:
    return reports.measures(cells_of(whole))


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


@pytest.mark.parametrize(("status", "part"), [("ok", "measures"), ("oom", "failures"), ("unsupported", "unmeasured")])
def test_a_cell_is_called_as_in_the_comparison_with_a_base_that_has_more(status: str, part: str) -> None:
    shared, more = ('{"allocator":"retained"}', '{"allocator":"default"}')
    metrics = {"flops": 100} if status == "ok" else {}
    head = measured(speed_row(settings=shared, status=status, **metrics))
    base = measured(*(speed_row(settings=settings, flops=100) for settings in (shared, more)), name="base")
    made = report(head, compare(base, head), base)
    (cell,) = {measure.cell for measure in getattr(made, part)}
    assert cell.endswith("allocator=retained")
    assert cell in [entry.cell for entry in made.entries]
    assert len(made.entries) == 2


def test_only_the_newest_environment_of_a_table_is_reported_and_the_rest_is_mentioned() -> None:
    old = speed_row(environment="old", measured_at="2025-01-01T00:00:00Z", latency_ms=1.0)
    new = speed_row(environment="new", measured_at="2025-01-02T00:00:00Z", latency_ms=2.0)
    for rows in ((new, old), (old, new)):
        made = report(measured(*rows))
        assert only(list(made.measures), "latency_ms").value == 2.0
        assert list(made.remarks) == [
            "speed.csv: a CPU, 4 cores, 8 GiB",
            "left out: 1 row of speed.csv from another environment; to export them: --environment old",
        ]
    assert not report(measured(new)).remarks


def test_a_failure_of_some_launches_is_told_beside_the_value_of_the_others() -> None:
    whole = measured(
        speed_row(launch=1, latency_ms=2.0),
        speed_row(launch=2, status="timeout", detail="no progress within 60 s"),
        speed_row(launch=3, status="diverged"),
    )
    ((cell, status, detail),) = reports.failures(cells_of(whole))
    assert only(measures(whole), "latency_ms") == Measure(cell, "latency_ms", "ms", "lower", 2.0)
    assert (status, detail) == ("timeout", "timeout: no progress within 60 s (2 of 3 launches)")
    assert not reports.unmeasured(cells_of(whole))


@pytest.mark.parametrize("status", ["unsupported", "diverged"])
def test_what_cannot_run_here_is_no_failure(status: str) -> None:
    whole = measured(speed_row(status=status, detail="no kernel"))
    assert not reports.failures(cells_of(whole))
    ((_, found, detail),) = reports.unmeasured(cells_of(whole))
    assert (found, detail) == (status, f"{status}: no kernel")


def row(**changes: object) -> SpeedRow:
    return speed_row(**{"flops": 100, **changes})


def failed(status: str = "oom") -> SpeedRow:
    return speed_row(status=status, detail="why")


@pytest.mark.parametrize(
    ("base", "head", "state"),
    [
        ([row()], [row()], "undecided"),  # no time to compare
        ([row()], [failed()], "broken"),
        ([failed()], [failed()], "failed before"),
        ([failed("unsupported")], [failed("unsupported")], "unsupported"),
        ([failed()], [row()], "new"),
        ([row()], [row(), row(mixer="none")], "new"),
        ([row()], [row(), replace(failed(), mixer="none")], "broken"),
        ([row()], [row(), replace(failed("diverged"), mixer="none")], "diverged"),
        ([row(), row(mixer="none")], [row()], "missing"),
        ([row()], [row(flops=101)], "slower"),
    ],
)
def test_the_state_of_a_cell_is_its_verdict_unless_that_hides_a_failure(
    base: list[SpeedRow], head: list[SpeedRow], state: str
) -> None:
    versions = measured(*base, name="base"), measured(*head)
    entries = report(versions[1], compare(*versions), versions[0]).entries
    names = {entry.state for entry in entries}
    assert state in names
    assert names <= {state, "undecided"}
    assert len(entries) == len({(row.mixer) for row in (*base, *head)})


@pytest.mark.parametrize(
    ("rows", "state"), [([row()], "measured"), ([failed()], "failed"), ([failed("unsupported")], "unsupported")]
)
def test_without_a_comparison_a_cell_is_measured_or_failed(rows: list[SpeedRow], state: str) -> None:
    made = report(measured(*rows))
    assert [entry.state for entry in made.entries] == [state]
    assert made.passes == (state != "failed")


def test_a_failure_on_a_machine_that_was_not_compared_is_not_lost() -> None:
    head = measured(failed())
    comparison = compare(measured(row(), name="base", cpu="another CPU"), head)
    assert not comparison.cells
    assert [entry.state for entry in report(head, comparison).entries] == ["failed"]


def test_what_was_measured_but_not_compared_does_not_pass_for_compared() -> None:
    head = measured(row())
    comparison = compare(measured(row(), name="base", cpu="another CPU"), head)
    assert not report(head, comparison).entries


@pytest.mark.parametrize("head", [[row()], [row(flops=101)], [row(flops=99)], [row(mixer="none")]])
def test_a_report_passes_where_the_gate_does(head: list[SpeedRow]) -> None:
    comparison = compare(measured(row(), name="base"), measured(*head))
    assert report(measured(*head), comparison).passes == (exit_code(comparison) == 0)


def test_the_most_important_cells_come_first_and_say_why_once() -> None:
    base = measured(*(row(mixer=name) for name in ("attention", "none", "fnet")), name="base")
    head = measured(row(mixer="attention"), replace(failed(), mixer="none"), row(mixer="fnet", flops=101))
    entries = report(head, compare(base, head), base).entries
    assert [entry.state for entry in entries] == sorted((entry.state for entry in entries), key=list(STATES).index)
    assert entries[0].reason == "oom: why"


def test_every_entry_keeps_what_was_judged() -> None:
    both = measured(row())
    (entry,) = report(both, compare(both, both)).entries
    assert isinstance(entry, Entry)
    assert entry.compared is not None
    assert [judgement.metric for judgement in entry.compared.judgements] == ["cpu_per_calibration", "flops"]
