"""Training steps, carried out one by one or replayed as CUDA graphs, which give the same losses.

AdamW without weight decay on biases and norms, linear warm-up and linear decay, gradients clipped by norm.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from mixbench.model import Model
from mixbench.worker.graphs import Captured, CaptureError, beside_the_main_stream, capture
from mixbench.worker.training.batches import Batch
from mixbench.worker.training.objective import Objective
from mixbench.worker.training.python_state import State, changed, python_state

_CLIP = 1.0
_BETAS = (0.9, 0.98)
_WARM_UPS = 2
"""Steps with batches of one kind before a capture: libraries choose their kernels, the optimiser makes its tensors."""
_MOST_GRAPHS = 64
"""Each takes memory and the time of some steps."""
_QUEUED = 8
"""Steps that may be queued before the loss of the first is looked at: enough that the GPU never waits for the host."""


class DivergedError(Exception):
    """The loss or the score was not finite."""


class Steps(Protocol):
    """The steps of one run, in order, counted from 1."""

    def take(self, step: int, batch: Batch) -> None:
        """Train on a batch; the step may only be queued. Raises DivergedError, CaptureError, and what the mixer raises."""

    def finish(self) -> None:
        """Wait for the steps that are queued. Raises DivergedError."""


@dataclass(frozen=True)
class Schedule:
    """The learning rates of `steps` steps. `warm_up` is a share of them."""

    learning_rate: float
    warm_up: float
    steps: int

    def rate(self, step: int) -> float:
        """The learning rate of a step: it rises over the warm-up, then falls towards 0, which it would reach after the end."""
        warm_up = max(1, round(self.warm_up * self.steps))
        return self.learning_rate * min(step / warm_up, (self.steps - step + 1) / max(1, self.steps - warm_up))


class OneByOne:
    """Steps that are carried out when they are taken."""

    def __init__(
        self,
        model: Model,
        objective: Objective,
        schedule: Schedule,
        weight_decay: float,
        device: torch.device,
        *,
        rate: float | Tensor = 0.0,
    ) -> None:
        self.model, self.objective, self.schedule, self.device = model, objective, schedule, device
        as_tensor = isinstance(rate, Tensor)
        groups = _parameter_groups(model, weight_decay)
        self.optimiser = torch.optim.AdamW(groups, lr=rate, betas=_BETAS, capturable=as_tensor and device.type == "cuda")

    def take(self, step: int, batch: Batch) -> None:
        self.set_rate(step)
        self.learn(batch.to(self.device), lambda loss: self.check(step, loss))

    def finish(self) -> None:
        """Nothing is queued."""

    def set_rate(self, step: int) -> None:
        """Set the learning rate of a step."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule.rate(step)

    def check(self, step: int, loss: Tensor) -> None:
        """Raise DivergedError if the loss of a step is not finite."""
        if not math.isfinite(loss.item()):
            raise DivergedError(f"the loss was not finite at step {step} of {self.schedule.steps}")

    def learn(self, batch: Batch, look: Callable[[Tensor], None]) -> Tensor:
        """Forward, backward, and the change of the weights; `look` sees the loss before the backward. Returns the loss."""
        self.model.train()
        loss = self.objective.loss(self.model(self.objective.standardised(batch.inputs), batch.mask), batch)
        look(loss)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
        self.optimiser.step()
        return loss.detach()


@dataclass
class _Kind:
    """Batches of one length, with or without a mask: the tensors that their steps read, and the graph once there is one."""

    batch: Batch
    taken: int = 0
    graph: Captured[Tensor] | None = None


class AsGraphs(OneByOne):
    """Steps that are captured once for each kind of batch, and then replayed; those of rare kinds are carried out as they come.

    Queued steps run while the host prepares the next batches. What the code of a mixer does besides work with tensors happens
    only when a step is captured, so a model whose steps change anything else is not captured.
    """

    def __init__(
        self, model: Model, objective: Objective, schedule: Schedule, weight_decay: float, device: torch.device
    ) -> None:
        self._rate = torch.zeros((), device=device)
        super().__init__(model, objective, schedule, weight_decay, device, rate=self._rate)
        self._kinds: dict[tuple[int, bool], _Kind] = {}
        self._pool: Any = None
        self._queued: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()
        self._kept: list[State] = []

    def take(self, step: int, batch: Batch) -> None:
        self.set_rate(step)
        if batch.kind not in self._kinds:
            self._kinds[batch.kind] = _Kind(batch.room_on(self.device))
        kind = self._kinds[batch.kind]
        batch.copy_to(kind.batch)
        if kind.graph is None and kind.taken >= _WARM_UPS and len(self._kept) < _MOST_GRAPHS:
            kind.graph = self._capture(kind.batch)
        if kind.graph is None:
            self._as_it_comes(step, kind)
        else:
            kind.graph.replay()
            self._queue(step, kind.graph.result)

    def finish(self) -> None:
        while self._queued:
            self._look()

    def set_rate(self, step: int) -> None:
        self._rate.fill_(self.schedule.rate(step))

    def _as_it_comes(self, step: int, kind: _Kind) -> None:
        """Take a step without a graph. Raises CaptureError if the last one before a capture changes what a replay would not."""
        self.finish()
        kind.taken += 1
        before = python_state(self.model, self.device)
        with beside_the_main_stream(self.device), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*capturable=True")  # said of steps of AdamW that are not captured, as these
            self.learn(kind.batch, lambda loss: self.check(step, loss))
        if kind.taken == _WARM_UPS and (name := changed(before, python_state(self.model, self.device))):
            raise CaptureError(f"every step changes {name}, which a replay would not")

    def _capture(self, batch: Batch) -> Captured[Tensor]:
        self.optimiser.zero_grad(set_to_none=True)  # so that the graph has gradients of its own
        self._kept.append(python_state(self.model, self.device))  # the graph may read a tensor that a later step replaces
        graph = capture(lambda: self.learn(batch, lambda loss: None), self.device, self._pool)
        self._pool = graph.pool
        return graph

    def _queue(self, step: int, loss: Tensor) -> None:
        """Note a step that was queued, and look at the one that was queued a few steps before."""
        copied = loss.to("cpu", non_blocking=True, copy=True)  # the next step of this kind overwrites it
        done = torch.cuda.current_stream(self.device).record_event() if loss.is_cuda else None
        self._queued.append((step, copied, done))
        if len(self._queued) > _QUEUED:
            self._look()

    def _look(self) -> None:
        step, loss, done = self._queued.popleft()
        if done is not None:
            done.synchronize()
        self.check(step, loss)


def _parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights, which decay, and biases and norms, which do not; complex ones apart, as torch's fused optimiser refuses them."""
    kinds = [
        {"params": [p for p in model.parameters() if (p.ndim > 1) == decays and p.is_complex() == complex_ones]}
        | {"weight_decay": weight_decay if decays else 0.0, "fused": not complex_ones}
        for decays, complex_ones in itertools.product((True, False), (False, True))
    ]
    return [kind for kind in kinds if kind["params"]]
