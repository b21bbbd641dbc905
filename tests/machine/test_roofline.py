from __future__ import annotations

import pytest

from mixbench.machine.roofline import Rates, bound_by

H100 = Rates(gflops_per_s=800_000, gb_per_s=3_000)


def test_shares_are_work_over_time_over_the_best_rate() -> None:
    shares = H100.shares(flops=4e9, moved=6e6, seconds=1e-5)
    assert shares == {"compute": pytest.approx(0.5), "memory": pytest.approx(0.2)}


def test_the_ridge_is_where_both_take_equally_long() -> None:
    assert H100.ridge == pytest.approx(266.7, rel=1e-3)
    shares = H100.shares(flops=H100.ridge * 1e6, moved=1e6, seconds=1.0)
    assert shares["compute"] == pytest.approx(shares["memory"])


@pytest.mark.parametrize(
    ("compute", "memory", "bound"),
    [(0.6, 0.1, "compute"), (0.1, 0.6, "memory"), (0.6, 0.7, "memory"), (0.49, 0.49, "neither"), (0.5, 0.0, "compute")],
)
def test_a_call_is_bound_by_the_larger_share_of_at_least_half(compute: float, memory: float, bound: str) -> None:
    assert bound_by(compute=compute, memory=memory) == bound
