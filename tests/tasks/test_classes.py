"""Labels as classes: numbers are numbers, and what is told of classes and their examples."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mixbench.errors import RequestError
from mixbench.tasks.classes import class_remarks, require_classes, require_known, unified
from mixbench.tasks.reading.rows import Rows


def rows(labels: Sequence[str], source: str = "train.tsv") -> Rows:
    return Rows(source, "line", range(2, len(labels) + 2), [f"t{number}" for number in range(len(labels))], [], labels)


@pytest.mark.parametrize(
    ("train", "test", "classes"),
    [
        (["1", "1.0", "0", "0.0"], ["1.00", "0."], ["1", "1", "0", "0"]),
        (["-1", "+1.0", "-0.0"], ["1"], ["-1", "1", "0"]),
        (["0.5", "0.50", "2"], ["2.0"], ["0.5", "0.5", "2"]),
        (["100", "10.0", "1000"], ["10"], ["100", "10", "1000"]),
        (["True", "false", "TRUE"], ["true"], ["true", "false", "true"]),
        (["01", "1"], ["1"], ["01", "1"]),
        (["1.0", "1", "beta"], ["1"], ["1.0", "1", "beta"]),
        (["1e0", "1"], ["1"], ["1e0", "1"]),
        (["Pos", "pos"], ["pos"], ["Pos", "pos"]),
        (["yes", "no"], ["yes"], ["yes", "no"]),
    ],
)
def test_equal_numbers_and_equal_truth_values_are_one_class(train, test, classes):
    parts, _ = unified({"train": rows(train), "test": rows(test)})
    assert parts["train"].labels == classes
    assert set(parts["test"].labels) <= set(classes)


def test_what_was_taken_for_one_class_is_said():
    assert unified({"train": rows(["1", "0", "1.0"]), "test": rows(["0.0"])})[1] == [
        "labels treated as one class: 0 and 0.0, 1 and 1.0"
    ]
    assert unified({"train": rows(["1", "0"])})[1] == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["Pos", "neg", "pos"], "Pos and pos"),
        (["1", "true", "0", "False"], "0 and False, 1 and true"),
        (["+1", "1", "00", "0"], "+1 and 1, 0 and 00"),
        (["1e0", "1", "x"], "1 and 1e0"),
    ],
)
def test_labels_that_look_alike_and_stay_apart_are_said(labels, said):
    assert unified({"train": rows(labels)})[1] == [f"labels that look alike are different classes: {said}"]


def test_labels_that_training_lacks_are_told_all_at_once():
    with pytest.raises(RequestError) as raised:
        require_known(rows(["evn", "odd", "-1", "-1", "-1", "-1"], "test.tsv"), rows(["even", "odd"]))
    assert str(raised.value) == (
        "test.tsv has labels that no example in train.tsv has: '-1' (lines 4, 5, 6 and 1 more), 'evn' (line 2)"
    )
    assert raised.value.hint == "Did you mean 'even'? Known: even, odd."


def test_labels_that_are_no_classes_are_refused():
    require_classes(rows([f"class {number % 30}" for number in range(60)]))
    require_classes(rows(["a", "b", "c"]))
    with pytest.raises(RequestError, match="has 31 different labels in 60 rows, such as 'class 0'"):
        require_classes(rows([f"class {number % 31}" for number in range(60)]))
    with pytest.raises(RequestError, match=r"every row of train\.tsv has the label 'x'"):
        require_classes(rows(["x", "x"]))


def test_examples_are_counted_by_class_and_part():
    parts = {"train": rows(["b", "a", "b"]), "dev": rows(["a"]), "test": rows(["b"])}
    assert list(class_remarks(parts, ["a", "b"])) == [
        "examples by class (train/dev/test): a 1/1/0, b 2/0/1",
        "classes without examples in the dev set: b",
        "classes without examples in the test set: a",
    ]


def test_of_many_classes_the_ends_are_told():
    labels = [f"c{number}" for number in range(40) for _ in range(number + 1)]
    parts = {"train": rows(labels), "test": rows([])}
    first, second = class_remarks(parts, sorted(set(labels)))
    assert first == "40 classes (train/test), from c39 40/0 to c0 1/0"
    assert second.startswith("classes without examples in the test set: c0, c1, c10, ")
    assert second.endswith(", 28 more")
