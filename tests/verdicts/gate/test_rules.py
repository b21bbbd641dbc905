from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from mixbench.verdicts.gate.comparison import Judgement
from mixbench.verdicts.gate.rules import FAMILY_LEVEL, judge_count, judge_score, judge_time, simultaneous_level

Values = Mapping[int, float]
THRESHOLD = 0.3
DRAWS = 400


def launches(*values: float) -> dict[int, float]:
    return dict(enumerate(values, 1))


def around(centre: float, spread: float = 0.02, count: int = 5) -> dict[int, float]:
    """Geometrically spaced around the centre, which is their geometric mean."""
    return launches(*(centre * math.exp(spread * (place - (count - 1) / 2)) for place in range(count)))


def time(base: Values, head: Values, level: float = 0.95) -> Judgement:
    return judge_time("cpu_per_calibration", base, head, threshold=THRESHOLD, level=level)


def score(base: Values, head: Values, *, higher_is_better: bool = True, level: float = 0.95) -> Judgement:
    return judge_score("test_score", base, head, higher_is_better=higher_is_better, level=level)


def test_more_cells_widen_each_interval_as_bonferroni_says() -> None:
    assert simultaneous_level(0) == simultaneous_level(1) == FAMILY_LEVEL
    assert simultaneous_level(20) == pytest.approx(1 - 0.05 / 20)


BOUNDS = {
    "the head alone": (("", "no formula for foo"), "undecided", "not comparable: in the head, no formula for foo"),
    "the base alone": (("no formula for foo", ""), "undecided", "not comparable: in the base, no formula for foo"),
    "other operators": (("no a", "no b"), "undecided", "not comparable: in the base, no a and in the head, no b"),
    "both alike": (("no formula for foo",) * 2, "slower", "in both, no formula for foo"),
    "neither": (("", ""), "slower", ""),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_lower_bound_is_compared_only_with_one_that_lacks_the_same(name: str) -> None:
    bounds, verdict, remark = BOUNDS[name]
    judged = judge_count("flops", launches(100.0), launches(120.0), bounds=bounds)
    assert (judged.verdict, judged.remark) == (verdict, remark)
    assert (judged.base, judged.head) == (100, 120)
    assert (judged.base_mark, judged.head_mark) == tuple("≥" if bound else "" for bound in bounds)
    assert judge_count("flops", launches(100.0), launches(100.0), bounds=("no a",) * 2).remark == ""


@pytest.mark.parametrize(("head", "verdict"), [(101.0, "slower"), (99.0, "faster"), (100.0, "same")])
def test_any_change_of_a_count_counts(head: float, verdict: str) -> None:
    judgement = judge_count("flops", launches(100.0), launches(head))
    assert judgement.verdict == verdict
    assert judgement.change is not None
    assert judgement.change.point == pytest.approx(head / 100 - 1)
    assert (judgement.base, judgement.head) == (100.0, head)


@pytest.mark.parametrize(("head", "verdict"), [(101.0, "faster"), (99.0, "slower"), (100.0, "same")])
def test_a_count_of_which_more_is_better_turns_the_verdicts_round(head: float, verdict: str) -> None:
    assert judge_count("flops", launches(100.0), launches(head), higher_is_better=True).verdict == verdict


@pytest.mark.parametrize(("head", "verdict"), [(101.0, "same"), (99.0, "same"), (101.1, "slower"), (98.9, "faster")])
def test_a_tolerated_change_of_a_count_is_the_same_up_to_the_tolerance_itself(head: float, verdict: str) -> None:
    assert judge_count("flops", launches(100.0), launches(head), 0.01).verdict == verdict


def test_a_count_may_come_from_zero_and_go_to_it() -> None:
    appeared = judge_count("flops", launches(0.0), launches(5.0))
    assert (appeared.verdict, appeared.remark) == ("slower", "from 0 to 5")
    assert judge_count("flops", launches(5.0), launches(0.0)).verdict == "faster"
    assert judge_count("flops", launches(0.0), launches(0.0)).verdict == "same"


def test_one_launch_of_five_with_another_count_is_a_change() -> None:
    judgement = judge_count("operators", launches(20, 20, 20, 20, 20), launches(20, 20, 20, 22, 20))
    assert judgement.verdict == "slower"
    assert (judgement.base, judgement.head) == (20, 22)


def test_counts_are_compared_launch_by_launch_and_by_their_means_where_no_launch_is_shared() -> None:
    assert judge_count("operators", launches(20, 24), {2: 24.0, 3: 90.0}).verdict == "same"
    assert judge_count("operators", {1: 20.0}, {2: 20.0}).verdict == "same"
    assert judge_count("operators", {1: 20.0, 2: 22.0}, {3: 22.0}).verdict == "slower"


@pytest.mark.parametrize("judge", [partial(judge_count, "peak_memory_mib"), time, score])
def test_a_metric_that_only_one_version_has_is_missing_or_new(judge: Callable[[Values, Values], Judgement]) -> None:
    gone = judge(launches(1.0, 2.0), {})
    assert gone.verdict == "missing"
    assert gone.remark.endswith("is no longer measured")
    assert judge({}, launches(1.0, 2.0)).verdict == "new"


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1.6, "slower"), (1.25, "undecided"), (1.1, "same"), (1.0, "same"), (0.9, "same"), (1 / 1.6, "faster")],
)
def test_a_time_gates_only_where_its_whole_interval_lies_beyond_the_threshold(factor: float, verdict: str) -> None:
    judgement = time(around(10.0, 0.03), around(10.0 * factor, 0.03))
    assert judgement.verdict == verdict
    assert judgement.change is not None
    assert judgement.change.point == pytest.approx(factor - 1)
    assert judgement.change.low is not None
    assert judgement.change.high is not None
    assert judgement.change.low < factor - 1 < judgement.change.high


def test_a_mean_beyond_the_threshold_is_not_enough() -> None:
    noisy = time(around(10.0, 0.1), around(14.0, 0.1))
    assert noisy.verdict == "undecided"
    assert time(around(10.0, 0.01), around(14.0, 0.01)).verdict == "slower"


def test_slower_and_faster_mirror_each_other() -> None:
    for factor in (1.2, 1.29, 1.31, 1.4, 2.0):
        there = time(around(10.0, 0.02), around(10.0 * factor, 0.02)).verdict
        back = time(around(10.0 * factor, 0.02), around(10.0, 0.02)).verdict
        assert back == {"slower": "faster"}.get(there, there)


def test_a_sure_slowdown_below_the_threshold_is_advice_alone() -> None:
    advised = time(around(10.0, 0.01), around(11.0, 0.01))
    assert advised.verdict == "same"
    assert "mixbench duel" in advised.remark
    assert time(around(11.0, 0.01), around(10.0, 0.01)).remark == ""
    assert time(around(10.0, 0.01), around(10.0, 0.01)).remark == ""


def test_a_slowdown_of_which_nothing_is_sure_says_what_would_be_seen() -> None:
    judgement = time(around(10.0, 0.15), around(11.0, 0.15))
    assert judgement.verdict == "undecided"
    assert judgement.detectable is not None
    assert judgement.remark == f"{100 * judgement.detectable:+.0f} % would be detected"


def test_a_change_of_which_nothing_but_a_multiple_would_be_seen_is_not_told_in_percent() -> None:
    judgement = time({1: 1.0, 2: 50.0}, {1: 2.0, 2: 40.0})
    assert judgement.verdict == "undecided"
    assert judgement.detectable is None or judgement.detectable > 10
    assert judgement.remark == "the launches differ too much to judge; measure with --launches 5 or more"


def test_the_detectable_change_is_the_border_of_slower() -> None:
    base, level = around(10.0, 0.05), 0.99
    detectable = time(base, around(10.0, 0.08), level).detectable
    assert detectable is not None
    assert time(base, around(10.0 * (1 + detectable) * 1.001, 0.08), level).verdict == "slower"
    assert time(base, around(10.0 * (1 + detectable) * 0.999, 0.08), level).verdict == "undecided"


def test_launches_of_two_versions_are_not_paired() -> None:
    base, head = around(10.0, 0.05), around(14.0, 0.05)
    turned = dict(zip(head, reversed(head.values()), strict=True))
    assert time(base, head).change == pytest.approx(time(base, turned).change)


def test_unequal_numbers_of_launches_are_compared_and_the_smaller_sample_is_less_sure() -> None:
    five, three = around(10.0, 0.05), around(10.0, 0.1, count=3)  # equal spread
    full, short = time(five, around(10.0, 0.05)), time(five, three)
    assert full.detectable is not None
    assert short.detectable is not None
    assert short.detectable > full.detectable
    assert short.verdict == "same"
    assert time(five, around(20.0, 0.05, count=3)).verdict == "slower"


@pytest.mark.parametrize("factor", [0.1, 1.0, 10.0])
def test_one_launch_decides_nothing_however_large_the_change(factor: float) -> None:
    for base, head in ((around(10.0), launches(10.0 * factor)), (launches(10.0), around(10.0 * factor))):
        judgement = time(base, head)
        assert judgement.verdict == "undecided"
        assert judgement.change is not None
        assert judgement.change.point == pytest.approx(factor - 1)
        assert judgement.change.low is None
        assert judgement.remark == "1 launch: no interval; measure with --launches 5"


def test_noise_of_one_version_alone_widens_the_interval() -> None:
    quiet, noisy = around(10.0, 0.02), around(15.0, 0.1)
    assert time(quiet, around(15.0, 0.02)).verdict == "slower"
    assert time(quiet, noisy).verdict == time(noisy, quiet).verdict == "undecided"


@pytest.mark.parametrize(("head", "cells"), [((1e-3, 1e2), 10_000), ((1e-203, 1e-198), 100)])
def test_launches_of_which_the_interval_overflows_or_reaches_zero_are_undecided_and_no_error(
    head: tuple[float, float], cells: int
) -> None:
    judgement = time(launches(1e-3, 1.0), launches(*head), level=simultaneous_level(cells))
    assert judgement.verdict == "undecided"
    assert "differ too much" in judgement.remark


@pytest.mark.parametrize(("change", "higher", "lower"), [(0.05, "faster", "slower"), (-0.05, "slower", "faster")])
def test_a_score_has_the_direction_of_its_kind(change: float, higher: str, lower: str) -> None:
    base = {0: 0.70, 1: 0.80, 2: 0.90}
    head = {seed: value + change + 0.001 * seed for seed, value in base.items()}
    assert score(base, head).verdict == higher
    assert score(base, head, higher_is_better=False).verdict == lower


def test_scores_are_paired_by_seed_so_the_spread_over_seeds_hides_nothing() -> None:
    base = {0: 0.50, 1: 0.70, 2: 0.90}
    worse = {2: 0.851, 0: 0.45, 1: 0.649}
    assert score(base, worse).verdict == "slower"
    assert score(base, {0: 0.851, 1: 0.649, 2: 0.45}).verdict == "undecided"


def test_only_seeds_of_both_versions_are_compared() -> None:
    base, head = {0: 0.8, 1: 0.8, 2: 0.8, 3: 0.1}, {0: 0.8, 1: 0.8, 2: 0.8, 4: 0.9}
    judgement = score(base, head)
    assert judgement.verdict == "same"
    assert judgement.base == judgement.head == pytest.approx(0.8)


def test_without_a_common_seed_and_with_a_single_one_nothing_is_decided() -> None:
    assert score({0: 0.8, 1: 0.8}, {2: 0.1, 3: 0.1}).verdict == "undecided"
    single = score({0: 0.8}, {0: 0.4})
    assert single.verdict == "undecided"
    assert "--seeds 5" in single.remark
    assert score({0: 0.8}, {0: 0.8}).verdict == "same"


def test_scores_within_one_percent_are_the_same_however_sure_their_difference_is() -> None:
    base = {seed: 0.8 for seed in range(5)}
    assert score(base, {seed: 0.797 for seed in base}).verdict == "same"
    assert score(base, {seed: 0.797 + 0.0001 * seed for seed in base}).verdict == "same"
    assert score(base, {seed: 0.78 for seed in base}).verdict == "slower"


def test_scores_that_scatter_by_more_than_one_percent_are_undecided_and_say_what_would_be_seen() -> None:
    base = {seed: 0.8 for seed in range(4)}
    judgement = score(base, {0: 0.78, 1: 0.82, 2: 0.79, 3: 0.81})
    assert judgement.verdict == "undecided"
    assert judgement.detectable is not None
    assert judgement.remark == f"a change of {100 * judgement.detectable:.1f} % would be detected"


def drawn(rng: random.Random, count: int, noise: float) -> dict[int, float]:
    return launches(*(rng.lognormvariate(1, noise) for _ in range(count)))


def share_with_every_interval_right(cells: int, level: float, base: tuple[int, float], head: tuple[int, float]) -> float:
    """In how many of DRAWS comparisons without a change all intervals hold 0; `base` and `head`: launches and their noise."""
    rng = random.Random(7)
    right = 0
    for _ in range(DRAWS):
        changes = [time(drawn(rng, *base), drawn(rng, *head), level).change for _ in range(cells)]
        right += all(
            change is not None and change.low is not None and change.low < 0 < (change.high or 0) for change in changes
        )
    return right / DRAWS


@pytest.mark.parametrize(
    ("base", "head", "level"),
    [
        ((5, 0.05), (5, 0.05), FAMILY_LEVEL),
        ((5, 0.05), (3, 0.05), FAMILY_LEVEL),
        ((8, 0.1), (3, 0.02), FAMILY_LEVEL),
        ((5, 0.02), (5, 0.1), 0.92),
    ],
)
@pytest.mark.slow
def test_all_intervals_of_a_comparison_hold_together_at_the_stated_level(
    base: tuple[int, float], head: tuple[int, float], level: float
) -> None:
    """The last case is the one in which Welch's approximation falls short."""
    three_standard_errors = 3 * math.sqrt(level * (1 - level) / DRAWS)
    assert share_with_every_interval_right(12, simultaneous_level(12), base, head) >= level - three_standard_errors


def test_intervals_at_the_level_of_a_single_one_do_not_hold_together() -> None:
    assert share_with_every_interval_right(12, FAMILY_LEVEL, (5, 0.05), (5, 0.05)) < 0.8
