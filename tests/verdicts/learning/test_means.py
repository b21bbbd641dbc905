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


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_what_rounding_leaves_between_seeds_that_agree_is_no_interval(scale: float) -> None:
    pairs = [(scale * own, scale * other) for own, other in ((0.55, 0.5), (0.35, 0.3))]
    assert pairs[0][0] - pairs[0][1] != pairs[1][0] - pairs[1][1]
    assert mean_difference(pairs) == Interval(pytest.approx(scale * 0.05))
    assert relative_change([(0.7, 0.1), (2.1, 0.3)]) == Interval(pytest.approx(6.0))
    assert mean_share([0.1 + 0.2, 0.3]) == mean_score([0.1 + 0.2, 0.3], is_error=True) == Interval(pytest.approx(0.3))


def test_a_small_scatter_is_an_interval() -> None:
    found = mean_difference([(0.5, 0.4999), (0.5, 0.4998)])
    assert found is not None
    assert found.low is not None
