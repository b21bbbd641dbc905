"""On a GPU everything stands on device time; wall time is beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from synthetic import BANDWIDTH_GB_PER_S, PEAK_GFLOPS_PER_S, speed_rows

from mixbench.tables.remarks import lower_bound
from mixbench.tables.selection import selection
from mixbench.tables.speed_rows import SHORTEST_KERNEL_MS, LaunchRow, SpeedRow
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.records import records, to_json
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.times import of_one_kind
from mixbench.verdicts.speed.verdicts import verdicts

LENGTHS = (64, 256, 1024)
MS = {"attention": 1e-5, "hypermixer": 2e-5, "none": SHORTEST_KERNEL_MS / 1e4}
"""Device time per token."""


def on_gpu(mixers: tuple[str, ...] = ("attention", "hypermixer")) -> tuple[list[SpeedRow], list[LaunchRow]]:
    return speed_rows(mixers, LENGTHS, devices=("cuda",), latency_ms=lambda mixer, tokens, *_: MS[mixer] * tokens)


def one(summary: SpeedSummary, mixer: str, tokens: int) -> CellSummary:
    (cell,) = (cell for cell in summary.cells if (cell.label, cell.tokens) == (mixer, tokens))
    return cell


def test_time_ratio_growth_and_verdict_are_of_the_device() -> None:
    rows, launches = on_gpu()
    cell = one(found := summarise(rows, launches), "hypermixer", 1024)
    slow = [replace(row, latency_ms=50.0 if row.mixer == "attention" else 1.0) for row in rows]
    other = summarise(slow, launches)
    assert cell.time_ms
    assert cell.time_ms.point == pytest.approx(MS["hypermixer"] * 1024, rel=0.2)
    assert (other.growths, verdicts(other)) == (found.growths, verdicts(found))
    for before, after in zip(found.cells, other.cells, strict=True):
        assert (before.time_ms, before.ratio, before.mean_ms) == (after.time_ms, after.ratio, after.mean_ms)
        assert after.latency_ms
        assert after.latency_ms.point in (pytest.approx(50.0), pytest.approx(1.0))


def test_a_verdict_says_that_it_is_of_device_time_where_wall_time_is_another() -> None:
    rows, launches = on_gpu()
    assert "(by device time; wall time is host-bound)." in verdicts(summarise(rows, launches))[0].sentence
    for mixer, told in (("none", False), ("attention", True), ("hypermixer", True)):
        edited = [replace(row, latency_ms=(row.device_ms or 0) * (9 if row.mixer == mixer else 1)) for row in rows]
        assert ("host-bound" in verdicts(summarise(edited, launches))[0].sentence) is told


def test_on_the_cpu_time_is_wall_time() -> None:
    summary = summarise(*speed_rows(("attention",), (64,)))
    (cell,) = summary.cells
    assert cell.time_ms == cell.latency_ms
    assert (cell.on_device, cell.host_bound) == (False, None)


def test_a_row_of_a_gpu_has_the_time_of_the_device_and_none_where_no_kernel_ran() -> None:
    row = on_gpu()[0][0]
    assert row.time_ms == row.device_ms != row.latency_ms
    assert replace(row, device_ms=None).time_ms == row.latency_ms
    assert replace(row, device_ms=SHORTEST_KERNEL_MS / 2).time_ms is None
    assert replace(row, device_ms=0.0).time_ms is None


def test_rows_without_device_time_are_not_compared_with_those_that_have_one() -> None:
    rows, launches = on_gpu()
    mixed = [replace(row, device_ms=None, latency_ms=99.0) if row.round == 1 else row for row in rows]
    without = summarise([row for row in rows if row.round > 1], launches)
    assert [cell.time_ms for cell in summarise(mixed, launches).cells] == [cell.time_ms for cell in without.cells]
    none = [replace(row, device_ms=None) for row in rows]
    assert [*of_one_kind(selection(none))] == none, "wall time is of one kind, too"


def test_a_mixer_that_gives_the_gpu_nothing_to_do_has_no_time() -> None:
    cell = one(summarise(*on_gpu(("attention", "none"))), "none", 1024)
    assert (cell.time_ms, cell.ratio, cell.host_bound) == (None, None, None)
    assert cell.latency_ms


def test_a_cell_is_host_bound_where_wall_time_is_longer_by_a_tenth() -> None:
    rows, launches = on_gpu()
    for factor, bound in ((1.05, False), (1.15, True)):
        edited = [replace(row, latency_ms=factor * (row.device_ms or 0)) for row in rows]
        assert {cell.host_bound for cell in summarise(edited, launches).cells} == {bound}


def test_records_have_both_times() -> None:
    rows, launches = on_gpu()
    summary = summarise(rows, launches)
    cell = one(summary, "attention", 64)
    plain = next(own for own in to_json(summary)["cells"] if (own["label"], own["tokens"]) == ("attention", 64))
    record = next(own for own in records(summary) if (own["mixer"], own["tokens"]) == ("attention", 64))
    assert cell.time_ms
    assert cell.latency_ms
    assert plain["time_ms"]["point"] == record["time_ms"] == pytest.approx(plain["device_ms"])
    assert plain["latency_ms"]["point"] == record["latency_ms"] > record["time_ms"]
    assert (record["time_ms_low"], record["latency_ms_high"]) == (cell.time_ms.low, cell.latency_ms.high)
    assert plain["host_bound"] is record["host_bound"] is True


def bound_by(moved_share: float | None, computed_share: float, flops: int = 10**9, detail: str = "") -> str | None:
    """What bounds a call that takes a millisecond and reaches these shares of the synthetic peaks."""
    rows, launches = speed_rows(("attention",), (64,), devices=("cuda",), launches=1, rounds=1)
    moved = None if moved_share is None else moved_share * BANDWIDTH_GB_PER_S * 1e6 / 2**20
    edited = [
        replace(
            row,
            device_ms=1.0,
            moved_mib=moved,
            flops=flops,
            gflops_per_s=computed_share * PEAK_GFLOPS_PER_S if flops else None,
            detail=detail,
        )
        for row in rows
    ]
    (cell,) = summarise(edited, launches).cells
    assert cell.share_of_bandwidth == (moved_share if moved_share is None else pytest.approx(moved_share))
    return cell.bound_by


def test_the_larger_share_of_a_peak_from_a_half_on_bounds_a_call() -> None:
    assert bound_by(0.6, 0.14) == "memory"
    assert bound_by(0.3, 0.6) == "compute"
    assert bound_by(1.4, 0.6) == "memory", "caches may serve more than memory could"
    assert bound_by(0.49, 0.49) == "neither"
    assert bound_by(0.1, 0.0, flops=0) == "neither"
    assert bound_by(None, 0.9) is None
    assert bound_by(0.1, 0.1, detail=lower_bound("flops", ["foo"])) is None
