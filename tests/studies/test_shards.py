"""Which part of a plan a task has, and that the parts are a partition: balanced, and the same whatever the order."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixbench.errors import RequestError
from mixbench.studies.shards import Shard, Unit, spread

SLURM = {"ID": "1", "COUNT": "16", "MIN": "1", "MAX": "16", "STEP": "1"}
PLANS = st.lists(st.floats(1e-3, 1e6), max_size=60).map(
    lambda seconds: [Unit(f"unit {place}", each) for place, each in enumerate(seconds)]
)


def slurm(**changed: int | None) -> dict[str, str]:
    values = SLURM | {name: str(value) for name, value in changed.items()}
    return {f"SLURM_ARRAY_TASK_{name}": value for name, value in values.items() if value != "None"}


@given(PLANS, st.integers(1, 80), st.randoms())
def test_every_unit_is_in_one_shard_and_the_order_of_the_plan_does_not_matter(
    units: list[Unit], count: int, order: random.Random
) -> None:
    numbers = spread(units, count)
    assert len(numbers) == len(units)
    assert set(numbers) <= set(range(1, count + 1))
    shuffled = order.sample(units, len(units))
    of_key = {unit.key: number for unit, number in zip(units, numbers, strict=True)}
    assert spread(shuffled, count) == [of_key[unit.key] for unit in shuffled]


@given(PLANS, st.integers(1, 80))
def test_no_shard_is_longer_than_the_mean_by_more_than_one_unit(units: list[Unit], count: int) -> None:
    loads = [0.0] * count
    for unit, number in zip(units, spread(units, count), strict=True):
        loads[number - 1] += unit.seconds
    longest = max((unit.seconds for unit in units), default=0.0)
    assert max(loads) <= (sum(loads) / count + longest) * (1 + 1e-9)
    assert all(load > 0 for load in loads[: len(units)])  # a shard is empty only where there are fewer units than shards


def test_equal_units_are_dealt_out_evenly() -> None:
    numbers = spread([Unit(str(place), 1.0) for place in range(10)], 4)
    assert sorted(numbers.count(number) for number in range(1, 5)) == [2, 2, 3, 3]


def test_a_shard_is_named_by_its_number_and_count() -> None:
    assert Shard.parse(" 3/16 ") == Shard(3, 16)
    assert Shard(3, 16).words == "shard 3 of 16"


@pytest.mark.parametrize("text", ["3", "0/4", "5/4", "1/0", "a/4", "-1/4", "1/2/3", "", "1/1000000", "auto/x", "1.0/4", "²/4"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="shard"):
        Shard.parse(text, slurm())


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        ("auto", slurm(ID=3), Shard(3, 16)),
        ("auto", slurm(ID=0, MIN=0, MAX=15), Shard(1, 16)),
        ("auto", slurm(ID=30, COUNT=4, MIN=10, MAX=40, STEP=10), Shard(3, 4)),
        ("auto", slurm(ID=7, COUNT=3, MIN=1, MAX=8, STEP=3), Shard(3, 3)),  # --array=1-8:3
        ("auto/16", slurm(ID=16), Shard(16, 16)),
        ("auto", slurm(ID=5, COUNT=1, MIN=5, MAX=5), Shard(1, 1)),
        ("auto/16", {"JOB_COMPLETION_INDEX": "0"}, Shard(1, 16)),
        ("auto/16", {"JOB_COMPLETION_INDEX": "15"}, Shard(16, 16)),
    ],
)
def test_a_task_of_an_array_knows_its_place(text: str, environ: Mapping[str, str], expected: Shard) -> None:
    assert Shard.parse(text, environ) == expected


@pytest.mark.parametrize(
    ("text", "environ", "said"),
    [
        ("auto", {}, "neither SLURM_ARRAY_TASK_ID .* nor JOB_COMPLETION_INDEX"),
        ("auto", {"JOB_COMPLETION_INDEX": "3"}, "JOB_COMPLETION_INDEX is 3, .* how many"),
        ("auto/3", {"JOB_COMPLETION_INDEX": "3"}, "numbered from 1 to 3"),
        ("auto/3", {"JOB_COMPLETION_INDEX": "x"}, "JOB_COMPLETION_INDEX: 'x'"),
        ("auto", slurm(COUNT=None), "SLURM_ARRAY_TASK_COUNT is not set"),
        ("auto", slurm(MIN=None, STEP=None), "SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_STEP are not set"),
        ("auto", slurm(ID=4, COUNT=3, MIN=1, MAX=7), "cannot be told"),  # --array=1,4,7, told with step 1
        ("auto", slurm(ID=2, COUNT=4, MIN=1, MAX=7, STEP=2), "cannot be told"),
        ("auto", slurm(STEP=0), "cannot be told"),
        ("auto/16", slurm(ID=3, COUNT=2, MIN=3, MAX=4), "not the 16 shards"),  # two tasks were submitted again
    ],
)
def test_a_place_that_cannot_be_told_is_refused_with_the_reason(text: str, environ: Mapping[str, str], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        Shard.parse(text, environ)
