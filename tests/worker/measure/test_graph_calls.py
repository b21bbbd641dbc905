"""Calls as CUDA graphs: on the emulator, and on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from emulated_graphs import emulated_graphs
from gpu import needs_gpu
from places import SAMPLES
from sample_cells import cell
from torch import Tensor, nn

from mixbench.execution import Finished, Launch
from mixbench.mixers import MIXERS
from mixbench.worker import speed as worker
from mixbench.worker.calls import ContractError, TrainingCall, UnsupportedError, turns
from mixbench.worker.measure import graph_calls
from mixbench.worker.measure.graph_calls import replayed
from mixbench.worker.measure.subject import Subject, build_subject

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(graph_calls, "_seconds", lambda call, device: 1e-5)
    with emulated_graphs():
        yield


def subject_of(mixer: str, mode: str = "inference", **changes: Any) -> Subject:
    worker.pin(1, training=mode == "training")
    return build_subject(cell(mixer, mode=mode, **changes))


@pytest.mark.usefixtures("_on_the_cpu")
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_a_graph_holds_about_ten_calls_with_inputs_in_turns(mixer: str, mode: str) -> None:
    subject = subject_of(mixer, mode)
    graph = replayed(subject, CPU)
    assert graph.count == 9
    assert isinstance(subject.call, TrainingCall) == (mode == "training")
    graph()


DECODING = [name if entry.always_causal else f"{name}:causal=true" for name, entry in MIXERS.items() if entry.state]


@pytest.mark.usefixtures("_on_the_cpu")
@pytest.mark.parametrize("mixer", DECODING)
def test_a_graph_holds_about_ten_steps_of_decode(mixer: str) -> None:
    subject = subject_of(mixer, "decode")
    expected = subject.forward(subject.calls()[-1].args[0])  # type: ignore[attr-defined]
    graph = replayed(subject, CPU)
    assert graph.count == 9
    torch.testing.assert_close(graph.turns.__next__().__self__.result, expected)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_on_the_cpu")
def test_a_long_call_is_captured_once_with_each_input_and_one_before_which_caches_are_flushed_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cold = replayed(subject_of("attention"), CPU, flush=lambda: None)
    assert (cold.count, cold.flush is not None) == (1, True)
    monkeypatch.setattr(graph_calls, "_seconds", lambda call, device: 1.0)
    assert replayed(subject_of("attention"), CPU).count == 3


class Looking(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Settling(nn.Module):
    """Its first calls, some of which are captured, do something else than all others."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x if self.calls <= 18 else 2 * x


class Dropping(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x)


class Changing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.add_(1).clone()


def own(module: type[nn.Module]) -> Subject:
    """A subject whose mixer is this module."""
    subject = subject_of("none")
    object.__setattr__(subject, "forward", module())
    object.__setattr__(subject, "call", subject.call_with(subject.x))
    return subject


@pytest.mark.usefixtures("_on_the_cpu")
def test_what_cannot_be_captured_is_unsupported_and_what_gives_another_result_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"^it cannot be captured as a CUDA graph: RuntimeError: CUDA error: operation"):
        replayed(own(Looking), CPU)
    with pytest.raises(ContractError, match=r"^its CUDA graph gives a different result, by 0\.5 of its norm"):
        replayed(own(Settling), CPU)


@pytest.mark.usefixtures("_on_the_cpu")
@pytest.mark.parametrize("module", [Dropping, Changing])
def test_random_numbers_and_changes_of_the_input_are_no_different_result(module: type[nn.Module]) -> None:
    assert replayed(own(module), CPU).count == 9


@pytest.mark.usefixtures("_on_the_cpu")
def test_a_mixer_that_cannot_be_captured_is_measured_alone_before_that_is_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "replayed", lambda subject, device, flush: _refuse())
    cells = [vars(cell("none", execution="graph")), vars(cell("attention", execution="graph"))]
    job = {"cells": cells, "threads": 1, "precision": 0.5, "budget": 0.01, "order_seed": 0}
    failed = {"status": "unsupported", "detail": "it cannot be captured as a CUDA graph: planted"}
    beside = worker.measure_group(job, lambda step: None)
    assert beside in ({"abandoned": {0: failed}}, {"abandoned": {1: failed}}), "the process may be spoilt"
    alone = worker.measure_group(job | {"cells": cells[:1]}, lambda step: None)
    assert alone["failed"] == {0: failed}


def _refuse() -> None:
    raise UnsupportedError("it cannot be captured as a CUDA graph: planted")


def test_a_capture_that_runs_out_of_memory_is_no_lack_of_support() -> None:
    detail = "it cannot be captured as a CUDA graph: OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"
    assert worker.failure(UnsupportedError(detail)) == {"status": "oom", "detail": detail}


@needs_gpu
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("scope", ["mixer", "model"])
@pytest.mark.parametrize("mixer", MIXERS)
def test_every_mixer_is_captured_on_a_gpu_and_a_replay_gives_what_a_call_gives(
    mixer: str, scope: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_calls, "_seconds", lambda call, device: 0.0)  # of many kernels, a call takes Python over 1 ms
    worker.pin(1, training=mode == "training", device="cuda")
    subject = build_subject(cell(mixer, device="cuda", scope=scope, mode=mode, tokens=64, width=32))
    graph = replayed(subject, CUDA)  # which compares the results
    next(turns(graph))()
    torch.cuda.synchronize()
    assert graph.count == 9


@needs_gpu
def test_a_mixer_that_looks_at_values_is_unsupported_as_a_graph_on_a_gpu() -> None:
    cells = [vars(cell(f"{SAMPLES}:Looking", device="cuda", execution="graph"))]
    job = {"cells": cells, "threads": 1, "precision": 0.5, "budget": 0.01, "order_seed": 0}
    with Launch([worker.__name__]) as launch:  # a process in which a capture has failed cannot make another one
        outcome = launch.run(f"{worker.__name__}:measure_group", job, 120.0)
    assert isinstance(outcome, Finished), outcome
    failed = outcome.result["failed"]["0"]
    assert failed["status"] == "unsupported"
    assert "it cannot be captured as a CUDA graph" in failed["detail"]
