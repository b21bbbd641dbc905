from __future__ import annotations

import math
import random

import pytest

from mixbench.verdicts.speed.crossover import crossovers

LENGTHS = (64, 128, 256, 512, 1024, 2048)


def ratios(*by_length: float, spread: float = 0.01) -> dict[int, dict[int, float]]:
    """Three launches: one as given, one below and one above by a factor."""
    return {
        length: {launch: ratio * (1 + spread) ** (launch - 2) for launch in (1, 2, 3)}
        for length, ratio in zip(LENGTHS, by_length, strict=False)
    }


def test_the_crossing_is_interpolated_on_log_axes_between_the_lengths_where_the_ratio_is_known_to_differ() -> None:
    (found,) = crossovers(ratios(2.0, 0.5))
    assert found.tokens == pytest.approx(64 * math.sqrt(2))
    assert found.faster_beyond
    # the interval of three ratios reaches 0.8133 of their range beyond them
    half = (1 + 2 * 0.8133) * math.log(1.01) / math.log(4) * math.log(2)
    assert found.low == pytest.approx(found.tokens * math.exp(-half))
    assert found.high == pytest.approx(found.tokens * math.exp(half))


def test_every_crossing_is_found_with_its_direction() -> None:
    found = crossovers(ratios(2.0, 0.5, 0.5, 2.0))
    assert [(round(one.tokens), one.faster_beyond) for one in found] == [(91, True), (362, False)]


def test_what_never_crosses_or_only_touches_has_none() -> None:
    assert crossovers(ratios(2.0, 1.5, 1.2)) == ()
    assert crossovers(ratios(2.0, 0.999, 2.0)) == ()
    assert crossovers(ratios(1.001, 0.999, 1.002)) == ()
    assert crossovers({}) == crossovers({64: {}}) == crossovers(ratios(0.5)) == ()


def test_where_only_the_interval_reaches_1_at_the_ends_the_mixer_is_not_level() -> None:
    assert crossovers(ratios(1.005, 1.5, 2.0)) == ()
    assert crossovers(ratios(2.0, 1.5, 1.005)) == ()
    assert crossovers(ratios(0.995, 0.6, 0.995)) == ()


def test_an_interval_that_leaves_the_measured_lengths_is_open_there() -> None:
    (short,) = crossovers(ratios(1.005, 0.5))
    assert (short.low, short.high) == (None, pytest.approx(66, abs=1))
    (long,) = crossovers(ratios(2.0, 0.995))
    assert (long.low, long.high) == (pytest.approx(124, abs=1), None)


def test_one_launch_gives_crossings_without_intervals_and_equal_launches_intervals_of_no_width() -> None:
    (alone,) = crossovers({64: {1: 2.0}, 128: {1: 0.5}})
    assert (round(alone.tokens), alone.low, alone.high, alone.faster_beyond) == (91, None, None, True)
    (exact,) = crossovers(ratios(2.0, 0.5, spread=0.0))
    assert exact.low == pytest.approx(exact.tokens) == exact.high


def test_only_launches_with_all_lengths_count() -> None:
    more = ratios(2.0, 0.5)
    more[64][9] = 100.0
    assert crossovers(more) == crossovers(ratios(2.0, 0.5))


def test_launches_that_were_left_out_at_some_lengths_cost_neither_the_crossing_nor_its_interval() -> None:
    kept = {64: (1, 2, 3), 128: (1, 4, 5), 256: (2, 4, 5), 512: (3, 4, 5)}
    thinned = {
        length: {launch: own * (0.99 + 0.01 * place) for place, launch in enumerate(kept[length])}
        for length, own in zip(kept, (2.0, 1.2, 0.7, 0.4), strict=True)
    }
    (found,) = crossovers(thinned)
    assert found.faster_beyond
    assert found.low is not None
    assert found.high is not None
    assert 140 < found.low < found.tokens < found.high < 200
    # what a single launch says of a length is not known
    (open_end,) = crossovers({**thinned, 256: {1: 0.7}})
    assert (open_end.low, open_end.high) == (pytest.approx(128), None)
    assert 128 < open_end.tokens < 256
    assert crossovers({64: {1: 2.0, 2: 2.02, 3: 2.01}, 128: {4: 0.5}}) == ()


@pytest.mark.slow
@pytest.mark.parametrize("launches", [3, 5, 10])
def test_intervals_hold_the_true_crossing_as_often_as_they_claim(launches: int) -> None:
    rng = random.Random(launches)
    held, runs = 0, 300
    for _ in range(runs):
        true = rng.uniform(80, 1500)
        shared = {launch: rng.gauss(0, 0.02) for launch in range(launches)}
        found = crossovers(
            {
                length: {
                    launch: math.exp(math.log(true / length) / 2 + own + rng.gauss(0, 0.03)) for launch, own in shared.items()
                }
                for length in LENGTHS
            }
        )
        held += len(found) == 1 and (found[0].low or 0) <= true <= (found[0].high or math.inf)
    assert 0.92 <= held / runs <= 0.98
