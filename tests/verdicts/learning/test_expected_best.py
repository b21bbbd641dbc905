"""The estimator against its definition and against opda's."""

from __future__ import annotations

import itertools
import math
from statistics import fmean

import numpy as np
import pytest
from opda.nonparametric import EmpiricalDistribution

import mixbench.verdicts.learning.expected_best as module
from mixbench.verdicts.learning.expected_best import expected_best, most_trials, trials_until
from mixbench.verdicts.learning.resampling import Numbers


def scores(count: int, *, ties: bool = False) -> Numbers:
    drawn = np.random.default_rng(count).normal(size=count)
    return np.sort(np.round(drawn) if ties else drawn)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 12])
def test_it_is_the_mean_best_of_every_choice_of_so_many_trials(count: int, ties: bool) -> None:
    ascending = scores(count, ties=ties)
    by_definition = [fmean(map(max, itertools.combinations(ascending, n))) for n in range(1, most_trials(count) + 1)]
    assert expected_best(ascending) == pytest.approx(by_definition)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("count", [1, 2, 5, 20, 41, 160])
def test_it_equals_the_estimator_of_opda_for_every_number_of_trials(count: int, ties: bool) -> None:
    ascending = scores(count, ties=ties)
    ns = np.arange(1, most_trials(count) + 1)
    np.testing.assert_allclose(expected_best(ascending), EmpiricalDistribution(ascending).u_tuning_curve(ns), atol=1e-12)
    smallest = EmpiricalDistribution(ascending).u_tuning_curve(ns, minimize=True)
    np.testing.assert_allclose(-expected_best(np.sort(-ascending)), smallest, atol=1e-12)


def test_thousands_of_trials_neither_overflow_nor_lose_the_estimate() -> None:
    # the best of n uniform scores is n / (n + 1)
    found = expected_best((np.arange(4000) + 0.5) / 4000)
    ns = np.arange(1, 2001)
    assert found == pytest.approx(ns / (ns + 1), abs=1e-3)


def test_weights_of_many_numbers_of_trials_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_IN_ALL", 500)
    monkeypatch.setattr(module, "_kept", {})
    for count in (20, 21, 20, 22, 23):
        assert expected_best(np.ones(count)) == pytest.approx(1)
    assert list(module._kept) == [22, 23]
    assert expected_best(np.ones(40)) == pytest.approx(1)
    assert list(module._kept) == [40]


def test_no_scores_expect_the_worst() -> None:
    assert expected_best(np.empty(0)) == [-math.inf]


@pytest.mark.parametrize(("goal", "trials"), [(0.1, 1.0), (0.2, 1.0), (0.3, 1.5), (0.4, 2.0), (0.45, 3.5), (0.6, None)])
def test_the_trials_for_a_goal_are_read_off_between_whole_numbers(goal: float, trials: float | None) -> None:
    assert trials_until(np.array([0.2, 0.4, 0.4, 0.5]), goal) == pytest.approx(trials)
