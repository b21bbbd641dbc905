"""Jobs of a training study, run in child processes: count the operations of a step, train one model.

Jobs and results are as in `mixbench.worker.speed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mixbench.errors import one_line
from mixbench.tables.remarks import SEPARATOR, lower_bound, remark, unknown
from mixbench.tasks.dataset import STEP, Form, load
from mixbench.worker.calls import describe_failure
from mixbench.worker.graphs import CaptureError
from mixbench.worker.measure.flops import FlopCount, count_flops
from mixbench.worker.speed import failure, pin
from mixbench.worker.training.batches import padded_length
from mixbench.worker.training.checkpoint import keep
from mixbench.worker.training.run import Run, build_model, train
from mixbench.worker.training.steps import DivergedError

Announce = Callable[[int], None]
Job = Mapping[str, Any]
Result = dict[str, Any]


def count_steps(job: Job, announce: Announce) -> Result:
    """FLOPs of one example, forward and backward, at every length that a batch can be padded to; {} where one is unknown.

    `detail` says why, or why they are only lower bounds.
    """
    announce(0)
    run = run_of(job)
    pin(1, training=True)
    try:
        form = load(Path(run.data)).form
        longest = range(1, form.tokens + STEP, STEP)
        lengths = sorted({padded_length(length, form.tokens, full_length=run.full_length) for length in longest})
        counts = {tokens: _count_example(run, form, tokens) for tokens in lengths}
    except Exception as error:
        return {"flops": {}, "detail": unknown("train_flops", describe_failure(error))}
    if faults := [count.reason for count in counts.values() if count.flops is None]:
        return {"flops": {}, "detail": unknown("train_flops", one_line(faults[0]))}
    hiding = sorted({operator for count in counts.values() for operator in count.hiding})
    remarks = [remark("train_flops", one_line(text)) for count in counts.values() for text in count.remarks]
    remarks += [lower_bound("train_flops", hiding)] if hiding else []
    return {
        "flops": {tokens: count.flops for tokens, count in counts.items()},
        "detail": SEPARATOR.join(dict.fromkeys(remarks)),
    }


def train_cell(job: Job, announce: Announce) -> Result:
    """Train one model: its metrics, or a status and a reason. The weights are kept if the job names a file for them.

    A run with graphs that fails gives only a reason, `not_as_graphs`: it is to be made again without them.
    """
    announce(0)
    run = run_of(job)
    pin(1, training=True, device=run.device)
    try:
        trained = train(run, announce)
        kept = keep(run, trained)
        detail = SEPARATOR.join(part["detail"] for part in (trained.result, kept) if "detail" in part)
        return {"status": "ok", **trained.result, **kept, "detail": detail}
    except Exception as error:
        return fault(error, run)


def fault(error: Exception, run: Run | None) -> Result:
    """What is told of a run that raised an error.

    With graphs, any but that of a loss that is not finite may be due to them, and the process may be damaged.
    """
    if isinstance(error, DivergedError):
        return {"status": "diverged", "detail": str(error)}
    if run and run.graphs:
        return {"not_as_graphs": str(error) if isinstance(error, CaptureError) else describe_failure(error)}
    return failure(error)


def run_of(job: Job) -> Run:
    """The run that a job describes."""
    return Run(**{**job, "flops": {int(tokens): flops for tokens, flops in job["flops"].items()}})


def _count_example(run: Run, form: Form, tokens: int) -> FlopCount:
    def make_input() -> Tensor:
        return torch.zeros(1, tokens, form.channels) if form.channels else torch.zeros(1, tokens, dtype=torch.long)

    # training computes no gradient of the input, for signals either
    return count_flops(
        lambda: build_model(run, form), make_input, mode="training", tokens=tokens, batch=1, input_gradient=False
    )
