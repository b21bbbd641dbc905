"""The loss and the score of each kind of output. Values are standardised for the loss, and scored in their own units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.tables.scores import ERRORS
from mixbench.tasks.dataset import NOT_ASKED, Form, Split
from mixbench.worker.training.batches import Batch


@dataclass(frozen=True)
class Scale:
    """The mean and standard deviation by which signals or values are standardised."""

    mean: float = 0.0
    deviation: float = 1.0

    def apply(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation

    def undo(self, x: Tensor) -> Tensor:
        return x * self.deviation + self.mean


@dataclass(frozen=True)
class Objective:
    """Loss and scores for one form of data, with the scales of its training set."""

    form: Form
    inputs: Scale = Scale()
    targets: Scale = Scale()

    @property
    def larger_is_better(self) -> bool:
        return self.form.score not in ERRORS

    def standardised(self, inputs: Tensor) -> Tensor:
        """Inputs as the model takes them: signals are standardised, token numbers unchanged."""
        return self.inputs.apply(inputs) if self.form.channels else inputs

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The mean cross-entropy over the classes to predict, or the mean squared error over real tokens: a scalar."""
        if self.form.output == "value per token":
            squared = (outputs.squeeze(-1) - self.targets.apply(batch.targets)).square()
            if batch.mask is None:
                return squared.mean()
            return squared.where(batch.mask, 0.0).sum() / batch.mask.sum()
        return F.cross_entropy(outputs.flatten(0, -2), batch.targets.flatten(), ignore_index=NOT_ASKED)

    @torch.no_grad()
    def scores(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The score of each example, (batch): the share of correct classes, or the mean squared error in the data's units.

        NaN for an example whose output is not finite: the largest of such numbers would be a class like any other.
        """
        if self.form.output == "value per token":
            squared = (self.targets.undo(outputs.squeeze(-1)) - batch.targets).double().square()
            mask = torch.ones_like(squared, dtype=torch.bool) if batch.mask is None else batch.mask
            return squared.where(mask, 0.0).sum(1) / mask.sum(1)
        right = (outputs.argmax(-1) == batch.targets).double().where(outputs.isfinite().all(-1), torch.nan)
        if self.form.output == "class":
            return right
        asked = batch.targets != NOT_ASKED
        return right.where(asked, 0.0).sum(1) / asked.sum(1)


def objective_for(form: Form, train: Split) -> Objective:
    """The objective of a data set; its scales are those of the whole training set, however much of it is used."""
    return Objective(
        form,
        inputs=_scale(train.inputs) if form.channels else Scale(),
        targets=_scale(train.targets) if form.output == "value per token" else Scale(),
    )


def _scale(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Scale:
    return Scale(float(np.mean(values, dtype=np.float64)), float(np.std(values, dtype=np.float64)) or 1.0)
