"""Text tasks from options: files, shares, columns, folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from text_files import numbered, tsv, write

from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.preparing import choose_tasks, prepare_tasks, say_what_parts_lack
from mixbench.api.text_files import text_files
from mixbench.errors import RequestError
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.data_efficiency_plan import plan_runs
from mixbench.studies.data_efficiency_request import DataRequest
from mixbench.tasks.text import ChosenText


class Heard:
    """A progress that keeps remarks."""

    def __init__(self) -> None:
        self.remarks: list[str] = []

    def begin(self, total: int) -> None: ...
    def step(self, done: int, doing: str) -> None: ...
    def remark(self, text: str) -> None:
        self.remarks.append(text)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "all.csv", tsv([("text", "label"), *numbered(60)], ","))


def task(**options: Any) -> ChosenText:
    given = {"task": "text", "train": "all.csv", "test": 0.2, "text": "text", "label": "label", **options}
    return text_files(DataEfficiencyOptions(**{name: value for name, value in given.items() if value is not None}))


def test_a_number_is_a_share_and_a_path_is_a_file():
    assert len(task(test="0.2").make().test) == len(task(test=0.2).make().test) == 12
    Path("0.2").write_text(tsv([("text", "label"), *numbered(9)], ","))
    assert len(task(test="./0.2").make().test) == len(task(test=Path("0.2")).make().test) == 9


@pytest.mark.parametrize("number", ["0", "1", "1.5", "-0.2", "nan", "20", 2.0])
def test_a_number_that_is_no_share_is_refused(number):
    with pytest.raises(RequestError, match="neither a file nor a share of the training examples") as raised:
        task(test=number)
    assert raised.value.hint == f"A share is between 0 and 1, such as 0.2. For a file with this name, write ./{number}."


@pytest.mark.parametrize("columns", ["text, label", ["text", "label"]])
def test_columns_of_a_file_without_a_header(columns):
    write(Path("bare.csv"), tsv(numbered(60), ","))
    assert len(task(train="bare.csv", columns=columns).make().test) == 12


def test_a_folder_of_texts_needs_no_columns():
    for text, label in numbered(30):
        write(Path("reviews") / label / f"{text}.txt", text)
    assert len(task(train="reviews", text=None, label=None).make().test) == 6


@pytest.mark.parametrize("missing", ["train", "test", "text", "label"])
def test_what_is_missing_is_named(missing):
    with pytest.raises(RequestError, match=f"--task text needs --{missing}"):
        task(**{missing: None})


@pytest.mark.parametrize(
    ("names", "options", "fault"),
    [
        ([], {"train": "x.csv"}, "--train belongs to a text task"),
        (["shapes"], {"test": 0.2}, "--test belongs to a text task"),
        (["shapes"], {"encoding": "latin-1"}, "--encoding belongs to a text task"),
        (["hf:x"], {"test": "x.csv"}, "--test belongs to a text task"),
        (["hf:x"], {"test": 0.2, "columns": "text,label"}, "--columns belongs to a text task"),
    ],
)
def test_options_about_files_need_a_task_that_is_made_of_files(names, options, fault):
    with pytest.raises(RequestError, match=fault):
        choose_tasks(names, DataEfficiencyOptions(**options))


def test_what_is_known_of_the_data_is_said_once_and_what_parts_lack_once_per_size():
    rare = [("rare one", "rare"), ("rare two", "rare"), ("rare three", "rare")]
    write(Path("all.csv"), tsv([("text", "label"), *numbered(60), *rare], ","))
    heard = Heard()
    tasks = prepare_tasks([task()], heard)
    shape = {"layers": 1, "widths": (8,), "batch": 8, "steps": 1, "dropout": 0.0, "device": "cpu", "timeout": 9.0}
    request = DataRequest(
        tasks=tasks, mixers=choose_mixers(["none"]), sizes=(4, 1.0), seeds=(0, 1, 2), learning_rates={}, **shape
    )
    say_what_parts_lack(tasks, plan_runs(request), heard)
    assert sum("examples by class" in remark for remark in heard.remarks) == 1
    assert heard.remarks[-1] == "text:all: some training subsets of 4 examples lack the classes rare"
    assert sum("lack the classes" in remark for remark in heard.remarks) == 1
