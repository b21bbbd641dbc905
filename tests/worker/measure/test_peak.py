from __future__ import annotations

import json

import pytest
import torch

from mixbench.worker.measure import peak
from mixbench.worker.measure.energy import Meter


class Machine:
    """A clock that moves only while a call runs, by the next of `durations` and then by the last of them."""

    def __init__(self, *durations: float) -> None:
        self.now = 0.0
        self.durations = list(durations)
        self.calls = 0

    def clock(self) -> float:
        return self.now

    def call(self) -> None:
        self.calls += 1
        self.now += self.durations.pop(0) if len(self.durations) > 1 else self.durations[0]


def rate(machine: Machine, **options: float) -> float:
    return peak.best_rate(machine.call, 100.0, peak.wall_stopwatch(machine.clock), **{"seconds": 1.0, **options})


def test_the_rate_is_work_over_time():
    assert rate(Machine(0.05)) == pytest.approx(2000)


def test_the_first_call_does_not_count():
    assert rate(Machine(0.001, 0.05)) == pytest.approx(2000)


def test_the_best_block_counts():
    assert rate(Machine(0.05, 0.05, 0.05, 0.02, 0.05)) == pytest.approx(5000)


def test_short_calls_are_timed_in_blocks():
    machine = Machine(0.0001)
    readings = []

    def clock() -> float:
        readings.append(machine.now)
        return machine.now

    assert peak.best_rate(machine.call, 1.0, peak.wall_stopwatch(clock), seconds=0.1) == pytest.approx(10_000)
    assert len(readings) < machine.calls / 10
    assert machine.now < 0.2


def test_long_calls_are_timed_three_times_beyond_the_first():
    machine = Machine(5.0)
    rate(machine)
    assert machine.calls == 4


def test_measuring_ends_after_the_time_given():
    machine = Machine(0.05)
    rate(machine)
    assert machine.now == pytest.approx(1.05)


def test_the_matrix_grows_until_a_product_lasts_a_block():
    sizes = []

    def stopwatch(call, repeats):
        size = call.keywords["out"].shape[0]
        sizes.append(size)
        return repeats * 2 * size**3 / 60e9  # 60 GFLOP/s: 512 takes 4.5 ms, 1024 takes 36 ms

    assert peak.peak_gflops("cpu", torch.float32, stopwatch=stopwatch) == pytest.approx(60)
    assert sorted(set(sizes)) == [256, 512, 1024]
    assert sizes.count(1024) > 2 * sizes.count(256)


def test_a_copy_counts_bytes_read_and_written():
    assert peak.bandwidth_gb_per_s("cpu", size=4_000_000, stopwatch=lambda call, repeats: 0.1 * repeats) == pytest.approx(0.08)


def test_a_copy_exceeds_the_caches_and_fits_the_memory(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(peak.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 64 * 2**30}))
    monkeypatch.setattr(peak, "last_level_cache_bytes", lambda: 2**30)
    assert peak._copy_bytes(cpu) == 4 * 2**30
    monkeypatch.setattr(peak, "last_level_cache_bytes", lambda: None)
    assert peak._copy_bytes(cpu) == 256 * 2**20
    monkeypatch.setattr(peak.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 2**30}))
    assert peak._copy_bytes(cpu) == 2**30 // 8


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(peak, "peak_gflops", lambda device, dtype: 100.0)
    monkeypatch.setattr(peak, "bandwidth_gb_per_s", lambda device: 20.0)
    monkeypatch.setattr(peak, "find_meter", lambda device: Meter("RAPL, 1 package", lambda: (0,), 1e-6, (None,), 1.0))


def test_all_peaks_of_a_device_are_one_json_object(quick):
    found = peak.measure_peaks({"device": "cpu"})
    assert json.loads(json.dumps(found)) == found
    assert found["gflops_per_s"] == {"float32": 100.0, "bfloat16": 100.0, "float16": 100.0}
    assert (found["bandwidth_gb_per_s"], found["meter"], found["remarks"]) == (20.0, "RAPL, 1 package", {})
    assert found["threads"] == torch.get_num_threads()


def test_a_dtype_without_a_product_and_a_missing_meter_are_explained(quick, monkeypatch):
    def refuse_half(device, dtype):
        if dtype is torch.float16:
            raise RuntimeError("not implemented for 'Half'\nC++ stack")
        return 100.0

    monkeypatch.setattr(peak, "peak_gflops", refuse_half)
    monkeypatch.setattr(peak, "find_meter", lambda device: "no counter here")
    found = peak.measure_peaks({"device": "cpu"})
    assert found["gflops_per_s"]["float16"] is None
    assert found["meter"] is None
    assert found["remarks"] == {"float16": "not implemented for 'Half'", "energy": "no counter here"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_a_finding():
    assert torch.__version__ in peak.measure_peaks({"device": "cuda"})["unavailable"]
