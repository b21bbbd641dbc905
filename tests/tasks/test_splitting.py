"""Parts that are split off: equal texts stay on one side, all classes are on both, in proportion."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from mixbench.errors import RequestError
from mixbench.tasks.reading.rows import Rows
from mixbench.tasks.splitting import group_numbers, split_off


def rows_of(examples: list[tuple[int, int]]) -> Rows:
    texts, labels = zip(*((f"t{text}", f"l{label}") for text, label in examples), strict=True)
    return Rows("s", "line", range(2, len(examples) + 2), texts, [str(number) for number in range(len(texts))], labels)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), min_size=2, max_size=60), st.integers(0, 30))
@settings(deadline=None)
def test_a_split_loses_nothing_and_separates_groups(examples: list[tuple[int, int]], count: int) -> None:
    rows = rows_of(examples)
    try:
        rest, part = split_off(rows, count, "test")
    except RequestError:
        return
    assert sorted([*rest.places, *part.places]) == list(rows.places)
    assert set(rest.texts).isdisjoint(part.texts)
    assert set(rest.labels) == set(rows.labels)
    assert (rest, part) == split_off(rows, count, "test")
    for side in (rest, part):
        assert [(f"t{text}", f"l{label}") for text, label in (examples[number - 2] for number in side.places)] == list(
            zip(side.texts, side.labels, strict=True)
        )


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(1, 30))
@settings(deadline=None)
def test_of_different_texts_every_label_that_occurs_twice_is_on_both_sides(labels: list[int], count: int) -> None:
    rows = rows_of(list(enumerate(labels)))
    twice = {label for label in rows.labels if rows.labels.count(label) > 1}
    if not twice:
        return
    _, part = split_off(rows, count, "test")
    assert set(part.labels) >= twice
    once = len(set(rows.labels) - twice)
    assert len(part) == min(max(count, len(twice)), len(labels) - len(twice) - once)


def test_a_group_larger_than_what_is_wanted_stays():
    rows = rows_of([(0, number % 2) for number in range(50)] + [(1 + number, number % 2) for number in range(50)])
    _, part = split_off(rows, 10, "test")
    assert len(part) == 10
    assert "t0" not in part.texts


def test_of_the_texts_of_a_label_the_most_frequent_stays():
    rows = rows_of([(0, 0)] * 50 + [(1, 0), (2, 1), (3, 1)])
    rest, part = split_off(rows, 5, "test")
    assert rest.texts.count("t0") == 50
    assert len(part) == 2


def test_equal_texts_have_equal_numbers():
    assert group_numbers(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


def test_texts_that_differ_in_case_and_spaces_alone_have_equal_numbers():
    assert group_numbers(["A film", "a  film ", "a fi lm"]).tolist() == [0, 0, 1]


@given(st.lists(st.integers(0, 3), min_size=40, max_size=80), st.integers(4, 20))
@settings(max_examples=25, deadline=None)
def test_a_part_keeps_the_proportions_of_the_labels(labels: list[int], count: int) -> None:
    rows = rows_of(list(enumerate(labels)))
    _, part = split_off(rows, count, "test")
    whole, taken = Counter(rows.labels), Counter(part.labels)
    # to within one for each of the other classes, and one that every class has
    assert all(abs(taken[label] - len(part) * number / len(rows)) <= len(whole) + 1 for label, number in whole.items())


def test_a_balanced_set_gives_a_balanced_part():
    _, part = split_off(rows_of([(number, number % 5) for number in range(500)]), 100, "test")
    assert set(Counter(part.labels).values()) == {20}


def test_texts_in_another_case_are_on_the_same_side():
    texts = [f"{'Text' if number % 2 else 'text'} {number // 2}" for number in range(80)]
    rows = Rows("s", "line", range(80), texts, [], [f"l{number // 2 % 2}" for number in range(80)])
    rest, part = split_off(rows, 20, "test")
    assert {text.lower() for text in rest.texts}.isdisjoint(text.lower() for text in part.texts)
    assert len(part) == 20
