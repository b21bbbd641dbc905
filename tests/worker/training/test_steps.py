"""Training steps as CUDA graphs, on the emulator and on a GPU: they must do what steps that are carried out one by one do."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from emulated_graphs import emulated_graphs
from gpu import needs_gpu
from torch import Tensor, nn

from mixbench.mixers.hypermixer import HyperMixer
from mixbench.model import Block, Model, OverTokens
from mixbench.tasks.dataset import Form
from mixbench.worker import graphs
from mixbench.worker.graphs import CaptureError
from mixbench.worker.training.batches import Batch
from mixbench.worker.training.objective import Objective, Scale
from mixbench.worker.training.steps import AsGraphs, DivergedError, OneByOne, Schedule

WIDTH, LONGEST, STEPS = 8, 16, 14
CLASS = Form(tokens=LONGEST, vocabulary=9, channels=0, output="class", classes=3, score="accuracy")
PER_TOKEN = dataclasses.replace(CLASS, output="class per token", classes=9)
VALUES = Form(tokens=LONGEST, vocabulary=0, channels=1, output="value per token", classes=0, score="mse")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_gpu)]


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    with emulated_graphs() if request.param == "cpu" else nullcontext():
        yield torch.device(request.param)


def model_for(form: Form, mixer: Callable[[], nn.Module], dropout: float) -> Model:
    torch.manual_seed(0)
    stem = OverTokens(1, WIDTH) if form.channels else nn.Embedding(form.vocabulary, WIDTH)
    head = nn.Linear(WIDTH, 1 if form.channels else form.classes)
    blocks = [Block(mixer(), width=WIDTH, feature_hidden=16, dropout=dropout)]
    return Model(stem, blocks, head, width=WIDTH, tokens=LONGEST, pooled=form.output == "class")


def batches_of(form: Form, count: int = STEPS) -> list[Batch]:
    """Three kinds: long with and without a mask, and short with one; the last kind occurs only twice."""
    numbers = torch.Generator().manual_seed(1)
    found = []
    for place in range(count):
        tokens = 8 if place in (3, 9) else LONGEST
        lengths = torch.randint(3, tokens + 1, (4, 1), generator=numbers)
        mask = None if place % 3 == 1 else torch.arange(tokens) < lengths
        shape = (4, tokens)
        if form.channels:
            found.append(Batch(torch.randn(*shape, 1, generator=numbers), mask, torch.randn(shape, generator=numbers)))
            continue
        inputs = torch.randint(1, 9, shape, generator=numbers)
        targets = torch.randint(0, 3, (4,), generator=numbers) if form.output == "class" else inputs.roll(1, 1)
        found.append(Batch(inputs, mask, targets))
    return found


def losses(
    kind: type[OneByOne],
    device: torch.device,
    form: Form = CLASS,
    *,
    mixer: Callable[[], nn.Module] = lambda: HyperMixer(width=WIDTH, tokens=LONGEST),
    dropout: float = 0.0,
    learning_rate: float = 1e-2,
    batches: list[Batch] | None = None,
) -> tuple[list[float], OneByOne]:
    """The loss of every step, in the order in which they were looked at."""
    model = model_for(form, mixer, dropout).to(device)
    objective = Objective(form, targets=Scale(0.5, 2.0))
    batches = batches or batches_of(form)
    steps = kind(model, objective, Schedule(learning_rate, 0.2, len(batches)), 0.01, device)
    found: list[float] = []
    check = steps.check

    def look(step: int, loss: Tensor) -> None:
        assert step == len(found) + 1
        found.append(loss.item())
        check(step, loss)

    steps.check = look  # type: ignore[method-assign]
    torch.manual_seed(2)
    try:
        for step, batch in enumerate(batches, 1):
            steps.take(step, batch)
        steps.finish()
    finally:
        steps.found = found  # type: ignore[attr-defined]
    return found, steps


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("form", [CLASS, PER_TOKEN, VALUES], ids=lambda form: form.output)
def test_graphs_give_the_losses_and_the_weights_of_steps_taken_one_by_one(
    form: Form, dropout: float, device: torch.device
) -> None:
    expected, one_by_one = losses(OneByOne, device, form, dropout=dropout)
    found, as_graphs = losses(AsGraphs, device, form, dropout=dropout)
    assert len(found) == STEPS
    assert found == pytest.approx(expected, rel=1e-4)
    assert expected[-1] < expected[0]
    if device.type == "cpu":  # on a GPU, AdamW makes steps of rounding errors where a gradient is 0
        for own, other in zip(as_graphs.model.parameters(), one_by_one.model.parameters(), strict=True):
            torch.testing.assert_close(own, other, rtol=1e-3, atol=1e-4)


def test_each_kind_of_batch_is_captured_once_up_to_a_number_of_graphs_and_rare_ones_never(
    device: torch.device, monkeypatch: Any
) -> None:
    captured = []

    def capture(work: Callable[[], Tensor], device: torch.device, pool: Any) -> Any:
        captured.append(pool)
        return graphs.capture(work, device, pool)

    monkeypatch.setattr("mixbench.worker.training.steps.capture", capture)
    losses(AsGraphs, device)
    assert len(captured) == 2
    assert captured[0] is None
    assert captured[1] is not None

    monkeypatch.setattr("mixbench.worker.training.steps._MOST_GRAPHS", 1)
    found, _ = losses(AsGraphs, device)
    assert len(captured) == 3
    assert found == pytest.approx(losses(OneByOne, device)[0], rel=1e-4)


def test_the_learning_rate_is_that_of_torchs_own_schedule() -> None:
    schedule = Schedule(0.3, 0.1, 50)
    (weight,) = parameters = [nn.Parameter(torch.zeros(1))]
    optimiser = torch.optim.SGD(parameters, lr=0.3)
    torchs = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min((step + 1) / 5, (50 - step) / 45))
    for step in range(1, 51):
        assert schedule.rate(step) == optimiser.param_groups[0]["lr"]
        weight.grad = torch.zeros(1)
        optimiser.step()
        torchs.step()


@pytest.mark.parametrize("bad", [1, 6, 11, STEPS])
def test_a_loss_that_is_not_finite_is_reported_at_its_step(bad: int, device: torch.device) -> None:
    batches = batches_of(VALUES)
    batches[bad - 1].targets[0, 0] = torch.inf
    messages = []
    for kind in (OneByOne, AsGraphs):
        with pytest.raises(DivergedError) as raised:
            losses(kind, device, VALUES, batches=batches)
        messages.append(str(raised.value))
    assert messages == [f"the loss was not finite at step {bad} of {STEPS}"] * 2


class Odd(nn.Module):
    """The base of mixers whose steps do more than work with tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.more(x)
        y: Tensor = self.linear(x)
        return y

    def more(self, x: Tensor) -> None:
        raise NotImplementedError


class Reads(Odd):
    def more(self, x: Tensor) -> None:
        x.sum().item()


class Counts(Odd):
    calls = 0

    def more(self, x: Tensor) -> None:
        self.calls += 1


class Averages(Odd):
    average: Any = 0.0

    def more(self, x: Tensor) -> None:
        self.average = 0.9 * self.average + x.detach().mean()


class Draws(Odd):
    def more(self, x: Tensor) -> None:
        random.random()


class DrawsWithNumpy(Odd):
    def more(self, x: Tensor) -> None:
        np.random.rand()


@pytest.mark.parametrize(
    ("mixer", "reason"),
    [
        (Counts, "every step changes blocks.0.mixer.calls, which a replay would not"),
        (Averages, "every step changes blocks.0.mixer.average, which a replay would not"),
        (Draws, "every step changes random, which a replay would not"),
        (DrawsWithNumpy, "every step changes numpy.random, which a replay would not"),
    ],
)
def test_a_step_that_no_replay_can_repeat_is_refused(mixer: type[Odd], reason: str, device: torch.device) -> None:
    with pytest.raises(CaptureError) as raised:
        losses(AsGraphs, device, mixer=mixer)
    assert str(raised.value) == reason


def test_a_step_that_reads_a_value_is_refused() -> None:
    """On the emulator alone: on a GPU, a capture that fails may damage the process."""
    with emulated_graphs(), pytest.raises(CaptureError, match="not permitted when stream is capturing"):
        losses(AsGraphs, torch.device("cpu"), mixer=Reads)


class Caches(Odd):
    """Keeps what it has computed for the longest sequence so far, as rotary positions do."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.empty(0)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if x.shape[1] > len(self.table):
            self.table = torch.arange(x.shape[1], device=x.device).float().sin()
        y: Tensor = self.linear(x) * self.table[: x.shape[1], None]
        return y


def test_a_table_that_later_steps_replace_stays_for_the_graphs_that_read_it(device: torch.device) -> None:
    batches = [batch for batch in batches_of(CLASS, 40) if batch.mask is not None][:12]
    short = [Batch(batch.inputs[:, :8].clone(), None, batch.targets) for batch in batches]
    mixed = [*short[:6], *batches[:4], *short[6:], *batches[4:]]
    found, expected = (losses(kind, device, mixer=Caches, batches=mixed)[0] for kind in (AsGraphs, OneByOne))
    assert found == pytest.approx(expected, rel=1e-4)
