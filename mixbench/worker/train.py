"""Jobs of a training study, run in child processes: count the operations of a step, train one model.

Jobs and results are as in `mixbench.worker.speed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixbench.errors import MixbenchError
from mixbench.tasks.dataset import STEP, Form, load
from mixbench.worker.measure.flops import count_flops
from mixbench.worker.speed import describe_failure, failure, pin
from mixbench.worker.training.batches import padded_length
from mixbench.worker.training.checkpoint import keep
from mixbench.worker.training.run import DivergedError, Run, build_model, train

Announce = Callable[[int], None]
Job = Mapping[str, Any]
Result = dict[str, Any]


def count_steps(job: Job, announce: Announce) -> Result:
    """FLOPs of one example, forward and backward, at every length that a batch can be padded to; or {} and the reason."""
    announce(0)
    run = run_of(job)
    pin(1, training=True)
    try:
        form = load(Path(run.data)).form
        longest = range(1, form.tokens + STEP, STEP)
        lengths = sorted({padded_length(length, form.tokens, full_length=run.full_length) for length in longest})
        return {"flops": {tokens: _flops_of_an_example(run, form, tokens) for tokens in lengths}, "detail": ""}
    except Exception as error:
        return {"flops": {}, "detail": f"train_flops: {describe_failure(error)}"}


def train_cell(job: Job, announce: Announce) -> Result:
    """Train one model: its metrics, or a status and a reason. The weights are kept if the job names a file for them."""
    announce(0)
    run = run_of(job)
    pin(1, training=True, device=run.device)
    try:
        trained = train(run, announce)
        return {"status": "ok", "detail": "", **trained.result, **keep(run, trained)}
    except DivergedError as error:
        return {"status": "diverged", "detail": str(error)}
    except Exception as error:
        return failure(error)


def run_of(job: Job) -> Run:
    """The run that a job describes."""
    return Run(**{**job, "flops": {int(tokens): flops for tokens, flops in job["flops"].items()}})


def _flops_of_an_example(run: Run, form: Form, tokens: int) -> int:
    def make_input() -> Tensor:
        return torch.zeros(1, tokens, dtype=torch.long)

    counted = count_flops(
        lambda: _Step(build_model(run, form), form, tokens), make_input, mode="training", tokens=tokens, batch=1
    )
    if counted.flops is None:
        raise MixbenchError(counted.reason)
    return counted.flops


class _Step(nn.Module):
    """A model on an input without gradient: training does not compute one for signals either."""

    def __init__(self, model: nn.Module, form: Form, tokens: int) -> None:
        super().__init__()
        self.model = model
        self.signal = torch.zeros(1, tokens, form.channels) if form.channels else None

    def forward(self, numbers: Tensor) -> Tensor:
        scores: Tensor = self.model(numbers if self.signal is None else self.signal)
        return scores
