from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from mixbench.worker.calls import Call
from mixbench.worker.measure import memory
from mixbench.worker.measure.trace import trace

MEBIBYTE = torch.Size([2**18])  # float32


def live(call: Call) -> memory.LiveMemory:
    return memory.live_on_cpu(trace(call))


def test_the_live_peak_is_exact_and_equal_on_every_run() -> None:
    def call() -> torch.Tensor:
        a = torch.ones(MEBIBYTE)
        b = torch.cat([a, a])  # 1 + 2 MiB live
        del a
        return b.sum()

    first = live(call)
    assert first.peak / memory.MIB == pytest.approx(3, abs=0.001)
    assert first.allocated / memory.MIB == pytest.approx(3, abs=0.001)
    assert live(call) == first


def test_the_live_peak_sees_what_a_kernel_allocates_inside() -> None:
    x = torch.randn(1, 1, 512, 64)
    seen_by_operators = x.nbytes + 512 * 4  # output and log-sum-exp
    used = live(lambda: torch.nn.functional.scaled_dot_product_attention(x, x, x))
    assert used.peak > 1.2 * seen_by_operators


def test_memory_that_was_there_before_does_not_count() -> None:
    held = [torch.ones(MEBIBYTE)]

    def call() -> torch.Tensor:
        held[0] = torch.ones(8)
        return held[0]

    assert live(call).peak < 1000


def test_what_a_call_keeps_is_known_and_its_result_is_not_kept() -> None:
    held: list[torch.Tensor] = []

    def call() -> torch.Tensor:
        held.append(torch.ones(MEBIBYTE))
        return torch.ones(MEBIBYTE)

    used = live(call)
    assert (used.left, used.peak) == (memory.MIB, 2 * memory.MIB)


class Keeping:
    """Calls that keep tensors, each in its own way."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.state = torch.zeros(10)

    def all_of_them(self) -> None:
        self.kept.append(torch.ones(1))

    def the_last_one(self) -> None:
        self.state = self.state + 1

    def the_last_two(self) -> None:
        self.kept = [*self.kept[-1:], torch.ones(1)]

    def the_first_one(self) -> None:
        self.kept = self.kept or [torch.ones(1)]

    def until_garbage_is_collected(self) -> None:
        cycle: list[Any] = [torch.ones(1)]
        cycle.append(cycle)

    def nothing(self) -> torch.Tensor:
        return torch.ones(1)


@pytest.mark.parametrize(
    ("way", "grows"),
    [
        ("all_of_them", True),
        ("the_last_one", False),
        ("the_last_two", False),
        ("the_first_one", False),
        ("until_garbage_is_collected", False),
        ("nothing", False),
    ],
)
def test_growth_is_told_from_state_that_is_replaced(way: str, grows: bool) -> None:
    call = getattr(Keeping(), way)
    for _ in range(3):
        call()
    assert memory.grows(live, call) == grows


def test_the_resident_peak_sees_memory_that_is_freed_again() -> None:
    before = memory.reset_resident_peak()
    if before is None:
        pytest.skip("this system does not report a process's resident peak")
    block = bytearray(64 * memory.MIB)
    del block
    peak = memory.resident_bytes("VmHWM")
    assert peak is not None
    assert 60 < (peak - before) / memory.MIB < 80


def test_a_control_group_limits_what_is_available(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    unlimited = memory.available_bytes(cpu, tmp_path)
    (tmp_path / "memory.max").write_text(f"{300 * memory.MIB}\n")
    (tmp_path / "memory.current").write_text(f"{100 * memory.MIB}\n")
    assert unlimited > 200 * memory.MIB
    assert memory.available_bytes(cpu, tmp_path) == 200 * memory.MIB
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available_bytes(cpu, tmp_path) > 200 * memory.MIB
