"""The time of a layer on a GPU, on one that is simulated and, where there is one, on a real one."""

from __future__ import annotations

import pytest
import torch
from gpu import needs_gpu
from sample_cells import cell
from simulated_gpu import EVENT, SimulatedGpu
from torch.autograd import DeviceType

from mixbench.worker import duel
from mixbench.worker import speed as worker
from mixbench.worker.calls import InTurns, device_seconds
from mixbench.worker.measure.caches import flush_for
from mixbench.worker.measure.clock import CudaClock, clock_for
from mixbench.worker.measure.graph_calls import replayed
from mixbench.worker.measure.subject import build_subject

CUDA = torch.device("cuda")


def clock() -> CudaClock:
    return CudaClock(CUDA, lambda: 1980.0)


def test_device_time_is_that_of_the_kernels_where_the_host_is_slower() -> None:
    gpu = SimulatedGpu()
    with gpu.running():
        block = clock().block(gpu.layer(10, 1e-6), 100)
    assert block.latency == pytest.approx(10 * 5e-6, rel=0.02), "the host launches a kernel every 5 µs"
    assert block.time == pytest.approx(10 * 1e-6, rel=0.02)
    assert (block.repeats, block.sm_clock_mhz) == (100, 1980.0)


@pytest.mark.parametrize("kernels", [100, 700])
def test_no_more_calls_are_queued_than_the_driver_takes(kernels: int) -> None:
    gpu = SimulatedGpu()
    with gpu.running():
        block = clock().block(gpu.layer(kernels, 2e-6), 16)
    assert block.time == pytest.approx(kernels * 2e-6, rel=0.02)


def test_a_call_that_fills_the_queue_by_itself_is_timed_alone_and_never_waited_for_long() -> None:
    gpu = SimulatedGpu()
    with gpu.running():
        before = gpu.host
        assert device_seconds(CUDA, gpu.layer(4000, 8e-6), 16, 16 * 4000 * 5e-6) / 16 == pytest.approx(4000 * 8e-6, rel=0.02)
        assert gpu.kernels == 1 + 4000
        assert gpu.host - before < 0.05


def test_a_block_of_a_duel_makes_every_call_in_queues_that_the_driver_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = SimulatedGpu()
    short, long = gpu.layer(60, 1e-6), gpu.layer(120, 1e-6)
    every_fifth = InTurns([short] * 4 + [long])
    side = duel.Side()
    side.device, side.calls = CUDA, {0: (every_fifth, False)}
    monkeypatch.setattr(duel, "perf_counter", gpu.now)
    with gpu.running(), torch.set_grad_enabled(False):
        block = side.block(number=0, repeats=100)
    assert block["device"] == pytest.approx(100 * 72e-6, rel=0.02)


def test_a_call_that_stands_for_several_is_divided_by_them() -> None:
    gpu = SimulatedGpu()
    with gpu.running():
        block = clock().block(InTurns([gpu.layer(1, 9e-4)], count=9), 2)
    assert block.repeats == 18
    assert block.time == pytest.approx(1e-4, rel=0.02)
    assert block.latency == pytest.approx(1e-4, rel=0.02)


def test_flushing_the_caches_is_in_no_time_and_comes_before_every_call() -> None:
    gpu = SimulatedGpu()
    order: list[str] = []

    def layer() -> None:
        order.append("call")
        gpu.launch(4e-5)

    def flush() -> None:
        order.append("flush")
        gpu.launch(2e-5)

    with gpu.running():
        block = clock().block(InTurns([layer], flush=flush), 5)
    assert block.time == pytest.approx(4e-5 + EVENT, rel=0.05)
    assert block.latency == pytest.approx(4e-5 + 5e-6, rel=0.05), "from the first launch to the last result"
    assert block.flushing == pytest.approx(5 * 2.5e-5, rel=0.05)
    assert order == ["flush", "call"] * 10


def test_gaps_between_queued_kernels_are_in_the_device_time() -> None:
    gpu = SimulatedGpu(gap=1e-6)
    with gpu.running():
        assert clock().block(gpu.layer(10, 5e-6), 100).time == pytest.approx(10 * 6e-6, rel=0.02)


def test_nothing_between_two_events_counts_as_a_microsecond() -> None:
    gpu = SimulatedGpu()
    with gpu.running():
        assert clock().block(lambda: None, 1000).time == 1e-6


@needs_gpu
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("mixer", ["attention", "hypermixer", "fnet"])
def test_the_time_of_queued_calls_is_that_of_a_replayed_graph_or_its_kernels_explain_more(mixer: str, mode: str) -> None:
    worker.pin(1, training=mode == "training", device="cuda")
    measured = cell(mixer, device="cuda", mode=mode, tokens=1024, width=256, batch=8, dtype="bfloat16", execution="graph")
    subject = build_subject(measured)
    graph, eager = replayed(subject, CUDA), InTurns(subject.calls())
    own = clock_for(CUDA)
    for call in (graph, eager):
        own.block(call, 20)
    replay, queued = own.block(graph, 20).time, own.block(eager, 100).time
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        subject.call()
        torch.cuda.synchronize()
    kernels = sum(event.count for event in profile.key_averages() if event.device_type == DeviceType.CUDA)
    # a queued kernel begins up to about 2 µs after the one before it, one in a graph sooner
    assert 0.95 * replay <= queued <= 1.05 * replay + 2e-6 * kernels


@needs_gpu
def test_a_layer_that_finds_its_caches_cold_takes_longer_on_a_gpu() -> None:
    worker.pin(1, device="cuda")
    subject = build_subject(cell("attention", device="cuda", tokens=256, width=256, batch=8, dtype="bfloat16"))
    own = clock_for(CUDA)
    calls = {"warm": InTurns(subject.calls()), "cold": InTurns(subject.calls(), flush=flush_for(CUDA))}
    for call in calls.values():
        own.block(call, 20)
    times = {name: min(own.block(call, 50).time for _ in range(5)) for name, call in calls.items()}
    assert times["warm"] < times["cold"] < 20 * times["warm"]
