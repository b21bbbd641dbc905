"""The rows that are made of what a measuring process answers: rates are of the time that counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from run_fake_speed import fake_request

from mixbench.execution import Finished
from mixbench.studies.speed_plan import PlannedCell, plan_speed
from mixbench.studies.speed_rows import Measured, Origin, read_group

COUNTS = {"flops": 10**6, "detail": ""}


def planned(device: str) -> PlannedCell:
    cell = plan_speed(fake_request())[0]
    return replace(cell, keys={**cell.keys, "device": device})


def read(cell: PlannedCell, **block: float | None) -> Measured:
    result: dict[str, Any] = {"blocks": {0: [block]}, "failed": {}, "launch": {}, "stopped_by": "budget"}
    return read_group([cell], Finished(result), [COUNTS], {}, Origin("abc123", 1, "2025-01-01T00:00:00Z"), "")


@pytest.mark.parametrize(("device", "device_ms", "counts"), [("cpu", None, 0.5), ("cuda", 0.1, 0.1)])
def test_rates_are_of_wall_time_on_the_cpu_and_of_device_time_on_a_gpu(
    device: str, device_ms: float | None, counts: float
) -> None:
    cell = planned(device)
    (row,) = read(cell, latency_ms=0.5, device_ms=device_ms).rows[0]
    assert row.tokens_per_s == pytest.approx(cell.keys["tokens"] / counts * 1e3)
    assert row.gflops_per_s == pytest.approx(1e6 / counts / 1e6)


def test_where_the_gpu_had_nothing_to_do_there_is_no_rate() -> None:
    (row,) = read(planned("cuda"), latency_ms=0.5, device_ms=1e-5).rows[0]
    assert (row.tokens_per_s, row.gflops_per_s, row.latency_ms) == (None, None, 0.5)


def test_a_block_without_wall_time_is_of_no_use() -> None:
    found = read(planned("cuda"), device_ms=0.1)
    assert not found.rows
    assert "a block of calls has no wall time" in found.failed[0]["detail"]
