"""Whether runs were still improving when they ended, and whether a score beats a constant answer."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from synthetic_training import training_rows

from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.learning.cells import DataCell
from mixbench.verdicts.learning.scores import TaskSummary, summarise


def task_of(rows: list[TrainingRow]) -> TaskSummary:
    (task,) = summarise(rows).tasks
    return task


def improving(score: str, *curves: tuple[float, ...], sampling: float = 0.01) -> DataCell:
    """A cell of runs with these development scores, one run each, the last the best at the end."""
    rows = training_rows(("attention",), (800,), score=score, seeds=range(len(curves)))
    (cell,) = task_of(
        [
            replace(
                row,
                dev_scores=json.dumps({str(100 * (k + 1)): value for k, value in enumerate(scores)}),
                best_step=400,
                test_standard_error=sampling,
            )
            for row, scores in zip(rows, curves, strict=True)
        ]
    ).cells
    return cell


def test_the_last_change_is_that_of_the_error_whatever_the_direction_of_the_score() -> None:
    assert improving("mse", (0.5, 0.4, 0.2)).last_change == pytest.approx(-0.5)
    assert improving("accuracy", (0.5, 0.6, 0.8)).last_change == pytest.approx(-0.5)
    # relative to the best before, and to the mean of the logarithms over seeds
    assert improving("mse", (0.4, 0.5, 0.2), (0.4, 0.4, 0.1)).last_change == pytest.approx((0.5 * 0.25) ** 0.5 - 1)
    assert improving("mse", (0.5,)).last_change is None
    assert improving("accuracy", (0.9, 1.0)).last_change is None
    (cell,) = task_of(training_rows(("attention",), (800,))).cells
    assert (cell.last_change, cell.still_improving) == (None, False)


def test_a_fall_of_the_error_is_progress_if_it_is_more_than_noise() -> None:
    assert improving("mse", (0.5, 0.3), (0.5, 0.32), (0.5, 0.28)).still_improving
    assert not improving("mse", (0.5, 0.3), (0.5, 0.6), (0.5, 0.3)).still_improving
    assert not improving("mse", (0.5, 0.49), (0.5, 0.48), (0.5, 0.485)).still_improving
    # one seed: twice the sampling error of the score
    assert improving("accuracy", (0.5, 0.7), sampling=0.01).still_improving
    assert not improving("accuracy", (0.5, 0.7), sampling=0.5).still_improving


@pytest.mark.parametrize("score", ["mse", "accuracy"])
@pytest.mark.parametrize("sampling", [0.0, 0.01])
def test_a_score_beats_a_constant_answer_by_its_interval_and_the_sampling_error(score: str, sampling: float) -> None:
    rows = [replace(row, test_standard_error=sampling) for row in training_rows(("attention",), (800,), score=score)]
    (cell,) = task_of(rows).cells
    assert cell.score is not None
    end = cell.score.high if score == "mse" else cell.score.low
    assert end is not None
    margin = math.hypot(cell.score.point - end, 2 * sampling) * (1 if score == "mse" else -1)
    for further, found in ((1.01, True), (0.99, False), (-1.0, False)):
        task = task_of([replace(row, constant_score=cell.score.point + further * margin) for row in rows])
        assert task.beats_constant(cell) == found
        assert (task.no_better_than_constant == []) == found


def test_seeds_that_agree_beat_a_constant_answer_by_twice_the_sampling_error() -> None:
    rows = training_rows(("attention",), (800,), score="accuracy", noise=0, seed_noise=0, error=lambda mixer, size: 0.3)
    for constant, found in ((0.67, True), (0.69, False)):
        task = task_of([replace(row, constant_score=constant, test_standard_error=0.01) for row in rows])
        assert task.beats_constant(task.cells[0]) == found
