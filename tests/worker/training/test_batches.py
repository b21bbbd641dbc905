from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixbench.tasks.dataset import NOT_ASKED, STEP, Split
from mixbench.worker.training.batches import endless, in_order, make_batch, padded_length

LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=60).map(lambda lengths: np.array(lengths, np.int32))


def ragged_split(lengths: list[int], tokens: int) -> Split:
    inputs = np.where(np.arange(tokens) < np.array(lengths)[:, None], 1 + np.arange(len(lengths))[:, None], 0)
    return Split(
        inputs.astype(np.int32),
        np.array(lengths, np.int32),
        np.where(inputs > 0, inputs, NOT_ASKED).astype(np.int32),
        np.arange(len(lengths)),
    )


def test_a_batch_is_padded_to_its_longest_example_in_steps() -> None:
    split = ragged_split([3, 9, 20, 21], tokens=21)
    batch = make_batch(split, np.array([1, 0]), full_length=False)
    assert batch.inputs.tolist() == [[2] * 9 + [0] * 7, [1] * 3 + [0] * 13]
    assert batch.mask is not None
    assert batch.mask.tolist() == (batch.inputs > 0).tolist()
    assert batch.targets.tolist() == [[2] * 9 + [-1] * 7, [1] * 3 + [-1] * 13]
    assert make_batch(split, np.array([0]), full_length=True).inputs.shape == (1, 21)
    assert make_batch(split, np.array([3]), full_length=False).mask is None


@given(st.integers(1, 100), st.integers(1, 100))
def test_padding_reaches_the_next_step_or_the_limit(longest: int, limit: int) -> None:
    longest = min(longest, limit)
    padded = padded_length(longest, limit, full_length=False)
    assert longest <= padded <= limit
    assert padded == limit or (padded % STEP == 0 and padded - longest < STEP)


@given(LENGTHS, st.integers(1, 16), st.integers(0, 3))
def test_every_example_comes_once_in_each_epoch_and_all_batches_are_full(lengths: np.ndarray, batch: int, seed: int) -> None:
    batches = list(itertools.islice(endless(lengths, batch, np.random.default_rng(seed)), 40))
    assert {len(examples) for examples in batches} == {batch}
    seen = np.bincount(np.concatenate(batches), minlength=len(lengths))
    # what a pass has not come to yet, and batches of the pass that is under way
    assert seen.max() - seen.min() <= 2 + batch // len(lengths) + 1


def test_batches_are_drawn_anew_in_each_epoch_and_equal_for_equal_seeds() -> None:
    lengths = np.full(64, 5, np.int32)
    first, again, other = (
        [examples.tolist() for examples in itertools.islice(endless(lengths, 8, np.random.default_rng(seed)), 16)]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first[:8] != first[8:]
    assert sorted(itertools.chain(*first[:8])) == sorted(itertools.chain(*first[8:])) == list(range(64))


def test_similar_lengths_come_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 1000).astype(np.int32)
    batches = list(itertools.islice(endless(lengths, 10, np.random.default_rng(0)), 100))
    spread = np.mean([np.ptp(lengths[examples]) for examples in batches])
    assert spread < 0.2 * np.ptp(lengths)
    order = np.array([lengths[examples].mean() for examples in batches])
    assert np.abs(np.corrcoef(order, np.arange(100))[0, 1]) < 0.5, "long and short batches come in a random order"


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_in_order_holds_every_example_once(batch: int) -> None:
    lengths = np.array([5, 3, 9, 1, 1, 4, 7], np.int32)
    batches = list(in_order(lengths, batch))
    assert sorted(np.concatenate(batches).tolist()) == list(range(7))
    assert lengths[np.concatenate(batches)].tolist() == sorted(lengths.tolist())
