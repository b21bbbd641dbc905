from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixbench.tasks import subsets
from mixbench.tasks.dataset import Form, Split
from mixbench.tasks.subsets import classes_lacking, nested_order

SEEDS = st.integers(0, 2**32)


def split_of(targets: NDArray[np.int32], groups: NDArray[np.int64] | None = None) -> Split:
    """A split in which only targets and groups matter."""
    count = len(targets)
    return Split(
        inputs=np.ones((count, 3), np.int32),
        lengths=np.full(count, 3, np.int32),
        targets=targets,
        groups=np.arange(count) if groups is None else groups,
    )


@st.composite
def labelled(draw: st.DrawFn) -> Split:
    return split_of(np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=60)), np.int32))


@st.composite
def grouped(draw: st.DrawFn, *, several: bool = False) -> Split:
    groups = np.array(draw(st.lists(st.integers(-3, 9), min_size=2, max_size=60)), np.int64)
    classes = st.lists(st.integers(0, 2 * several), min_size=len(groups), max_size=len(groups))
    return split_of(np.array(draw(classes), np.int32), groups)


@given(labelled() | grouped(), SEEDS)
def test_every_example_stands_in_the_order_once_and_the_seed_decides_it(split: Split, seed: int) -> None:
    order = nested_order(split, seed)
    assert sorted(order) == list(range(len(split)))
    np.testing.assert_array_equal(order, nested_order(split, seed))


@given(labelled(), SEEDS)
def test_every_beginning_holds_each_class_in_proportion(split: Split, seed: int) -> None:
    order = nested_order(split, seed)
    size = np.arange(1, len(split) + 1)
    labels = np.unique(split.targets)
    for label in labels:
        own = split.targets[order] == label
        # each of two classes to within one example; each class more may shift a beginning by its own rounding
        allowed = 1 + max(0, len(labels) - 2) * own.mean()
        assert (np.abs(own.cumsum() - size * own.mean()) <= allowed + 1e-9).all()


@given(grouped(), SEEDS)
def test_examples_of_one_group_stand_together(split: Split, seed: int) -> None:
    ordered = split.groups[nested_order(split, seed)]
    runs = 1 + np.count_nonzero(ordered[1:] != ordered[:-1])
    assert runs == len(np.unique(split.groups))


def test_a_text_that_occurs_twice_does_not_end_the_proportions() -> None:
    targets = np.array([0] * 90 + [1] * 10, np.int32)
    groups = np.arange(100)
    groups[1] = 0
    order = nested_order(split_of(targets, groups), 0)
    assert [int(targets[order[:size]].sum()) for size in (20, 50, 80)] == pytest.approx([2, 5, 8], abs=1)


@pytest.mark.parametrize("targets", [np.arange(40) % 2, np.zeros((40, 3))], ids=["classes", "classes per token"])
def test_another_seed_is_another_order(targets: NDArray[np.int64]) -> None:
    split = split_of(targets.astype(np.int32))
    orders = {tuple(nested_order(split, seed)) for seed in range(5)}
    assert len(orders) == 5


def test_groups_come_in_another_order_with_another_seed() -> None:
    split = split_of(np.zeros(40, np.int32), np.arange(40) // 2)
    assert len({tuple(nested_order(split, seed)) for seed in range(5)}) == 5


def test_no_example_of_a_class_is_more_likely_to_come_first_than_another() -> None:
    split = split_of(np.array([0] * 6 + [1] * 2, np.int32))
    first = np.bincount([nested_order(split, seed)[0] for seed in range(4000)], minlength=8)
    for members in (first[:6], first[6:]):
        assert members.min() > 0.7 * members.mean() > 0


def test_parts_that_lack_classes_are_named() -> None:
    split = split_of(np.array([0] * 50 + [1] * 50 + [2] * 2, np.int32))
    form = Form(3, 5, 0, "class", 3, "accuracy", ("a", "b", "rare"))
    assert classes_lacking(form, split, [(102, 0), (4, 0), (4, 1)]) == {4: ["rare"]}
    assert classes_lacking(Form(3, 5, 0, "class per token", 3, "accuracy"), split, [(4, 0)]) == {}


@given(labelled() | grouped(several=True), st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), max_size=30))
def test_a_class_is_lacking_where_any_part_of_a_size_has_no_example_of_it(split: Split, parts: list[tuple[int, int]]) -> None:
    lacking: dict[int, set[int]] = {}
    for size, seed in parts:
        missing = set(split.targets) - set(split.targets[nested_order(split, seed)[:size]])
        if missing:
            lacking.setdefault(size, set()).update(missing)
    expected = {size: [str(label) for label in sorted(labels)] for size, labels in lacking.items()}
    assert classes_lacking(Form(3, 5, 0, "class", 5, "accuracy"), split, parts) == expected


def test_training_sets_are_put_in_order_only_as_long_as_a_part_can_add_a_class(monkeypatch: pytest.MonkeyPatch) -> None:
    ordered: list[int] = []

    def noted(split: Split, seed: int) -> NDArray[np.int64]:
        ordered.append(seed)
        return nested_order(split, seed)

    monkeypatch.setattr(subsets, "nested_order", noted)
    form = Form(3, 5, 0, "class", 3, "accuracy")
    even = split_of(np.repeat([0, 1, 2], 40).astype(np.int32))
    assert classes_lacking(form, even, [(size, seed) for size in (3, 60) for seed in range(50)]) == {}
    assert ordered == []
    rare = split_of(np.array([0] * 50 + [1] * 50 + [2] * 2, np.int32))
    assert classes_lacking(form, rare, [(size, seed) for size in (4, 8) for seed in range(50)]) == {4: ["2"], 8: ["2"]}
    assert len(ordered) == len(set(ordered)) < 5
