"""Claims on test scores, from synthetic runs: every verdict, and what must not decide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claimed import commands, judged, lost
from synthetic import MACHINE
from synthetic_training import training_rows

from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.claims.claim import Judged
from mixbench.verdicts.learning.scores import records, summarise

Scores = dict[str, list[float]]


def runs(scores: Scores, *, score: str = "accuracy", size: int = 250, **keys: object) -> list[TrainingRow]:
    """A run for each score, whose place is its seed."""
    every = []
    for mixer, own in scores.items():
        rows = training_rows((mixer,), (size,), seeds=range(len(own)), score=score, **keys)  # type: ignore[arg-type]
        every += [replace(row, test_score=own[row.seed]) for row in rows]
    return every


def around(middle: float, step: float = 0.01) -> list[float]:
    """Five scores, which rise with the seed for every mixer alike."""
    return [middle + step * (seed - 2) for seed in range(5)]


def uneven(middle: float, by: float) -> list[float]:
    """Five scores that go up and down."""
    return [middle + by * (-1) ** seed * (1 + seed / 10) for seed in range(5)]


OTHERS = ["mlp-mixer", "gmlp", "fnet"]
BETTER = {"hypermixer": [0.8, 0.81, 0.82, 0.84, 0.86], "mlp-mixer": around(0.7), "gmlp": around(0.65), "fnet": around(0.6)}
WORSE_THAN_ONE = {**BETTER, "fnet": around(0.95)}
UNSURE = {**BETTER, "gmlp": uneven(0.82, 0.05)}


@pytest.mark.parametrize(
    ("scores", "verdict", "words"),
    [
        (BETTER, "supported", "hypermixer is better than"),
        (WORSE_THAN_ONE, "contradicted", "it is worse than fnet"),
        (UNSURE, "undecided", "it cannot be told apart from gmlp"),
    ],
)
def test_a_mixer_is_better_if_it_is_better_than_all_and_is_not_if_it_is_worse_than_any(
    scores: Scores, verdict: str, words: str
) -> None:
    found = judged("better-score", runs(scores), against=OTHERS)
    assert found.verdict == verdict
    assert words in found.sentence
    assert "Holm's procedure for 3 comparisons" in found.rule
    for finding in found.findings:
        assert finding.low is not None
        assert finding.high is not None
        # what is said of a number is what its interval says
        side = "supported" if finding.low > 0 else "contradicted" if finding.high < 0 else "undecided"
        assert finding.verdict == side


def as_errors(scores: Scores) -> Scores:
    return {mixer: [1 - score for score in own] for mixer, own in scores.items()}


@pytest.mark.parametrize(
    ("scores", "verdict"), [(BETTER, "supported"), (WORSE_THAN_ONE, "contradicted"), (UNSURE, "undecided")]
)
def test_of_errors_the_lower_one_is_better(scores: Scores, verdict: str) -> None:
    found = judged("better-score", runs(as_errors(scores), score="mse"), against=OTHERS)
    assert found.verdict == verdict
    assert "lower is better" in found.rule
    assert found.findings[0].quantity == "relative difference of test mse, %"


def record_of(rows: list[TrainingRow], mixer: str, baseline: str) -> dict[str, float]:
    found = [record for record in records(summarise(rows, baseline)) if record["table"] == "scores"]
    return max((record for record in found if record["mixer"] == mixer), key=lambda record: record["train_size"])


@pytest.mark.parametrize(("score", "column"), [("accuracy", "difference"), ("mse", "relative_change_percent")])
@pytest.mark.parametrize("against", ["attention", "none"])
def test_the_numbers_of_one_comparison_are_those_of_data_efficiency(score: str, column: str, against: str) -> None:
    rows = training_rows(score=score)
    (finding,) = judged("better-score", rows, against=[against]).findings
    record = record_of(rows, "hypermixer", against)
    assert [finding.point, finding.low, finding.high] == pytest.approx([record[column + end] for end in ("", "_low", "_high")])


def test_the_smallest_difference_is_what_the_interval_would_have_shown() -> None:
    (finding,) = judged("better-score", runs(UNSURE), against=["gmlp"]).findings
    assert finding.smallest == pytest.approx((finding.high or 0) - (finding.point or 0))
    rows = runs(as_errors(UNSURE), score="mse")
    (error,) = judged("better-score", rows, against=["gmlp"]).findings
    # the same runs with errors smaller by this share, and a little more or less of it
    for factor, verdict in ((1.02, "supported"), (0.98, "undecided")):
        shift = (1 - factor * (error.smallest or 0) / 100) / (1 + (error.point or 0) / 100)
        moved = [replace(row, test_score=(row.test_score or 0) * shift) if row.mixer == "hypermixer" else row for row in rows]
        assert judged("better-score", moved, against=["gmlp"]).verdict == verdict


@pytest.mark.parametrize(
    ("scores", "verdict", "words"),
    [
        ({"hypermixer": around(0.80), "attention": [0.8, 0.79, 0.8, 0.82, 0.82]}, "supported", "is within ±0.05 of attention"),
        ({"hypermixer": around(0.70), "attention": uneven(0.85, 0.02)}, "contradicted", "is not within ±0.05 of attention"),
        ({"hypermixer": around(0.95), "attention": uneven(0.80, 0.02)}, "contradicted", "is not within ±0.05 of attention"),
        (
            {"hypermixer": around(0.78), "attention": uneven(0.80, 0.05)},
            "undecided",
            "may or may not be within ±0.05 of attention",
        ),
    ],
)
def test_mixers_are_on_par_if_the_interval_lies_within_the_margin(scores: Scores, verdict: str, words: str) -> None:
    found = judged("on-par", runs(scores), margin=0.05)
    assert found.verdict == verdict
    assert words in found.sentence
    assert "95 % interval lies within ±0.05" in found.rule
    assert judged("on-par", runs(scores), margin="5%").findings == found.findings


@pytest.mark.parametrize(("margin", "verdict"), [("60%", "supported"), ("1%", "contradicted"), ("20%", "undecided")])
def test_a_margin_can_be_relative_to_the_other_score(margin: str, verdict: str) -> None:
    scores = {"hypermixer": [0.11, 0.14, 0.12, 0.13, 0.11], "attention": [0.1, 0.1, 0.11, 0.1, 0.1]}
    found = judged("on-par", runs(scores, score="mse"), relative_margin=margin)
    assert found.verdict == verdict
    assert found.findings[0].quantity == "relative difference of test mse, %"


def test_on_par_with_several_is_corrected_by_wider_intervals() -> None:
    scores = {"hypermixer": around(0.8), "attention": uneven(0.8, 0.01), "fnet": uneven(0.8, 0.01)}
    alone, *_ = judged("on-par", runs(scores), margin=0.05).findings
    first, second = judged("on-par", runs(scores), margin=0.05, against=["attention", "fnet"]).findings
    assert (first.high or 0) > (alone.high or 0)
    assert first.high == second.high


def test_a_margin_as_wide_as_the_range_of_the_score_decides_nothing() -> None:
    found = judged("on-par", runs(BETTER), against=["fnet"], margin=2)
    assert found.verdict == "undecided"
    assert "two points are 0.02, or 2%" in found.sentence


@pytest.mark.parametrize(("rule", "options"), [("on-par", {"margin": 0.05}), ("better-score", {"against": ["gmlp"]})])
def test_mixers_that_are_no_better_than_a_constant_answer_support_nothing(rule: str, options: dict[str, object]) -> None:
    scores = {"hypermixer": uneven(0.5, 0.01), "attention": uneven(0.5, 0.012), "gmlp": around(0.4)}

    def verdict_with(constant: float) -> Judged:
        return judged(rule, [replace(row, constant_score=constant) for row in runs(scores)], **options)

    learned, idle = verdict_with(0.2), verdict_with(0.52)
    assert learned.verdict == "supported"
    assert "constant" in learned.rule
    assert "majority class" not in learned.sentence
    assert idle.verdict == "undecided"
    assert "hypermixer is not clearly better than the majority class (0.520)" in idle.sentence
    own = next(finding for finding in idle.findings if finding.label == "hypermixer")
    assert (own.quantity, own.point) == ("test accuracy", pytest.approx(0.5, abs=0.01))
    # being worse than one that has learned contradicts a claim, whatever the mixer has learned
    better = [*runs(scores), *runs({"fnet": around(0.9)})]
    worse = judged(rule, [replace(row, constant_score=0.52) for row in better], **{**options, "against": ["fnet"]})
    assert worse.verdict == "contradicted"


def failing(rows: list[TrainingRow], mixer: str, seeds: set[int], status: str) -> list[TrainingRow]:
    return [lost(row, status) if row.mixer == mixer and row.seed in seeds else row for row in rows]


@pytest.mark.parametrize(("status", "repeats"), [("oom", True), ("diverged", False)])
def test_failed_runs_do_not_decide(status: str, repeats: bool) -> None:
    rows = failing(runs(BETTER), "gmlp", {0, 1, 2, 3, 4}, status)
    found = judged("better-score", rows, against=["gmlp"])
    assert found.verdict == "undecided"
    assert f"all runs of gmlp failed: {status}" in found.sentence
    assert [("--retry-failed" in command) for command in commands(found)] == [True] * repeats
    # what is left of others decides, and says what was left out
    rest = judged("better-score", failing(runs(BETTER), "gmlp", {0, 1}, status), against=["gmlp"])
    assert rest.verdict == "supported"
    assert f"gmlp: 2 of 5 runs failed ({status}) and are left out." in rest.notes


@pytest.mark.parametrize("rule", ["better-score", "on-par"])
def test_one_seed_decides_nothing_and_more_are_proposed(rule: str) -> None:
    rows = [row for row in runs(BETTER) if row.seed == 0]
    found = judged(rule, rows, against=["gmlp"], **({"margin": 0.5} if rule == "on-par" else {}))
    assert found.verdict == "undecided"
    assert "one seed, so no interval" in found.sentence
    assert found.findings[0].point is not None
    assert "--seeds 5" in commands(found)[0]


def test_seeds_that_agree_exactly_have_no_interval() -> None:
    found = judged("better-score", runs({"hypermixer": [0.8] * 3, "attention": [0.7] * 3}))
    assert found.verdict == "undecided"
    assert "all seeds agree exactly" in found.sentence


@pytest.mark.parametrize("score", ["accuracy", "mse"])
def test_rounding_between_seeds_that_agree_decides_nothing(score: str) -> None:
    own, other = ([0.55, 0.35], [0.5, 0.3]) if score == "accuracy" else ([0.1, 0.3], [0.7, 2.1])
    assert own[0] - other[0] != own[1] - other[1]
    assert own[0] / other[0] != own[1] / other[1]
    found = judged("better-score", runs({"hypermixer": own, "attention": other}, score=score))
    assert found.verdict == "undecided"
    assert "all seeds agree exactly" in found.sentence


def test_without_a_table_the_command_that_makes_it_is_told() -> None:
    found = judged("better-score", against=["gmlp"], width=32)
    assert (found.verdict, found.sentence) == ("undecided", "Nothing can be said yet: there is no data_efficiency.csv.")
    assert commands(found) == ["mixbench data-efficiency --mixer hypermixer --mixer gmlp --width 32"]


def test_mixers_without_rows_are_named_with_the_command_that_trains_them() -> None:
    rows = training_rows(("attention", "none"))
    found = judged("better-score", rows)
    assert found.sentence == "Nothing can be said yet: hypermixer is not in data_efficiency.csv."
    assert "--mixer hypermixer" in commands(found)[0]
    assert "--sizes 250,500,1000,2000" in commands(found)[0]
    partly = judged("better-score", training_rows(), against=["attention", "gmlp"])
    assert "nothing can be said of it against gmlp (gmlp is not in data_efficiency.csv)" in partly.sentence
    assert partly.verdict != "supported"


def test_a_name_that_could_be_several_mixers_is_not_guessed() -> None:
    rows = training_rows(("attention", "hypermixer:heads=2", "hypermixer:tied=true"))
    found = judged("better-score", rows)
    assert "hypermixer could be hypermixer heads=2 or hypermixer tied=true" in found.sentence
    assert judged("better-score", rows, mixer="hypermixer:tied=true").findings[0].label.startswith("hypermixer tied=true")


def test_the_size_is_the_largest_that_all_have_a_score_at() -> None:
    failures = {("hypermixer", 2000, seed): ("oom", "") for seed in range(5)}
    found = judged("better-score", training_rows(failures=failures))
    assert "after training on 1000 examples" in found.sentence
    assert "after training on 500 examples" in judged("better-score", training_rows(), size=500).sentence


def test_a_claim_must_hold_on_every_task_or_on_the_one_that_it_names() -> None:
    shapes, recall = runs(BETTER), runs({**BETTER, "gmlp": around(0.99)}, task="mqar")
    found = judged("better-score", [*shapes, *recall], against=["gmlp"])
    assert found.verdict == "contradicted"
    assert {finding.label for finding in found.findings} == {
        f"hypermixer against gmlp on {task}" for task in ("shapes", "mqar")
    }
    assert judged("better-score", [*shapes, *recall], against=["gmlp"], task="shapes").verdict == "supported"
    nothing = judged("better-score", shapes, against=["gmlp"], task="listops")
    assert "no row with task listops" in nothing.sentence


def test_a_mixer_is_not_compared_with_itself() -> None:
    found = judged("better-score", training_rows(), mixer="attention")
    assert "attention would be compared with itself" in found.sentence


def test_the_machine_of_the_rows_is_told_where_there_are_several() -> None:
    other = {**MACHINE, "cpu": "Example 1", "mixbench": "0"}
    rows = [*runs(BETTER, environment="old", measured_at="2024-01-01T00:00:00Z"), *runs(BETTER)]
    found = judged("better-score", rows, against=["gmlp"], machines={"abc123": MACHINE, "old": other})
    assert any(note.startswith("data_efficiency.csv: Example 9000") for note in found.notes)


def test_the_sampling_error_of_the_test_set_is_told() -> None:
    assert any("sampling error of one score" in note for note in judged("better-score", runs(BETTER), against=["gmlp"]).notes)


@pytest.mark.parametrize(("seeds", "proposed"), [(1, 5), (2, 2)])
def test_failed_runs_of_one_seed_are_proposed_with_seeds_that_have_an_interval(seeds: int, proposed: int) -> None:
    rows = runs({mixer: own[:seeds] for mixer, own in BETTER.items()})
    found = judged("better-score", failing(rows, "gmlp", {0, 1}, "oom"), against=["gmlp"])
    assert f"--seeds {proposed} " in commands(found)[0]
    assert commands(found)[0].endswith("--retry-failed")


@pytest.mark.parametrize(("rule", "options"), [("better-score", {}), ("on-par", {"margin": 0.5})])
def test_tasks_of_different_scores_need_a_claim_each(rule: str, options: dict[str, float]) -> None:
    accuracies = [replace(row, task="majority") for row in runs(BETTER)]
    rows = [*accuracies, *runs(as_errors(BETTER), score="mse")]
    found = judged(rule, rows, against=["gmlp"], **options)
    assert found.verdict == "undecided"
    assert "different scores (accuracy on majority and mse on shapes)" in found.sentence
    assert judged(rule, rows, against=["gmlp"], task="majority", **options).verdict == "supported"
