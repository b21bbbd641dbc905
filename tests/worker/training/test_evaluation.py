from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from emulated_graphs import emulated_graphs
from gpu import needs_gpu
from torch import Tensor, nn

from mixbench.tasks.dataset import Form, Split
from mixbench.worker.training.evaluation import Evaluation, evaluation, score_on
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


class Learned(nn.Module):
    """Scores for each token, or for the first, from weights that change between evaluations."""

    def __init__(self, per_token: bool) -> None:
        super().__init__()
        self.per_token, self.scores = per_token, nn.Embedding(4, 3)

    def forward(self, inputs: Tensor, mask: Tensor | None) -> Tensor:
        scores: Tensor = self.scores(inputs)
        return scores if self.per_token else scores[:, 0]


def split_of(per_token: bool, count: int = 600) -> tuple[Form, Split]:
    """Two batches of full size and a smaller one, of two lengths."""
    random = np.random.default_rng(0)
    lengths = np.where(np.arange(count) % 3, 16, 7).astype(np.int32)
    inputs = np.where(np.arange(16) < lengths[:, None], random.integers(1, 4, (count, 16)), 0).astype(np.int32)
    labels = np.where(inputs > 0, random.integers(0, 3, (count, 16)), -1).astype(np.int32)
    output = "class per token" if per_token else "class"
    form = Form(tokens=16, vocabulary=4, channels=0, output=output, classes=3, score="accuracy")  # type: ignore[arg-type]
    return form, Split(inputs, lengths, labels if per_token else labels[:, 0], np.arange(count))


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])
@pytest.mark.parametrize("score", ["accuracy", "macro-f1"])
@pytest.mark.parametrize("per_token", [False, True])
def test_a_graph_of_all_batches_gives_the_scores_of_the_weights_at_the_time(per_token: bool, score: str, device: str) -> None:
    form, split = split_of(per_token)
    model: Any = Learned(per_token).to(device)
    objective = Objective(dataclasses.replace(form, score=score))
    with emulated_graphs() if device == "cpu" else nullcontext():
        again = evaluation(model, objective, split, full_length=False, device=device, graphs=True)
        assert isinstance(again, Evaluation)
        for weights in range(4):
            torch.manual_seed(weights)
            nn.init.normal_(model.scores.weight)
            if weights == 3:
                model.scores.weight.data[2] = torch.nan
            expected = score_on(model, objective, split, full_length=False, device=device)
            torch.testing.assert_close(again(), expected, rtol=0, atol=0, equal_nan=True)
            assert torch.isnan(expected).any() == (weights == 3)


def test_a_split_that_is_too_large_to_stay_on_the_gpu_is_scored_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    form, split = split_of(per_token=True)
    parts: Any = (Learned(True), Objective(form), split)
    monkeypatch.setattr("mixbench.worker.training.evaluation._MOST_KEPT", 4 * split.inputs.nbytes - 1)
    again = evaluation(*parts, full_length=False, device="cpu", graphs=True)
    assert torch.equal(again(), score_on(*parts, full_length=False, device="cpu"))
