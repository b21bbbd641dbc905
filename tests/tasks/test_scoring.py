"""Macro-F1 and the scores of constant answers, against values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mixbench.tasks.dataset import Dataset, Form, Split
from mixbench.tasks.scoring import constant_score, macro_f1, occurring_classes, scores_for


def form(output: str) -> Form:
    values = output == "value per token"
    return Form(3, 0 if values else 9, int(values), output, 0 if values else 3, "mse" if values else "accuracy")  # type: ignore[arg-type]


def split(targets: object, lengths: tuple[int, ...] = ()) -> Split:
    array = np.array(targets)
    count = len(array)
    own = np.array(lengths or (3,) * count, np.int32)
    return Split(np.zeros((count, 3), np.int32), own, array, np.arange(count))


def dataset(output: str, train: Split, test: Split) -> Dataset:
    return Dataset(form(output), train, train, test)


def test_macro_f1_is_the_mean_over_classes_that_occur() -> None:
    labels, told = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0])
    # class 0: 3 right, 4 labelled, 4 predicted; class 1: 1 right, 2 labelled, 2 predicted
    assert macro_f1(labels, told).mean() == pytest.approx((6 / 8 + 2 / 4) / 2)
    # class 2 is predicted though no example has it: F1 0; class 3 occurs nowhere and does not count
    assert macro_f1(labels, np.array([0, 0, 0, 1, 1, 2])).mean() == pytest.approx((6 / 7 + 2 / 4 + 0) / 3)
    assert macro_f1(labels, labels).tolist() == [1.0] * 6
    assert macro_f1(labels, 1 - labels).mean() == 0


def test_classes_of_tokens_are_pooled_and_tokens_without_a_class_do_not_count() -> None:
    labels = np.array([[0, 0, -1], [1, -1, -1], [0, 1, 0]])
    told = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0]])
    # of the six tokens: class 0 3 right, 4 labelled, 4 predicted; class 1 1 right, 2 labelled, 2 predicted
    assert macro_f1(labels, told).mean() == pytest.approx((6 / 8 + 2 / 4) / 2)


def test_the_standard_error_of_macro_f1_is_its_scatter_over_test_sets() -> None:
    rng = np.random.default_rng(0)

    def drawn() -> np.ndarray:
        labels = (rng.random(400) < 0.2).astype(int)
        return macro_f1(labels, np.where(rng.random(400) < 0.8, labels, 1 - labels))

    found = [drawn() for _ in range(300)]
    told = np.mean([one.std() / 20 for one in found])
    assert told == pytest.approx(np.std([one.mean() for one in found]), rel=0.1)


def test_the_majority_class_is_that_of_the_training_set() -> None:
    train, test = split([1, 1, 1, 0]), split([0, 0, 0, 1])
    assert constant_score(dataset("class", train, test), "accuracy") == 0.25
    # class 1: F1 2·1 / (4 + 1); class 0: 0
    assert constant_score(dataset("class", train, test), "macro-f1") == pytest.approx(0.4 / 2)
    assert occurring_classes(train) == 2


def test_the_majority_of_tokens_counts_where_each_has_a_class() -> None:
    train, test = split([[2, 2, -1], [1, -1, -1]]), split([[2, 1, -1], [2, -1, -1]])
    assert constant_score(dataset("class per token", train, test), "accuracy") == pytest.approx((0.5 + 1) / 2)
    assert occurring_classes(train) == 2


def test_the_best_constant_is_the_mean_of_the_values_without_padding() -> None:
    train, test = split([[1.0, 3.0, 99.0]], (2,)), split([[2.0, 4.0, 99.0], [5.0, 5.0, 5.0]], (2, 3))
    assert constant_score(dataset("value per token", train, test), "mse") == pytest.approx(((0 + 4) / 2 + 9) / 2)


def test_scores_suit_what_is_asked_for() -> None:
    assert scores_for(form("class")) == scores_for(form("class per token")) == ("accuracy", "macro-f1")
    assert scores_for(form("value per token")) == ("mse",)
