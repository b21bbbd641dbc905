from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from synthetic import MACHINE, measured, speed_rows
from synthetic_training import training_rows, training_settings, trial_rows

from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.remarks import lower_bound
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.gate.cells import Measured
from mixbench.verdicts.gate.compare import compare
from mixbench.verdicts.gate.comparison import ComparedCell, Comparison, exit_code, leading, why_not_comparable
from mixbench.verdicts.gate.judging import COUNTS
from mixbench.verdicts.gate.report import report

METRICS = {
    row_type: [name for name, column in columns(row_type).items() if column.role == "metric"]
    for row_type in (SpeedRow, TrainingRow)
}
OTHER_MACHINE = {**MACHINE, "cpu": "Example 7000"}


def speed(seed: int = 0, name: str = "base", **options: Any) -> Measured:
    """Two mixers at one length, little noise, counters included."""
    options = {
        "mixers": ("attention", "none"),
        "tokens": (64,),
        "rounds": 3,
        "launch_noise": 0.01,
        "round_noise": 0.01,
    } | options
    rows, launches = speed_rows(seed=seed, **options)
    rows = [replace(row, operators=20, allocated_mib=2.0) if row.status == "ok" else row for row in rows]
    return measured(rows, launches, name=name)


def edited(version: Measured, change: Callable[[Any], Any], row_type: type[Any] = SpeedRow) -> Measured:
    """The head: rows as `change` gives them, None where they go."""
    rows = [new for row in version.rows[row_type] if (new := change(row)) is not None]
    return replace(version, name="head", rows={**version.rows, row_type: rows})


def in_attention(**changes: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Columns of attention's rows as functions of what they were."""
    return lambda row: (
        replace(row, **{name: change(getattr(row, name)) for name, change in changes.items()})
        if row.mixer == "attention"
        else row
    )


def test_flops_that_are_a_lower_bound_in_one_version_alone_are_undecided() -> None:
    base, remark = speed(), lower_bound("flops", ["foo"])
    bounded = in_attention(flops=lambda count: count - 1, detail=lambda _: remark)
    head = edited(base, bounded)
    (cell,) = (cell for cell in compare(base, head).cells if cell.mixer == "attention")
    (judged,) = (judgement for judgement in cell.judgements if judgement.metric == "flops")
    assert (judged.verdict, judged.base_mark, judged.head_mark) == ("undecided", "", "≥")
    assert judged.remark == f"not comparable: in the head, {remark}"
    assert exit_code(compare(base, head)) == 0
    assert exit_code(compare(base, head), strict=True) == 3
    again = edited(head, in_attention(flops=lambda count: count + 5))
    assert exit_code(compare(head, again)) == 1


def failed(row: Any, status: str, detail: str = "") -> Any:
    whole = {"round": 0, "rounds": 1} if isinstance(row, SpeedRow) else {}
    return replace(row, **dict.fromkeys(METRICS[type(row)]), **whole, status=status, detail=detail)


def crashing(*launches: int, status: str = "killed") -> Callable[[Any], Any]:
    """Attention dies in these launches, in each of which one row is left."""

    def change(row: Any) -> Any:
        if row.mixer != "attention" or row.launch not in launches:
            return row
        return failed(row, status, "exit code -11") if row.round == 1 else None

    return change


def verdicts(comparison: Comparison) -> dict[str, str]:
    return {cell.mixer: cell.verdict for cell in comparison.cells}


def the(comparison: Comparison, mixer: str = "attention") -> ComparedCell:
    (found,) = [cell for cell in comparison.cells if cell.mixer == mixer]
    return found


def judged(comparison: Comparison, metric: str) -> str:
    (found,) = [judgement.verdict for judgement in the(comparison).judgements if judgement.metric == metric]
    return found


def test_a_folder_against_itself_is_the_same_in_every_cell() -> None:
    version = speed()
    comparison = compare(version, version)
    assert verdicts(comparison) == {"attention": "same", "none": "same"}
    assert exit_code(comparison, strict=True, any_change=True) == 0


def test_a_slower_time_fails_its_cell_alone_and_stands_first() -> None:
    comparison = compare(speed(0), edited(speed(1), in_attention(cpu_ms=lambda ms: 1.6 * ms)))
    assert verdicts(comparison) == {"attention": "slower", "none": "same"}
    assert comparison.cells[0].mixer == "attention"
    leading = comparison.cells[0].leading
    assert leading.metric == "cpu_per_calibration"
    assert leading.change is not None
    assert leading.change.point == pytest.approx(0.6, abs=0.05)
    assert comparison.failing == (comparison.cells[0],)


def test_a_time_ten_percent_slower_is_advice_and_no_failure() -> None:
    comparison = compare(speed(0), edited(speed(1), in_attention(cpu_ms=lambda ms: 1.1 * ms)))
    assert the(comparison).verdict == "same"
    assert "mixbench duel" in the(comparison).leading.remark
    assert exit_code(comparison) == 0


def test_the_threshold_is_that_of_the_request() -> None:
    base, head = speed(0), edited(speed(1), in_attention(cpu_ms=lambda ms: 1.6 * ms))
    assert the(compare(base, head, threshold=1.0)).verdict == "same"
    assert the(compare(base, head, threshold=0.05)).verdict == "slower"
    assert compare(base, head, threshold=0.05).thresholds == {"time": 0.05}


def test_a_slower_machine_cancels_out_and_wall_time_is_not_judged() -> None:
    head = edited(speed(1), lambda row: replace(row, cpu_ms=2 * row.cpu_ms, latency_ms=9 * row.latency_ms))
    head = edited(head, lambda row: replace(row, calibration_cpu_ms=2 * row.calibration_cpu_ms), LaunchRow)
    assert verdicts(compare(speed(0), head)) == {"attention": "same", "none": "same"}


def test_a_wall_time_that_grows_where_cpu_time_does_not_is_pointed_out() -> None:
    waiting = edited(speed(1), in_attention(latency_ms=lambda ms: 10 * ms))
    comparison = compare(speed(0), waiting)
    assert verdicts(comparison) == {"attention": "same", "none": "same"}
    remarks = {cell.mixer: cell.leading.remark for cell in comparison.cells}
    assert remarks["none"] == ""
    percents, _, why = remarks["attention"].partition(", ")
    assert 700 < float(percents.removeprefix("wall +").removesuffix(" %")) < 1100
    assert why == "which is not judged (waiting, or other processes)"
    slower_machine = edited(waiting, lambda row: replace(row, calibration_ms=10 * row.calibration_ms), LaunchRow)
    assert the(compare(speed(0), slower_machine)).leading.remark == "", "the calibration took as much longer"
    assert the(compare(speed(0), waiting, threshold=20.0)).leading.remark == ""


def test_without_calibration_time_is_undecided_and_never_passes_as_the_same() -> None:
    base, head = (edited(speed(seed), lambda row: replace(row, calibration_cpu_ms=None), LaunchRow) for seed in (0, 1))
    comparison = compare(base, head)
    assert the(comparison).verdict == "undecided"
    assert "calibration" in the(comparison).leading.remark


@pytest.mark.parametrize(("metric", "row_type"), [("cpu_ms", SpeedRow), ("calibration_cpu_ms", LaunchRow)])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_cpu_time_that_is_not_above_zero_is_none(metric: str, row_type: Any, value: float) -> None:
    base, head = (edited(speed(seed), lambda row: replace(row, **{metric: value}), row_type) for seed in (0, 1))
    assert the(compare(base, head)).verdict == "undecided"


def test_a_calibration_of_another_process_is_not_taken() -> None:
    head = edited(speed(1), lambda row: replace(row, measured_at="2025-02-01T00:00:00Z"), LaunchRow)
    assert judged(compare(speed(0), head), "cpu_per_calibration") == "missing"


@pytest.mark.parametrize("metric", ["flops", "peak_memory_mib", "operators", "allocated_mib", "params"])
def test_one_more_of_a_count_fails_and_one_less_is_faster(metric: str) -> None:
    more = compare(speed(), edited(speed(), in_attention(**{metric: lambda count: count + 1})))
    assert verdicts(more) == {"attention": "slower", "none": "same"}
    assert more.cells[0].leading.metric == metric
    assert the(compare(speed(), edited(speed(), in_attention(**{metric: lambda count: count - 1})))).verdict == "faster"


def test_the_counts_of_a_table_are_the_metrics_with_that_rule() -> None:
    assert {
        SpeedRow: ("flops", "params", "peak_memory_mib", "operators", "allocated_mib", "state_mib"),
        TrainingRow: ("params", "state_mib", "train_flops"),
        TrialRow: ("params", "state_mib", "train_flops"),
    } == COUNTS


def test_a_tolerance_holds_for_its_metric_alone() -> None:
    head = edited(speed(), in_attention(flops=lambda count: round(1.005 * count), peak_memory_mib=lambda mib: 1.005 * mib))
    comparison = compare(speed(), head, tolerances={"peak_memory_mib": 0.01})
    assert judged(comparison, "peak_memory_mib") == "same"
    assert judged(comparison, "flops") == "slower"


def test_what_was_measured_leads_and_the_counters_tell_the_cause() -> None:
    changes = {
        "cpu_ms": lambda ms: 1.6 * ms,
        "operators": lambda count: count + 2,
        "flops": lambda count: 3 * count,
        "variant": lambda _: "sdpa=math",
    }
    cell = the(compare(speed(0), edited(speed(1), in_attention(**changes))))
    assert cell.leading.metric == "cpu_per_calibration"
    assert cell.cause == "+200 % FLOPs, 2 more operators, no variant became sdpa=math"
    bounded = [edited(speed(seed), in_attention(detail=lambda _: lower_bound("flops", ["foo"]))) for seed in (0, 1)]
    (reason, *_) = the(compare(bounded[0], edited(bounded[1], in_attention(**changes)))).cause.split(", ")
    assert reason == "+200 % FLOPs (lower bounds)"


def test_a_count_that_decides_is_not_its_own_cause() -> None:
    cell = the(
        compare(speed(), edited(speed(), in_attention(operators=lambda count: count - 1, flops=lambda count: 2 * count)))
    )
    assert cell.leading.metric == "flops"
    assert cell.cause == "1 fewer operator"


@pytest.mark.parametrize("launches", [(1, 2, 3, 4, 5), (4,)])
def test_a_cell_that_crashes_in_all_launches_or_in_one_of_five_is_broken(launches: tuple[int, ...]) -> None:
    comparison = compare(speed(), edited(speed(), crashing(*launches)))
    assert verdicts(comparison) == {"attention": "broken", "none": "same"}
    share = "" if len(launches) == 5 else " (1 of 5 launches)"
    assert the(comparison).detail == f"killed: exit code -11{share}"
    assert exit_code(comparison) == 1


def test_a_cell_that_failed_as_often_before_is_not_broken_and_one_that_fails_more_often_or_otherwise_is() -> None:
    base = edited(speed(), crashing(2))
    longer = edited(speed(rounds=2), crashing(5))  # a larger share of its rows, not of its launches
    assert the(compare(base, longer)).verdict == "same"
    assert the(compare(base, edited(speed(), crashing(2, 3)))).verdict == "broken"
    assert the(compare(base, edited(speed(), crashing(2, status="oom")))).verdict == "broken"
    twice = edited(speed(), crashing(2, 3))
    assert the(compare(twice, edited(edited(speed(), crashing(2)), crashing(3, status="oom")))).verdict == "broken"
    assert the(compare(base, speed())).verdict == "same"


def test_a_cell_that_fails_in_both_versions_is_the_same_and_one_that_no_longer_fails_is_new() -> None:
    every = crashing(1, 2, 3, 4, 5)
    both = compare(edited(speed(), every), edited(speed(), every))
    assert the(both).verdict == "same"
    mended = compare(edited(speed(), every), speed())
    assert the(mended).verdict == "new"
    assert "in the base killed" in the(mended).detail
    assert mended.comparable


def test_a_cell_that_is_no_longer_measured_is_missing_and_fails() -> None:
    comparison = compare(speed(), edited(speed(), lambda row: None if row.mixer == "attention" else row))
    assert verdicts(comparison) == {"attention": "missing", "none": "same"}
    assert exit_code(comparison) == 1


def test_a_table_that_is_gone_is_missing_cell_by_cell_whatever_the_machine() -> None:
    training = training_rows(("attention",), (250,))
    rows, launches = (speed().rows[kind] for kind in (SpeedRow, LaunchRow))
    comparison = compare(measured(rows, launches, training), measured(training, name="head"))
    assert {cell.study: cell.verdict for cell in comparison.cells} == {"speed": "missing", "data_efficiency": "same"}
    back = compare(measured(training), measured(rows, launches, training, name="head"))
    assert {cell.study: cell.verdict for cell in back.cells} == {"speed": "new", "data_efficiency": "same"}


def test_a_renamed_mixer_is_missing_and_new_and_the_missing_one_tells_its_new_name() -> None:
    comparison = compare(speed(), edited(speed(), in_attention(mixer=lambda _: "softmax")))
    assert {cell.mixer: cell.verdict for cell in comparison.cells} == {
        "attention": "missing",
        "none": "same",
        "softmax heads=4": "new",
    }
    assert the(comparison).detail.endswith("renamed to softmax heads=4?")


def test_a_mixer_that_goes_on_elsewhere_was_not_renamed() -> None:
    both = speed(tokens=(64, 128))
    head = edited(both, lambda row: replace(row, mixer="softmax") if (row.mixer, row.tokens) == ("attention", 64) else row)
    comparison = compare(both, head)
    (gone,) = [cell for cell in comparison.cells if cell.verdict == "missing"]
    assert "renamed" not in gone.detail


def test_a_metric_that_is_gone_fails_its_cell_which_is_still_in_both_versions() -> None:
    comparison = compare(speed(), edited(speed(), lambda row: replace(row, peak_memory_mib=None)))
    assert verdicts(comparison) == {"attention": "missing", "none": "missing"}
    assert the(comparison).leading.remark == "peak memory is no longer measured"
    assert comparison.comparable
    assert exit_code(comparison) == 1
    assert "renamed" not in the(comparison).detail


@pytest.mark.parametrize(("base", "head"), [(5, 3), (3, 5)])
def test_unequal_numbers_of_launches_are_compared(base: int, head: int) -> None:
    plain = compare(speed(0, launches=base), speed(1, launches=head))
    assert verdicts(plain) == {"attention": "same", "none": "same"}
    slower = compare(speed(0, launches=base), edited(speed(1, launches=head), in_attention(cpu_ms=lambda ms: 2 * ms)))
    assert verdicts(slower) == {"attention": "slower", "none": "same"}


def test_against_one_launch_no_time_is_decided_and_counts_still_are() -> None:
    head = edited(speed(1, launches=1), in_attention(cpu_ms=lambda ms: 5 * ms))
    comparison = compare(speed(0), head)
    assert verdicts(comparison) == {"attention": "undecided", "none": "undecided"}
    assert [exit_code(comparison), exit_code(comparison, strict=True)] == [0, 3]
    assert the(compare(speed(0), edited(head, in_attention(flops=lambda count: count + 1)))).verdict == "slower"


def test_a_users_mixer_whose_file_changed_is_compared_and_its_newest_state_counts() -> None:
    base = speed(mixers=("mine.py:Mean", "attention"))
    old = base.rows[SpeedRow]
    changed = [
        replace(row, config=row.config.replace("0f" * 32, "1e" * 32), measured_at="2025-03" + row.measured_at[7:])
        for row in old
    ]
    launches = [replace(row, measured_at="2025-03" + row.measured_at[7:]) for row in base.rows[LaunchRow]]
    slower = [replace(row, flops=2 * row.flops) if row.mixer != "attention" else row for row in changed]
    head = measured([*slower, *old], [*base.rows[LaunchRow], *launches], name="head")
    comparison = compare(base, head)
    assert verdicts(comparison) == {"Mean": "slower", "attention": "same"}
    (doubled,) = [judgement.change for judgement in the(comparison, "Mean").judgements if judgement.metric == "flops"]
    assert doubled == Interval(1.0)
    assert verdicts(compare(base, measured(changed, launches, name="head"))) == {"Mean": "same", "attention": "same"}


def test_a_cell_that_was_not_measured_since_a_users_file_changed_is_missing() -> None:
    base = speed(mixers=("mine.py:Mean",), tokens=(64, 128))
    changed = [
        replace(row, config=row.config.replace("0f" * 32, "1e" * 32), measured_at="2025-03" + row.measured_at[7:])
        for row in base.rows[SpeedRow]
        if row.tokens == 64
    ]
    launches = [replace(row, measured_at="2025-03" + row.measured_at[7:]) for row in base.rows[LaunchRow]]
    head = measured([*changed, *base.rows[SpeedRow]], [*base.rows[LaunchRow], *launches], name="head")
    comparison = compare(base, head)
    assert {cell.place["tokens"]: cell.verdict for cell in comparison.cells} == {"64 tokens": "same", "128 tokens": "missing"}
    (remark,) = comparison.remarks
    assert remark == f"head: {len(base.rows[SpeedRow])} rows of speed.csv from before a mixer's code changed are left out"
    (told,) = report(head).remarks
    assert remark == f"head: {told}"
    assert {measure.cell for measure in report(head).measures} == {cell.name for cell in comparison.cells if cell.in_both}


def test_times_of_another_machine_are_never_compared_and_counts_of_any_are() -> None:
    base = speed()
    head = replace(edited(speed(), in_attention(flops=lambda count: count + 1)), environments={"abc123": OTHER_MACHINE})
    comparison = compare(base, head)
    assert comparison.cells == ()
    assert exit_code(comparison) == 4
    assert why_not_comparable(comparison) == "they come from different machines"
    assert any("Example 7000, 4 cores, 16 GiB" in remark for remark in comparison.remarks)
    counts = compare(base, head, counts_only=True)
    assert verdicts(counts) == {"attention": "slower", "none": "same"}
    assert all(judgement.metric != "cpu_per_calibration" for cell in counts.cells for judgement in cell.judgements)


def test_software_may_differ_between_versions() -> None:
    head = replace(speed(1), environments={"abc123": {**MACHINE, "torch": "2.12", "sources": "0123"}})
    assert verdicts(compare(speed(0), head)) == {"attention": "same", "none": "same"}


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("dtype", "bfloat16", "float32 against bfloat16"),
        ("device", "cuda", "cpu against cuda"),
        ("threads", 1, "2 threads against 1 thread"),
        ("execution", "graph", "eager against graph"),
        ("settings", '{"seed":1}', "no seed against seed=1"),
    ],
)
def test_cells_that_differ_in_a_key_are_never_compared_and_the_key_is_named(column: str, value: object, named: str) -> None:
    comparison = compare(speed(), edited(speed(), lambda row: replace(row, **{column: value})))
    assert not comparison.comparable
    assert exit_code(comparison) == 4
    assert why_not_comparable(comparison) == named


def test_where_versions_hold_different_tables_these_are_named_and_not_their_keys() -> None:
    comparison = compare(training(), speed())
    assert exit_code(comparison) == 4
    assert why_not_comparable(comparison) == "data_efficiency against speed"


def test_where_no_single_key_tells_the_versions_apart_that_is_said() -> None:
    base = edited(speed(tokens=(64, 128)), lambda row: row if (row.mixer == "none") == (row.tokens == 64) else None)
    head = edited(speed(tokens=(64, 128)), lambda row: row if (row.mixer == "none") != (row.tokens == 64) else None)
    assert why_not_comparable(compare(base, head)) == "no cell has the same keys"


def test_on_a_gpu_the_time_on_the_device_is_judged() -> None:
    def on_gpu(row: Any) -> Any:
        return replace(row, device_ms=row.cpu_ms)

    base, head = (edited(speed(seed, devices=("cuda",)), on_gpu) for seed in (0, 1))
    assert the(compare(base, edited(head, in_attention(cpu_ms=lambda ms: 3 * ms)))).verdict == "same"
    slower = the(compare(base, edited(head, in_attention(device_ms=lambda ms: 1.6 * ms))))
    assert (slower.verdict, slower.leading.metric) == ("slower", "device_ms")
    unknown = edited(head, lambda row: replace(row, device_ms=None))
    assert the(compare(unknown, unknown)).verdict == "undecided"


def test_where_a_gpu_has_nothing_to_do_the_counts_decide() -> None:
    base, head = (
        edited(speed(seed, devices=("cuda",)), lambda row, seed=seed: replace(row, device_ms=1e-4 * (1 + seed)))
        for seed in (0, 1)
    )
    assert the(compare(base, head)).verdict == "same"
    assert the(compare(base, edited(head, in_attention(operators=lambda count: count + 1)))).verdict == "slower"


def later(version: Measured, environment: str) -> Measured:
    """The same measured a month later in another environment."""

    def moved(row: Any) -> Any:
        return replace(row, environment=environment, measured_at="2025-02" + row.measured_at[7:])

    rows = {row_type: [moved(row) for row in table] for row_type, table in version.rows.items()}
    return replace(version, rows=rows, environments={environment: MACHINE})


def together(*versions: Measured) -> Measured:
    return Measured(
        "head",
        {kind: [row for version in versions for row in version.rows.get(kind, ())] for kind in (SpeedRow, LaunchRow)},
        {digest: content for version in versions for digest, content in version.environments.items()},
    )


def test_of_two_environments_in_a_folder_the_newest_counts() -> None:
    old, new = edited(speed(), in_attention(flops=lambda count: 3 * count)), later(speed(), "def456")
    for folder in (together(old, new), together(new, old)):
        comparison = compare(speed(), folder)
        assert verdicts(comparison) == {"attention": "same", "none": "same"}
        assert comparison.remarks == ("head: 30 rows of speed.csv from older environments are left out",)


def test_cells_of_two_machines_in_a_folder_are_compared_each_with_its_own_and_have_names_of_their_own() -> None:
    other = replace(later(speed(), "def456"), environments={"def456": OTHER_MACHINE})
    slower = edited(other, in_attention(flops=lambda count: count + 1))
    comparison = compare(together(speed(), other), together(speed(), slower))
    assert len({cell.name for cell in comparison.cells}) == 4
    assert {(cell.mixer, cell.place["cpu"]): cell.verdict for cell in comparison.cells} == {
        ("attention", "cpu=Example 9000"): "same",
        ("attention", "cpu=Example 7000"): "slower",
        ("none", "cpu=Example 9000"): "same",
        ("none", "cpu=Example 7000"): "same",
    }


def test_counts_of_cells_that_each_machine_has_alone_are_compared_too() -> None:
    long = replace(later(speed(tokens=(128,)), "def456"), environments={"def456": OTHER_MACHINE})
    comparison = compare(together(speed(), long), together(long, speed()), counts_only=True)
    assert [cell.verdict for cell in comparison.cells] == ["same"] * 4


def test_counts_of_a_cell_that_two_machines_have_are_those_of_the_newest() -> None:
    tripled = edited(speed(), in_attention(flops=lambda count: 3 * count))
    newest = replace(later(speed(), "def456"), environments={"def456": OTHER_MACHINE})
    comparison = compare(speed(), together(tripled, newest), counts_only=True)
    assert verdicts(comparison) == {"attention": "same", "none": "same"}


def training(**options: Any) -> Measured:
    return measured(training_rows(("attention", "none"), (250,), score="accuracy", noise=0.0, **options))


@pytest.mark.parametrize(
    ("metric", "step", "verdict"), [("accuracy", -0.1, "slower"), ("accuracy", 0.1, "faster"), ("mse", 0.1, "slower")]
)
def test_a_changed_score_is_worse_or_better_as_its_kind_says(metric: str, step: float, verdict: str) -> None:
    def change(row: Any) -> Any:
        row = replace(row, score=metric)
        return replace(row, test_score=row.test_score + step + 0.001 * row.seed) if row.mixer == "attention" else row

    base = edited(training(), lambda row: replace(row, score=metric), TrainingRow)
    comparison = compare(base, edited(training(), change, TrainingRow))
    assert verdicts(comparison) == {"attention": verdict, "none": "same"}
    assert the(comparison).leading.metric == "test_score"


def test_training_that_costs_more_fails() -> None:
    head = edited(training(), in_attention(train_flops=lambda count: count + 1), TrainingRow)
    assert verdicts(compare(training(), head)) == {"attention": "slower", "none": "same"}


def test_a_run_that_diverges_now_breaks_its_cell_and_one_that_always_did_is_left_out() -> None:
    def diverging(row: Any) -> Any:
        return failed(row, "diverged", "loss is nan") if (row.mixer, row.seed) == ("attention", 1) else row

    diverged = edited(training(), diverging, TrainingRow)
    broken = compare(training(), diverged)
    assert verdicts(broken) == {"attention": "broken", "none": "same"}
    assert the(broken).detail == "diverged: loss is nan (1 of 5 seeds)"
    assert verdicts(compare(diverged, diverged)) == {"attention": "same", "none": "same"}


def test_training_cells_that_only_settings_tell_apart_say_which() -> None:
    rows = [
        replace(row, settings=training_settings(task={"data": data * 16}))
        for data in ("0a", "1b")
        for row in training_rows(("attention",), (250,))
    ]
    comparison = compare(measured(rows), measured(rows, name="head"))
    assert {cell.place["data"] for cell in comparison.cells} == {"data=" + "0a" * 6, "data=" + "1b" * 6}


@pytest.mark.parametrize(
    ("row_type", "change"),
    [
        (SpeedRow, lambda row: replace(row, cpu_ms=row.cpu_ms * (1 + 0.02 * row.launch))),
        (TrainingRow, lambda row: replace(row, test_score=row.test_score * (1 + 0.02 * row.seed))),
    ],
)
def test_the_same_interval_is_wider_among_more_cells_of_either_table(row_type: Any, change: Callable[[Any], Any]) -> None:
    many = ("attention", "none", "hypermixer", "gmlp")
    version = {SpeedRow: speed(mixers=many), TrainingRow: measured(training_rows(many, (250,)))}[row_type]

    def width(version: Measured) -> float:
        interval = the(compare(version, edited(version, change, row_type))).leading.change
        assert interval is not None
        assert interval.low is not None
        assert interval.high is not None
        return interval.high - interval.low

    alone = edited(version, lambda row: row if row.mixer == "attention" else None, row_type)
    assert width(version) > 1.2 * width(alone)


def test_a_cell_without_anything_to_compare_is_undecided() -> None:
    empty = edited(speed(), lambda row: replace(row, **dict.fromkeys(METRICS[SpeedRow])))
    assert the(compare(empty, empty, counts_only=True)).verdict == "undecided"


def test_equal_verdicts_stand_by_size_of_change_and_then_in_the_order_of_measurement() -> None:
    factors = {"none": 2.0, "attention": 1.7}
    base = speed(mixers=("attention", "none", "gmlp", "fnet"), launch_noise=0.0, round_noise=0.0)
    comparison = compare(base, edited(base, lambda row: replace(row, cpu_ms=row.cpu_ms * factors.get(row.mixer, 1.0))))
    assert [cell.mixer for cell in comparison.cells] == ["none", "attention", "gmlp", "fnet"]


def test_leading_prefers_the_more_important_verdict() -> None:
    cell = the(compare(speed(0), edited(speed(1), in_attention(cpu_ms=lambda ms: ms / 3, flops=lambda count: count + 1))))
    assert leading(cell.judgements).metric == "flops"
    assert cell.verdict == "slower"


def test_the_decision_follows_the_gravest_cell() -> None:
    faster = compare(speed(0), edited(speed(1), in_attention(cpu_ms=lambda ms: ms / 3)))
    assert [exit_code(faster), exit_code(faster, any_change=True), exit_code(faster, strict=True)] == [0, 1, 0]
    one_launch = speed(1, launches=1)
    slower = compare(speed(0), edited(one_launch, in_attention(flops=lambda count: count + 1)))
    assert exit_code(slower, strict=True) == 1
    more = compare(speed(mixers=("attention",)), speed())
    assert [exit_code(more), exit_code(more, any_change=True)] == [0, 1]


@pytest.mark.slow
def test_without_a_change_nothing_is_slower_in_300_comparisons() -> None:
    slower = 0
    for seed in range(300):
        options: dict[str, Any] = {"tokens": (64, 128), "rounds": 1, "launch_noise": 0.05 if seed % 2 else 0.1}
        comparison = compare(speed(2 * seed, **options), speed(2 * seed + 1, **options))
        assert len(comparison.cells) == 4
        slower += bool(comparison.failing)
    assert slower == 0


def test_a_version_five_times_as_noisy_is_not_slower_in_100_comparisons_without_a_change() -> None:
    options: dict[str, Any] = {"tokens": (64, 128), "rounds": 1}
    for seed in range(100):
        quiet = speed(2 * seed, launch_noise=0.02, **options)
        noisy = speed(2 * seed + 1, launch_noise=0.1, **options)
        assert not compare(quiet, noisy).failing


def test_trials_of_a_search_are_compared_too() -> None:
    trials = measured(trial_rows(("attention", "none"), trials=5))
    same = compare(trials, replace(trials, name="head"))
    assert [cell.verdict for cell in same.cells] == ["same", "same"]
    assert same.cells[0].study == "tuning"
    worse = edited(trials, lambda row: replace(row, test_score=2 * row.test_score), TrialRow)
    assert {cell.verdict for cell in compare(trials, worse).cells} == {"slower"}
    lost = edited(trials, lambda row: killed(row) if row.trial == 1 else row, TrialRow)
    broken = compare(trials, lost).cells[0]
    assert (broken.verdict, broken.detail) == ("broken", "killed: by SIGKILL (1 of 5 trials)")


def killed(row: TrialRow) -> TrialRow:
    metrics = {name: None for name, column in columns(TrialRow).items() if column.role == "metric"}
    return replace(row, **metrics, status="killed", detail="by SIGKILL")
