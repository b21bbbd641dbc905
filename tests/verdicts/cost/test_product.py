"""E · D · H: known factors, open ends, and intervals that hold."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from mixbench.verdicts.cost.product import FACTORS, PRODUCT, Evidence, MixerCost, costs, default_targets, warnings
from mixbench.verdicts.learning.data_needed import Bracket

SIZES = (50, 200, 800, 3200)


def law(scale: float, noise: float = 0.0, seeds: int = 5, draw: int = 0) -> dict[int, dict[int, float]]:
    """An error of scale / √n."""
    generator = np.random.default_rng(draw)
    return {size: {seed: scale * size**-0.5 * math.exp(noise * generator.normal()) for seed in range(seeds)} for size in SIZES}


def evidence(**changes: object) -> Evidence:
    """The second mixer takes half the time, a quarter of the data and its third trial where the first takes its second."""
    values = {
        "example": {"base": dict.fromkeys(range(5), 2.0), "own": dict.fromkeys(range(5), 1.0)},
        "data": {"base": law(10), "own": law(5)},
        "trials": {"base": [0.9, 0.5] * 5, "own": [0.9, 0.8, 0.5, 0.8] * 5},
    }
    return Evidence(**{**values, **changes})  # type: ignore[arg-type]


def found(given: Evidence, target: float = 0.6) -> dict[str, MixerCost]:
    return {one.label: one for one in costs(given, (target,), "base", is_error=True)}


def test_each_factor_comes_from_its_table_and_the_product_from_all_three() -> None:
    own = found(evidence())["own"]
    assert own.factors["example"].value == Bracket(1.0, 1.0)
    needed = (5 / 0.6) ** 2
    assert own.factors["data"].value.low == pytest.approx(needed)
    trials = own.factors["trials"].value.low
    assert 1 < trials < 10
    assert own.factors[PRODUCT].value.low == pytest.approx(needed * trials)
    base = found(evidence())["base"]
    assert own.ratios["example"].value == Bracket(0.5, 0.5)
    assert own.ratios["data"].value.low == pytest.approx(0.25)
    product = own.ratios[PRODUCT].value
    assert product.low == product.high == pytest.approx(0.5 * 0.25 * trials / base.factors["trials"].value.low)
    assert base.ratios == {}


def test_a_score_that_is_not_reached_leaves_the_product_open() -> None:
    own = found(evidence(data={"base": law(10), "own": law(100)}))["own"]
    assert own.factors["data"].value == Bracket(3200.0, math.inf)
    assert own.factors[PRODUCT].value.high == math.inf
    assert own.factors[PRODUCT].value.low > 0
    assert own.ratios[PRODUCT].value.high == math.inf
    hopeless = found(evidence(trials={"base": [0.9, 0.5] * 5, "own": [0.9] * 10}))["own"]
    assert hopeless.factors["trials"].value == Bracket(5.0, math.inf)


def test_if_the_baseline_does_not_reach_the_score_the_ratio_has_an_upper_bound() -> None:
    own = found(evidence(data={"base": law(100), "own": law(5)}))["own"]
    assert own.ratios["data"].value.low == 0
    assert own.ratios["data"].value.high < 1


def test_a_mixer_that_lacks_a_table_is_left_out() -> None:
    lacking = evidence(trials={"base": [0.9, 0.5] * 5})
    assert [one.label for one in costs(lacking, (0.6,), "base", is_error=True)] == ["base"]
    assert costs(evidence(example={}), (0.6,), "base", is_error=True) == ()


def test_without_replicates_there_is_no_interval() -> None:
    data = {"base": law(10, 0.1), "own": law(5, 0.1, draw=1)}
    single = evidence(example={"base": {0: 2.0}, "own": {0: 1.0}}, data=data)
    own = found(single)["own"]
    assert own.factors["example"].interval is None
    assert own.factors[PRODUCT].interval is None
    assert own.factors["data"].interval is not None


@pytest.mark.slow
def test_the_interval_of_the_product_covers_the_true_value() -> None:
    generator = np.random.default_rng(3)
    true = 0.5 * 0.25
    inside = 0
    for draw in range(40):
        trials = list(np.exp(0.5 * generator.normal(size=20)) * 0.6)
        example = {
            "base": {k: 2.0 * math.exp(0.05 * generator.normal()) for k in range(5)},
            "own": {k: 1.0 * math.exp(0.05 * generator.normal()) for k in range(5)},
        }
        data = {"base": law(10, 0.1, draw=2 * draw), "own": law(5, 0.1, draw=2 * draw + 1)}
        interval = found(Evidence(example, data, {"base": trials, "own": trials}))["own"].ratios[PRODUCT].interval
        assert interval is not None
        inside += interval.low <= true <= interval.high
    assert inside >= 34


@pytest.mark.parametrize("factor", FACTORS)
def test_a_larger_factor_is_a_larger_cost(factor: str) -> None:
    larger = {
        "example": {"base": dict.fromkeys(range(5), 2.0), "own": dict.fromkeys(range(5), 1.5)},
        "data": {"base": law(10), "own": law(7)},
        "trials": {"base": [0.9, 0.5] * 5, "own": [0.9, 0.8, 0.55, 0.85] * 5},
    }
    before, after = found(evidence())["own"], found(evidence(**{factor: larger[factor]}))["own"]
    assert after.factors[PRODUCT].value.low > before.factors[PRODUCT].value.low


def test_targets_begin_at_the_first_score_and_end_where_both_data_and_trials_lead() -> None:
    # errors are 1.41 and 0.707 at 50 examples, 0.177 and 0.0884 at 3200; five trials can expect 0.5 of both
    found = default_targets(evidence(), is_error=True)
    assert found[0] < 0.707
    assert found[-1] > 0.5
    ratios = [one / other for one, other in pairwise([5 * 50**-0.5, *found])]
    assert ratios == pytest.approx([ratios[0]] * 3, rel=0.03)
    accuracies = {"example": evidence().example, "trials": {"base": [0.9, 0.5] * 5, "own": [0.9, 0.5] * 5}}
    data = {label: {10: {0: 0.5}, 100: {0: 0.8}} for label in ("base", "own")}
    rising = default_targets(Evidence(**accuracies, data=data), is_error=False)
    assert rising == tuple(sorted(rising))
    assert 0.5 < rising[0] < rising[-1] < 0.8


def test_without_scores_in_between_the_target_is_one_that_every_mixer_reaches() -> None:
    flat = {label: {50: {0: 1.0}, 200: {0: 1.0}} for label in ("base", "own")}
    assert default_targets(evidence(data=flat, trials={"base": [1.0] * 4, "own": [1.0] * 4}), is_error=True) == (1.0,)
    assert default_targets(evidence(trials={"base": [0.0] * 4, "own": [0.0] * 4}), is_error=True) != ()
    beaten = {"base": {50: {0: 0.1}, 200: {0: 0.1}}, "own": {50: {0: 3.0}, 200: {0: 0.5}}}
    late = default_targets(evidence(data=beaten, trials={"base": [0.2] * 4, "own": [0.4] * 4}), is_error=True)
    assert late == (1.5, 0.77, 0.39)
    every = {label: {50: {0: 0.0}} for label in ("base", "own")}
    assert default_targets(evidence(data=every, trials={"base": [0.0] * 4, "own": [0.0] * 4}), is_error=True) == (0.0,)
    assert default_targets(evidence(data=every, trials={"base": [0.2] * 4, "own": [0.2] * 4}), is_error=True) == (0.2,)
    perfect = {label: {50: {0: 1.0}, 200: {0: 0.0}} for label in ("base", "own")}
    assert default_targets(evidence(data=perfect, trials={"base": [0.0] * 4, "own": [0.0] * 4}), is_error=True) == (1.0,)
    solved = {label: {50: {0: 1.0}, 200: {0: 0.25}, 800: {0: 0.0}} for label in ("base", "own")}
    assert default_targets(evidence(data=solved, trials={"base": [0.0] * 4, "own": [0.0] * 4}), is_error=True) == (
        0.71,
        0.5,
        0.35,
    )


def test_no_target_is_one_that_a_constant_answer_reaches() -> None:
    plain = default_targets(evidence(), is_error=True)
    found = default_targets(evidence(constant=0.98 * plain[0]), is_error=True)
    assert max(found) < 0.98 * plain[0]
    told = warnings(evidence(constant=0.7), (0.9, 0.5), is_error=True)
    assert told == ["0.9 is no better than the best constant answer, whose score is 0.7."]
    assert warnings(evidence(constant=0.3), (0.6, 0.9), is_error=False) == [
        "0.6 is no better than the best constant answer, whose score is 0.7."
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        (
            {"example": {"base": {0: 2.0}, "own": {0: 1.0}}},
            ["One launch: no intervals. More launches give them: --launches 5."],
        ),
        (
            {"data": {"base": law(10, seeds=3), "own": law(5, seeds=3)}},
            ["With 3 seeds, the intervals of cost may hold in less than 95 % of cases. More seeds help: --seeds 5."],
        ),
        (
            {"trials": {"base": [0.9, 0.5], "own": [0.9, 0.5]}},
            [
                "With 2 trials, the intervals of trials and cost may hold in less than 95 % of cases."
                " More trials help: --trials 20."
            ],
        ),
    ],
)
def test_few_replicates_are_warned_of(changes: dict[str, object], words: list[str]) -> None:
    assert warnings(evidence(**changes), (0.6,), is_error=True) == words


@pytest.mark.parametrize("error", [0.0, 1e-9, 0.1234, 0.125, 0.5, 1.0, 7.01, 32.5])
def test_the_score_that_every_mixer_reaches_is_reached(error: float) -> None:
    flat = {label: {50: {0: error}, 200: {0: error}} for label in ("base", "own")}
    given = evidence(data=flat, trials={"base": [error] * 4, "own": [error] * 4})
    (target,) = default_targets(given, is_error=True)
    assert error <= target <= 1.1 * error
    assert all(one.reached for one in costs(given, (target,), "base", is_error=True))


def test_the_product_is_as_certain_as_the_factor_that_scatters_most() -> None:
    def width(example: dict[int, float], trials: int) -> float:
        given = evidence(
            example={"base": dict.fromkeys(example, 2.0), "own": example},
            data={"base": law(10), "own": law(5)},
            trials={"base": [0.9, 0.5] * (trials // 2), "own": [0.9, 0.8, 0.5, 0.8] * (trials // 4)},
        )
        interval = found(given)["own"].ratios[PRODUCT].interval
        assert interval
        return math.log(interval.high / interval.low)

    two, many = ({launch: 1.0 + 1e-6 * launch for launch in range(launches)} for launches in (2, 40))
    assert width(two, 40) == pytest.approx(width(many, 40), rel=0.1)  # two launches that agree do not widen it
    apart = {0: 1.0, 1: 4.0}
    assert width(apart, 40) > 1.3 * width(two, 40)


@pytest.mark.slow
def test_intervals_of_a_product_hold_about_as_often_as_they_claim() -> None:
    generator = np.random.default_rng(7)

    def study() -> Evidence:
        shared = {seed: generator.normal(0, 0.1) for seed in range(5)}
        noisy = {
            label: {
                size: {seed: scale * size**-0.5 * math.exp(shared[seed] + generator.normal(0, 0.1)) for seed in shared}
                for size in SIZES
            }
            for label, scale in (("base", 10.0), ("own", 5.0))
        }
        example = {label: {launch: math.exp(generator.normal(0, 0.05)) for launch in range(5)} for label in noisy}
        return Evidence(example, noisy, dict.fromkeys(noisy, [0.5] * 10))

    held = 0
    for _ in range(60):
        interval = found(study())["own"].ratios[PRODUCT].interval
        held += bool(interval and interval.low <= 0.25 <= interval.high)
    assert held >= 51
