"""The exponents with which time grows."""

from __future__ import annotations

import pytest
from synthetic import speed_rows

from mixbench.verdicts.speed.growth import growth
from mixbench.verdicts.speed.summary import summarise

T_95_1 = 12.706204736432095
"""Quantile 0.975 of Student's t with one degree of freedom."""


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_growth_recovers_the_exponent_of_a_power_law(power: float) -> None:
    rows, _ = speed_rows(
        ("attention",),
        (64, 100, 512),
        launch_noise=0,
        round_noise=0,
        latency_ms=lambda mixer, tokens, width, batch, mode: 1e-3 * tokens**power,
    )
    (found,) = summarise(rows, []).growths
    assert found.exponent.point == pytest.approx(power)
    assert found.lengths == (64, 100, 512)


def test_growth_has_one_slope_per_launch_over_the_three_largest_lengths() -> None:
    values = [{1: 9.0, 2: 9.0}, {1: 1.0, 2: 1.0}, {1: 2.0, 2: 4.0}, {1: 4.0, 2: 16.0}]
    grown = growth([8, 16, 32, 64], values)
    assert grown is not None
    interval, sizes = grown
    assert sizes == (16, 32, 64)
    # slopes 1 and 2: mean 1.5, standard deviation √½, two replicates
    assert interval.point == pytest.approx(1.5)
    assert interval.high == pytest.approx(1.5 + T_95_1 * 0.5, rel=1e-4)


def test_growth_needs_three_lengths_and_ignores_launches_that_lack_one() -> None:
    assert growth([64, 128], [{1: 1.0}, {1: 2.0}]) is None
    assert growth([64, 128, 256], [{1: 1.0}, {2: 1.0}, {1: 4.0}]) is None
    grown = growth([64, 128, 256], [{1: 1.0, 2: 7.0}, {1: 2.0}, {1: 4.0}])
    assert grown is not None
    assert grown[0].point == pytest.approx(1.0)
