from __future__ import annotations

import pytest

from mixbench.stats import Interval
from mixbench.verdicts.learning.means import mean_difference, mean_score, mean_share, relative_change


def test_the_interval_of_an_accuracy_stays_between_0_and_1() -> None:
    assert mean_score([0.6, 0.8], is_error=False) == Interval(pytest.approx(0.7), 0.0, 1.0)
    whole = mean_share([0.70, 0.71, 0.72])
    assert whole.low == pytest.approx(0.71 - 4.302652729911275 * 0.01 / 3**0.5)


def test_seeds_that_agree_by_chance_give_no_interval_of_width_zero() -> None:
    for found in (mean_score([0.7, 0.7], False), mean_score([0.2, 0.2], True), mean_difference([(0.7, 0.6), (0.7, 0.6)])):
        assert found is not None
        assert (found.low, found.high) == (None, None)
    assert relative_change([(0.2, 0.1), (0.4, 0.2)]) == Interval(pytest.approx(1.0))
    assert mean_difference([]) is mean_score([], True) is None
