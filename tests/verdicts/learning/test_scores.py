import json
import math
from dataclasses import replace
from statistics import fmean, geometric_mean

import pytest
from synthetic_training import training_rows, training_settings

from mixbench.errors import UnknownNameError
from mixbench.tables.columns import columns
from mixbench.tables.remarks import lower_bound, unknown
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.learning.context import TaskContext, task_words
from mixbench.verdicts.learning.scores import DataCell, DataSummary, TaskSummary, records, summarise, to_json

T_95_2 = 4.302652729911275
"""Quantile 0.975 of Student's t with two degrees of freedom."""


def runs(mixer: str, scores: dict[int, float], **keys: object) -> list[TrainingRow]:
    """One run per seed on 250 examples with these test scores."""
    keys = {"score": "accuracy", **keys}
    rows = training_rows((mixer,), (250,), seeds=list(scores), **keys)  # type: ignore[arg-type]
    return [replace(row, test_score=scores[row.seed]) for row in rows]


def only_task(rows: list[TrainingRow], baseline: str | None = None) -> TaskSummary:
    (task,) = summarise(rows, baseline).tasks
    return task


def cell(rows: list[TrainingRow], label: str, size: int = 250) -> DataCell:
    (found,) = [cell for cell in only_task(rows).cells if (cell.label, cell.train_size) == (label, size)]
    return found


def failed(row: TrainingRow, status: str, detail: str = "") -> TrainingRow:
    metrics = [name for name, column in columns(TrainingRow).items() if column.role == "metric"]
    return replace(row, **dict.fromkeys(metrics), status=status, detail=detail)  # type: ignore[arg-type]


def test_the_score_is_a_mean_with_a_t_interval_over_seeds() -> None:
    found = cell(runs("attention", {0: 0.8, 1: 0.9, 2: 0.85}), "attention")
    assert found.scores == {0: 0.8, 1: 0.9, 2: 0.85}
    assert found.score is not None
    assert found.score.point == pytest.approx(0.85)
    assert found.score.high == pytest.approx(0.85 + T_95_2 * 0.05 / math.sqrt(3))


def test_an_error_has_a_geometric_mean_and_an_interval_above_zero() -> None:
    found = cell(runs("attention", {0: 0.01, 1: 0.1, 2: 1.0}, score="mse"), "attention")
    assert found.score is not None
    assert found.score.low is not None
    assert found.score.point == pytest.approx(0.1)
    assert found.score.low == pytest.approx(0.1 * math.exp(-T_95_2 * math.log(10) / math.sqrt(3)))


def test_differences_are_paired_by_seed() -> None:
    # the seeds differ much, the mixers by 0.01, 0.02 and 0.03
    rows = runs("attention", {0: 0.1, 1: 0.5, 2: 0.9}) + runs("hypermixer", {0: 0.11, 1: 0.52, 2: 0.93})
    found = cell(rows, "hypermixer")
    assert found.pairs == 3
    assert found.difference is not None
    assert found.difference.low is not None
    assert found.difference.point == pytest.approx(0.02)
    assert found.difference.low == pytest.approx(0.02 - T_95_2 * 0.01 / math.sqrt(3))
    assert cell(rows, "attention").difference is None


def test_the_relative_change_is_a_paired_ratio_less_one() -> None:
    rows = runs("attention", {0: 0.1, 1: 0.2, 2: 0.4}) + runs("none", {0: 0.1, 1: 0.4, 2: 1.6})
    found = cell(rows, "none").relative
    assert found is not None
    assert found.high is not None
    # ratios 1, 2, 4
    assert found.point == pytest.approx(1.0)
    assert found.high == pytest.approx(2 * math.exp(T_95_2 * math.log(2) / math.sqrt(3)) - 1)


def test_only_seeds_that_both_have_make_a_difference() -> None:
    rows = runs("attention", {0: 0.5, 1: 0.6}) + runs("none", {1: 0.4, 2: 0.9})
    found = cell(rows, "none")
    assert found.pairs == 1
    assert found.difference is not None
    assert found.difference.point == pytest.approx(-0.2)
    assert found.difference.low is None
    assert cell(runs("attention", {0: 0.5}) + runs("none", {1: 0.4}), "none").difference is None


def test_a_score_of_zero_has_no_relative_change() -> None:
    found = cell(runs("attention", {0: 0.0, 1: 0.5}) + runs("none", {0: 0.1, 1: 0.2}), "none")
    assert found.relative is None
    assert found.difference is not None
    assert cell(runs("attention", {0: 0.0, 1: 0.5}, score="mse"), "attention").score is not None


def test_a_run_that_diverged_is_counted_and_not_averaged() -> None:
    rows = runs("attention", {0: 0.8, 1: 0.6, 2: 0.7})
    rows[1] = failed(rows[1], "diverged", "the loss was not finite")
    found = cell(rows, "attention")
    assert found.failed == {1: "diverged"}
    assert found.detail == "the loss was not finite"
    assert list(found.scores) == [0, 2]
    assert found.runs == 3
    assert found.score is not None
    assert found.score.point == pytest.approx(0.75)


def test_a_task_whose_runs_all_failed_has_cells_without_numbers() -> None:
    rows = [failed(row, "killed") for row in training_rows(("none",), (250, 500))]
    task = only_task([replace(row, score="") for row in rows])
    assert [cell.score for cell in task.cells] == [None, None]
    assert task.needs == ()


def test_costs_and_the_sampling_error_are_means_over_seeds() -> None:
    rows = runs("attention", {0: 0.8, 1: 0.9})
    rows = [
        replace(row, train_seconds=seconds, train_flops=flops, test_standard_error=error)
        for row, seconds, flops, error in zip(rows, (1.0, 2.0), (100, 300), (0.01, 0.02), strict=True)
    ]
    found = cell(rows, "attention")
    assert (found.train_seconds, found.train_flops, found.test_standard_error) == pytest.approx((1.5, 200, 0.015))
    assert found.test_examples == 1000
    unknown = cell([replace(row, train_flops=None) for row in rows], "attention")
    assert unknown.train_flops is None


COUNTS: dict[str, tuple[int | None, str, str | None]] = {
    "exact": (100, "", ""),
    "lower bound": (100, lower_bound("train_flops", ["foo"]), "≥"),
    "unknown": (None, unknown("train_flops", "on cpu: it died"), "unknown"),
    "not counted": (None, "", None),
}


@pytest.mark.parametrize("name", COUNTS)
def test_the_mark_of_a_count_goes_with_it_to_programs_and_tables(name: str) -> None:
    flops, detail, mark = COUNTS[name]
    rows = [replace(row, train_flops=flops, detail=detail) for row in runs("attention", {0: 0.8, 1: 0.9})]
    summary = summarise(rows)
    (plain,), (found, *_) = to_json(summary)["tasks"][0]["cells"], records(summary)
    for record in (plain, found):
        assert (record["train_flops"], record["train_flops_mark"]) == (flops, mark)
        assert record["train_flops_remark"] == (detail if mark else "")


def test_means_of_realistic_rows_are_those_of_their_scores() -> None:
    for score, mean in (("mse", geometric_mean), ("accuracy", fmean)):
        rows = training_rows(("attention", "none"), (250, 500), score=score)
        for found in only_task(rows).cells:
            values = [r.test_score for r in rows if (r.mixer, r.train_size) == (found.mixer, found.train_size)]
            assert found.score is not None
            assert found.score.point == pytest.approx(mean([value for value in values if value is not None]))


@pytest.mark.parametrize(
    "other",
    [
        {"task": "listops"},
        {"layers": 3},
        {"width": 128},
        {"tokens": 64},
        {"device": "cuda"},
        {"settings": training_settings(steps=800)},
        {"settings": training_settings(task={"data": "another"})},
        {"settings": training_settings(learning_rate=0.003)},
    ],
)
def test_runs_of_another_context_are_never_averaged_or_compared(other: dict[str, object]) -> None:
    rows = runs("attention", {0: 0.5, 1: 0.6})
    summary = summarise(rows + runs("attention", {0: 0.7, 1: 0.8}, **other) + runs("none", {0: 0.3}, **other))
    assert len(summary.tasks) == 2
    points = {round(c.score.point, 6) for task in summary.tasks for c in task.cells if c.score and c.mixer == "attention"}
    assert points == {0.55, 0.75}
    (difference,) = [c.difference for task in summary.tasks for c in task.cells if c.mixer == "none"]
    assert difference is not None
    assert difference.point == pytest.approx(-0.4)


def test_mixers_with_learning_rates_of_their_own_are_compared() -> None:
    rows = training_rows(("attention", "none"), (250,), rates={"attention": 0.001, "none": 0.003})
    task = only_task(rows)
    assert task.context.learning_rate == ""
    assert [cell.learning_rates for cell in task.cells] == [(0.001,), (0.003,)]
    assert task.cells[1].difference is not None


def test_runs_that_only_chose_the_learning_rate_are_left_out_and_counted() -> None:
    study = training_rows(("attention", "none"), (250, 500))
    trials = [
        row
        for rate in (0.0003, 0.001, 0.003)
        for mixer in ("attention", "none")
        for row in training_rows((mixer,), (500,), seeds=[0], rates={mixer: rate})
    ]
    task = only_task(study + trials)
    assert task.cells == only_task(study).cells
    assert task.trials == 6
    assert task.context.learning_rate == "auto"


def test_a_study_at_another_learning_rate_is_not_mistaken_for_trials() -> None:
    study = training_rows(("attention",), (250, 500), seeds=[0])
    other = training_rows(("attention",), (250, 500), seeds=[0], rates={"attention": 0.001})
    assert [task.context.learning_rate for task in summarise(study + other).tasks] == ["0.001", "auto"]


def test_nearly_equal_learning_rates_are_kept_apart() -> None:
    rates = (0.001, 0.001 + 1e-12)
    rows = [row for rate in rates for row in training_rows(("attention",), (250,), rates={"attention": rate})]
    assert len(summarise(rows).tasks) == 2


def test_mixers_with_different_configs_have_different_labels() -> None:
    rows = training_rows(("hypermixer", "hypermixer:heads=4"), (250,))
    assert list(only_task(rows).lines) == ["hypermixer", "hypermixer heads=4"]


def test_the_baseline_is_attention_or_what_the_user_names() -> None:
    rows = training_rows(("none", "attention", "hypermixer"), (250,))
    assert summarise(rows).baseline == "attention"
    assert summarise(rows, "none").baseline == "none"
    with pytest.raises(UnknownNameError, match="gmlp"):
        summarise(rows, "gmlp")


def test_only_the_newest_environment_is_summarised_unless_another_is_named() -> None:
    old = training_rows(("none",), (250,), environment="old", measured_at="2020-01-01T00:00:00Z")
    rows = old + training_rows(("attention",), (250,))
    summary = summarise(rows)
    assert (summary.environment, summary.left_out) == ("abc123", 5)
    assert [cell.label for cell in summary.tasks[0].cells] == ["attention"]
    assert [cell.label for cell in summarise(rows, environment="old").tasks[0].cells] == ["none"]
    with pytest.raises(UnknownNameError, match="elsewhere"):
        summarise(rows, environment="elsewhere")


def test_cells_that_were_not_trained_are_not_invented() -> None:
    rows = [row for row in training_rows() if (row.mixer, row.train_size) != ("none", 500)]
    task = only_task(rows)
    assert task.sizes == [250, 500, 1000, 2000]
    assert [cell.train_size for cell in task.lines["none"]] == [250, 1000, 2000]


def test_given_targets_replace_the_default() -> None:
    rows = training_rows(score="accuracy")
    (task,) = summarise(rows, targets=[0.9]).tasks
    assert {need.target for need in task.needs} == {0.9}
    assert [need.label for need in task.needs] == list(task.lines)
    assert len({need.target for need in only_task(rows).needs}) >= 3


def test_no_rows_give_an_empty_summary() -> None:
    assert summarise([]) == DataSummary("", (), None, (), 0)


def test_words_distinguish_the_contexts_of_a_task() -> None:
    rows = [
        *training_rows(("none",), (250,)),
        *training_rows(("none",), (250,), settings=training_settings(steps=800)),
        *training_rows(("none",), (250,), task="listops", settings=training_settings(batch=64)),
    ]
    words = [list(one.values())[4:] for one in task_words([task.context for task in summarise(rows).tasks])]
    assert words == [["learning rate auto"], ["learning rate auto", "steps=400"], ["learning rate auto", "steps=800"]]


def test_the_summary_is_plain_json() -> None:
    summary = summarise(training_rows(("attention", "hypermixer:heads=4", "none"), score="accuracy"))
    plain = json.loads(json.dumps(to_json(summary), allow_nan=False))
    (task,) = plain["tasks"]
    assert task["context"]["settings"]["steps"] == 400
    assert task["cells"][1]["config"]["heads"] == 4
    assert task["cells"][0]["scores"].keys() == {"0", "1", "2", "3", "4"}
    needs = [need["examples"] for need in task["needs"] if need["label"] == "none"]
    assert needs == [{"low": 2000.0, "high": "not reached"}] * len(needs)
    assert needs


def test_words_distinguish_tasks_of_one_name_by_their_options() -> None:
    context = TaskContext("listops", 1, 8, 16, "cpu", "", "0.01")
    settings = ({"task": {"data": name, "options": {"depth": depth, "draw": 1}}} for name, depth in (("a", 1), ("b", 2)))
    words = task_words([replace(context, settings=json.dumps(one)) for one in settings])
    assert [(one["depth"], one["data"]) for one in words] == [("depth=1", "data=a"), ("depth=2", "data=b")]
    assert "options" not in words[0]
    assert "draw" not in words[0]
