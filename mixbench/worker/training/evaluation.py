"""Score a model on a part of a data set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixbench.model import Model
from mixbench.tasks.dataset import NOT_ASKED, Split
from mixbench.tasks.scoring import macro_f1
from mixbench.worker.graphs import Captured, beside_the_main_stream, capture
from mixbench.worker.training.batches import Batch, in_order, make_batch
from mixbench.worker.training.objective import Objective
from mixbench.worker.training.python_state import State, python_state

_BATCH = 256
_MOST_KEPT = 2**30
"""Bytes of examples that may stay on a GPU from one evaluation to the next."""
_NOT_FINITE = -2
"""In place of a class where the outputs are not finite: the largest of such numbers would be a class like any other."""
Answer = tuple[NDArray[np.int64], Tensor]
"""Indices of examples, and the result of each: a score, or a class or classes."""


@torch.no_grad()
def score_on(model: Model, objective: Objective, split: Split, *, full_length: bool, device: str) -> Tensor:
    """A number for each example of a split, (examples) float64, whose mean is the score; NaN where outputs are not finite."""
    model.eval()
    batches = _batches(split, full_length, device)
    return _scores(objective, split, ((examples, _judge(model, objective, batch)) for examples, batch in batches))


class Evaluation:
    """Calls are those of `score_on`, as the model is at the time. The second one is captured as a CUDA graph of all batches.

    Raises CaptureError where that is not possible. A split that is too large for it is scored as it comes.
    """

    def __init__(self, model: Model, objective: Objective, split: Split, *, full_length: bool, device: str) -> None:
        self._model, self._objective, self._split, self._device = model, objective, split, torch.device(device)
        self._batches = list(_batches(split, full_length, device))
        self._calls = 0
        self._graph: Captured[list[Tensor]] | None = None
        self._kept: State = {}

    @torch.no_grad()
    def __call__(self) -> Tensor:
        self._model.eval()
        self._calls += 1
        if self._calls == 1:
            with beside_the_main_stream(self._device):
                return self._scored(self._judge_all())
        if self._graph is None:
            self._kept = python_state(self._model, self._device)  # the graph may read a tensor that a later call replaces
            self._graph = capture(self._judge_all, self._device)
        self._graph.replay()
        return self._scored(self._graph.result)

    def _judge_all(self) -> list[Tensor]:
        return [_judge(self._model, self._objective, batch) for _, batch in self._batches]

    def _scored(self, judged: Iterable[Tensor]) -> Tensor:
        examples = (examples for examples, _ in self._batches)
        return _scores(self._objective, self._split, zip(examples, judged, strict=True))


def evaluation(
    model: Model, objective: Objective, split: Split, *, full_length: bool, device: str, graphs: bool
) -> Callable[[], Tensor]:
    """What scores a model again and again, as a CUDA graph if that is wanted and the examples may stay on the GPU."""
    numbers = 2 if objective.form.channels == 0 else 1  # tokens are 32 bits wide on disk, 64 in a batch
    if graphs and numbers * split.inputs.nbytes + 2 * split.targets.nbytes <= _MOST_KEPT:
        return Evaluation(model, objective, split, full_length=full_length, device=device)
    return lambda: score_on(model, objective, split, full_length=full_length, device=device)


def _batches(split: Split, full_length: bool, device: str) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    for examples in in_order(np.asarray(split.lengths), _BATCH):
        yield examples, make_batch(split, examples, full_length=full_length).to(device)


def _judge(model: Model, objective: Objective, batch: Batch) -> Tensor:
    """What the model makes of a batch: the score of each example or, for macro-F1, its class or classes."""
    outputs = model(objective.standardised(batch.inputs), batch.mask)
    if objective.form.score != "macro-f1":
        return objective.scores(outputs, batch)
    usable = outputs.isfinite().all(-1) | (batch.targets == NOT_ASKED)
    classes: Tensor = outputs.argmax(-1).where(usable, _NOT_FINITE)
    return classes


def _scores(objective: Objective, split: Split, answers: Iterable[Answer]) -> Tensor:
    if objective.form.score != "macro-f1":
        return torch.cat([scores.cpu() for _, scores in answers])
    labels = np.asarray(split.targets)
    told = np.full_like(labels, NOT_ASKED)
    for examples, answer in answers:
        classes = answer.cpu().numpy()  # (batch) or (batch, tokens)
        if (classes == _NOT_FINITE).any():
            return torch.full((len(labels),), torch.nan, dtype=torch.float64)
        if classes.ndim > 1:
            told[examples, : classes.shape[1]] = classes
        else:
            told[examples] = classes
    return torch.from_numpy(macro_f1(labels, told))
