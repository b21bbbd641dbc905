from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixbench.errors import RequestError
from mixbench.parsing.canonical import canonical_json
from mixbench.tasks.dataset import Dataset, digest_of, load, prepare
from mixbench.tasks.reading import Rows
from mixbench.tasks.text import MOST_DEV, TextRequest, group_numbers, split_off, text_task

DATA = os.environ.get("MIXBENCH_DATA", "")


def write(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("text", "label")) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("".join("\t".join(row) + "\n" for row in (header, *rows)), encoding="utf-8")
    return path


def numbered(count: int, start: int = 0) -> list[tuple[str, ...]]:
    return [(f"text {number} of many", "odd" if number % 2 else "even") for number in range(start, start + count)]


@pytest.fixture
def request_(tmp_path: Path) -> TextRequest:
    return TextRequest(
        train=write(tmp_path / "numbers/train.tsv", numbered(60)),
        dev=write(tmp_path / "numbers/dev.tsv", numbered(10, 60)),
        test=write(tmp_path / "numbers/test.tsv", numbered(20, 70)),
        text="text",
        text_pair=None,
        label="label",
        tokens=16,
        tokenizer=None,
    )


def without_dev(request: TextRequest, rows: list[tuple[str, ...]]) -> Dataset:
    write(request.train, rows)
    return text_task(dataclasses.replace(request, dev=None)).make()


def test_files_become_a_data_set(request_, tmp_path):
    task = text_task(request_)
    dataset = load(prepare(task.recipe, task.make, tmp_path / "cache"))
    form = dataset.form
    assert task.name == "text:numbers"
    assert (form.tokens, form.channels, form.output, form.classes, form.score) == (8, 0, "class", 2, "accuracy")
    assert form.labels == ("even", "odd")
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [60, 10, 20]
    for split in (dataset.train, dataset.dev, dataset.test):
        assert split.targets.tolist() == [number % 2 for number in range(len(split))]
        assert split.inputs.shape == (len(split), 8)
        assert [split.inputs.dtype, split.lengths.dtype, split.targets.dtype] == [np.int32] * 3
        assert split.groups.tolist() == list(range(len(split)))
        assert (split.inputs < form.vocabulary).all()
        # a number is cut into pieces, so lengths differ; what lies behind is padding, and only that
        assert ((split.inputs == 0) == (np.arange(8) >= split.lengths[:, None])).all()
    assert dataset.remarks == (f"WordPiece trained on the training texts, {form.vocabulary} entries",)


def test_making_it_again_gives_the_same_arrays(request_):
    request = dataclasses.replace(request_, dev=None)
    one, other = text_task(request).make(), text_task(request).make()
    for part in ("train", "dev", "test"):
        for field in ("inputs", "lengths", "targets", "groups"):
            assert np.array_equal(getattr(getattr(one, part), field), getattr(getattr(other, part), field))


def test_a_task_is_named_after_the_training_file_or_its_folder(request_, tmp_path, monkeypatch):
    other = write(tmp_path / "numbers/questions.tsv", numbered(9))
    assert text_task(dataclasses.replace(request_, train=other)).name == "text:questions"
    monkeypatch.chdir(tmp_path / "numbers")
    assert text_task(dataclasses.replace(request_, train=Path("train.tsv"))).name == "text:numbers"


def test_the_recipe_holds_all_that_determines_the_data_and_no_path(request_, tmp_path):
    def digest(**changes: Any) -> str:
        recipe = text_task(dataclasses.replace(request_, **changes)).recipe
        assert str(tmp_path) not in canonical_json(recipe)
        return digest_of(recipe)

    copy = write(tmp_path / "elsewhere/copy.tsv", numbered(60))
    other = write(tmp_path / "other.tsv", numbered(61))
    same_bytes = tmp_path / "copy.csv"
    same_bytes.write_bytes(copy.read_bytes())
    assert digest() == digest(train=copy)
    changes: list[dict[str, Any]] = [
        {"train": other},
        {"dev": other},
        {"dev": None},
        {"test": other},
        {"train": same_bytes},
        {"text": "label", "label": "text"},
        {"text_pair": "more"},
        {"tokens": 8},
        {"vocabulary": 50},
    ]
    assert len({digest(), *(digest(**change) for change in changes)}) == 1 + len(changes)


def test_a_file_that_is_not_there_is_reported_before_anything_is_read(request_, tmp_path):
    with pytest.raises(RequestError, match=r"cannot read .*absent\.tsv: No such file"):
        text_task(dataclasses.replace(request_, test=tmp_path / "absent.tsv"))


def test_one_label_is_nothing_to_learn(request_):
    write(request_.train, [("a", "x"), ("b", "x")])
    with pytest.raises(RequestError, match=r"every row of .*train\.tsv has the label 'x'"):
        text_task(request_).make()


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_label_that_the_training_part_lacks_has_a_place(part, request_):
    write(getattr(request_, part), [*numbered(3), ("a", "evn")])
    with pytest.raises(RequestError) as raised:
        text_task(request_).make()
    assert str(raised.value).startswith(f"unknown label 'evn' in {getattr(request_, part)}, line 5; no example in ")
    assert raised.value.hint == "Did you mean 'even'? Known: even, odd."


def test_remarks_tell_of_cut_texts_and_of_examples_seen_before(request_):
    write(request_.test, [*numbered(2), ("word " * 30, "odd"), ("new", "odd")])
    remarks = text_task(request_).make().remarks
    assert remarks[1:] == (
        "cut to 16 tokens: 1 of 74 examples, 1.35%",
        "test examples with the texts of a training example: 2",
    )


def test_sequences_are_padded_to_the_longest_of_all_parts(request_):
    assert text_task(request_).make().form.tokens == 8
    write(request_.test, [("of " * 9, "odd")])
    dataset = text_task(request_).make()
    assert dataset.form.tokens == 16
    assert {split.inputs.shape[1] for split in (dataset.train, dataset.dev, dataset.test)} == {16}


def test_pairs_are_grouped_by_their_first_text(request_):
    rows = [("a man", "walks", "yes"), ("a dog", "walks", "no"), ("a man", "sits", "no")]
    for path in (request_.train, request_.dev, request_.test):
        write(path, rows, ("premise", "hypothesis", "label"))
    dataset = text_task(dataclasses.replace(request_, text="premise", text_pair="hypothesis")).make()
    assert dataset.train.groups.tolist() == [0, 1, 0]
    assert "dev examples with the texts of a training example: 3" in dataset.remarks


def test_an_example_was_seen_before_only_where_both_texts_are_the_same(request_):
    header = ("premise", "hypothesis", "label")
    write(request_.train, [("a man", "walks", "yes"), ("a dog", "walks", "no")], header)
    write(request_.dev, [("a man", "runs", "yes")], header)
    write(request_.test, [("a man", "runs", "yes"), ("a dog", "walks", "yes")], header)
    dataset = text_task(dataclasses.replace(request_, text="premise", text_pair="hypothesis")).make()
    assert dataset.remarks[1:] == ("test examples with the texts of a training example: 1",)


def test_without_dev_a_tenth_of_the_training_part_is_split_off(request_):
    dataset = without_dev(request_, numbered(60))
    assert (len(dataset.train), len(dataset.dev), len(dataset.test)) == (54, 6, 20)
    assert set(dataset.dev.targets.tolist()) == {0, 1}
    assert dataset.remarks[0] == "6 training examples are split off as the development set, 54 remain"


def test_a_development_set_that_is_split_off_has_an_upper_limit(request_):
    assert len(without_dev(request_, numbered(MOST_DEV * 11)).dev) == MOST_DEV


def test_a_label_too_rare_for_the_development_set_is_told(request_):
    dataset = without_dev(request_, [*numbered(30), ("rare", "once")])
    assert "labels too rare for the development set: once" in dataset.remarks
    assert dataset.form.labels == ("even", "odd", "once")
    assert 2 in dataset.train.targets


def test_where_all_texts_are_equal_nothing_can_be_split_off(request_):
    with pytest.raises(RequestError, match="too few different texts to split off") as raised:
        without_dev(request_, [("same", "even"), ("same", "odd")])
    assert "--dev" in raised.value.hint


def rows_of(examples: list[tuple[int, int]]) -> Rows:
    texts, labels = zip(*((f"t{text}", f"l{label}") for text, label in examples), strict=True)
    return Rows("s", "line", range(2, len(examples) + 2), texts, [str(number) for number in range(len(texts))], labels)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), min_size=2, max_size=60), st.integers(0, 30))
@settings(deadline=None)
def test_a_split_loses_nothing_and_separates_groups(examples: list[tuple[int, int]], count: int) -> None:
    rows = rows_of(examples)
    try:
        rest, part = split_off(rows, count)
    except RequestError:
        return
    assert sorted([*rest.numbers, *part.numbers]) == list(rows.numbers)
    assert set(rest.texts).isdisjoint(part.texts)
    assert set(rest.labels) == set(rows.labels)
    assert (rest, part) == split_off(rows, count)
    for side in (rest, part):
        assert [(f"t{text}", f"l{label}") for text, label in (examples[number - 2] for number in side.numbers)] == list(
            zip(side.texts, side.labels, strict=True)
        )


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(1, 30))
@settings(deadline=None)
def test_of_different_texts_every_label_that_occurs_twice_is_on_both_sides(labels: list[int], count: int) -> None:
    rows = rows_of(list(enumerate(labels)))
    twice = {label for label in rows.labels if rows.labels.count(label) > 1}
    if not twice:
        return
    _, part = split_off(rows, count)
    assert set(part.labels) >= twice
    once = len(set(rows.labels) - twice)
    assert len(part) == min(max(count, len(twice)), len(labels) - len(twice) - once)


def test_a_group_larger_than_what_is_wanted_stays():
    rows = rows_of([(0, number % 2) for number in range(50)] + [(1 + number, number % 2) for number in range(50)])
    _, part = split_off(rows, 10)
    assert len(part) == 10
    assert "t0" not in part.texts


def test_of_the_texts_of_a_label_the_most_frequent_stays():
    rows = rows_of([(0, 0)] * 50 + [(1, 0), (2, 1), (3, 1)])
    rest, part = split_off(rows, 5)
    assert rest.texts.count("t0") == 50
    assert len(part) == 2


def test_equal_texts_have_equal_numbers():
    assert group_numbers(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]


@pytest.mark.skipif(not DATA, reason="MIXBENCH_DATA names no folder with real data")
@pytest.mark.parametrize(
    ("folder", "test", "columns", "examples", "classes"),
    [
        ("sst2", "dev.tsv", ("sentence", None), 67_349, 2),
        ("snli", "test.tsv", ("premise", "hypothesis"), 9_842, 3),
        ("trec", "test.tsv", ("text", None), 5_452, 6),
    ],
)
def test_real_data_is_read_whole(folder, test, columns, examples, classes, tmp_path):
    place = Path(DATA) / folder
    task = text_task(TextRequest(place / "train.tsv", None, place / test, *columns, "label", 64, None))
    dataset = load(prepare(task.recipe, task.make, tmp_path))
    assert task.name == f"text:{folder}"
    assert len(dataset.train) + len(dataset.dev) == examples
    assert dataset.form.classes == classes == len(set(dataset.dev.targets.tolist()))
    assert dataset.form.vocabulary == 8000
    assert ((dataset.train.inputs != 0).sum(1) == dataset.train.lengths).all()
