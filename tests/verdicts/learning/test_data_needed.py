import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixbench.stats import t_interval
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket, Need, data_needed, default_targets, mean_errors
from mixbench.verdicts.learning.power_law import laws_to_show, power_laws
from mixbench.verdicts.learning.resampling import Curve, drawn_means, resampling_interval, seed_draws

SIZES = (100, 200, 400, 800)


def curve(*scores: float, seeds: int = 1, sizes: tuple[int, ...] = SIZES) -> Curve:
    return {size: dict.fromkeys(range(seeds), score) for size, score in zip(sizes, scores, strict=True)}


def need(target: float, *curves: Curve, is_error: bool = False) -> Need:
    """The need of the last curve relative to the first."""
    named = {str(place): one for place, one in enumerate(curves)}
    return data_needed(named, "0", [target], is_error)[-1]


@pytest.mark.parametrize(
    ("target", "low", "high"),
    [
        (0.5, 0, 100),
        (0.6, 0, 100),
        (0.65, 100 * math.sqrt(2), 100 * math.sqrt(2)),
        (0.7, 200, 200),
        (0.8, 400, 400),
        (0.9, 800, 800),
        (0.91, 800, math.inf),
    ],
)
def test_a_need_is_read_off_between_sizes_on_the_log_scale_and_never_beyond_them(
    target: float, low: float, high: float
) -> None:
    found = need(target, curve(0.6, 0.7, 0.8, 0.9, seeds=3)).examples
    assert (found.low, found.high) == pytest.approx((low, high))


def test_errors_are_interpolated_on_the_log_scale_too() -> None:
    # error = 100 / size: 1, 1/2, 1/4, 1/8
    found = need(0.3, curve(1, 1 / 2, 1 / 4, 1 / 8), is_error=True).examples
    assert (found.low, found.high) == pytest.approx((100 / 0.3,) * 2)
    assert need(2.0, curve(1, 1 / 2, 1 / 4, 1 / 8), is_error=True).examples == Bracket(0, 100)
    assert need(0.1, curve(1, 1 / 2, 1 / 4, 1 / 8), is_error=True).examples == Bracket(800, math.inf)


def test_a_dip_is_levelled_with_its_neighbour() -> None:
    # isotonic: 0.6, 0.7, 0.7, 0.9
    dipped = curve(0.6, 0.75, 0.65, 0.9)
    assert need(0.7, dipped).examples.high == pytest.approx(200)
    assert need(0.71, dipped).examples.high == pytest.approx(400 * 2 ** (0.01 / 0.2))


def test_a_size_with_more_seeds_weighs_more() -> None:
    uneven = {100: {0: 0.6, 1: 0.6}, 200: {0: 0.8}, 400: {0: 0.6, 1: 0.7, 2: 0.8}, 800: {0: 0.9}}
    # 0.8 once and 0.7 three times: 0.725
    assert need(0.725, uneven).examples.high == pytest.approx(200)
    assert need(0.73, uneven).examples.high > 400


def test_a_ratio_of_needs_is_exact_where_both_are_known() -> None:
    found = need(0.7, curve(0.6, 0.7, 0.8, 0.9), curve(0.5, 0.6, 0.7, 0.8))
    assert found.ratio is not None
    assert (found.ratio.low, found.ratio.high) == pytest.approx((2, 2))
    assert found.ratio_interval is None


@pytest.mark.parametrize(
    ("base", "own", "low", "high"),
    [
        ((0.6, 0.7, 0.8, 0.9), (0.1, 0.2, 0.3, 0.4), 4, math.inf),
        ((0.1, 0.2, 0.3, 0.4), (0.6, 0.7, 0.8, 0.9), 0, 1 / 4),
        ((0.6, 0.7, 0.8, 0.9), (0.8, 0.8, 0.8, 0.8), 0, 1 / 2),
        ((0.8, 0.8, 0.8, 0.8), (0.6, 0.7, 0.8, 0.9), 2, math.inf),
        ((0.1, 0.2, 0.3, 0.4), (0.1, 0.2, 0.3, 0.4), 0, math.inf),
        ((0.8, 0.8, 0.8, 0.8), (0.8, 0.8, 0.8, 0.8), 0, math.inf),
    ],
)
def test_a_ratio_says_only_what_is_known_where_a_need_lies_beyond_the_sizes(
    base: tuple[float, ...], own: tuple[float, ...], low: float, high: float
) -> None:
    found = need(0.7, curve(*base), curve(*own))
    assert found.ratio is not None
    assert (found.ratio.low, found.ratio.high) == pytest.approx((low, high))


def test_not_reached_is_an_end_of_the_interval_where_some_seeds_do_not_reach_it() -> None:
    last = {0: 0.9, 1: 0.9, 2: 0.9, 3: 0.6, 4: 0.6}
    found = need(0.75, {100: dict.fromkeys(range(5), 0.5), 200: last})
    assert found.examples.low == found.examples.high < 200
    assert found.interval is not None
    upper = t_interval(list(last.values())).high
    assert upper is not None
    assert found.interval.low == pytest.approx(100 * 2 ** (0.25 / (upper - 0.5)), rel=0.02)
    assert found.interval.high == math.inf


def test_equal_seeds_leave_no_interval_and_one_seed_has_none() -> None:
    # five seeds may agree by chance
    assert need(0.65, curve(0.6, 0.7, 0.8, 0.9, seeds=5)).interval is None
    assert need(0.65, curve(0.6, 0.7, 0.8, 0.9)).interval is None


def test_rounding_between_equal_seeds_is_no_interval() -> None:
    rounded = {100: {0: 0.6, 1: 0.1 + 0.2 + 0.3}, 200: dict.fromkeys(range(2), 0.8)}
    assert len(set(rounded[100].values())) == 2
    found = need(0.65, curve(0.4, 0.7, seeds=2, sizes=(100, 200)), rounded)
    assert found.interval is found.ratio_interval is None


def test_whole_seeds_shared_by_mixers_are_drawn() -> None:
    # each seed shifts both mixers alike: on the log scale their needs differ by a factor of 2 in every draw
    shifts = {seed: 0.02 * seed for seed in range(5)}
    base = {size: {seed: 0.1 * math.log2(size) - shift for seed, shift in shifts.items()} for size in SIZES}
    own = {2 * size: {seed: score + 1e-7 * seed for seed, score in scores.items()} for size, scores in base.items()}
    found = need(0.1 * math.log2(300) - 0.04, base, own)
    assert found.interval is not None
    assert found.interval.high / found.interval.low > 1.2
    assert found.ratio_interval is not None
    assert (found.ratio_interval.low, found.ratio_interval.high) == pytest.approx((2, 2), rel=1e-4)


def test_a_mixer_without_scores_has_an_unknown_need_and_no_scores_at_all_give_none() -> None:
    assert need(0.7, curve(0.6, 0.7, 0.8, 0.9), {100: {}}).examples == UNKNOWN
    assert data_needed({"a": {100: {}}}, "a", [0.7], False) == ()
    assert data_needed({}, None, [0.7], False) == ()


def test_the_same_data_give_the_same_interval() -> None:
    noisy = {size: {seed: 0.1 * math.log(size) + 0.01 * (seed * size % 7) for seed in range(5)} for size in SIZES}
    assert need(0.55, noisy) == need(0.55, noisy)


grids = st.dictionaries(
    st.sampled_from(SIZES), st.dictionaries(st.integers(0, 4), st.floats(0, 1), max_size=5), min_size=1, max_size=4
)


@settings(max_examples=40, deadline=None)
@given(base=grids, own=grids, targets=st.tuples(st.floats(0, 1), st.floats(0, 1)), is_error=st.booleans())
def test_any_partial_grid_gives_ordered_ends_and_a_harder_target_needs_no_less(
    base: Curve, own: Curve, targets: tuple[float, float], is_error: bool
) -> None:
    easy, hard = sorted(targets, reverse=is_error)
    found = {(n.label, n.target): n for n in data_needed({"base": base, "own": own}, "base", [easy, hard], is_error)}
    for one in found.values():
        for bracket in (one.examples, one.interval, one.ratio, one.ratio_interval):
            assert bracket is None or 0 <= bracket.low <= bracket.high
    for label in ("base", "own") if found else ():
        assert found[label, easy].examples.low <= found[label, hard].examples.low
        assert found[label, easy].examples.high <= found[label, hard].examples.high


def covered(seeds: int, studies: int = 200) -> float:
    """Share of simulated studies whose interval holds the true need, 300 examples."""
    rng, hits = np.random.default_rng(1), 0
    true = [0.1 * math.log(size) for size in SIZES]
    for _ in range(studies):
        shifts = rng.normal(0, 0.01, seeds)
        scores = {
            size: {seed: float(mean + shift + rng.normal(0, 0.01)) for seed, shift in enumerate(shifts)}
            for size, mean in zip(SIZES, true, strict=True)
        }
        interval = need(0.1 * math.log(300), scores).interval
        hits += interval is not None and interval.low <= 300 <= interval.high
    return hits / studies


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_hold_the_true_need_about_as_often_as_they_claim(seeds: int) -> None:
    assert 0.92 <= covered(seeds) <= 0.98


def test_percentiles_of_a_drawn_mean_are_its_t_interval() -> None:
    rng = np.random.default_rng(2)
    scores = {seed: float(score) for seed, score in enumerate(rng.normal(0.7, 0.05, 5))}
    _, means, numbers = drawn_means({100: scores, 200: {0: 0.8, 1: 0.9}}, range(5), 200_000)
    expected = t_interval(list(scores.values()))
    # the size with fewest scores gives the degrees of freedom of all
    assert numbers.tolist() == [5, 2]
    assert means[0].tolist() == pytest.approx([expected.point, 0.85])
    _, means, _ = drawn_means({100: scores}, range(5), 200_000)
    assert np.quantile(means[1:, 0], [0.025, 0.975]) == pytest.approx([expected.low, expected.high], abs=2e-3)


def test_draws_of_curves_keep_what_seeds_share_and_a_single_score_scatters_like_the_others() -> None:
    shared = {seed: 0.1 * seed for seed in range(5)}
    _, means, _ = drawn_means({100: shared, 200: {seed: 0.5 + score for seed, score in shared.items()}}, range(5))
    assert means[:, 1] - means[:, 0] == pytest.approx(np.full(len(means), 0.5))
    _, means, _ = drawn_means({100: shared, 200: {3: 0.9}}, range(5))
    assert means[0, 1] == 0.9
    spread = np.subtract(*np.quantile(means[1:], [0.75, 0.25], axis=0))
    assert spread[1] / spread[0] == pytest.approx(math.sqrt(5), rel=0.1)  # one score has the error of no mean
    assert len(drawn_means({100: {0: 0.5}, 200: {1: 0.6}}, range(2))[1]) == 1


def test_plain_percentiles_would_be_too_narrow_for_five_seeds() -> None:
    values = np.arange(2000.0)
    low, high = resampling_interval(values, values, 5)
    assert low < 10
    assert high > 1990
    # many seeds: the plain percentiles
    assert resampling_interval(values, values, 10_000) == (49, 1950)


def test_draws_hold_as_many_seeds_as_there_are() -> None:
    distinct, which = seed_draws(5)
    assert set(distinct.sum(axis=1)) == {5}
    assert len(distinct) == len(set(map(tuple, distinct))) < len(which) == 2000
    assert distinct[which].mean() == pytest.approx(1)


def test_default_targets_lie_between_the_control_and_the_best_in_equal_ratios_of_the_error() -> None:
    curves = {"best": curve(0.1, 0.05, 0.02, 0.01), "none": curve(10, 5, 2, 0.16)}
    assert default_targets(curves, "none", True) == (0.08, 0.04, 0.02)
    # without a control from the largest error; the error of a share is 1 minus it
    assert default_targets(curves, None, True) == (1.8, 0.32, 0.056)
    shares = {"best": curve(0.5, 0.6, 0.7, 0.975), "none": curve(0.5, 0.5, 0.5, 0.6)}
    assert default_targets(shares, "none", False) == (0.8, 0.9, 0.95)


def test_a_control_that_is_as_good_as_the_best_does_not_bound_the_targets() -> None:
    curves = {"best": curve(0.6, 0.7, 0.8, 0.9), "none": curve(0.5, 0.7, 0.8, 0.9)}
    targets = default_targets(curves, "none", False)
    assert len(targets) == 3
    assert all(0.5 < target < 0.9 for target in targets)


def test_default_targets_are_better_than_the_best_constant_answer() -> None:
    curves = {"best": curve(0.1, 0.05, 0.02, 0.01), "none": curve(10, 5, 2, 0.16)}
    assert max(default_targets(curves, None, True, 0.16)) == 0.08
    shares = {"best": curve(0.5, 0.6, 0.7, 0.975), "none": curve(0.5, 0.5, 0.5, 0.6)}
    assert min(default_targets(shares, None, False, 0.6)) == 0.8


def test_there_are_no_default_targets_without_a_curve() -> None:
    assert default_targets({}, None, True) == ()
    assert default_targets({"a": {100: {}}}, "a", True) == ()
    assert default_targets({"a": curve(0.5, sizes=(100,))}, None, True) == ()
    assert default_targets({"a": curve(0.5, 0.5, 0.5, 0.5)}, None, True) == ()


def test_mean_errors_are_geometric_and_for_shares_one_minus_the_mean() -> None:
    scores = {100: {0: 0.1, 1: 0.4}, 200: {}}
    assert mean_errors(scores, True) == pytest.approx({100: 0.2})
    assert mean_errors(scores, False) == pytest.approx({100: 0.75})


@pytest.mark.parametrize(("scale", "exponent", "floor"), [(5.0, 0.5, 0.05), (40.0, 1.0, 0.01), (0.5, 0.3, 0.0)])
@pytest.mark.parametrize("is_error", [True, False])
def test_the_constants_of_a_power_law_are_recovered(scale: float, exponent: float, floor: float, is_error: bool) -> None:
    errors = [floor + scale * size**-exponent for size in (*SIZES, 1600, 3200)]
    scores = errors if is_error else [1 - error for error in errors]
    laws = power_laws(curve(*scores, seeds=2, sizes=(*SIZES, 1600, 3200)), is_error)
    assert laws is not None
    assert laws[1].exponent.point == pytest.approx(exponent, rel=0.02)
    assert laws[1].scale == pytest.approx(scale, rel=0.1)
    assert laws[1].floor == pytest.approx(floor, abs=2e-3)
    assert laws[1].error(np.array([400.0])) == pytest.approx([errors[2]], rel=1e-3)
    if floor == 0:
        assert laws[0].exponent.point == pytest.approx(exponent)
    else:
        assert laws[0].exponent.point < exponent
    assert laws[0].floor == 0


def test_a_power_law_without_floor_is_the_line_through_the_logarithms_and_never_rises() -> None:
    laws = power_laws(curve(1.0, 1.1, 1.2, 1.3), True)
    assert laws is not None
    assert laws[0].exponent.point == 0
    assert laws[0].error(np.array([5.0])) == pytest.approx([(1.0 * 1.1 * 1.2 * 1.3) ** 0.25])
    assert laws[1].exponent.point >= 0


def test_a_power_law_needs_three_sizes_with_an_error() -> None:
    assert power_laws(curve(0.3, 0.2, sizes=(100, 200)), True) is None
    assert power_laws(curve(0.8, 0.9, 1.0, 1.0), False) is None
    assert power_laws({}, True) is None
    assert power_laws(curve(0.3, 0.2, 0.1, sizes=(100, 200, 400)), True) is not None


def test_laws_that_do_not_describe_the_curve_are_not_shown() -> None:
    sizes = (100, 200, 400, 800, 1600)

    def shown(*errors: float, spread: float = 0.02) -> list[str]:
        found = {n: {seed: e * (1 + spread * (seed - 1)) for seed in range(3)} for n, e in zip(sizes, errors, strict=True)}
        return list(laws_to_show(found, True))

    straight = [size**-0.5 for size in sizes]
    assert "" in shown(*straight)
    assert shown(*straight[:4], 1.0) == []  # no law rises at the end
    assert shown(1.0, 0.1, 0.1, 0.1, 0.1) == []  # flat but for its first size: any steep law fits
    assert shown(0.3, 0.3, 0.3, 0.3, 0.3) == []
    assert laws_to_show({size: {0: size**-0.5, 1: size**-0.4} for size in sizes[:4]}, True) == {}


def test_the_interval_of_an_exponent_comes_from_whole_seeds() -> None:
    # seeds that differ by a factor have equal slopes, the others do not
    alike = {size: {seed: (1 + seed) * size**-0.5 for seed in range(5)} for size in SIZES}
    unlike = {size: {seed: size ** -(0.3 + 0.1 * seed) for seed in range(5)} for size in SIZES}
    pure = [laws[0].exponent for data in (alike, unlike) if (laws := power_laws(data, True))]
    assert (pure[0].low, pure[0].high) == pytest.approx((0.5, 0.5))
    assert pure[1].low is not None
    assert pure[1].high is not None
    assert 0.3 <= pure[1].low < 0.45 < 0.5 < 0.55 < pure[1].high <= 0.7


def test_a_power_law_of_a_partial_grid_has_an_interval_from_the_draws_that_have_three_sizes() -> None:
    partial = {100: {0: 0.4, 1: 0.5}, 200: {0: 0.3}, 400: {1: 0.2, 0: 0.25}}
    laws = power_laws(partial, True)
    assert laws is not None
    assert laws[0].exponent.low is not None
