"""The simultaneous band of the expected best score: its coverage, and opda's."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from opda.nonparametric import EmpiricalDistribution

from mixbench.verdicts.learning.bands import expected_best_band, holds_together, share_below


def test_one_number_lies_in_its_interval_as_often_as_that_is_long() -> None:
    assert holds_together(np.array([0.2]), np.array([0.7])) == pytest.approx(0.5)


def test_two_ordered_numbers_lie_in_two_intervals_as_often_as_their_area_says() -> None:
    # 0.1 < u < 0.6 and 0.4 < v < 0.9 with u < v: 2 · (the rectangle without the triangle where v < u)
    assert holds_together(np.array([0.1, 0.4]), np.array([0.6, 0.9])) == pytest.approx(2 * (0.25 - 0.02))


def test_numbers_that_lie_low_enough_to_park_do_so_as_often_as_parking_functions_are_counted() -> None:
    # n cars that want n + 1 places at random can all park in n of them: (n + 1)^(n - 1) of (n + 1)^n ways
    ends = np.arange(1, 41) / 41
    assert holds_together(np.zeros(40), ends) == pytest.approx(1 / 41)


def test_intervals_that_cannot_hold_together_never_do() -> None:
    assert holds_together(np.array([0.999, 0.9991]), np.array([0.9999, 0.99999])) < 1e-5
    assert holds_together(np.linspace(0.99, 0.991, 200), np.linspace(0.995, 0.996, 200)) == pytest.approx(0, abs=1e-200)


@pytest.mark.parametrize("count", [1, 2, 3, 20, 500])
def test_the_shares_hold_together_with_the_wanted_confidence(count: int) -> None:
    low, high = share_below(count, 0.95)
    assert holds_together(low, high) == pytest.approx(0.95, abs=1e-6)
    assert all(first < second for first, second in pairwise(low))
    assert low == pytest.approx(1 - high[::-1])


def test_simulated_searches_agree_with_the_exact_coverage() -> None:
    low, high = share_below(30, 0.8)
    drawn = np.sort(np.random.default_rng(0).random((20_000, 30)), axis=1)
    inside = ((low <= drawn) & (drawn <= high)).all(1).mean()
    assert inside == pytest.approx(0.8, abs=4 * math.sqrt(0.8 * 0.2 / 20_000))


@pytest.mark.parametrize("minimize", [False, True])
@pytest.mark.parametrize("count", [1, 5, 24])
def test_the_band_is_that_of_opda_whose_coverage_is_simulated(count: int, minimize: bool) -> None:
    drawn = np.random.default_rng(count).random(count)
    sign = -1 if minimize else 1
    worst, best = sorted((0.0, sign * 1.0))
    found = expected_best_band(np.sort(sign * drawn), worst, best, 0.95)
    ns = np.arange(1, len(found[0]) + 1)
    below, _, above = EmpiricalDistribution.confidence_bands(
        drawn, 0.95, 0.0, 1.0, generator=np.random.default_rng(0), method="ld_equal_tailed", n_jobs=1
    )
    expected = [band.average_tuning_curve(ns, minimize=minimize) for band in (above, below)][::sign]
    for own, theirs in zip(found, expected, strict=True):
        # with 100,000 draws, opda's band of 95 % is one of 94.8 to 95.2 %
        np.testing.assert_allclose(sign * own, theirs, atol=2e-3)
