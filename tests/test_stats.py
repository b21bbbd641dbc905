from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running import run_python

from mixbench.stats import (
    Interval,
    growth_exponent,
    launch_medians,
    log_median_interval,
    log_t_interval,
    median_interval,
    median_precision,
    median_rank,
    t_interval,
    unpaired_ratio_interval,
)

POSITIVE = st.floats(1e-6, 1e6)


def bounds(interval: Interval) -> tuple[float, float, float]:
    assert interval.low is not None
    assert interval.high is not None
    return interval.point, interval.low, interval.high


def test_a_t_interval_agrees_with_a_table_of_quantiles() -> None:
    half = 2.776445 * math.sqrt(2.5 / 5)
    assert bounds(t_interval([5, 1, 4, 2, 3])) == pytest.approx((3, 3 - half, 3 + half))
    half = 9.924843 * math.sqrt(1 / 3)
    assert bounds(t_interval([1, 2, 3], level=0.99)) == pytest.approx((2, 2 - half, 2 + half))


def test_a_log_t_interval_is_a_t_interval_of_the_logarithms() -> None:
    low, middle, high = 3 - 2.776445 * math.sqrt(0.5), 3, 3 + 2.776445 * math.sqrt(0.5)
    interval = log_t_interval([math.exp(value) for value in (5, 1, 4, 2, 3)])
    assert bounds(interval) == pytest.approx((math.exp(middle), math.exp(low), math.exp(high)), rel=1e-6)


def test_welchs_interval_agrees_with_a_worked_example() -> None:
    above, below = [math.exp(value) for value in (0, 1, 2)], [math.exp(value) for value in (0, 2, 4, 6)]
    # variances 1/3 and 5/3 of the means, 4.0754717 degrees of freedom, quantile 2.7562849
    half = 2.7562849 * math.sqrt(2)
    expected = math.exp(-2), math.exp(-2 - half), math.exp(-2 + half)
    assert bounds(unpaired_ratio_interval(above, below)) == pytest.approx(expected, rel=1e-6)


def test_pairing_removes_what_both_sides_share() -> None:
    drift = [1.0, 3.0, 0.5, 2.0]
    twice = [2 * value for value in drift]
    ratios = [a / b for a, b in zip(twice, drift, strict=True)]
    assert bounds(log_t_interval(ratios)) == pytest.approx((2, 2, 2))
    point, low, high = bounds(unpaired_ratio_interval(twice, drift))
    assert point == pytest.approx(2)
    assert low < 1 < 4 < high


def test_an_interval_of_values_without_spread_is_a_point() -> None:
    assert bounds(unpaired_ratio_interval([3, 3], [2, 2, 2])) == pytest.approx((1.5, 1.5, 1.5))
    assert bounds(log_t_interval([4, 4])) == pytest.approx((4, 4, 4))


def test_fewer_than_two_values_have_no_bounds() -> None:
    assert t_interval([-3]) == Interval(-3)
    assert log_t_interval([1]) == Interval(1)
    assert unpaired_ratio_interval([1], [1, 1, 1]) == Interval(1)
    assert unpaired_ratio_interval([1, 1, 1], [1]) == Interval(1)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (t_interval, ([],)),
        (log_t_interval, ([],)),
        (log_t_interval, ([1, 0],)),
        (log_t_interval, ([1, -1],)),
        (unpaired_ratio_interval, ([], [1, 2])),
        (growth_exponent, ([64, 64], [1, 2])),
        (growth_exponent, ([64], [1])),
        (growth_exponent, ([64, 128], [1, 0])),
    ],
)
def test_nonsense_is_a_value_error(function: Callable[..., object], arguments: tuple[list[float], ...]) -> None:
    with pytest.raises(ValueError, match=r"."):
        function(*arguments)


LogNormal = Callable[[float, float, int], list[float]]


def coverage(estimate: Callable[[LogNormal], Interval], truth: float, level: float) -> float:
    """Share of 2,000 seeded experiments whose interval holds the truth, minus the level."""
    rng = random.Random(20)

    def sample(mean: float, deviation: float, count: int) -> list[float]:
        return [math.exp(rng.gauss(mean, deviation)) for _ in range(count)]

    experiments = [bounds(estimate(sample)) for _ in range(2000)]
    return sum(low <= truth <= high for _, low, high in experiments) / len(experiments) - level


COUNTS = (2, 3, 4, 5, 6, 9, 20)


def median_of(count: int, draw: LogNormal, level: float = 0.95) -> Interval:
    return log_median_interval(draw(1, 0.4, count), level)


LEVELS = ((2, 0.9), (3, 0.99), (5, 0.8), (5, 1 - 0.05 / 6), (7, 0.995), (9, 0.99), (20, 0.5))


@pytest.mark.parametrize(
    ("estimate", "truth", "level"),
    [
        (lambda draw: t_interval([math.log(value) for value in draw(1, 2, 5)]), 1.0, 0.95),
        (lambda draw: t_interval([math.log(value) for value in draw(1, 2, 3)], level=0.8), 1.0, 0.8),
        (lambda draw: log_t_interval(draw(1, 0.4, 5)), math.e, 0.95),
        *((partial(median_of, count), math.e, 0.95) for count in COUNTS),
        *((partial(median_of, count, level=level), math.e, level) for count, level in LEVELS),
        (lambda draw: unpaired_ratio_interval(draw(1, 0.1, 5), draw(0, 0.4, 8)), math.e, 0.95),
    ],
    ids=[
        "t",
        "t at 80 %",
        "log t",
        *(f"log median of {count}" for count in COUNTS),
        *(f"log median of {count} at {level:.3g}" for count, level in LEVELS),
        "unpaired ratio, unequal spread",
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    estimate: Callable[[LogNormal], Interval], truth: float, level: float
) -> None:
    # four standard errors of a share of 2,000
    assert abs(coverage(estimate, truth, level)) < 4 * math.sqrt(level * (1 - level) / 2000)


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_the_interval_of_a_few_values_at_95_percent_is_that_of_the_formula_for_any_level(count: int) -> None:
    values = [1.0, 3.0, 2.0, 7.0, 4.0][:count]
    assert bounds(median_interval(values)) == pytest.approx(bounds(median_interval(values, 0.95 + 1e-9)), rel=1e-3)


@given(st.floats(-4, 4), POSITIVE, st.lists(st.integers(1, 2**20), min_size=2, max_size=6, unique=True))
def test_the_growth_exponent_of_a_power_law_is_its_exponent(exponent: float, factor: float, sizes: list[int]) -> None:
    values = [factor * float(size) ** exponent for size in sizes]
    assert growth_exponent(sizes, values) == pytest.approx(exponent, abs=1e-6)


def test_the_growth_exponent_is_the_least_squares_slope() -> None:
    # logarithms to base 2: sizes 0, 1, 2 and values 0, 3, 0: slope 0; values 0, 0, 3: slope 1.5
    assert growth_exponent([1, 2, 4], [1, 8, 1]) == pytest.approx(0)
    assert growth_exponent([1, 2, 4], [1, 1, 8]) == pytest.approx(1.5)


def test_a_median_has_an_interval_between_its_neighbours_which_one_far_value_leaves_alone() -> None:
    # ranks 2 and 9 of ten enclose it in 97.9 %, ranks 3 and 8 in 89.1 %: 95 % by interpolation
    inwards = 8 * (0.978515625 - 0.95) / (0.978515625 - 0.890625)
    inwards = inwards / (2 + 6 * (0.978515625 - 0.95) / (0.978515625 - 0.890625))
    expected = (5.5, 2 + inwards, 9 - inwards)
    assert bounds(median_interval([*range(1, 11)])) == pytest.approx(expected)
    assert bounds(median_interval([*range(1, 10), 1e9])) == pytest.approx(expected)
    assert median_interval([3.0]) == Interval(3.0)
    assert bounds(log_median_interval([7, 7, 7])) == pytest.approx((7, 7, 7))


@pytest.mark.parametrize("count", [5, 10, 20])
def test_the_interval_of_a_median_holds_it_where_one_launch_in_ten_is_slow(count: int) -> None:
    rng = random.Random(count)

    def launch() -> float:
        return rng.gauss(0, 0.02) + (math.log(2) if rng.random() < 0.1 else 0)

    true = 0.02 * NormalDist().inv_cdf(0.5 / 0.9)
    intervals = [bounds(median_interval([launch() for _ in range(count)])) for _ in range(2000)]
    assert 0.93 <= sum(low <= true <= high for _, low, high in intervals) / 2000 <= 0.99


def test_launch_medians_are_by_launch_in_order_without_what_is_missing() -> None:
    medians = launch_medians([(2, 5.0), (1, 3.0), (2, 7.0), (1, None), (3, None), (1, 1.0), (1, 9.0)])
    assert list(medians.items()) == [(1, 3.0), (2, 6.0)]


def test_the_precision_of_a_median_needs_six_values() -> None:
    assert median_precision([]) == math.inf
    assert median_precision([1.0] * 5) == math.inf
    assert median_precision([1.0] * 6) == 0
    assert median_precision([8, 12, 9, 11, 10, 10]) == pytest.approx(0.2)


def test_the_precision_of_a_median_that_is_not_positive_is_infinite() -> None:
    assert median_precision([-1.0] * 9) == math.inf
    assert median_precision([0.0] * 9) == math.inf


@given(st.lists(POSITIVE, min_size=1, max_size=60), POSITIVE, st.randoms())
def test_the_precision_of_a_median_ignores_order_and_unit(values: list[float], unit: float, rng: random.Random) -> None:
    changed = [value * unit for value in values]
    rng.shuffle(changed)
    assert median_precision(changed) == pytest.approx(median_precision(values), rel=1e-9)


def test_one_outlier_does_not_spoil_the_precision_of_a_median() -> None:
    assert median_precision([1.0] * 20 + [1e9]) == 0


def exact_coverage(count: int, rank: int) -> float:
    """Probability that the median of a continuous distribution lies between these order statistics."""
    outside: int = 2 * sum(math.comb(count, k) for k in range(rank))
    return float(1 - Fraction(outside, 2**count))


def test_the_order_statistics_enclose_the_median_with_95_percent_and_waste_at_most_one_rank() -> None:
    for count in range(400):
        rank = median_rank(count)
        assert exact_coverage(count, rank) >= 0.95, count
        assert exact_coverage(count, rank + 2) < 0.95, count


def test_the_precision_of_a_median_covers_the_truth_whatever_the_distribution() -> None:
    rng = random.Random(7)

    def holds(values: Sequence[float]) -> bool:
        ordered, rank = sorted(values), median_rank(len(values))
        return ordered[rank - 1] <= math.log(2) <= ordered[-rank]

    held = sum(holds([rng.expovariate(1) for _ in range(25)]) for _ in range(2000)) / 2000
    assert held == pytest.approx(exact_coverage(25, median_rank(25)), abs=0.02)


def test_the_measuring_loop_gets_its_statistics_without_numpy_and_scipy(tmp_path: Path) -> None:
    script = "import sys, mixbench.stats; print(sorted({'numpy', 'scipy', 'torch', 'pandas'} & sys.modules.keys()))"
    assert run_python("-c", script, folder=tmp_path).stdout == "[]\n"
