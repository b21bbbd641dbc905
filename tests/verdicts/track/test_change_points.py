from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import pytest
from histories import cell, commit, entry

from mixbench.errors import RequestError
from mixbench.tables.columns import columns
from mixbench.tables.entries import ONCE, Entry, TrackedCell
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.track.change_points import Change, find_breaks, find_changes
from mixbench.verdicts.track.series import COUNTED, Series, series_of

QUIET = 0.03


def series(values: Sequence[float], metric: str = "cpu_per_calibration") -> Series:
    """One value per commit."""
    (found,) = series_of(entry(number, cell({metric: {1: value}})) for number, value in enumerate(values))
    return found


def changes(values: Sequence[float], metric: str = "cpu_per_calibration") -> list[Change]:
    return find_changes(series(values, metric))


def noisy(levels: Sequence[float], seed: int = 1, noise: float = QUIET) -> list[float]:
    rng = random.Random(seed)
    return [level * rng.lognormvariate(0, noise) for level in levels]


def gaussian(rng: random.Random) -> float:
    return rng.gauss(0, 1)


def heavy(rng: random.Random) -> float:
    """Student's t with 3 degrees of freedom."""
    return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3)


def one_in_ten_wide(rng: random.Random) -> float:
    return rng.gauss(0, 6 if rng.random() < 0.1 else 1)


def false_alarms(noise: Callable[[random.Random], float], launches: int, outlier: str, simulated: int) -> float:
    """Share of series of 10 to 100 commits without a change in which one is found, in percent."""
    rng = random.Random(20)
    found = 0
    for _ in range(simulated):
        logs = [[QUIET * noise(rng) for _ in range(launches)] for _ in range(rng.choice((10, 12, 16, 25, 40, 100)))]
        if outlier == "launch":
            rng.choice(logs)[0] += 2.0
        if outlier == "commit":
            place = rng.randrange(len(logs))
            logs[place] = [log + 2.0 for log in logs[place]]
        found += bool(find_breaks([math.exp(median(commit)) for commit in logs]))
    return 100 * found / simulated


@pytest.mark.parametrize("outlier", ["none", "launch", "commit"])
@pytest.mark.parametrize(("noise", "launches"), [(gaussian, 5), (gaussian, 1), (heavy, 5), (heavy, 1), (one_in_ten_wide, 1)])
@pytest.mark.slow
def test_where_nothing_changed_a_change_is_found_in_at_most_1_percent_of_series(
    noise: Callable[[random.Random], float], launches: int, outlier: str
) -> None:
    # 500 series: 1 % and two standard errors of it
    assert false_alarms(noise, launches, outlier, simulated=500) <= 1.0 + 2 * 0.44


@pytest.mark.parametrize("at", [3, 10, 17])
@pytest.mark.parametrize("factor", [1.3, 0.7])
def test_a_change_is_found_at_its_commit_with_its_size_and_the_last_good_one(at: int, factor: float) -> None:
    (change,) = changes(noisy([1.0] * at + [factor] * (20 - at)))
    assert change.suspect.commit == commit(at)
    assert change.last_good.commit == commit(at - 1)
    assert change.verdict == ("worse" if factor > 1 else "better")
    assert change.change.low is not None
    assert change.change.high is not None
    assert change.change.low < factor - 1 < change.change.high
    assert change.before == pytest.approx(1.0, rel=0.05)
    assert change.after == pytest.approx(factor, rel=0.05)


def test_most_changes_of_three_and_a_half_standard_deviations_are_found() -> None:
    """With 15 commits on both sides; the place is at most one commit off."""
    found = 0
    for seed in range(200):
        places = find_breaks(noisy([1.0] * 15 + [math.exp(3.5 * QUIET)] * 15, seed))
        found += len(places) == 1 and abs(places[0] - 15) <= 1
    assert found >= 180


def test_several_changes_come_in_their_order() -> None:
    found = changes(noisy([1.0] * 8 + [1.5] * 8 + [1.2] * 8))
    assert [change.at for change in found] == [8, 16]
    assert [change.verdict for change in found] == ["worse", "better"]
    assert found[0].after == pytest.approx(found[1].before)


@pytest.mark.parametrize("outliers", [[7], [7, 8], [0], [15], [14, 15], [3, 11]])
def test_single_commits_that_stick_out_are_no_change(outliers: list[int]) -> None:
    values = noisy([1.0] * 16)
    assert changes([value * (5 if place in outliers else 1) for place, value in enumerate(values)]) == []


def test_an_outlier_beside_a_change_does_not_hide_it_nor_its_size() -> None:
    values = noisy([1.0] * 10 + [1.4] * 10)
    values[5] *= 6
    (change,) = changes(values)
    assert change.at == 10
    assert change.before == pytest.approx(1.0, rel=0.05)


def test_a_change_shows_from_its_third_commit_on() -> None:
    values = noisy([1.0] * 10 + [2.0] * 3)
    assert [len(changes(values[:commits])) for commits in (11, 12, 13)] == [0, 0, 1]


def test_a_series_of_fewer_than_six_commits_is_too_short() -> None:
    values = [1.0, 1.01, 0.99, 2.0, 2.01, 1.99]
    assert [series(values[:commits]).too_short for commits in (5, 6)] == [True, False]
    assert changes(values[:5]) == []
    assert find_breaks(values[:5]) == []
    assert [change.at for change in changes(values)] == [3]


def test_equal_values_are_no_change_and_a_step_between_them_is_one() -> None:
    assert changes([0.5] * 12) == []
    (change,) = changes([0.5] * 6 + [0.51] * 6)
    assert (change.at, change.change.point) == (6, pytest.approx(0.02))


def test_the_level_of_a_commit_is_the_median_of_its_launches() -> None:
    values = noisy([1.0] * 12)
    entries = [
        entry(number, cell({"cpu_per_calibration": {1: value, 2: value, 3: value * (9 if number > 5 else 1)}}))
        for number, value in enumerate(values)
    ]
    assert find_changes(series_of(entries)[0]) == []


@pytest.mark.parametrize("metric", sorted(COUNTED))
def test_every_change_of_a_count_is_a_change_point(metric: str) -> None:
    found = changes([4.0, 4.0, 5.0, 5.0, 4.0], metric)
    assert [(change.at, change.change.point) for change in found] == [(2, 0.25), (4, pytest.approx(-0.2))]
    assert [change.change.low for change in found] == [None, None]
    assert [change.verdict for change in found] == (["changed"] * 2 if metric == "params" else ["worse", "better"])


def test_two_commits_suffice_for_a_count() -> None:
    assert [series([1.0] * commits, "flops").too_short for commits in (1, 2)] == [True, False]
    assert len(changes([1.0, 2.0], "flops")) == 1


def test_counts_by_seed_are_compared_seed_by_seed() -> None:
    several: list[dict[int, float]] = [{0: 5.0, 1: 7.0}, {0: 5.0, 1: 7.0, 2: 99.0}, {0: 5.0, 2: 98.0}]
    runs = [entry(number, cell({"train_flops": values})) for number, values in enumerate(several)]
    (change,) = find_changes(series_of(runs)[0])
    assert (change.at, change.before, change.after) == (2, 99.0, 98.0)


def test_a_failure_that_appears_comes_before_any_cost() -> None:
    found = [*changes([1.0, 90.0], "flops"), *changes([0.0, 0.2], "failed"), *changes([1.0, 0.01], "flops")]
    found.sort(key=lambda change: change.importance)
    assert [change.series.metric for change in found] == ["failed", "flops", "flops"]
    assert [change.verdict for change in found] == ["worse", "worse", "better"]


def test_a_change_however_large_has_an_importance() -> None:
    vast, small = (found for values in ([1e30, 1e-320], [1.0, 90.0]) for found in changes(values, "flops"))
    assert -math.inf < vast.importance[1] < small.importance[1]


def training(number: int, value: float, score: str) -> Entry:
    numbers = {"layers": 1, "width": 32, "tokens": 100, "train_size": 50}
    names = [name for name, column in columns(TrainingRow).items() if column.role == "key"]
    key = {name: "" for name in names} | numbers | {"mixer": "attention", "config": "{}", "settings": "{}", "task": "shapes"}
    return entry(number, TrackedCell("data_efficiency", key, {"test_score": {0: value}}, score))


@pytest.mark.parametrize(("score", "verdict"), [("accuracy", "better"), ("mse", "worse")])
def test_the_direction_of_a_score_is_that_of_its_kind(score: str, verdict: str) -> None:
    values = noisy([0.5] * 6 + [0.8] * 6)
    trained = [training(number, value, score) for number, value in enumerate(values)]
    failed = replace(training(99, 0.0, "").cells[0], metrics={"failed": {ONCE: 1.0}})
    trend, _ = series_of([*trained, entry(99, failed)])
    (change,) = find_changes(trend)
    assert change.verdict == verdict


def test_commits_that_lack_a_cell_leave_it_out() -> None:
    runs = [entry(number, *([cell({"flops": {ONCE: 5 + number // 3}})] if number != 2 else [])) for number in range(5)]
    (change,) = find_changes(series_of(runs)[0])
    assert (change.last_good.commit, change.suspect.commit) == (commit(1), commit(3))


def test_what_else_changed_with_the_commit_is_told_but_not_the_code_itself() -> None:
    runs = [
        entry(number, cell({"flops": {ONCE: 5 + number // 2}}), torch=f"2.1{number // 2}.0", sources=str(number))
        for number in range(4)
    ]
    (change,) = find_changes(series_of(runs)[0])
    assert change.software == {"torch": ("2.10.0", "2.11.0")}


def test_without_ruptures_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(RequestError, match="need the package ruptures"):
        changes(noisy([1.0] * 12))
    assert len(changes([1.0, 2.0], "flops")) == 1


@pytest.mark.filterwarnings("error")
def test_a_series_with_a_commit_at_zero_is_not_judged() -> None:
    trend = series([0.0] * 6 + [0.5] * 6, "test_score")
    assert not trend.judgeable
    assert find_changes(trend) == []
    assert series([0.0] * 12, "failed").judgeable


def test_a_single_seed_at_zero_leaves_the_others_judged() -> None:
    values = noisy([0.5] * 6 + [0.8] * 6)
    runs = [entry(number, cell({"test_score": {0: 0.0, 1: value, 2: value}})) for number, value in enumerate(values)]
    assert [change.at for change in find_changes(series_of(runs)[0])] == [6]
