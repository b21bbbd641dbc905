from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixbench.errors import RequestError
from mixbench.tasks import choose_task
from mixbench.tasks.dataset import NOT_ASKED, PADDING, SPLITS, Dataset, Split
from mixbench.tasks.listops import SYMBOLS, evaluate
from mixbench.tasks.recall import FIRST_KEY, GAP, distinct_numbers

SMALL = "train=41,dev=13,test=22"
TEXTS = (
    "mqar:",
    "mqar:tokens=12,pairs=2,vocabulary=9,",
    "mqar:form=zoology,",
    "mqar:form=zoology,tokens=13,pairs=2,vocabulary=9,",
    "listops:",
    "listops:tokens=20,depth=2,",
    "majority:",
    "majority:symbols=3,",
)

each_task = pytest.mark.parametrize("text", TEXTS)
few = settings(max_examples=30, deadline=None)


def make(text: str) -> Dataset:
    return choose_task(text).make()


def splits(dataset: Dataset) -> list[Split]:
    return [getattr(dataset, name) for name in SPLITS]


def sequences(split: Split) -> list[list[int]]:
    """The tokens of every example without padding."""
    return [row[:length].tolist() for row, length in zip(split.inputs, split.lengths, strict=True)]


def check_contract(dataset: Dataset) -> None:
    """What holds for every symbolic task: types, shapes, ranges, padding, groups, no example twice, balanced classes."""
    form = dataset.form
    everything = [tuple(row) for split in splits(dataset) for row in split.inputs.tolist()]
    assert len(set(everything)) == len(everything)
    assert (form.channels, form.score, len(form.labels)) == (0, "accuracy", form.classes)
    np.testing.assert_array_equal(np.concatenate([s.groups for s in splits(dataset)]), np.arange(len(everything)))
    for split in splits(dataset):
        assert split.inputs.dtype == split.lengths.dtype == split.targets.dtype == np.int32
        assert split.inputs.shape == (len(split), form.tokens)
        assert split.inputs.max() < form.vocabulary
        np.testing.assert_array_equal(split.inputs != PADDING, np.arange(form.tokens) < split.lengths[:, None])
        if form.output == "class":
            counts = np.bincount(split.targets, minlength=form.classes)
            assert len(counts) == form.classes
            assert counts.max() - counts.min() <= 1


@each_task
def test_every_task_keeps_the_contract_of_a_data_set(text: str) -> None:
    dataset = make(text + SMALL)
    check_contract(dataset)
    assert [len(split) for split in splits(dataset)] == [41, 13, 22]


@each_task
def test_the_same_draw_gives_the_same_data_and_another_draw_others(text: str) -> None:
    first, again, other = make(text + SMALL), make(text + SMALL), make(f"{text}{SMALL},draw=2")
    for one, same, different in zip(*map(splits, (first, again, other)), strict=True):
        np.testing.assert_array_equal(one.inputs, same.inputs)
        np.testing.assert_array_equal(one.targets, same.targets)
        assert (one.inputs != different.inputs).any()


@pytest.mark.parametrize("text", ["mqar:", "listops:", "majority:"])
def test_classes_come_in_no_order(text: str) -> None:
    targets = make(text + SMALL).train.targets
    classes = targets[targets != NOT_ASKED]
    assert (np.diff(classes) < 0).any()
    assert (np.diff(classes) > 0).any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mqar:", "3409db6e4475"),
        ("mqar:form=zoology,", "fc4cba79ba9d"),
        ("listops:", "d5a12a69d310"),
        ("majority:", "315c9fb648b9"),
    ],
)
def test_data_that_change_need_a_new_version_of_their_task(text: str, expected: str) -> None:
    content = hashlib.sha256()
    for split in splits(make(f"{text}{SMALL}")):
        content.update(split.inputs.astype("<i4").tobytes() + split.targets.astype("<i4").tobytes())
    assert content.hexdigest()[:12] == expected


@pytest.mark.parametrize(
    "text",
    [
        "majority:tokens=4,symbols=2",
        "listops:tokens=5,depth=1,arguments=2",
        "mqar:tokens=6,pairs=1,vocabulary=2",
        "listops:tokens=5",
    ],
)
def test_more_examples_than_there_are_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(RequestError, match="has too few distinct examples: ") as caught:
        make(f"{text},train=9999")
    assert "train=" in caught.value.hint


# mqar


def recalled(tokens: list[int], values_from: int, pairs: int) -> Iterator[tuple[int, int]]:
    """Position and class of every query, from the text alone."""
    values = dict(zip(tokens[0 : 2 * pairs : 2], tokens[1 : 2 * pairs : 2], strict=True))
    for position, token in enumerate(tokens[2 * pairs :], 2 * pairs):
        if token != GAP:
            yield position, values[token] - values_from


@few
@given(st.integers(1, 6), st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_every_key_is_asked_once_and_its_class_is_its_value(pairs: int, spare: int, more: int, draw: int) -> None:
    tokens, vocabulary = 3 * pairs + spare, 2 * pairs + 8 + more
    dataset = make(f"mqar:tokens={tokens},pairs={pairs},vocabulary={vocabulary},train=9,dev=5,test=4,draw={draw}")
    check_contract(dataset)
    values_from = FIRST_KEY + vocabulary // 2
    assert (dataset.form.classes, dataset.form.vocabulary) == (vocabulary - vocabulary // 2, FIRST_KEY + vocabulary)
    for split in splits(dataset):
        for row, targets in zip(sequences(split), split.targets, strict=True):
            keys, values = row[0 : 2 * pairs : 2], row[1 : 2 * pairs : 2]
            assert len(set(keys)) == pairs
            assert all(FIRST_KEY <= key < values_from for key in keys)
            assert all(values_from <= value < dataset.form.vocabulary for value in values)
            asked = dict(recalled(row, values_from, pairs))
            assert sorted(row[place] for place in asked) == sorted(keys)
            assert [asked.get(place, NOT_ASKED) for place in range(tokens)] == targets.tolist()


def test_keys_values_and_places_of_queries_are_uniform() -> None:
    dataset = make("mqar:tokens=16,pairs=3,vocabulary=12,train=6000")
    inputs, targets = dataset.train.inputs, dataset.train.targets
    for column in (0, 2, 4):
        counts = np.bincount(inputs[:, column] - FIRST_KEY, minlength=6)
        assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    for counts in (np.bincount(targets[targets != NOT_ASKED]) / 3, (targets[:, 6:] != NOT_ASKED).sum(0) / 1.8):
        assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    queries = np.stack([row[row != GAP] for row in inputs[:, 6:]])
    # the first key of the pairs is asked first, second and third equally often
    asked_as = np.bincount((queries == inputs[:, :1]).argmax(1))
    assert np.abs(asked_as - 2000).max() < 5 * np.sqrt(2000)


@few
@given(st.integers(0, 2**32), st.integers(0, 12), st.integers(0, 12))
def test_distinct_numbers_differ_within_a_row_and_stay_below(seed: int, amount: int, more: int) -> None:
    numbers = distinct_numbers(7, amount, amount + more, np.random.default_rng(seed))
    assert numbers.shape == (7, amount)
    assert all(len(set(row)) == amount and set(row) <= set(range(amount + more)) for row in numbers.tolist())


# listops

SLOW: dict[str, Callable[[list[int]], int]] = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda arguments: int(statistics.median(arguments)),
    "[SM": lambda arguments: sum(arguments) % 10,
}


def parse(symbols: list[str]) -> tuple[int, int, int]:
    """Value, depth and most arguments of the expression at the front of `symbols`, which is taken away."""
    symbol = symbols.pop(0)
    if symbol in SLOW:
        arguments = []
        while symbols[0] != "]":
            arguments.append(parse(symbols))
        symbols.pop(0)
        values, depths, most = zip(*arguments, strict=True)
        return SLOW[symbol](list(values)), 1 + max(depths), max(len(arguments), *most)
    return int(symbol), 0, 0


@few
@given(st.integers(12, 40), st.integers(1, 9), st.integers(3, 9), st.integers(1, 9))
def test_the_class_is_the_value_of_an_expression_within_its_limits(tokens: int, depth: int, arguments: int, draw: int) -> None:
    dataset = make(f"listops:tokens={tokens},depth={depth},arguments={arguments},train=20,dev=9,test=9,draw={draw}")
    check_contract(dataset)
    for split in splits(dataset):
        for row, target in zip(sequences(split), split.targets, strict=True):
            symbols = [SYMBOLS[token] for token in row]
            value, deep, most = parse(symbols)
            assert not symbols
            assert value == target
            assert 1 <= deep <= depth
            assert 2 <= most <= arguments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MIN 4 2 9 ]", 2),
        ("[MAX 4 2 9 ]", 9),
        ("[MED 4 2 9 ]", 4),
        ("[MED 4 9 ]", 6),
        ("[MED 1 1 2 9 ]", 1),
        ("[SM 4 2 9 ]", 5),
        ("[MAX 2 [SM 7 8 ] 1 ]", 5),
        ("[SM [MIN 3 4 ] [MAX [MED 0 5 ] 1 ] [SM 9 9 ] ]", 3),
        ("[MIN [MAX 0 0 ] 7 ]", 0),
    ],
)
def test_expressions_have_the_value_of_the_papers_operations(text: str, value: int) -> None:
    tokens = [SYMBOLS.index(symbol) for symbol in text.split()]
    assert evaluate(np.array([tokens + [PADDING] * 3], np.int32)) == [value]
    assert parse(text.split())[0] == value


def test_expressions_use_all_operations_and_reach_the_length_depth_and_arguments_allowed() -> None:
    rows = sequences(make("listops:tokens=48,depth=3,arguments=4,train=2000").train)
    lengths = [len(row) for row in rows]
    assert max(lengths) == 48
    assert min(lengths) >= 48 // 2 - 2
    parsed = [parse([SYMBOLS[token] for token in row]) for row in rows]
    assert {max(depth for _, depth, _ in parsed), max(most for _, _, most in parsed)} == {3, 4}
    seen = Counter(SYMBOLS[row[0]] for row in rows)
    assert min(seen[operation] for operation in SLOW) > 0.2 * len(rows)


# majority


@few
@given(st.integers(8, 30), st.integers(2, 5), st.integers(1, 9))
def test_the_class_is_the_only_most_frequent_symbol(tokens: int, symbols: int, draw: int) -> None:
    dataset = make(f"majority:tokens={tokens},symbols={symbols},train=20,dev=9,test=9,draw={draw}")
    check_contract(dataset)
    assert (dataset.form.classes, dataset.form.vocabulary) == (symbols, symbols + 1)
    for split in splits(dataset):
        for row, target in zip(sequences(split), split.targets, strict=True):
            (winner, count), *others = Counter(row).most_common()
            assert winner == target + 1
            assert all(count > other for _, other in others)
