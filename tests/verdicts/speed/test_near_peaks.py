"""What is said of a mixer's shares of the best rates; times are given."""

from __future__ import annotations

from typing import Any

import pytest
from sample_rows import speed_row

from mixbench.tables.speed_rows import LaunchRow
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.near_peaks import judge, not_timed
from mixbench.verdicts.speed.summary import summarise

AT = "at (8, 4096, 256) in bfloat16"


def cell(device_ms: float | None, *, flops: int = 80_000_000_000, moved_mib: float = 300.0, **changes: Any) -> CellSummary:
    """A mixer on a GPU of 800 TFLOP/s and 3 TB/s."""
    key = {"tokens": 4096, "width": 256, "batch": 8, "dtype": "bfloat16", "device": "cuda", "threads": 2}
    values: dict[str, Any] = {}
    if device_ms:
        rate = flops / device_ms / 1e6
        values = {"latency_ms": 1.0, "device_ms": device_ms, "gflops_per_s": rate, "flops": flops, "moved_mib": moved_mib}
    row = speed_row(**key, **values, **changes)
    launch = LaunchRow(
        environment=row.environment,
        measured_at=row.measured_at,
        launch=1,
        **{name: getattr(row, name) for name in ("scope", "mode", "tokens", "width", "batch", "dtype", "device", "threads")},
        compiled=row.compiled,
        execution=row.execution,
        peak_gflops_per_s=800_000.0,
        bandwidth_gb_per_s=3_000.0,
    )
    (found,) = summarise([row], [launch]).cells
    return found


def test_a_mixer_near_a_rate_passes() -> None:
    check = judge(cell(0.16))
    assert check == {
        "name": "comes near a best rate of the device",
        "outcome": "pass",
        "detail": f"0.160 ms {AT}: 62.5 % of the FLOP/s, 65.5 % of the bandwidth: bound by memory",
    }


@pytest.mark.parametrize(
    ("compiled_ms", "advice"),
    [
        (0.41, "torch.compile is 1.37 times as fast; use --execution compiled"),
        (1.12, "torch.compile takes 2.00 times as long; use --execution eager"),
        (0.55, "torch.compile makes no difference"),
    ],
)
def test_the_faster_way_of_calling_is_named_for_a_mixer_far_from_both(compiled_ms: float, advice: str) -> None:
    check = judge(cell(0.56), cell(compiled_ms, execution="compiled", compiled=True))
    assert check["outcome"] == "skip"
    assert check["detail"] == f"0.560 ms {AT}: 17.9 % of the FLOP/s, 18.7 % of the bandwidth; {advice}"


def test_a_failure_of_the_compiler_is_reported() -> None:
    failed = cell(None, execution="compiled", compiled=True, status="error", detail="BackendCompilerFailed: no compiler")
    assert judge(cell(0.56), failed)["detail"].endswith("; torch.compile fails: BackendCompilerFailed: no compiler")


def test_a_mixer_without_kernels_is_said_to_have_none() -> None:
    assert judge(cell(1e-6))["detail"] == "not timed: it gives the device nothing to do"


def test_a_mixer_that_was_not_timed_is_skipped_with_the_reason() -> None:
    check = judge(cell(None, status="oom", detail="not run: it needs 9 MiB"))
    assert check == not_timed("not run: it needs 9 MiB")
    assert (check["outcome"], check["detail"]) == ("skip", "not timed: not run: it needs 9 MiB")
