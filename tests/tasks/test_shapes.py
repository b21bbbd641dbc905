from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixbench.tasks import choose_task
from mixbench.tasks.dataset import SPLITS, Dataset
from mixbench.tasks.shapes import LEAST_DIFFERENCE, NOISE, TOKENS, draw_shapes, generate, geometry, levelled, signals

CHOSEN = choose_task("shapes:train=6000,dev=300,test=200")


@pytest.fixture(scope="module")
def shapes() -> Dataset:
    return CHOSEN.make()


def slow_steps(kind: str, centre: float, height: float, width: float) -> list[float]:
    """The heights of one shape, step by step."""
    heights = []
    for step in range(TOKENS):
        distance = abs(step - centre)
        if kind == "rectangle":
            heights.append(height if distance < width / 2 else 0.0)
        else:
            heights.append(max(0.0, height - max(0.0, distance - 0.5) * 2 * height / width))
    return heights


def slow_shapes(drawn: NDArray[np.float64]) -> list[list[float]]:
    """The four shapes of one example, each alone."""
    return [slow_steps(kind, *shape) for kind, shape in zip(["triangle"] * 2 + ["rectangle"] * 2, drawn.tolist(), strict=True)]


def test_the_data_have_the_form_they_say(shapes: Dataset) -> None:
    form = shapes.form
    assert (form.tokens, form.vocabulary, form.channels, form.output, form.score) == (100, 0, 1, "value per token", "mse")
    for name, count in zip(SPLITS, (6000, 300, 200), strict=True):
        split = getattr(shapes, name)
        assert (split.inputs.shape, split.targets.shape) == ((count, 100, 1), (count, 100))
        assert split.inputs.dtype == split.targets.dtype == np.float32
        assert (split.lengths == 100).all()
    groups = np.concatenate([getattr(shapes, name).groups for name in SPLITS])
    np.testing.assert_array_equal(groups, np.arange(6500))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(1, 40))
def test_shapes_stay_in_range_apart_and_unlike_in_their_pair(seed: int, count: int) -> None:
    drawn = draw_shapes(count, np.random.default_rng(seed))
    assert drawn.shape == (count, 4, 3)
    centres, heights, widths = np.moveaxis(drawn, 2, 0)
    assert ((centres >= 5.5) & (centres <= 94.5) & (heights >= 1) & (heights <= 25) & (widths >= 5) & (widths <= 11)).all()
    assert (np.abs(heights[:, [0, 2]] - heights[:, [1, 3]]) > LEAST_DIFFERENCE).all()
    for example in drawn[:5]:
        covered = [{step for step, height in enumerate(steps) if height > 0} for steps in slow_shapes(example)]
        for one, other in combinations(covered, 2):
            assert min(abs(a - b) for a in one for b in other) > 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**64 - 1))
def test_signals_equal_the_shapes_drawn_one_by_one(seed: int) -> None:
    drawn = draw_shapes(3, np.random.default_rng(seed))
    expected = [[max(steps) for steps in zip(*slow_shapes(example), strict=True)] for example in drawn]
    np.testing.assert_allclose(signals(drawn), expected, atol=1e-12)


def test_both_of_a_pair_get_its_mean_height_and_keep_their_place() -> None:
    drawn = draw_shapes(20, np.random.default_rng(0))
    level = levelled(drawn)
    np.testing.assert_array_equal(level[:, :, [0, 2]], drawn[:, :, [0, 2]])
    np.testing.assert_allclose(level[:, 0, 1], (drawn[:, 0, 1] + drawn[:, 1, 1]) / 2)
    np.testing.assert_allclose(level[:, 3, 1], (drawn[:, 2, 1] + drawn[:, 3, 1]) / 2)
    np.testing.assert_array_equal(level[:, [0, 2], 1], level[:, [1, 3], 1])


@pytest.mark.parametrize("split", SPLITS)
def test_the_shapes_behind_a_split_can_be_drawn_again(shapes: Dataset, split: str) -> None:
    drawn = geometry(CHOSEN.options, CHOSEN.seed, split)
    made = getattr(shapes, split)
    for values, expected in ((made.inputs[:, :, 0], signals(drawn)), (made.targets, signals(levelled(drawn)))):
        noise = values - expected
        assert np.abs(noise).max() <= NOISE + 1e-5
        assert noise.var() == pytest.approx(NOISE**2 / 3, rel=0.05)


def test_the_noise_of_input_and_target_is_drawn_separately(shapes: Dataset) -> None:
    drawn = geometry(CHOSEN.options, CHOSEN.seed, "train")
    noises = shapes.train.inputs[:, :, 0] - signals(drawn), shapes.train.targets - signals(levelled(drawn))
    correlation = np.corrcoef(*(noise.ravel() for noise in noises))[0, 1]
    assert abs(correlation) < 5 / math.sqrt(shapes.train.targets.size)


def test_the_scale_of_the_error_is_known(shapes: Dataset) -> None:
    inputs, targets = shapes.train.inputs[:, :, 0].astype(float), shapes.train.targets.astype(float)
    # standard errors at 6,000 examples: 0.25, 0.2 and 0.1
    assert np.square(targets).mean() == pytest.approx(43, abs=1.2)
    assert targets.var() == pytest.approx(32, abs=1.2)
    assert np.square(inputs - targets).mean() == pytest.approx(7.9, abs=0.4)
    best = signals(levelled(geometry(CHOSEN.options, CHOSEN.seed, "train")))
    assert np.square(best - targets).mean() == pytest.approx(0.0075, rel=0.02)


def test_the_same_draw_gives_the_same_data_and_another_draw_others() -> None:
    options = choose_task("shapes:train=5,dev=5,test=5").options
    first, again, other = (generate(options, seed) for seed in (7, 7, 8))
    for name in SPLITS:
        np.testing.assert_array_equal(getattr(first, name).inputs, getattr(again, name).inputs)
        np.testing.assert_array_equal(getattr(first, name).targets, getattr(again, name).targets)
        assert not np.isin(getattr(first, name).inputs, getattr(other, name).inputs).all()


def test_nothing_is_in_two_splits_neither_signals_nor_the_shapes_behind_them(shapes: Dataset) -> None:
    signalled = np.concatenate([getattr(shapes, name).inputs[:, :, 0] for name in SPLITS])
    drawn = np.concatenate([geometry(CHOSEN.options, CHOSEN.seed, name).reshape(-1, 12) for name in SPLITS])
    assert len(np.unique(signalled, axis=0)) == len(np.unique(drawn, axis=0)) == 6500


def test_data_that_change_need_a_new_version_of_the_task() -> None:
    dataset = choose_task("shapes:train=2,dev=1,test=1").make()
    sums = [(getattr(dataset, name).inputs.sum(), getattr(dataset, name).targets.sum()) for name in SPLITS]
    np.testing.assert_allclose(sums, [(522.7892, 512.0419), (297.5998, 292.0987), (344.558, 336.9656)], rtol=1e-5)
