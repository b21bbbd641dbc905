from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from histories import cell, commit, entry
from repositories import Repository
from synthetic import MACHINE

from mixbench.errors import RequestError, StorageError
from mixbench.tables.history import ONCE, Entry, find_commit, read_history, write_entry

CELL = cell({"cpu_per_calibration": {1: 0.25, 2: 0.26}, "flops": {ONCE: 10**12}, "failed": {ONCE: 0.0}})


def damaged(folder: Path, change: object) -> Path:
    """The file of a sound run with one field of its content changed, or with other text."""
    file = write_entry(folder, entry(0, CELL))
    content = file.read_text()
    file.write_text(change if isinstance(change, str) else json.dumps(json.loads(content) | dict(change)))  # type: ignore[call-overload]
    return file


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = entry(3, CELL, replace(CELL, key=CELL.key | {"tokens": 128}, score="mse"))
    file = write_entry(tmp_path / "new" / "history", written)
    (read,) = read_history(tmp_path / "new" / "history")
    assert sorted(read.cells, key=lambda cell: -cell.key["tokens"]) == list(written.cells)[::-1]
    assert replace(read, cells=()) == replace(written, cells=())
    assert file.name == f"{commit(3).sha}-{read.machine_hash}.json"


def test_equal_content_is_equal_bytes_whatever_the_order(tmp_path: Path) -> None:
    cells = [CELL, replace(CELL, key=CELL.key | {"tokens": 128})]
    one = write_entry(tmp_path / "one", entry(0, *cells))
    other = write_entry(tmp_path / "other", entry(0, *cells[::-1]))
    assert one.read_bytes() == other.read_bytes()
    assert sum(b'"key"' in line for line in one.read_bytes().split(b"\n")) == 2


def test_what_all_cells_share_is_written_once(tmp_path: Path) -> None:
    file = write_entry(tmp_path, entry(0, *(replace(CELL, key=CELL.key | {"tokens": tokens}) for tokens in (64, 128))))
    content = json.loads(file.read_text())
    assert [list(cell["key"]) for cell in content["cells"]] == [["tokens"]] * 2
    assert content["shared"]["speed"] == {name: value for name, value in CELL.key.items() if name != "tokens"}


def test_another_commit_or_machine_is_another_file(tmp_path: Path) -> None:
    runs = [entry(0, CELL), entry(1, CELL), entry(0, CELL, machine="Other CPU"), entry(0, CELL, torch="2.14.0")]
    assert len({run.file_name for run in runs}) == 3
    assert runs[0].file_name == runs[3].file_name


def test_a_run_is_not_replaced_unless_asked_for(tmp_path: Path) -> None:
    file = write_entry(tmp_path, entry(0, CELL))
    before = file.read_bytes()
    with pytest.raises(RequestError, match=f"already has commit {commit(0).short} for this machine") as caught:
        write_entry(tmp_path, entry(0, CELL, torch="2.14.0"))
    assert "--replace" in caught.value.hint
    assert file.read_bytes() == before
    write_entry(tmp_path, entry(0, CELL, torch="2.14.0"), replace=True)
    (read,) = read_history(tmp_path)
    assert read.software["torch"] == "2.14.0"


def test_runs_come_by_the_time_of_their_commit_in_whatever_zone(tmp_path: Path) -> None:
    def at(number: int, time: str) -> Entry:
        return replace(entry(number, CELL), commit=replace(commit(number), time=time))

    for run in (at(1, "2026-01-01T10:00:00+02:00"), at(2, "2026-01-01T09:00:00Z"), at(3, "2026-01-01T07:30:00-01:00")):
        write_entry(tmp_path, run)
    assert [run.commit.subject for run in read_history(tmp_path)] == [f"Commit number {number}" for number in (1, 3, 2)]


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none") == []


def test_figures_and_what_a_stopped_writer_left_are_not_read(tmp_path: Path) -> None:
    write_entry(tmp_path, entry(0, CELL))
    (tmp_path / ".half.json.new").write_text("{")
    (tmp_path / ".half.json").write_text("{")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "data.json").write_text("{")
    assert len(read_history(tmp_path)) == 1


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("<<<<<<< HEAD\n", "Expecting value"),
        ("\xff", "Expecting value"),
        ("[]", "list indices"),
        ({"schema": "1"}, "not supported between"),
        ({"commit_time": "yesterday"}, "yesterday"),
        ({"commit_time": "2026-01-01T00:00:00"}, "without an offset"),
        ({"commit": "another"}, "its content belongs to another-"),
        ({"machine": MACHINE | {"cpu": "Other"}}, "its content belongs to"),
        ({"machine": None}, "NoneType"),
        ({"cells": [{}]}, "KeyError 'table'"),
        ({"cells": [{"table": "launches", "key": {}, "metrics": {}}]}, "launches is not a table of cells"),
        ({"shared": {}, "cells": [{"table": "speed", "key": {"mixer": "attention"}, "metrics": {}}]}, "KeyError 'config'"),
        ({"shared": None}, "NoneType"),
        ({"cells": [{"table": "speed", "key": dict(CELL.key), "metrics": {"flops": "many"}}]}, "must be real number"),
        ({"cells": [{"table": "speed", "key": dict(CELL.key), "metrics": {"flops": float("nan")}}]}, "a value is nan"),
        ({"cells": [{"table": "speed", "key": dict(CELL.key), "metrics": {"flops": {"one": 1}}}]}, "invalid literal"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(change: object, fault: str, tmp_path: Path) -> None:
    file = damaged(tmp_path, change)
    with pytest.raises(StorageError, match=fault) as caught:
        read_history(tmp_path)
    assert f"{file} is damaged" in str(caught.value)
    assert f"git checkout -- {file}" in caught.value.hint


def test_bytes_that_are_no_text_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    file = damaged(tmp_path, "")
    file.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(StorageError, match=file.name):
        read_history(tmp_path)


def test_a_file_of_a_newer_schema_asks_for_an_upgrade(tmp_path: Path) -> None:
    damaged(tmp_path, {"schema": 2})
    with pytest.raises(StorageError, match="was written by a newer mixbench"):
        read_history(tmp_path)


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("a file")
    with pytest.raises(StorageError, match="history") as caught:
        write_entry(tmp_path / "history", entry(0, CELL))
    assert "--history" in caught.value.hint


def test_a_commit_is_found_by_any_name_that_git_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    repository = Repository(tmp_path)
    first = repository.commit("First: ü\n\nwith a body")
    repository.commit("Second")
    repository.git("tag", "-a", "v1", "-m", "tag", first)
    found = find_commit("HEAD~1")
    assert (found.sha, found.subject) == (first, "First: ü")
    assert found.short == first[:7]
    assert find_commit(first[:8]) == find_commit("v1") == found
    assert found.moment < find_commit().moment


@pytest.mark.parametrize("name", ["nothing", "--output=written", "", "HEAD:file"])
def test_a_name_that_git_does_not_know_says_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Repository(tmp_path).commit("First")
    with pytest.raises(RequestError, match="git finds no commit") as caught:
        find_commit(name)
    assert "--commit" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == [".git"]


def test_outside_a_repository_no_commit_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RequestError, match="git finds no commit 'HEAD' here"):
        find_commit()
