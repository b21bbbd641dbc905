"""The one place where CUDA graphs are captured, on the emulator; the last tests are of the emulator itself."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from unittest import mock

import pytest
import torch
from emulated_graphs import emulated_graphs
from torch import nn

from mixbench.worker import graphs
from mixbench.worker.graphs import CaptureError, beside_the_main_stream, capture

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _on_the_cpu():
    with emulated_graphs():
        yield


def step_of(seed: int, dropout: float = 0.0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Dropout(dropout), nn.Linear(4, 1))
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    x = torch.zeros(5, 3)

    def step() -> torch.Tensor:
        optimiser.zero_grad(set_to_none=True)
        loss = model(x).square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return loss.detach()

    return model, x, step


def inputs(count: int):
    torch.manual_seed(1)
    return [torch.randn(5, 3) for _ in range(count)]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_replayed_training_steps_are_those_that_are_called(dropout: float) -> None:
    losses = []
    for captured in (False, True):
        _, x, step = step_of(0, dropout)
        found = []
        graph = None
        batches = inputs(6)
        torch.manual_seed(2)
        for number, batch in enumerate(batches):
            x.copy_(batch)
            if captured and number == 2:
                graph = capture(step, CPU)
            if graph:
                graph.replay()
                found.append(graph.result.item())
            else:
                with beside_the_main_stream(CPU):
                    found.append(step().item())
        losses.append(found)
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert len({*losses[0]}) == 6


def test_a_capture_changes_nothing() -> None:
    model, x, step = step_of(0)
    x.copy_(inputs(1)[0])
    step()
    before = [parameter.clone() for parameter in model.parameters()]
    capture(step, CPU)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_the_replay_of_a_graph_keeps_what_it_reads_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, pool, stream: nullcontext())  # as on a GPU, it keeps no tensors
    x = torch.ones(3)
    replay = capture(partial(torch.add, x, 1), CPU).replay
    read = weakref.ref(x)
    del x
    assert read() is not None
    del replay
    assert read() is None


def test_one_stream_serves_all_that_comes_before_captures_and_the_captures(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: used.append(stream) or nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: mock.MagicMock(name="main"))
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, pool, stream: used.append(stream) or nullcontext())
    for _ in range(2):
        with beside_the_main_stream(CPU):
            pass
    own = used[0]
    capture(lambda: None, CPU)
    assert used[1] is own
    assert used[-1] is own
    with emulated_graphs():
        assert graphs._side_stream(CPU) is not own, "a stream of the emulator is none of a GPU"


@pytest.mark.parametrize("fails", [False, True])
def test_garbage_is_not_collected_during_a_capture_and_its_stream_is_left(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    left = []

    @contextmanager
    def stream(stream: object) -> Iterator[None]:
        try:
            yield
        finally:
            left.append(stream)

    monkeypatch.setattr(torch.cuda, "stream", stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: "the main stream")
    collecting = []

    def work() -> None:
        collecting.append(gc.isenabled())
        if fails:
            raise ValueError("it fails")

    with suppress(CaptureError):
        capture(work, CPU)
    assert (collecting, gc.isenabled(), left) == ([False], True, ["the main stream"])


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x.sum().item(),
        lambda x: bool((x > 0).any()),
        lambda x: x[x > 0].mean(),
        lambda x: x.nonzero(),
        lambda x: torch.equal(x, x),
    ],
    ids=["item", "bool", "picking by truth", "nonzero", "equal"],
)
def test_work_that_looks_at_values_is_refused_with_the_first_reason(look) -> None:
    with pytest.raises(CaptureError, match=r"^RuntimeError: CUDA error: operation not permitted when stream is capturing$"):
        capture(lambda: look(torch.ones(3)), CPU)


def test_the_reason_is_the_error_that_came_first() -> None:
    def work() -> None:
        try:
            raise ValueError("no kernel\nfor this")
        except ValueError:
            raise RuntimeError("the capture was invalidated")  # noqa: B904

    with pytest.raises(CaptureError, match=r"^ValueError: no kernel$"):
        capture(work, CPU)
