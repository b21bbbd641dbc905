from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from mixbench.tasks.dataset import Form, Split
from mixbench.worker.training.batches import Batch
from mixbench.worker.training.objective import Objective, Scale, objective_for

CLASSES = Form(tokens=3, vocabulary=9, channels=0, output="class", classes=2, score="accuracy")
PER_TOKEN = Form(tokens=3, vocabulary=9, channels=0, output="class per token", classes=2, score="accuracy")
VALUES = Form(tokens=3, vocabulary=0, channels=1, output="value per token", classes=0, score="mse")


def test_classes_are_scored_by_the_share_that_is_right() -> None:
    objective = Objective(CLASSES)
    outputs = torch.tensor([[2.0, 1.0], [0.0, 3.0], [0.0, 0.5]])
    batch = Batch(torch.zeros(3, 3), None, torch.tensor([0, 1, 0]))
    assert objective.larger_is_better
    assert objective.scores(outputs, batch).tolist() == [1, 1, 0]
    expected = [math.log(1 + math.exp(-1)), math.log(1 + math.exp(-3)), math.log(1 + math.exp(0.5))]
    assert objective.loss(outputs, batch).item() == pytest.approx(sum(expected) / 3)


def test_tokens_that_are_not_asked_for_count_neither_in_the_loss_nor_in_the_score() -> None:
    objective = Objective(PER_TOKEN)
    right, wrong = [0.0, 2.0], [2.0, 0.0]
    outputs = torch.tensor([[right, wrong, wrong], [wrong, right, wrong]])
    batch = Batch(torch.zeros(2, 3), None, torch.tensor([[1, -1, -1], [-1, 1, 1]]))
    assert objective.scores(outputs, batch).tolist() == [1, 0.5]
    expected = (2 * math.log(1 + math.exp(-2)) + math.log(1 + math.exp(2))) / 3
    assert objective.loss(outputs, batch).item() == pytest.approx(expected)


def test_values_are_learned_standardised_and_scored_in_their_own_units_over_real_tokens() -> None:
    objective = Objective(VALUES, targets=Scale(mean=10.0, deviation=2.0))
    mask = torch.tensor([[True, True, False], [True, True, True]])
    outputs = torch.tensor([[[0.0], [1.0], [99.0]], [[0.0], [0.0], [0.0]]])
    batch = Batch(torch.zeros(2, 3, 1), mask, torch.tensor([[10.0, 10.0, 0.0], [10.0, 10.0, 13.0]]))
    assert not objective.larger_is_better
    assert objective.scores(outputs, batch).tolist() == [4 / 2, 9 / 3]
    assert objective.loss(outputs, batch).item() == pytest.approx((1 + 2.25) / 5)


def test_scales_come_from_the_whole_training_set() -> None:
    inputs = np.arange(24, dtype=np.float32).reshape(8, 3, 1)
    train = Split(inputs, np.full(8, 3, np.int32), 5 * inputs[:, :, 0] + 1, np.arange(8))
    objective = objective_for(VALUES, train)
    standardised = objective.standardised(torch.from_numpy(inputs))
    assert standardised.mean().item() == pytest.approx(0, abs=1e-6)
    assert standardised.std(correction=0).item() == pytest.approx(1)
    assert objective.targets.mean == pytest.approx(5 * inputs.mean() + 1)
    numbers = torch.tensor([[1, 2, 3]])
    assert objective_for(CLASSES, train).standardised(numbers) is numbers


def test_an_output_that_is_not_finite_has_no_score_unless_nothing_was_asked_there() -> None:
    nan, right = [math.nan, 1.0], [0.0, 1.0]
    classes = Objective(CLASSES).scores(torch.tensor([nan, right]), Batch(torch.zeros(2, 3), None, torch.tensor([1, 1])))
    assert [math.isnan(score) for score in classes.tolist()] == [True, False]
    outputs = torch.tensor([[right, nan], [nan, right]])
    tokens = Objective(PER_TOKEN).scores(outputs, Batch(torch.zeros(2, 2), None, torch.tensor([[1, -1], [1, 1]])))
    assert [math.isnan(score) for score in tokens.tolist()] == [False, True]
    mask = torch.tensor([[True, False], [True, True]])
    values = Objective(VALUES).scores(outputs[..., :1], Batch(torch.zeros(2, 2, 1), mask, torch.zeros(2, 2)))
    assert [math.isnan(score) for score in values.tolist()] == [False, True]
