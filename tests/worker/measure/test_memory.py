from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixbench.worker.measure import memory

MEBIBYTE = torch.Size([2**18])  # float32


def test_the_live_peak_is_exact_and_equal_on_every_run() -> None:
    def call() -> torch.Tensor:
        a = torch.ones(MEBIBYTE)
        b = torch.cat([a, a])  # 1 + 2 MiB live
        del a
        return b.sum()

    first = memory.live_memory_on_cpu(call)
    assert first.peak / memory.MIB == pytest.approx(3, abs=0.001)
    assert first.allocated / memory.MIB == pytest.approx(3, abs=0.001)
    assert memory.live_memory_on_cpu(call) == first


def test_the_live_peak_sees_what_a_kernel_allocates_inside() -> None:
    x = torch.randn(1, 1, 512, 64)
    seen_by_operators = x.nbytes + 512 * 4  # output and log-sum-exp
    live = memory.live_memory_on_cpu(lambda: torch.nn.functional.scaled_dot_product_attention(x, x, x))
    assert live.peak > 1.2 * seen_by_operators


def test_memory_that_was_there_before_does_not_count() -> None:
    held = [torch.ones(MEBIBYTE)]

    def call() -> torch.Tensor:
        held[0] = torch.ones(8)
        return held[0]

    assert memory.live_memory_on_cpu(call).peak < 1000


def test_a_prediction_needs_no_memory_and_counts_what_is_built() -> None:
    def make_call() -> tuple[memory.Call, object]:
        x = torch.empty(2**40)  # 4 TiB
        return lambda: torch.relu(x), x

    assert memory.predict(make_call).peak / 2**40 == pytest.approx(8)


def test_a_prediction_names_the_operators_without_views() -> None:
    def make_call() -> tuple[memory.Call, object]:
        x = torch.empty(4, 6)
        return lambda: (x.T.reshape(2, 12).detach() @ x.view(12, 2)).relu(), x

    operators = memory.predict(make_call).operators
    assert [name.split(".")[1] for name in operators] == ["clone", "mm", "relu"]


def test_prediction_and_measurement_agree_on_plain_tensors() -> None:
    def make_call() -> tuple[memory.Call, object]:
        linear, x = torch.nn.Linear(256, 512), torch.randn(1024, 256)
        return lambda: torch.nn.functional.gelu(linear(x)), (linear, x)

    call, held = make_call()
    held_bytes = (256 * 512 + 512 + 1024 * 256) * 4
    measured = memory.live_memory_on_cpu(call).peak + held_bytes
    assert held
    assert memory.predict(make_call).peak == pytest.approx(measured, rel=0.001)


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
