from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mixbench.tasks.dataset import Form, Split
from mixbench.worker.training.evaluation import score_on
from mixbench.worker.training.objective import Objective


class Told(nn.Module):
    """Answers with the class that the first token of an example names, or of every token its own."""

    def __init__(self, per_token: bool, of: float = 1.0) -> None:
        super().__init__()
        self.per_token, self.of = per_token, of

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        hot = nn.functional.one_hot(inputs - 1, 3).float() * self.of
        return hot if self.per_token else hot[:, 0]


def scored(told: Any, labels: Any, lengths: Any, score: str = "macro-f1", of: float = 1.0) -> Tensor:
    labels = np.array(labels, np.int32)
    output = "class per token" if labels.ndim > 1 else "class"
    form = Form(tokens=16, vocabulary=4, channels=0, output=output, classes=3, score=score)  # type: ignore[arg-type]
    inputs = np.ones((len(labels), 16), np.int32)
    inputs[:, : np.shape(told)[1]] = np.array(told) + 1
    split = Split(inputs, np.array(lengths, np.int32), labels, np.arange(len(labels)))
    return score_on(Told(labels.ndim > 1, of), Objective(form), split, full_length=False, device="cpu")  # type: ignore[arg-type]


def test_macro_f1_is_that_of_the_whole_set_in_whatever_batches_it_comes() -> None:
    # by batches of similar length, class 1 would be alone in one of them
    labels, told = [0] * 600 + [1] * 3, [[0]] * 600 + [[1], [0], [1]]
    found = scored(told, labels, [3] * 600 + [16] * 3)
    assert len(found) == 603
    assert float(found.mean()) == pytest.approx((1200 / 1201 + 4 / 5) / 2)
    assert float(scored(told, labels, [3] * 600 + [16] * 3, "accuracy").mean()) == pytest.approx(602 / 603)


def test_tokens_that_are_not_asked_are_left_out_at_every_length() -> None:
    labels = [[0, 1, -1] + [-1] * 13, [-1] * 15 + [1]]
    found = scored([[0, 0, 2] + [0] * 13, [2] * 15 + [1]], labels, [3, 16])
    # class 0: 1 right, 1 labelled, 2 predicted; class 1: 1 right, 2 labelled, 1 predicted
    assert float(found.mean()) == pytest.approx(2 / 3)


def test_an_output_that_is_not_finite_is_no_class() -> None:
    assert torch.isnan(scored([[0]], [0], [3], of=float("inf"))).all()
