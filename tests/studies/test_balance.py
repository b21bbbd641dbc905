"""How many shards of a plan can be even, held to every number of shards that there is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixbench.studies.balance import EVEN, balance, longest_over_mean
from mixbench.studies.shards import Unit


def units_of(*seconds: float) -> list[Unit]:
    return [Unit(f"unit {place}", each) for place, each in enumerate(seconds)]


PLANS = st.lists(st.floats(0.1, 1e4), min_size=1, max_size=30).map(lambda seconds: units_of(*seconds))


@given(PLANS, st.integers(1, 60), st.sampled_from([0.0, 3.0]))
def test_what_is_suggested_is_even_and_the_closest_to_what_was_asked(units: list[Unit], count: int, start: float) -> None:
    found = balance(units, count, start)
    even = [number for number in range(1, len(units) + 1) if longest_over_mean(units, number, start) <= EVEN]
    assert found.suggested in even
    assert max(even) <= found.most <= len(units)
    assert max(found.suggested / count, count / found.suggested) == min(max(n / count, count / n) for n in even)
    assert bool(found.advice) == (count not in even)
    if found.advice:
        assert found.ratio == longest_over_mean(units, found.suggested, start)


def test_the_longest_unit_sets_how_many_shards_can_be_even() -> None:
    units = units_of(*[10.0] * 2, *[1.0] * 80)
    found = balance(units, 64)
    assert (found.most, found.suggested) == (11, 11)  # the mean of 11 is 9.09 s, that of 12 is 8.33 s
    assert found.advice == [
        "At most 11 shards can be even: units are never divided, and the longest of 82 takes 10 s: unit 0.",
        "With 11 shards, the longest takes 1.10 times the mean.",
    ]
    assert balance(units, 4).advice == []


def test_more_shards_are_suggested_where_those_are_closer() -> None:
    assert balance(units_of(*[1.0] * 10), 4).suggested == 5


def test_what_every_shard_takes_makes_them_more_even() -> None:
    units = units_of(10.0, *[1.0] * 10)
    assert balance(units, 4).most == 2
    assert balance(units, 4, start=100.0).most == len(units)


def test_a_plan_that_shards_are_of_no_use_for_says_so() -> None:
    assert balance(units_of(10.0, 1.0), 8).advice == [
        "Several shards cannot be even: units are never divided, and the longest of 2 takes 10 s: unit 0."
    ]
    assert balance(units_of(7200.0), 8).limit == (
        "Several shards cannot be even: units are never divided, and the only one takes 2 h: unit 0."
    )


@pytest.mark.parametrize("count", [1, 100_000])
def test_a_plan_without_predicted_seconds_is_even(count: int) -> None:
    assert balance(units_of(0.0, 0.0, 0.0), count).suggested == min(count, 3)
