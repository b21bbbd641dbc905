from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from text_files import TEXT, Lines, numbered, tsv, write

from mixbench.errors import RequestError
from mixbench.parsing.canonical import canonical_json
from mixbench.tasks.dataset import Dataset, digest_of, load, prepare
from mixbench.tasks.reading.files import Reading
from mixbench.tasks.reading.folder import FOLDER_COLUMNS
from mixbench.tasks.reading.rows import Columns
from mixbench.tasks.text import MOST_DEV, TextRequest, text_task

DATA = os.environ.get("MIXBENCH_DATA", "")
PAIRS = Columns("premise", "hypothesis", "label")


def rewrite(path: Path, rows: Lines, header: tuple[str, ...] = ("text", "label")) -> Path:
    return write(path, tsv([header, *rows]))


@pytest.fixture
def request_(tmp_path: Path) -> TextRequest:
    return TextRequest(
        train=rewrite(tmp_path / "numbers/train.tsv", numbered(60)),
        dev=rewrite(tmp_path / "numbers/dev.tsv", numbered(10, 60)),
        test=rewrite(tmp_path / "numbers/test.tsv", numbered(20, 70)),
        columns=TEXT,
        tokens=16,
        tokenizer=None,
    )


def remarks_of(request: TextRequest) -> list[str]:
    """What is said, but for the tokenizer and the numbers of examples."""
    remarks = text_task(request).make().remarks
    return [remark for remark in remarks if not remark.startswith(("WordPiece", "examples by class"))]


def without_dev(request: TextRequest, rows: Lines) -> Dataset:
    rewrite(request.train, rows)
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
    assert dataset.remarks == (
        "examples by class (train/dev/test): even 30/5/10, odd 30/5/10",
        f"WordPiece trained on the training texts, {form.vocabulary} entries",
    )


def test_making_it_again_gives_the_same_arrays(request_):
    request = dataclasses.replace(request_, dev=None)
    one, other = text_task(request).make(), text_task(request).make()
    for part in ("train", "dev", "test"):
        for field in ("inputs", "lengths", "targets", "groups"):
            assert np.array_equal(getattr(getattr(one, part), field), getattr(getattr(other, part), field))


def test_a_task_is_named_after_the_training_file_or_its_folder(request_, tmp_path, monkeypatch):
    other = rewrite(tmp_path / "numbers/questions.tsv", numbered(9))
    assert text_task(dataclasses.replace(request_, train=other)).name == "text:questions"
    monkeypatch.chdir(tmp_path / "numbers")
    assert text_task(dataclasses.replace(request_, train=Path("train.tsv"))).name == "text:numbers"
    other = rewrite(tmp_path / "odd\n\udcff.tsv", numbered(9))
    assert text_task(dataclasses.replace(request_, train=other)).name == "text:odd??"  # as rows can hold it


def test_the_recipe_holds_all_that_determines_the_data_and_no_path(request_, tmp_path):
    def digest(**changes: Any) -> str:
        recipe = text_task(dataclasses.replace(request_, **changes)).recipe
        assert str(tmp_path) not in canonical_json(recipe)
        return digest_of(recipe)

    copy = rewrite(tmp_path / "elsewhere/copy.tsv", numbered(60))
    other = rewrite(tmp_path / "other.tsv", numbered(61))
    same_bytes = tmp_path / "copy.csv"
    same_bytes.write_bytes(copy.read_bytes())
    assert digest() == digest(train=copy)
    changes: list[dict[str, Any]] = [
        {"train": other},
        {"dev": other},
        {"dev": None},
        {"test": other},
        {"train": same_bytes},
        {"columns": Columns("label", None, "text")},
        {"columns": Columns("text", "more", "label")},
        {"test": 0.2},
        {"test": 0.3},
        {"test": 0.2, "dev": 0.2},
        {"reading": Reading(header=("text", "label"))},
        {"reading": Reading(encoding="latin-1")},
        {"reading": Reading(skip_bad_rows=True)},
        {"tokens": 8},
        {"vocabulary": 50},
    ]
    assert len({digest(), *(digest(**change) for change in changes)}) == 1 + len(changes)


def test_a_file_that_is_not_there_is_reported_before_anything_is_read(request_, tmp_path):
    with pytest.raises(RequestError, match=r"cannot read .*absent\.tsv: No such file"):
        text_task(dataclasses.replace(request_, test=tmp_path / "absent.tsv"))


def test_one_label_is_nothing_to_learn(request_):
    rewrite(request_.train, [("a", "x"), ("b", "x")])
    with pytest.raises(RequestError, match=r"every row of .*train\.tsv has the label 'x'"):
        text_task(request_).make()


@pytest.mark.parametrize("part", ["dev", "test"])
def test_a_label_that_the_training_part_lacks_has_a_place(part, request_):
    rewrite(getattr(request_, part), [*numbered(3), ("a", "evn")])
    with pytest.raises(RequestError) as raised:
        text_task(request_).make()
    fault = f"{getattr(request_, part)} has labels that no example in {request_.train} has: 'evn' (line 5)"
    assert str(raised.value) == fault
    assert raised.value.hint == "Did you mean 'even'? Known: even, odd."


def test_remarks_tell_of_cut_texts_and_of_examples_seen_before(request_):
    rewrite(request_.test, [*numbered(2), ("word " * 30, "odd"), ("new", "odd")])
    assert remarks_of(request_) == [
        "cut to 16 tokens: 1 of 74 examples, 1.35%",
        "test examples whose texts are also in the training set, ignoring case and spaces: 2 of 4",
    ]


def test_texts_that_differ_in_case_and_spaces_alone_were_seen_before(request_):
    rewrite(request_.dev, [("Text  3 of MANY ", "odd"), ("text 99 of many", "odd")])
    assert remarks_of(request_)[-1] == "dev examples whose texts are also in the training set, ignoring case and spaces: 1 of 2"


def test_classes_that_a_part_lacks_are_told(request_):
    rewrite(request_.test, [("new", "odd")])
    assert remarks_of(request_) == ["classes without examples in the test set: even"]


def test_one_class_is_one_class_however_the_files_spell_it(request_):
    rewrite(request_.train, [(text, "1" if label == "odd" else "0.0") for text, label in numbered(60)])
    rewrite(request_.dev, [(text, "1.0" if label == "odd" else "0") for text, label in numbered(10, 60)])
    rewrite(request_.test, [(text, "1.00" if label == "odd" else "0") for text, label in numbered(20, 70)])
    dataset = text_task(request_).make()
    assert dataset.form.labels == ("0", "1")
    assert dataset.test.targets.tolist() == [number % 2 for number in range(20)]
    assert dataset.remarks[0] == "labels treated as one class: 0 and 0.0, 1 and 1.0 and 1.00"


def test_a_share_of_the_one_file_becomes_the_test_set(request_):
    request = dataclasses.replace(request_, test=0.2, dev=None)
    dataset = text_task(request).make()
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [43, 5, 12]
    assert np.bincount(dataset.test.targets).tolist() == [6, 6]
    assert dataset.remarks[:2] == (
        "12 training examples are split off as the test set, 48 remain",
        "5 training examples are split off as the development set, 43 remain",
    )
    inputs = {tuple(row) for split in (dataset.train, dataset.dev, dataset.test) for row in split.inputs.tolist()}
    assert len(inputs) == 60
    again = text_task(request).make()
    assert np.array_equal(dataset.test.inputs, again.test.inputs)


def test_shares_are_of_all_training_examples(request_):
    dataset = text_task(dataclasses.replace(request_, test=0.2, dev=0.3)).make()
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [30, 18, 12]


def test_shares_leave_something_to_train_on(request_):
    with pytest.raises(RequestError, match="--dev and --test leave no examples to train on"):
        text_task(dataclasses.replace(request_, test=0.6, dev=0.4))


def test_how_files_were_read_is_said_by_part(request_):
    write(request_.train, tsv([("text", "label"), *numbered(60), ("", "odd")], ";"))
    reading = Reading(skip_bad_rows=True)
    assert remarks_of(dataclasses.replace(request_, reading=reading)) == [
        "train: cells are separated by semicolons",
        "train: 1 of 61 rows are left out: text is empty (line 62)",
    ]


def test_a_folder_of_texts_becomes_a_data_set(tmp_path):
    for part, count in (("train", 30), ("test", 10)):
        for number, (text, label) in enumerate(numbered(count)):
            write(tmp_path / "reviews" / part / label / f"{number}.txt", text)
    folder = tmp_path / "reviews"
    task = text_task(TextRequest(folder / "train", None, folder / "test", FOLDER_COLUMNS, 16, None))
    assert task.name == "text:reviews"
    assert [len(split) for split in (task.make().train, task.make().test)] == [27, 10]
    assert task.recipe == text_task(TextRequest(folder / "train", None, folder / "test", FOLDER_COLUMNS, 16, None)).recipe


def test_sequences_are_padded_to_the_longest_of_all_parts(request_):
    assert text_task(request_).make().form.tokens == 8
    rewrite(request_.test, [("of " * 9, "odd")])
    dataset = text_task(request_).make()
    assert dataset.form.tokens == 16
    assert {split.inputs.shape[1] for split in (dataset.train, dataset.dev, dataset.test)} == {16}


def test_pairs_are_grouped_by_their_first_text(request_):
    rows = [("a man", "walks", "yes"), ("a dog", "walks", "no"), ("a man", "sits", "no")]
    for path in (request_.train, request_.dev, request_.test):
        rewrite(path, rows, ("premise", "hypothesis", "label"))
    dataset = text_task(dataclasses.replace(request_, columns=PAIRS)).make()
    assert dataset.train.groups.tolist() == [0, 1, 0]
    assert "dev examples whose texts are also in the training set, ignoring case and spaces: 3 of 3" in dataset.remarks


def test_an_example_was_seen_before_only_where_both_texts_are_the_same(request_):
    header = ("premise", "hypothesis", "label")
    rewrite(request_.train, [("a man", "walks", "yes"), ("a dog", "walks", "no")], header)
    rewrite(request_.dev, [("a man", "runs", "yes")], header)
    rewrite(request_.test, [("a man", "runs", "yes"), ("a dog", "walks", "yes")], header)
    remarks = remarks_of(dataclasses.replace(request_, columns=PAIRS))
    assert remarks[-1] == "test examples whose texts are also in the training set, ignoring case and spaces: 1 of 2"
    assert not any(remark.startswith("dev examples") for remark in remarks)


def test_without_dev_a_tenth_of_the_training_part_is_split_off(request_):
    dataset = without_dev(request_, numbered(60))
    assert (len(dataset.train), len(dataset.dev), len(dataset.test)) == (54, 6, 20)
    assert set(dataset.dev.targets.tolist()) == {0, 1}
    assert dataset.remarks[0] == "6 training examples are split off as the development set, 54 remain"


def test_a_development_set_that_is_split_off_has_an_upper_limit(request_):
    assert len(without_dev(request_, numbered(MOST_DEV * 11)).dev) == MOST_DEV


def test_a_label_too_rare_for_the_development_set_is_told(request_):
    dataset = without_dev(request_, [*numbered(30), ("rare", "once")])
    assert "classes without examples in the dev set: once" in dataset.remarks
    assert dataset.form.labels == ("even", "odd", "once")
    assert 2 in dataset.train.targets


def test_where_all_texts_are_equal_nothing_can_be_split_off(request_):
    with pytest.raises(RequestError, match="too few different texts to split off") as raised:
        without_dev(request_, [("same", "even"), ("same", "odd")])
    assert "--dev" in raised.value.hint


@pytest.mark.skipif(not DATA, reason="MIXBENCH_DATA names no folder with real data")
@pytest.mark.parametrize(
    ("folder", "test", "columns", "examples", "classes"),
    [
        ("sst2", "dev.tsv", Columns("sentence", None, "label"), 67_349, 2),
        ("snli", "test.tsv", PAIRS, 9_842, 3),
        ("trec", "test.tsv", TEXT, 5_452, 6),
    ],
)
def test_real_data_is_read_whole(folder, test, columns, examples, classes, tmp_path):
    place = Path(DATA) / folder
    task = text_task(TextRequest(place / "train.tsv", None, place / test, columns, 64, None))
    dataset = load(prepare(task.recipe, task.make, tmp_path))
    assert task.name == f"text:{folder}"
    assert len(dataset.train) + len(dataset.dev) == examples
    assert dataset.form.classes == classes == len(set(dataset.dev.targets.tolist()))
    assert dataset.form.vocabulary == 8000
    assert ((dataset.train.inputs != 0).sum(1) == dataset.train.lengths).all()
