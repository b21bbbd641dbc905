"""Claims on the examples and the trials that a score takes: every verdict, open ends, and what must not decide."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from claimed import commands, judged, lost
from synthetic_training import training_rows, trial_rows

from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.claims.needs import hardest
from mixbench.verdicts.learning.scores import records, summarise
from mixbench.verdicts.learning.tune import summarise as summarise_tune

MIXERS = ("attention", "hypermixer")
SIZES = (250, 500, 1000, 2000)


def errors(factor: float) -> Callable[[str, int], float]:
    """hypermixer needs `factor` times the examples of any other mixer."""
    return lambda mixer, size: (size / (factor if mixer == "hypermixer" else 1.0)) ** -0.7 * 10


def study(factor: float, **options: object) -> list[TrainingRow]:
    return training_rows(MIXERS, SIZES, error=errors(factor), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "verdict", "words"),
    [
        (study(0.5), "supported", "hypermixer needs fewer training examples than attention at mse ≤ 0.12"),
        (study(2.0), "contradicted", "hypermixer needs more training examples than attention at mse ≤ 0.12"),
        (study(1.0), "undecided", "hypermixer may need fewer or more training examples than attention at mse ≤ 0.12"),
    ],
)
def test_the_ratio_of_examples_decides_and_is_that_of_data_efficiency(
    rows: list[TrainingRow], verdict: str, words: str
) -> None:
    found = judged("fewer-examples", rows, target=0.12)
    assert found.verdict == verdict
    assert words in found.sentence
    (finding,) = found.findings
    (record,) = [
        record
        for record in records(summarise(rows, targets=(0.12,)))
        if record["table"] == "examples needed" and record["mixer"] == "hypermixer"
    ]
    ends = ("low", "interval_low", "interval_high")
    assert [finding.point, finding.low, finding.high] == pytest.approx(
        [record[f"relative_examples_needed_{end}"] for end in ends]
    )
    assert bool(commands(found)) == (verdict == "undecided")


def test_accuracies_count_as_better_when_higher() -> None:
    rows = training_rows(MIXERS, SIZES, score="accuracy", error=errors(0.5))
    assert judged("fewer-examples", rows, target=0.88).verdict == "supported"
    assert "accuracy ≥ 0.88" in judged("fewer-examples", rows, target=0.88).sentence


@pytest.mark.parametrize(
    ("factor", "target", "verdict"), [(8.0, 0.06, "contradicted"), (0.125, 0.04, "supported"), (1.0, 1e-3, "undecided")]
)
def test_a_score_that_is_not_reached_leaves_an_end_open(factor: float, target: float, verdict: str) -> None:
    found = judged("fewer-examples", study(factor, noise=0.01), target=target)
    assert found.verdict == verdict
    (finding,) = found.findings
    assert finding.point is None
    assert "not reached with 2000" in finding.detail
    opened = {"contradicted": "no upper bound", "supported": "no lower bound", "undecided": "it is open at both ends"}
    assert [words in finding.detail for words in opened.values()] == [own == verdict for own in opened]


def test_several_scores_must_all_hold_and_are_corrected() -> None:
    found = judged("fewer-examples", study(0.5), target=[0.12, 0.1])
    assert [finding.verdict for finding in found.findings] == ["supported", "supported"]
    assert "Holm's procedure for 2 comparisons" in found.rule
    one, _ = found.findings
    (alone,) = judged("fewer-examples", study(0.5), target=0.12).findings
    assert one.point == alone.point
    assert (one.high or 0) >= (alone.high or 0)
    assert judged("fewer-examples", study(0.5), target=[0.12, 1e-3]).verdict == "undecided"


@pytest.mark.parametrize(("below", "verdict"), [(0.9, "supported"), (0.2, "contradicted"), (0.5, "undecided")])
def test_the_ratio_can_be_held_against_another_number_than_1(below: float, verdict: str) -> None:
    assert judged("fewer-examples", study(0.5), target=0.12, below=below).verdict == verdict


def test_without_a_target_the_hardest_that_the_other_mixer_reaches_is_taken() -> None:
    reached = {0.4: (True, True), 0.2: (True, True), 0.1: (True, False)}
    assert hardest([0.4, 0.2, 0.1], reached) == 0.2
    assert hardest([0.4, 0.2], {0.4: (True, False), 0.2: (False, False)}) == 0.4
    assert hardest([0.4], {0.4: (False, False)}) is None
    needs = [record for record in records(summarise(study(0.5))) if record["table"] == "examples needed"]
    targets = [own["target_score"] for own in needs if own["mixer"] == "attention" and own["examples_needed_high"] < math.inf]
    assert judged("fewer-examples", study(0.5)).findings[0].label == f"hypermixer against attention at mse ≤ {min(targets):g}"


def test_a_score_of_a_constant_answer_decides_nothing() -> None:
    rows = study(0.5, constant_score=0.15)
    found = judged("fewer-examples", rows, target=0.2)
    assert found.verdict == "undecided"
    assert "the best constant answer, 0.150, reaches it" in found.sentence


def test_one_seed_has_no_interval() -> None:
    found = judged("fewer-examples", study(0.2, seeds=(0,)), target=0.12)
    assert found.verdict == "undecided"
    assert "no interval" in found.sentence
    assert "--seeds 5" in commands(found)[0]


def test_failed_runs_are_left_out_of_learning_curves() -> None:
    failures = {("hypermixer", size, seed): ("killed", "") for size in SIZES for seed in range(4)}
    found = judged("fewer-examples", study(0.2, failures=failures), target=0.12)
    assert found.verdict == "undecided"
    assert "--retry-failed" in commands(found)[0]
    some = judged("fewer-examples", study(0.2, failures={("hypermixer", 500, 0): ("oom", "")}), target=0.12)
    assert some.verdict == "supported"
    assert "hypermixer on 500 examples: 1 of 5 runs failed (oom) and is left out." in some.notes
    every = {("hypermixer", size, seed): ("diverged", "") for size in SIZES for seed in range(5)}
    assert "hypermixer has no score there" in judged("fewer-examples", study(1, failures=every), target=0.12).sentence


def search(factor: float, *, trials: int = 200, **options: object) -> list[TrialRow]:
    """Trials of errors that are `factor` times as large for hypermixer."""

    def error(mixer: str, size: int) -> float:
        return 0.1 * factor if mixer == "hypermixer" else 0.1

    return trial_rows(MIXERS, trials=trials, error=error, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "target", "verdict", "words"),
    [
        (search(0.5), 0.06, "supported", "hypermixer needs fewer tuning trials than attention"),
        (search(3.0), 0.06, "contradicted", "hypermixer needs more tuning trials than attention"),
        (search(1.0), 0.06, "undecided", "hypermixer may need fewer or more tuning trials than attention"),
    ],
)
def test_the_bands_of_both_searches_decide(rows: list[TrialRow], target: float, verdict: str, words: str) -> None:
    found = judged("fewer-trials", rows, target=target)
    assert found.verdict == verdict
    assert words in found.sentence
    (finding,) = found.findings
    (summary,) = summarise_tune(rows, targets=(target,))
    (needed,) = summary.targets
    (own, earliest, latest), (base, first, last) = needed.trials["hypermixer"], needed.trials["attention"]
    most = len(summary.curves[0].expected)
    if own is not None and base is not None:
        assert finding.point == pytest.approx(own / base)
    if last is not None:
        assert finding.low == pytest.approx((most if earliest is None else earliest) / last)
    if latest is not None:
        assert finding.high == pytest.approx(latest / (most if first is None else first))


def test_a_score_that_no_search_reaches_decides_nothing() -> None:
    found = judged("fewer-trials", search(0.5), target=1e-4)
    assert found.verdict == "undecided"
    assert "hypermixer: not reached with 100 trials, attention: not reached with 100 trials" in found.findings[0].detail


def test_diverged_trials_count_as_the_worst_but_failed_ones_are_left_out() -> None:
    rows = search(0.5, diverged=(1, 2))
    found = judged("fewer-trials", rows, target=0.06)
    assert "hypermixer: 2 of 200 trials diverged and count as the worst score seen." in found.notes
    broken = [lost(row, "killed") if row.mixer == "hypermixer" and row.trial > 2 else row for row in search(0.5)]
    few = judged("fewer-trials", broken, target=0.06)
    assert few.verdict == "undecided"
    assert "hypermixer: 198 of 200 trials failed (killed) and are left out." in few.notes
    assert "--retry-failed" in commands(few)[0]
    (finding,) = judged("fewer-trials", search(0.5)[: 2 * 200 - 100], target=0.06).findings
    assert finding.verdict == "supported"
    every = [lost(row, "oom") if row.mixer == "hypermixer" else row for row in search(0.5)]
    assert "all trials of hypermixer failed" in judged("fewer-trials", every).sentence


def test_of_trials_without_a_target_the_hardest_that_the_other_reaches_is_taken() -> None:
    found = judged("fewer-trials", search(0.5, trials=20))
    (summary,) = summarise_tune(search(0.5, trials=20))
    reached = [target.score for target in summary.targets if target.trials["attention"][0] is not None]
    assert f"mse ≤ {min(reached):.3g}" in found.findings[0].label


def test_searches_that_are_missing_are_told_with_the_command() -> None:
    assert commands(judged("fewer-trials")) == ["mixbench tune --mixer hypermixer --mixer attention"]
    rows = [row for row in search(1.0, trials=6) if row.mixer == "attention"]
    found = judged("fewer-trials", rows)
    assert found.sentence == "Nothing can be said yet: hypermixer is not in tuning.csv."
    assert "--mixer hypermixer" in commands(found)[0]
    assert "--trials 6" in commands(found)[0]
    partly = judged("fewer-trials", search(0.5), against=["attention", "gmlp"], target=0.06)
    assert partly.verdict == "undecided"
    assert "--mixer gmlp" in commands(partly)[0]


def test_an_unsure_search_is_to_be_made_longer() -> None:
    assert "--trials 40" in commands(judged("fewer-trials", search(1.0, trials=20)))[0]


def test_without_a_difference_a_search_is_rarely_decided() -> None:
    wrong = 0
    for seed in range(100):
        found = judged("fewer-trials", search(1.0, trials=20, seed=seed))
        wrong += found.verdict != "undecided"
    assert wrong <= 5


def test_other_settings_are_not_mixed_into_a_search() -> None:
    rows = search(0.5) + [replace(row, width=128) for row in search(3.0)]
    assert judged("fewer-trials", rows, target=0.06, width=64).verdict == "supported"
    assert judged("fewer-trials", rows, target=0.06, width=128).verdict == "contradicted"
    assert len(judged("fewer-trials", rows, target=0.06).findings) == 2
