from __future__ import annotations

import os
import struct
import sys
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
datasets = pytest.importorskip("datasets")

import pyarrow  # noqa: E402
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value  # noqa: E402

from mixbench.errors import RequestError  # noqa: E402
from mixbench.tasks.dataset import digest_of, load, prepare  # noqa: E402
from mixbench.tasks.hub import hub_task  # noqa: E402

STRING, GRADE = Value("string"), ClassLabel(names=["good", "bad"])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    datasets.disable_progress_bars()


def part(count: int, start: int = 0, features: dict[str, Any] | None = None, **more: Any) -> Dataset:
    """Examples whose class is 0 where the number in the text is even."""
    numbers = range(start, start + count)
    columns = {"text": [f"text {n}" for n in numbers], "label": [n % 2 for n in numbers], **more}
    return Dataset.from_dict(columns, Features({"text": STRING, "label": GRADE, **(features or {})}))


@pytest.fixture
def save(tmp_path):
    def saved(**splits: Dataset) -> str:
        DatasetDict(splits).save_to_disk(tmp_path / "data")
        return str(tmp_path / "data")

    return saved


@pytest.fixture
def served(monkeypatch):
    """A hub: what is asked of it, and what it has."""
    asked: list[tuple[str, ...]] = []
    stored: dict[tuple[str, ...], Any] = {}

    def load_dataset(*names: str) -> Any:
        asked.append(names)
        found = stored.get(names) or datasets.exceptions.DatasetNotFoundError(f"Dataset '{names[0]}' doesn't exist")
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked, stored


def test_a_saved_data_set_becomes_arrays(save, tmp_path):
    name = save(train=part(60), validation=part(10, 60), test=part(20, 70))
    task = hub_task(name, 16)
    dataset = load(prepare(task.recipe, task.make, tmp_path / "cache"))
    assert task.name == f"hf:{name}"
    assert dataset.form.labels == ("bad", "good")
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [60, 10, 20]
    assert dataset.test.targets.tolist() == [1, 0] * 10  # good, the first of the hub, is the second by name
    assert dataset.remarks[0] == "texts: text; label: label"


def test_a_folder_of_files_is_read_as_the_hub_would(tmp_path):
    for name, numbers in {"train": range(20), "test": range(20, 30)}.items():
        lines = ["id,first,second,label", *(f"e{n},text {n},more {n},{'odd' if n % 2 else 'even'}" for n in numbers)]
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / f"{name}.csv").write_text("\n".join(lines) + "\n")
    dataset = hub_task(str(tmp_path / "files"), 16).make()
    assert dataset.form.labels == ("even", "odd")
    assert dataset.remarks[:2] == (
        "texts: first, second; label: label",
        "2 training examples are split off as the development set, 18 remain",
    )


def test_the_recipe_follows_the_content_not_the_place(tmp_path):
    def digest(folder: str, text: str | None = None, tokens: int = 16, **train: Any) -> str:
        DatasetDict(train=part(20, **train), test=part(10, 30)).save_to_disk(tmp_path / folder)
        return digest_of(hub_task(str(tmp_path / folder), tokens, text=text).recipe)

    assert digest("a") == digest("b") == digest("c", text="text")
    assert len({digest("a"), digest("d", start=1), digest("e", tokens=32)}) == 3


def test_hidden_test_labels_halve_the_development_examples(save):
    hidden = part(20, 90, label=[-1] * 20)
    dataset = hub_task(save(train=part(40), validation=part(30, 50), test=hidden), 16).make()
    assert [len(split) for split in (dataset.train, dataset.dev, dataset.test)] == [40, 15, 15]
    assert set(dataset.dev.targets.tolist()) == set(dataset.test.targets.tolist()) == {0, 1}
    assert dataset.remarks[1:3] == (
        "examples of test without a label, left out: 20",
        "no test example has a label, so half of the development examples are used as the test set",
    )


def test_examples_without_a_label_are_left_out_and_rows_keep_their_numbers(save):
    train = part(20, label=[-1, None, *[0, 1] * 9])
    dataset = hub_task(save(train=train, validation=part(4, 30), test=part(6, 40)), 16).make()
    assert len(dataset.train) == 18
    assert "examples of train without a label, left out: 2" in dataset.remarks
    empty = part(4, text=["a", "b", "c", " "], label=[-1, 0, 1, 1])
    with pytest.raises(RequestError, match="data, train, row 4: text is empty"):
        hub_task(save(train=empty, test=part(6, 40)), 16)


@pytest.mark.parametrize(
    ("features", "chosen", "complaint"),
    [
        ({"a": STRING, "b": STRING}, {}, "the text could be any of text, a, b"),
        ({"fine": GRADE}, {}, "the label could be any of label, fine"),
        ({"a": STRING}, {"text": "txt"}, "unknown column 'txt' in "),
        ({}, {"text_pair": "text"}, "the text could be any of text"),
        ({}, {"text": "label"}, "a column is named twice: label, label"),
    ],
)
def test_columns_that_are_not_clear_are_listed_with_the_options_that_choose(features, chosen, complaint, save):
    more = {column: ["x"] * 10 if feature == STRING else [0] * 10 for column, feature in features.items()}
    name = save(train=part(10, features=features, **more), test=part(10))
    with pytest.raises(RequestError, match=complaint) as raised:
        hub_task(name, 16, **chosen)
    assert raised.value.hint


def test_columns_can_be_chosen(save):
    more = {"a": [f"a {n}" for n in range(30)], "b": ["b"] * 30, "fine": [0, 1, 1] * 10}
    both = part(30, features={"a": STRING, "b": STRING, "fine": GRADE}, **more)
    dataset = hub_task(save(train=both, test=both), 16, text="a", text_pair="text", label="fine").make()
    assert dataset.remarks[0] == "texts: a, text; label: fine"
    assert dataset.test.targets.tolist() == [1, 0, 0] * 10


def test_a_column_that_one_split_lacks_has_a_place(save):
    name = save(train=part(10), test=part(10).remove_columns("label"))
    with pytest.raises(RequestError, match=r"unknown column 'label' in .*data, test"):
        hub_task(name, 16)


def test_splits_that_are_needed(save):
    with pytest.raises(RequestError, match="has no split named train") as raised:
        hub_task(save(other=part(10), test=part(10)), 16)
    assert raised.value.hint == "It has other, test."
    with pytest.raises(RequestError, match="has no labelled examples to test on") as raised:
        hub_task(save(train=part(10), more=part(10)), 16)
    assert raised.value.hint == "It has train, more. To split off a fifth of the training examples: --test 0.2."
    with pytest.raises(RequestError, match="data, train has no rows"):
        hub_task(save(train=part(4, label=[-1] * 4), test=part(10)), 16)


def test_a_share_of_the_training_examples_is_the_test_set_of_a_data_set_without_one(save):
    task = hub_task(save(train=part(60)), 16, shares={"test": 0.2})
    assert [len(split) for split in (task.make().train, task.make().dev, task.make().test)] == [43, 5, 12]
    assert task.recipe["shares"] == {"test": 0.2}
    hidden = part(20, 90, label=[-1] * 20)
    assert len(hub_task(save(train=part(60), test=hidden), 16, shares={"test": 0.5}).make().test) == 30


def test_a_share_does_not_replace_labelled_examples(save):
    name = save(train=part(60), validation=part(10, 60), test=part(10, 70))
    for use in ("dev", "test"):
        with pytest.raises(RequestError, match=f"already has 10 {use} examples") as raised:
            hub_task(name, 16, shares={use: 0.2})
        assert raised.value.hint == f"Leave out --{use}."


def test_a_single_part_that_was_saved_by_itself_is_the_training_part(tmp_path):
    part(60).save_to_disk(tmp_path / "alone")
    name = str(tmp_path / "alone")
    assert len(hub_task(name, 16, shares={"test": 0.2}).make().test) == 12
    with pytest.raises(RequestError, match="has no labelled examples to test on") as raised:
        hub_task(name, 16)
    assert "--test 0.2" in raised.value.hint


def test_bad_rows_can_be_left_out(save):
    name = save(train=part(6, text=["a", "b", "c", " ", "d", "e"]), test=part(6, 40))
    dataset = hub_task(name, 16, skip_bad_rows=True).make()
    assert len(dataset.train) + len(dataset.dev) == 5
    assert "train: 1 of 6 rows are left out: text is empty (row 4)" in dataset.remarks


def test_texts_that_are_not_utf_8_and_classes_without_a_name_are_bad_rows(save):
    texts = pyarrow.array([b"a", b"caf\xe9", b"c", b"d", b"e"]).view(pyarrow.string())
    classes = pyarrow.array([0, 1, 0, 7, 1])
    bad = Dataset(pyarrow.table({"text": texts, "label": classes}).replace_schema_metadata(part(1).data.schema.metadata))
    name = save(train=bad, test=part(6, 40))
    with pytest.raises(RequestError, match=r"text is not UTF-8 \(row 2\); label is 7, but there are 2 classes \(row 4\)"):
        hub_task(name, 16)
    dataset = hub_task(name, 16, skip_bad_rows=True).make()
    assert len(dataset.train) + len(dataset.dev) == 3


def test_a_part_with_damaged_lengths_is_a_wrong_request(save):
    name = save(train=part(3, text=["a", "b", "c"]), test=part(6, 40))
    (file,) = Path(name, "train").glob("*.arrow")
    ends = struct.pack("<4i", 0, 1, 2, 3)
    assert ends in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(ends, struct.pack("<4i", 0, 1, -2, 3)))
    with pytest.raises(RequestError, match="data, train is damaged: "):
        hub_task(name, 16)


def test_a_file_is_no_data_set_and_belongs_to_another_task(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n")
    with pytest.raises(RequestError, match="is a file, not a data set") as raised:
        hub_task(str(tmp_path / "a.csv"), 16)
    assert raised.value.hint == f"Give it as --task text --train {tmp_path / 'a.csv'} --test 0.2."


def test_what_is_no_data_set_is_a_wrong_request(tmp_path):
    with pytest.raises(RequestError, match="cannot load the data set "):
        hub_task(str(tmp_path), 16)
    (tmp_path / "dataset_dict.json").write_text("{")
    with pytest.raises(RequestError, match="cannot load the data set "):
        hub_task(str(tmp_path), 16)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("ag_news", ("ag_news",)),
        ("owner/name", ("owner/name",)),
        ("glue/sst2", ("glue", "sst2")),
        ("owner/name/part", ("owner/name", "part")),
    ],
)
def test_a_name_may_end_with_a_configuration(name, held, served):
    asked, stored = served
    stored[held] = DatasetDict(train=part(10), test=part(10))
    assert hub_task(name, 16).name == f"hf:{name}"
    assert asked[-1] == held


def test_without_a_connection_a_copy_on_disk_is_found_by_its_other_name(served):
    _, stored = served
    stored["glue/sst2",] = ConnectionError("unreachable")
    stored["glue", "sst2"] = DatasetDict(train=part(10), test=part(10))
    assert len(hub_task("glue/sst2", 16).make().test) == 10


@pytest.mark.parametrize(
    ("failure", "complaint"),
    [
        (None, "cannot load the data set no/where: Dataset 'no' doesn't exist"),
        (ConnectionError("Couldn't reach 'no'"), "the data set no/where cannot be reached: Couldn't reach 'no'"),
        (ValueError("Config name is missing:\n a\n b"), "cannot load the data set no/where: Config name is missing: a b"),
    ],
)
def test_failures_of_the_hub_say_what_to_do(failure, complaint, served):
    served[1]["no", "where"] = failure
    with pytest.raises(RequestError) as raised:
        hub_task("no/where", 16)
    assert str(raised.value) == complaint
    assert raised.value.hint


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(RequestError, match="needs the package datasets") as raised:
        hub_task("glue/sst2", 16)
    assert "pip install 'mixbench[hf]'" in raised.value.hint
