"""The rule of the live gate: what pairs of processes must show before a cell is called slower."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixbench.verdicts.gate.duel import FLOOR, judge_pairs, looks

NOISE = [0.004, -0.006, 0.001, 0.005, -0.003, -0.002, 0.003, -0.002]


def shifted(change: float, noise: float = 1.0) -> list[float]:
    return [math.log1p(change) + noise * one for one in NOISE]


def verdict(first: float, second: float | None = None, noise: float = 1.0) -> str:
    again = [] if second is None else shifted(second, noise)
    return judge_pairs("cpu_ms", (1.0, 1.0), shifted(first, noise), again).verdict


@pytest.mark.parametrize(
    ("first", "second", "noise", "expected"),
    [
        (0.0, None, 1.0, "same"),
        (0.005, None, 1.0, "same"),
        (0.05, 0.05, 1.0, "slower"),
        (-0.05, -0.05, 1.0, "faster"),
        (0.05, 0.0, 1.0, "undecided"),
        (0.05, -0.05, 1.0, "undecided"),
        (0.05, 0.05, 20.0, "undecided"),
        (0.0, None, 20.0, "undecided"),
    ],
)
def test_slower_and_faster_need_two_looks_that_agree(first, second, noise, expected):
    assert verdict(first, second, noise) == expected


def test_a_change_below_the_floor_is_never_flagged_however_sure():
    steady = [math.log1p(FLOOR * 0.99)] * 7 + [math.log1p(FLOOR * 0.98)]
    assert looks(steady) == 0
    assert looks([one + 0.002 for one in steady]) == 1
    assert looks([-one - 0.002 for one in steady]) == -1


def test_a_higher_floor_lets_what_lies_below_it_pass():
    judged = judge_pairs("cpu_ms", (1.0, 1.0), shifted(0.05), shifted(0.05), floor=0.10)
    assert judged.verdict == "same"
    assert judge_pairs("cpu_ms", (1.0, 1.0), shifted(0.15), shifted(0.15), floor=0.10).verdict == "slower"


def test_the_interval_is_over_all_pairs_and_the_smallest_change_is_told():
    judged = judge_pairs("cpu_ms", (0.002, 0.0021), shifted(0.05), shifted(0.05), wall=0.07)
    assert judged.change is not None
    assert judged.change.low is not None
    assert judged.change.low < 0.05 < (judged.change.high or 0)
    assert (judged.base, judged.head) == pytest.approx((2.0, 2.1))
    assert FLOOR < (judged.detectable or 0) < 0.02
    assert judged.remark == "wall +7.0 %"


@pytest.mark.parametrize(
    ("change", "wall", "metric", "remark"),
    [
        (0.04, 4.17, "cpu_ms", "wall +417.0 %, which is not judged (waiting, or other processes)"),
        (-0.5, 0.0, "cpu_ms", "wall +0.0 %, which is not judged (waiting, or other processes)"),
        (0.04, 1.0, "device_ms", "wall +100.0 %, which is not judged (the GPU waits)"),
        (0.04, 0.2, "cpu_ms", "wall +20.0 %"),
        (2.0, 1.0, "cpu_ms", "wall +100.0 %"),
    ],
)
def test_a_wall_time_that_grows_far_more_than_what_is_judged_is_pointed_out(change, wall, metric, remark):
    assert judge_pairs(metric, (1.0, 1.0), shifted(change), shifted(change), wall=wall).remark == remark


def test_a_look_that_was_not_confirmed_says_so():
    judged = judge_pairs("cpu_ms", (1.0, 1.0), shifted(0.05), shifted(0.0))
    assert judged.remark == "the first pairs say slower, the new ones do not agree"


@pytest.mark.parametrize("draw", ["normal", "t3"])
@pytest.mark.slow
def test_at_most_one_in_a_hundred_cells_without_a_change_is_flagged_and_most_of_five_percent_are_found(draw):
    generator = np.random.default_rng(1)
    noise = generator.normal(size=(2000, 16)) if draw == "normal" else generator.standard_t(3, size=(2000, 16)) / math.sqrt(3)
    pairs = 0.012 * noise

    def flagged(change: float) -> float:
        both = [looks(row[:8]) == 1 and looks(row[8:]) == 1 for row in (pairs + math.log1p(change)).tolist()]
        return sum(both) / len(both)

    assert flagged(0.0) <= 0.001
    assert flagged(FLOOR) <= 0.01
    assert flagged(0.05) >= 0.90
    assert flagged(0.10) >= 0.99
