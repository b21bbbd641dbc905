from __future__ import annotations

import pytest
import torch

from mixbench.worker.measure import peak


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
    monkeypatch.setattr(peak, "cache_bytes", lambda device: 2**30)
    assert peak._copy_bytes(cpu) == 4 * 2**30
    monkeypatch.setattr(peak, "cache_bytes", lambda device: None)
    assert peak._copy_bytes(cpu) == 256 * 2**20
    monkeypatch.setattr(peak.psutil, "virtual_memory", lambda: type("Memory", (), {"available": 2**30}))
    assert peak._copy_bytes(cpu) == 2**30 // 8
