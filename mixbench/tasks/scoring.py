"""Scores that depend on all examples together, and those of the best answer that is the same for every example."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixbench.tables.scores import SCORES
from mixbench.tasks.dataset import NOT_ASKED, Dataset, Form, Split

Numbers = NDArray[np.float64]
Classes = NDArray[Any]


def scores_for(form: Form) -> tuple[str, ...]:
    """The scores that suit what a data set asks for."""
    predicted = "values" if form.output == "value per token" else "classes"
    return tuple(name for name, score in SCORES.items() if score.predicts == predicted)


def macro_f1(labels: Classes, predictions: Classes) -> Numbers:
    """The macro-F1 of all examples, as one number per example, (examples), of which it is the mean.

    `labels` and `predictions` are classes, (examples) or (examples, tokens), pooled over the tokens whose label is not
    NOT_ASKED. F1 is averaged over the classes that occur among labels or predictions, and is 0 for a class that is never
    right, as in scikit-learn with zero_division=0. The numbers are the score plus the influence of each example on it, so
    their standard error is that of the score (delta method).
    """
    asked = labels != NOT_ASKED
    true, told, examples = labels[asked], predictions[asked], np.nonzero(asked)[0]
    right = true == told
    most = int(max(true.max(), told.max())) + 1
    counts = np.bincount(true, minlength=most) + np.bincount(told, minlength=most)
    occur = counts > 0
    f1 = 2 * np.bincount(true[right], minlength=most) / np.maximum(counts, 1)
    influence = (2 * right - f1[true]) / counts[true] - f1[told] / counts[told]
    by_example = np.bincount(examples, influence, minlength=len(labels))
    return np.asarray(f1[occur].mean() + by_example * (len(labels) / occur.sum()))


def constant_score(dataset: Dataset, score: str) -> float:
    """The score on the test set of the best constant answer: the most frequent class of the training set, or its mean value."""
    labels = np.asarray(dataset.test.targets)
    if SCORES[score].predicts == "values":
        train, real = dataset.train, _real(dataset.test)
        mean = float(np.mean(np.asarray(train.targets)[_real(train)], dtype=np.float64))
        squared = np.where(real, (labels.astype(np.float64) - mean) ** 2, 0.0)
        return float((squared.sum(1) / real.sum(1)).mean())
    known = np.asarray(dataset.train.targets)
    answers = np.full_like(labels, np.bincount(known[known != NOT_ASKED]).argmax())
    if score == "macro-f1":
        return float(macro_f1(labels, answers).mean())
    asked = (labels != NOT_ASKED).reshape(len(labels), -1)
    return float(((labels == answers).reshape(asked.shape).sum(1) / asked.sum(1)).mean())


def occurring_classes(train: Split) -> int:
    """How many classes the training set has."""
    known = np.asarray(train.targets)
    return len(np.unique(known[known != NOT_ASKED]))


def _real(split: Split) -> NDArray[np.bool_]:
    """Tokens that are not padding, (examples, tokens)."""
    return np.asarray(np.arange(split.inputs.shape[1]) < np.asarray(split.lengths)[:, None])
