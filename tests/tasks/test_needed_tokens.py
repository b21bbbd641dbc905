"""What an output needs, against what the examples were drawn from, and the shares of a map against sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mixbench.tasks import TASKS, choose_task
from mixbench.tasks.dataset import NOT_ASKED
from mixbench.tasks.needed_tokens import NEEDED, needed_tokens, shares
from mixbench.tasks.shapes import NOISE, geometry

SHAPES = choose_task("shapes:train=20,dev=10,test=30")
RECALL = choose_task("mqar:train=20,dev=10,test=30,tokens=24,pairs=4,vocabulary=12")


def test_a_step_in_a_shape_needs_the_steps_of_both_shapes_of_its_pair_and_no_others() -> None:
    split = SHAPES.make().test
    drawn = geometry(SHAPES.options, SHAPES.seed, "test")
    for example in range(30):
        needed = needed_tokens(SHAPES, "test", split, example)
        owners = np.full(100, -1)
        for shape, (centre, height, width) in enumerate(drawn[example]):
            for step in range(100):
                slope = height - max(0.0, abs(step - centre) - 0.5) * 2 * height / width
                if slope > 0 if shape < 2 else abs(step - centre) < width / 2:
                    owners[step] = shape
        pairs = np.where(owners < 0, -1, owners // 2)
        expected = (pairs[:, None] == pairs[None, :]) & (pairs[:, None] >= 0)
        np.testing.assert_array_equal(needed, expected)
        assert (np.abs(split.inputs[example, ~needed.any(1), 0]) <= NOISE + 1e-6).all(), "the rest is noise alone"
        assert set(np.unique(owners)) == {-1, 0, 1, 2, 3}


def test_a_query_needs_its_key_and_the_value_behind_it() -> None:
    split = RECALL.make().test
    for example in range(30):
        needed = needed_tokens(RECALL, "test", split, example)
        tokens, targets = split.inputs[example], split.targets[example]
        assert (needed.sum(1) == np.where(targets == NOT_ASKED, 0, 2)).all()
        for query in np.flatnonzero(targets != NOT_ASKED):
            key, value = np.flatnonzero(needed[query])
            assert (tokens[key], key % 2, value) == (tokens[query], 0, key + 1)
            assert tokens[value] == 2 + 6 + targets[query]


def test_tasks_that_define_needed_tokens_are_in_the_table() -> None:
    assert {"shapes", "mqar"} <= set(NEEDED) <= set(TASKS)


def test_shares_are_those_of_the_rows_that_need_any_token_beyond_the_reach() -> None:
    needed = np.zeros((5, 5), bool)
    needed[1, [1, 2, 4]] = True
    norms = np.full((5, 5), 100.0)
    norms[1] = [3, 100, 7, 2, 5]
    found = shares(norms, needed, reach=1)
    assert found.distant == pytest.approx((2 + 5) / 117)
    assert found.needed == pytest.approx(5 / 7)
    assert found.chance == pytest.approx(1 / 2)
    near = shares(norms, needed, reach=0)
    assert near.needed == pytest.approx((7 + 5) / (3 + 7 + 2 + 5))
    assert near.chance == pytest.approx(2 / 4)


def test_a_map_that_is_even_has_the_share_of_chance() -> None:
    needed = np.random.default_rng(0).random((30, 30)) < 0.1
    found = shares(np.ones((30, 30)), needed, reach=3)
    assert found.needed == found.chance


def test_where_nothing_distant_is_seen_there_is_no_share() -> None:
    needed = np.ones((4, 4), bool)
    found = shares(np.eye(4), needed, reach=0)
    assert (found.distant, found.needed) == (0.0, None)
    assert found.chance == 1.0
    assert shares(np.zeros((4, 4)), needed, reach=0).distant is None
    assert shares(np.ones((4, 4)), np.zeros((4, 4), bool), reach=0).chance is None
