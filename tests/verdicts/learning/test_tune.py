"""Expected validation scores: their definition, their ends, and diverged trials."""

from __future__ import annotations

import itertools
import json
import random
import warnings
from dataclasses import asdict, replace
from statistics import fmean

import numpy as np
import pytest
from synthetic_training import trial_rows

from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.bounds import Bounds, bounds_of
from mixbench.verdicts.learning.tune import Curve, Search, search_of, summarise


def curve_of(scores: list[float | None], score: str = "accuracy") -> Curve:
    (curve,) = search_of({("own", "{}"): scores}, score).curves
    return curve


@pytest.mark.parametrize(("score", "best"), [("accuracy", max), ("mse", min)])
def test_the_expected_score_is_the_mean_best_of_every_choice_of_so_many_trials(score, best):
    drawn = random.Random(0)
    scores = [drawn.random() for _ in range(10)]
    curve = curve_of(list(scores), score)
    for trials, expected in enumerate(curve.expected, 1):
        assert expected == pytest.approx(fmean(best(some) for some in itertools.combinations(scores, trials)))


def test_the_curve_ends_at_half_of_the_trials():
    assert len(curve_of([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]).expected) == 3
    assert len(curve_of([0.5]).expected) == 1


def test_the_band_lies_around_the_estimate_within_the_bounds_of_the_score():
    curve = curve_of([0.1 * k for k in range(1, 10)])
    for low, point, high in zip(curve.low, curve.expected, curve.high, strict=True):
        assert 0 <= low < point < high <= 1
    error = curve_of([0.1 * k for k in range(1, 10)], "mse")
    for low, point, high in zip(error.low, error.expected, error.high, strict=True):
        assert 0 <= low < point < high <= 0.9


def test_the_band_holds_the_whole_true_curve_in_nineteen_of_twenty_searches():
    generator = np.random.default_rng(0)
    ns = np.arange(1, 11)
    true = ns / (ns + 1)  # the best of n uniform scores
    inside = 0
    for _ in range(200):
        curve = curve_of(list(generator.random(20)))
        inside += all(low <= value <= high for low, value, high in zip(curve.low, true, curve.high, strict=True))
    assert inside >= 180


@pytest.mark.parametrize("is_error", [False, True])
def test_five_thousand_trials_have_a_curve_and_a_band_without_a_warning(is_error: bool) -> None:
    scores = [(k + 0.5) / 5000 for k in range(5000)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        curve = curve_of([*scores, None], "mse" if is_error else "accuracy")
    ns = np.arange(1, 2501)
    true = 1 / (ns + 1) if is_error else ns / (ns + 1)
    assert curve.expected == pytest.approx(true, abs=1e-3)
    assert (np.array(curve.low) < true).all()
    assert (true < np.array(curve.high)).all()
    assert max(np.subtract(curve.high, curve.low)) < 0.05
    json.dumps(asdict(curve), allow_nan=False)


@pytest.mark.parametrize("lost", [(), (None,)])
def test_scores_in_per_cent_have_the_bands_of_shares(lost: tuple[None, ...]) -> None:
    shares = [0.31, 0.42, 0.47, 0.55, 0.61, 0.64]
    share, hundred = curve_of([*shares, *lost], "score"), curve_of([*(100 * value for value in shares), *lost], "score")
    for name in ("scores", "expected", "low", "high"):
        assert getattr(hundred, name) == pytest.approx([100 * value for value in getattr(share, name)])


@pytest.mark.parametrize(
    ("scores", "score", "bounds"),
    [
        ([0.2, 0.9], "accuracy", Bounds(0, 1)),
        ([0.2, 0.9], "macro-f1", Bounds(0, 1)),
        ([0.2, 0.9], "score", Bounds(0, 1, "guessed")),
        ([20.0, 90.0], "score", Bounds(0, 100, "guessed")),
        ([-0.2, 0.9], "score", Bounds(-1, 1, "guessed")),
        ([-20.0, 90.0], "score", Bounds(-100, 100, "guessed")),
        ([20.0, 101.0], "score", Bounds(20, 101, "seen")),
        ([0.2, 0.9], "mse", Bounds(0, 0.9, "seen")),
        ([-0.5, 0.9], "error", Bounds(-0.5, 0.9, "seen")),
    ],
)
def test_the_bounds_of_scores_are_known_guessed_or_seen(scores: list[float], score: str, bounds: Bounds) -> None:
    assert bounds_of(scores, score) == bounds


def test_given_bounds_widen_the_band() -> None:
    scores: dict[MixerKey, list[float | None]] = {("own", "{}"): [3.0, 4.0, 5.0, None]}
    (narrow,), (wide,) = (search_of(scores, "error", bounds=Bounds(0, high)).curves for high in (5, 10))
    assert narrow.scores == wide.scores
    assert wide.high[0] > narrow.high[0]


def test_each_curve_is_announced_with_the_curves_before_it() -> None:
    told: list[tuple[int, str]] = []
    scores: dict[MixerKey, list[float | None]] = {(name, "{}"): [0.1, 0.2] for name in ("first", "second", "third")}
    search_of(scores, "score", step=lambda done, label: told.append((done, label)))
    assert told == [(0, "first"), (1, "second"), (1, "third")]


def test_a_diverged_trial_counts_as_the_worst_score_of_any_mixer_in_either_direction():
    whole, with_loss = curve_of([0.5, 0.6, 0.7, 0.8]), curve_of([0.5, 0.6, 0.7, None])
    assert with_loss.lost == 1
    assert with_loss.scores == (0.5, 0.6, 0.7, 0.5)
    assert with_loss.expected[0] == pytest.approx(0.575)
    assert whole.lost == 0
    assert curve_of([1.0, 2.0, None, 4.0], "mse").scores == (1.0, 2.0, 4.0, 4.0)
    for score, worst in (("accuracy", 0.3), ("score", 0.3), ("mse", 0.9)):
        mine = search_of({("mine", "{}"): [0.5, None], ("other", "{}"): [0.3, 0.9]}, score).curves[0]
        assert mine.scores == (0.5, worst)


def test_where_every_trial_diverged_there_is_no_curve():
    assert search_of({("own", "{}"): [None, None]}, "accuracy").curves == ()


def compared(score: str = "accuracy") -> Search:
    drawn = random.Random(1)
    good, poor = [0.5 + 0.4 * drawn.random() for _ in range(20)], [0.2 + 0.4 * drawn.random() for _ in range(20)]
    return search_of({("good", "{}"): list(good), ("poor", "{}"): list(poor)}, score, "poor")


def test_the_relative_change_is_that_of_the_expected_scores():
    search = compared()
    good, poor = search.curves
    assert search.relative(good) == pytest.approx(tuple(a / b - 1 for a, b in zip(good.expected, poor.expected, strict=True)))
    assert set(search.relative(poor)) == {0.0}


def test_trials_needed_are_read_off_the_curve_and_never_beyond_it():
    search = compared()
    for target in search.targets:
        good, poor = target.trials["good"], target.trials["poor"]
        assert good[0] is not None
        assert poor == (None, None, None) or poor[0] is None or poor[0] > good[0]
        sooner, point, later = good[1], good[0], good[2]
        assert sooner is not None
        assert sooner <= point
        assert later is None or point <= later
    curve = search.curves[0]
    exact = curve.needed(curve.expected[3], is_error=False)[0]
    assert exact == pytest.approx(4.0)
    assert curve.needed(1.1, is_error=False) == (None, None, None)
    assert curve.needed(0.0, is_error=False)[0] == 1.0


def test_targets_come_closer_to_the_best():
    search = compared()
    scores = [target.score for target in search.targets]
    assert scores == sorted(scores)
    errors = [target.score for target in compared("mse").targets]
    assert errors == sorted(errors, reverse=True)


def test_rows_of_an_older_environment_do_not_count_as_more_trials() -> None:
    old = trial_rows(("attention",), trials=6)
    new = [replace(row, environment="new", measured_at="2026-01-01T00:00:00Z") for row in old]
    (search,) = summarise([*old, *new])
    assert [len(curve.scores) for curve in search.curves] == [6]


def test_another_range_of_a_mixer_is_another_line() -> None:
    def searching(hidden: str) -> list[TrialRow]:
        rows = trial_rows(("hypermixer", "attention"), trials=4)
        own = json.dumps({"learning_rate": "1..2", "searched": {"hypermixer.hidden": hidden}})
        other = json.dumps({"learning_rate": "1..2", "searched": {}})
        return [replace(row, settings=own if row.mixer == "hypermixer" else other) for row in rows]

    rows = [*searching("16,32"), *(row for row in searching("64") if row.mixer == "hypermixer")]
    (search,) = summarise(rows)
    assert sorted(curve.label for curve in search.curves) == ["attention", "hypermixer hidden=16,32", "hypermixer hidden=64"]
    assert {len(curve.scores) for curve in search.curves} == {4}
