"""Score a model on a part of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixbench.model import Model
from mixbench.tasks.dataset import NOT_ASKED, Split
from mixbench.tasks.scoring import macro_f1
from mixbench.worker.training.batches import Batch, in_order, make_batch
from mixbench.worker.training.objective import Objective

_BATCH = 256
Answer = tuple[NDArray[np.int64], Batch, Tensor]
"""Indices of examples, their batch, and the outputs of the model."""


@torch.no_grad()
def score_on(model: Model, objective: Objective, split: Split, *, full_length: bool, device: str) -> Tensor:
    """A number for each example of a split, (examples) float64, whose mean is the score; NaN where outputs are not finite."""
    model.eval()
    answers = _answers(model, objective, split, full_length, device)
    if objective.form.score == "macro-f1":
        return _macro_f1(split, answers)
    return torch.cat([objective.scores(outputs, batch).cpu() for _, batch, outputs in answers])


def _answers(model: Model, objective: Objective, split: Split, full_length: bool, device: str) -> Iterator[Answer]:
    for examples in in_order(np.asarray(split.lengths), _BATCH):
        batch = make_batch(split, examples, full_length=full_length).to(device)
        yield examples, batch, model(objective.standardised(batch.inputs), batch.mask)


def _macro_f1(split: Split, answers: Iterable[Answer]) -> Tensor:
    labels = np.asarray(split.targets)
    told = np.full_like(labels, NOT_ASKED)
    for examples, batch, outputs in answers:
        # the largest of numbers that are not finite would be a class like any other
        if not bool((outputs.isfinite().all(-1) | (batch.targets == NOT_ASKED)).all()):
            return torch.full((len(labels),), torch.nan, dtype=torch.float64)
        classes = outputs.argmax(-1).cpu().numpy()  # (batch) or (batch, tokens)
        if classes.ndim > 1:
            told[examples, : classes.shape[1]] = classes
        else:
            told[examples] = classes
    return torch.from_numpy(macro_f1(labels, told))
