"""Several intervals together: Holm's levels, verdicts that agree with them, and how often they are wrong by chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from mixbench.stats import Interval, log_median_interval, t_interval
from mixbench.verdicts.claims.claim import Finding
from mixbench.verdicts.claims.estimates import (
    Comparison,
    Criterion,
    Estimate,
    all_together,
    decided,
    levels_of,
    more_replicates,
    of_brackets,
    of_change,
    of_interval,
    of_ratio,
    ratio_test,
)
from mixbench.verdicts.claims.scores import better_test, parity_test
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket

Draw = Callable[[np.random.Generator], list[Callable[[float], Estimate]]]
HIGHER = better_test(lower=False, relative=False)
SIMULATIONS = 2000
TOLERANCE = 4 * math.sqrt(0.05 * 0.95 / SIMULATIONS)


def normal(point: float, level: float) -> Estimate:
    """A number with a standard error of 1."""
    from scipy.special import ndtri

    half = float(ndtri((1 + level) / 2))
    return Estimate(point, point - half, point + half)


def verdict(test: Criterion, *ats: Callable[[float], Estimate]) -> str:
    comparisons = [Comparison("own", str(place), at) for place, at in enumerate(ats)]
    return all_together([finding for finding, _ in decided(test, comparisons, "difference")])


@pytest.mark.parametrize(
    ("points", "levels"),
    [
        ([2.0], [0.95]),  # 1.96 standard errors
        ([3.0, 2.0], [0.975, 0.95]),
        ([2.0, 3.0, 2.3], [0.95, 1 - 0.05 / 3, 0.975]),
        ([2.0, 2.0], [0.975, 0.975]),  # neither is beyond 2.24
        ([2.3, 2.3, 2.3], [1 - 0.05 / 3] * 3),
    ],
)
def test_levels_are_those_of_holms_steps(points: list[float], levels: list[float]) -> None:
    assert levels_of([partial(normal, point) for point in points], HIGHER) == pytest.approx(levels)


def test_holm_rejects_where_its_p_values_do() -> None:
    from scipy.special import ndtr

    draw = np.random.default_rng(0)
    for _ in range(200):
        points = draw.normal(1.5, 1.5, 4).tolist()
        found = [
            finding.verdict for finding, _ in decided(HIGHER, [Comparison("a", "b", partial(normal, p)) for p in points], "")
        ]
        ordered = sorted(range(4), key=lambda place: -abs(points[place]))
        rejected: set[int] = set()
        for step, place in enumerate(ordered):
            if 2 * float(ndtr(-abs(points[place]))) > 0.05 / (4 - step):
                break
            rejected.add(place)
        assert {place for place in range(4) if found[place] != "undecided"} == rejected


def test_a_correction_without_steps_has_one_level_for_all() -> None:
    ats = [partial(normal, point) for point in (9.0, 0.0)]
    assert levels_of(ats, parity_test(20)) == pytest.approx([0.975, 0.975])


def test_what_must_not_decide_and_what_has_no_interval_are_no_part_of_the_correction() -> None:
    comparisons = [
        Comparison("own", "clear", partial(normal, 2.0)),
        Comparison("own", "disturbed", partial(normal, 9.0), disturbed=True),
        Comparison("own", "one seed", lambda level: Estimate(9.0)),
    ]
    found = decided(HIGHER, comparisons, "difference")
    assert [level for _, level in found] == [0.95, None, None]
    assert [finding.verdict for finding, _ in found] == ["supported", "undecided", "undecided"]
    assert found[1][0].smallest is None
    assert found[1][0].high is not None


def test_a_claim_holds_if_all_hold_and_fails_if_any_fails() -> None:
    def finding(verdict: str) -> Finding:
        return Finding("a", "b", None, None, None, verdict)  # type: ignore[arg-type]

    yes, no, unsure = map(finding, ("supported", "contradicted", "undecided"))
    assert all_together([yes, yes]) == "supported"
    assert all_together([yes, unsure]) == "undecided"
    assert all_together([yes, unsure, no]) == "contradicted"
    assert all_together([]) == "undecided"


def test_open_ends_stay_open() -> None:
    test = ratio_test(1.0)
    beyond = of_brackets(Bracket(2.0, math.inf), Bracket(1.5, math.inf))
    below = of_brackets(Bracket(0.0, 0.4), Bracket(0.0, 0.6))
    both = of_brackets(Bracket(0.0, math.inf), Bracket(0.0, math.inf))
    comparisons = [Comparison("a", "b", lambda level, own=own: own) for own in (beyond, below, both)]  # type: ignore[misc]
    findings = [finding for finding, _ in decided(test, comparisons, "ratio")]
    assert [finding.verdict for finding in findings] == ["contradicted", "supported", "undecided"]
    assert [(finding.point, finding.low, finding.high) for finding in findings] == [
        (None, 1.5, None),
        (None, None, 0.6),
        (None, None, None),
    ]
    assert [finding.detail for finding in findings] == [
        "no upper bound",
        "no lower bound",
        "no usable interval: it is open at both ends",
    ]
    assert all(finding.smallest is None for finding in findings)
    assert [(finding.at_least, finding.at_most) for finding in findings] == [(2.0, None), (None, 0.4), (None, None)]


@pytest.mark.parametrize(
    ("wild", "known"),
    [
        (of_ratio(Interval(0.9, 1.76e-6, 7e5)), of_ratio(Interval(0.9, 0.1, 90.0))),
        (of_ratio(Interval(0.01, 1e-6, 0.5)), of_ratio(Interval(0.01, 1e-3, 0.5))),
        (of_change(Interval(-0.2, -0.9999, 900.0)), of_change(Interval(0.2, 1e-4, 0.4))),
        (of_brackets(Bracket(0.5, 0.5), Bracket(1e-4, 0.9)), of_brackets(Bracket(0.5, 0.5), Bracket(1e-2, 0.9))),
        (of_brackets(Bracket(2.0, math.inf), UNKNOWN), of_brackets(Bracket(2.0, math.inf), Bracket(1e-9, math.inf))),
    ],
)
def test_an_interval_that_says_nothing_is_left_out_and_decides_nothing(wild: Estimate, known: Estimate) -> None:
    assert (wild.low, wild.high) == (None, None)
    assert wild.unknown.startswith("no usable interval: ")
    assert ratio_test(1.0).verdict(wild) == "undecided"
    assert known.low is not None
    assert not known.unknown


def test_a_ratio_as_small_as_the_smallest_would_have_been_shown() -> None:
    estimate = Estimate(0.9, 0.7, 1.2)
    smallest = ratio_test(1.0).smallest(estimate)
    assert smallest == pytest.approx(0.75)
    assert ratio_test(1.0).verdict(Estimate(0.74, 0.74 * 7 / 9, 0.74 * 4 / 3)) == "supported"
    assert ratio_test(1.0).verdict(Estimate(0.76, 0.76 * 7 / 9, 0.76 * 4 / 3)) == "undecided"


@pytest.mark.parametrize(
    ("count", "half", "distance", "wanted"),
    [(5, 2.0, 2.0, 6), (5, 3.0, 2.0, 12), (5, 9.0, 1.0, 20), (1, None, 1.0, 5), (2, 1.0, 9.0, 5)],
)
def test_as_many_replicates_are_proposed_as_would_do(count: int, half: float | None, distance: float, wanted: int) -> None:
    assert more_replicates(count, half, distance) == wanted


def differences(seeds: int, others: int, true: float) -> Draw:
    """Paired differences of scores to several mixers, which share the noise of the one that is compared."""

    def draw(random: np.random.Generator) -> list[Callable[[float], Estimate]]:
        scores = random.normal(0, 1, (others + 1, seeds))
        pairs = (true + scores[0] - scores[1:]).tolist()
        return [lambda level, own=own: of_interval(t_interval(own, level)) for own in pairs]  # type: ignore[misc]

    return draw


def ratios(launches: int, lengths: int, true: float) -> Draw:
    """Ratios of times by launch, at several lengths."""

    def draw(random: np.random.Generator) -> list[Callable[[float], Estimate]]:
        times = (true * np.exp(random.normal(0, 0.05, (lengths, launches)))).tolist()
        return [lambda level, own=own: of_interval(log_median_interval(own, level)) for own in times]  # type: ignore[misc]

    return draw


def rates(test: Criterion, draw: Draw, count: int = SIMULATIONS) -> dict[str, float]:
    """How often each verdict is given in seeded simulations."""
    random = np.random.default_rng(7)
    found = [verdict(test, *draw(random)) for _ in range(count)]
    return {name: found.count(name) / count for name in ("supported", "contradicted", "undecided")}


@pytest.mark.parametrize(
    ("test", "draw"),
    [
        (HIGHER, differences(5, 1, 0)),
        (HIGHER, differences(5, 3, 0)),
        (HIGHER, differences(3, 4, 0)),
        (ratio_test(1.0), ratios(5, 1, 1.0)),
        (ratio_test(1.0), ratios(5, 4, 1.0)),
        (ratio_test(1.0), ratios(7, 3, 1.0)),
    ],
    ids=[
        "one mixer",
        "three mixers",
        "four mixers, three seeds",
        "one length",
        "four lengths",
        "three lengths, seven launches",
    ],
)
def test_without_a_difference_a_claim_is_decided_in_at_most_one_of_twenty_cases(test: Criterion, draw: Draw) -> None:
    found = rates(test, draw)
    assert found["supported"] + found["contradicted"] <= 0.05 + TOLERANCE
    # and the intervals are no wider than they need be
    assert found["supported"] + found["contradicted"] >= 0.01


@pytest.mark.parametrize(
    ("true", "wrong"), [(1.0, "supported"), (-1.0, "supported"), (0.9, "contradicted"), (0.0, "contradicted")]
)
@pytest.mark.parametrize("others", [1, 3])
def test_at_the_margin_mixers_are_said_to_be_on_par_or_not_in_at_most_one_of_twenty_cases(
    true: float, wrong: str, others: int
) -> None:
    assert rates(parity_test(1.0), differences(5, others, true))[wrong] <= 0.05 + TOLERANCE


@pytest.mark.parametrize(
    ("test", "draw", "right"),
    [
        (HIGHER, differences(5, 3, 8.0), "supported"),
        (HIGHER, differences(5, 3, -8.0), "contradicted"),
        (parity_test(9.0), differences(5, 1, 0.0), "supported"),
        (parity_test(1.0), differences(5, 1, 9.0), "contradicted"),
        (ratio_test(1.0), ratios(5, 4, 0.7), "supported"),
        (ratio_test(1.0), ratios(5, 4, 1.4), "contradicted"),
    ],
)
def test_a_large_difference_is_found(test: Criterion, draw: Draw, right: str) -> None:
    assert rates(test, draw, 200)[right] >= 0.95


def test_an_interval_in_another_unit() -> None:
    assert of_interval(Interval(0.1, 0.05, None), 100) == Estimate(10.0, 5.0, None)
