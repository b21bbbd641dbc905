"""Claims on the cost of a score, from synthetic tables: every verdict, and what must not decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from claimed import commands, judged, lost
from synthetic import speed_rows
from synthetic_training import training_rows, trial_rows

from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.evidence import task_costs
from mixbench.verdicts.cost.product import PRODUCT
from mixbench.verdicts.cost.subject import Wish

MIXERS = ("attention", "hypermixer")
Tables = tuple[list[SpeedRow], list[TrainingRow], list[TrialRow]]


def tables(time: float = 1.0, error: float = 1.0, **speed: Any) -> Tables:
    """Tables in which hypermixer takes `time` times as long and has errors `error` times as large."""

    def latency(mixer: str, *shape: object) -> float:
        return 5.0 * (time if mixer == "hypermixer" else 1.0)

    def errors(mixer: str, size: int) -> float:
        return 10 * size**-0.7 * (error if mixer == "hypermixer" else 1.0)

    options = {"modes": ("training",), "latency_ms": latency, "contended": 0.0, **speed}
    return (
        speed_rows(MIXERS, (100,), **options)[0],  # type: ignore[arg-type]
        training_rows(MIXERS, error=errors),
        trial_rows(MIXERS, trials=20, error=errors),
    )


CHEAPER, DEARER, ALIKE = tables(0.1), tables(10.0), tables(1.0)


@pytest.mark.parametrize(
    ("rows", "verdict", "words"),
    [
        (CHEAPER, "supported", "reaching a score with hypermixer costs less than with attention"),
        (DEARER, "contradicted", "reaching a score with hypermixer costs more than with attention"),
        (ALIKE, "undecided", "reaching a score with hypermixer may cost less or more than with attention"),
    ],
)
def test_the_ratio_of_products_decides_and_is_that_of_cost(rows: Tables, verdict: str, words: str) -> None:
    found = judged("cheaper", *rows, target=0.1)
    assert found.verdict == verdict
    assert words in found.sentence
    (finding,) = found.findings
    (cost,) = task_costs(*rows, Wish(targets=(0.1,)))
    (own,) = [one for one in cost.costs if one.ratios]
    known = own.ratios[PRODUCT]
    assert known.interval
    assert [finding.point, finding.low, finding.high] == pytest.approx(
        [known.value.low, known.interval.low, known.interval.high]
    )
    assert [bool(commands(found))] == [verdict == "undecided"]


def test_without_a_target_the_one_of_the_sentence_of_cost_is_taken() -> None:
    from mixbench.cli.text.cost import sentence

    (cost,) = task_costs(*CHEAPER, Wish())
    target = judged("cheaper", *CHEAPER).findings[0].label.rpartition(" ")[2]
    assert f"mse ≤ {target}" in sentence(cost, "hypermixer")


def test_a_score_that_is_not_reached_leaves_an_end_open() -> None:
    found = judged("cheaper", *tables(2.0, 5.0), target=0.06)
    assert found.verdict == "contradicted"
    assert (found.findings[0].point, found.findings[0].high) == (None, None)
    assert judged("cheaper", *tables(1.0, 1.0), target=1e-3).verdict == "undecided"


def test_disturbed_times_decide_nothing() -> None:
    speed, training, trials = CHEAPER
    unquiet = [replace(row, quality="contended") if row.mixer == "hypermixer" else row for row in speed]
    found = judged("cheaper", unquiet, training, trials, target=0.1)
    assert found.verdict == "undecided"
    assert "disturbed while it was timed: hypermixer" in found.sentence
    assert "--fresh" in commands(found)[0]
    # operations are not timed
    assert judged("cheaper", unquiet, training, trials, target=0.1, measure="flops").findings[0].detail.startswith("operations")


def test_failed_rows_decide_nothing() -> None:
    speed, training, trials = CHEAPER
    failed = [lost(row, "oom") if row.mixer == "hypermixer" and row.trial > 1 else row for row in trials]
    found = judged("cheaper", speed, training, failed, target=0.1)
    assert found.verdict == "undecided"
    assert "19 trials failed and are left out." in found.notes
    untimed = speed_rows(MIXERS, (100,), modes=("training",), failures={("hypermixer", 100): ("oom", "needs 9 GiB")})[0]
    without = judged("cheaper", untimed, training, trials)
    assert without.verdict == "undecided"
    assert "hypermixer: oom: needs 9 GiB" in without.sentence


def test_one_launch_or_seed_has_no_interval() -> None:
    speed, training, trials = CHEAPER
    for rows in (
        ([row for row in speed if row.launch == 1], training, trials),
        (speed, [row for row in training if row.seed == 0], trials),
    ):
        assert judged("cheaper", *rows, target=0.1).verdict == "undecided"


def test_a_missing_table_is_told_with_the_command_that_makes_it() -> None:
    speed, training, trials = CHEAPER
    for rows, study in (((training, trials), "speed"), ((speed, trials), "data-efficiency"), ((speed, training), "tune")):
        found = judged("cheaper", *rows, target=0.1)
        assert found.verdict == "undecided"
        assert [command.split()[1] for command in commands(found)] == [study]
    assert [command.split()[1] for command in commands(judged("cheaper"))] == ["data-efficiency", "tune", "speed"]
    assert (
        "hypermixer is not in"
        in judged("cheaper", *([row for row in own if row.mixer != "hypermixer"] for own in CHEAPER)).sentence
    )


def test_several_scores_are_corrected() -> None:
    one, two = judged("cheaper", *ALIKE, target=[0.2, 0.1]).findings
    (alone,) = judged("cheaper", *ALIKE, target=0.1).findings
    assert two.point == alone.point
    assert (two.high or 0) > (alone.high or 0)
    assert one.label != two.label
