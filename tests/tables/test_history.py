from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from histories import cell, commit, entry
from repositories import Repository
from synthetic import MACHINE

from mixbench.errors import RequestError, StorageError
from mixbench.tables.entries import ONCE, Entry
from mixbench.tables.history import find_commit, read_history, write_entry

CELL = cell({"cpu_per_calibration": {1: 0.25, 2: 0.26}, "flops": {ONCE: 10**12}, "failed": {ONCE: 0.0}})


def key(**changes: object) -> dict[str, object]:
    """The cells of a run in which a key of the only cell is changed."""
    return {"cells": [{"table": "speed", "key": dict(CELL.key) | changes, "metrics": {}}]}


def values(flops: object) -> dict[str, object]:
    """The cells of a run with one metric."""
    return {"cells": [{"table": "speed", "key": dict(CELL.key), "metrics": {"flops": flops}}]}


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


def test_a_run_from_before_a_column_that_says_more_has_what_the_older_column_meant(tmp_path: Path) -> None:
    older = {name: value for name, value in CELL.key.items() if name != "execution"} | {"compiled": True}
    cells = [{"table": "speed", "key": older, "metrics": {}}]
    damaged(tmp_path, {"cells": cells, "shared": {}})
    (read,) = read_history(tmp_path)
    assert read.cells[0].key["execution"] == "compiled"
    damaged(tmp_path / "other", key(compiled=True))
    with pytest.raises(StorageError, match="execution is 'eager', but compiled is true"):
        read_history(tmp_path / "other")


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
        ("[" * 100_000, "levels of lists"),
        ("[]", "it is not a JSON object"),
        ("{}", "schema is missing"),
        ({"schema": "1"}, "schema is '1', not a whole number"),
        ({"schema": True}, "schema is True, not a whole number"),
        ({"commit": 7}, "commit is 7, not a text"),
        ({"commit_time": "yesterday"}, "yesterday"),
        ({"commit_time": "2026-01-01T00:00:00"}, "without a UTC offset"),
        ({"subject": ["a"]}, r"subject is \['a'\], not a text"),
        ({"added_at": None}, "added_at is None, not a text"),
        ({"commit": "another"}, "its content belongs to another-"),
        ({"machine": MACHINE | {"cpu": "Other"}}, "its content belongs to"),
        ({"machine": None}, "machine is None, not an object"),
        ({"software": [["torch", "2"]]}, r"software is .*, not an object"),
        ({"cells": {}}, "cells is {}, not a list"),
        ({"cells": [7]}, "a cell is 7, not an object"),
        ({"cells": [{}]}, "table is missing"),
        ({"cells": [{"table": "launches", "key": {}, "metrics": {}}]}, "'launches' is not a table of cells"),
        ({"cells": [{"table": ["speed"], "key": {}, "metrics": {}}]}, r"table is \['speed'\], not a text"),
        ({"shared": {}, "cells": [{"table": "speed", "key": {"mixer": "attention"}, "metrics": {}}]}, "speed has no config"),
        ({"shared": {"speed": 7}}, "speed is 7, not an object"),
        ({"shared": None}, "shared is None, not an object"),
        (key(mixer=7), "mixer is 7, not str"),
        (key(mixer=["attention"]), "mixer is .*, not str"),
        (key(config={"heads": 4}), "config is .*, not str"),
        (key(config="[4]"), "it is not a JSON object"),
        (key(tokens="64"), "tokens is '64', not int"),
        (key(tokens=0), "tokens is 0, not above 0"),
        (key(tokens=10**40), "tokens is .*, beyond 1e"),
        (key(compiled=1), "compiled is 1, not bool"),
        (key(device="cpu\n"), "device holds a line break"),
        (values("many"), "flops is 'many', not a number"),
        (values(True), "flops is True, not a number"),
        (values(None), "flops is None, not a number"),
        (values([1]), r"flops is \[1\], not a number"),
        (values(float("nan")), "NaN is not a finite number"),
        (values(1e200), r"flops is 1e\+200, not a number up to 1e\+30"),
        (values({"one": 1}), "flops has a value for 'one', which is not a launch, seed or trial number"),
        (values({"-1": 1}), "flops has a value for '-1'"),
        (values({"1" * 5000: 1}), "flops has a value for '1111"),
        (values({"1": {"2": 3}}), "flops is {'2': 3}, not a number"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_it(change: object, fault: str, tmp_path: Path) -> None:
    file = damaged(tmp_path, change)
    with pytest.raises(StorageError, match=fault) as caught:
        read_history(tmp_path)
    assert f"{file} is damaged" in str(caught.value)
    assert f"git checkout -- {file}" in caught.value.hint


def test_what_a_later_version_may_add_is_passed_over(tmp_path: Path) -> None:
    file = damaged(tmp_path, {"colour": "red", "added_by": {"name": 1}})
    assert json.loads(file.read_text())["colour"] == "red"
    (read,) = read_history(tmp_path)
    assert read == entry(0, CELL)


def test_a_name_given_twice_is_damage(tmp_path: Path) -> None:
    file = damaged(tmp_path, {})
    file.write_text(file.read_text().replace('"subject"', '"subject":"x","subject"'))
    with pytest.raises(StorageError, match="'subject' is given twice"):
        read_history(tmp_path)


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


def test_a_history_that_is_a_file_or_leads_nowhere_is_said_to_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("{}")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for folder in (tmp_path / "file", tmp_path / "link"):
        for use in (read_history, lambda folder: write_entry(folder, entry(0, CELL))):
            with pytest.raises(StorageError, match=f"{folder.name} is not a folder") as caught:
                use(folder)
            assert "--history" in caught.value.hint


def test_what_others_put_into_the_folder_is_named_and_nobody_is_told_to_delete_it(tmp_path: Path) -> None:
    write_entry(tmp_path, entry(0, CELL))
    (tmp_path / "text.json").write_text("{}")
    (tmp_path / "copy.json").write_bytes(next(tmp_path.glob("*-*.json")).read_bytes())
    (tmp_path / "link.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder.json").mkdir()
    for name in ("copy", "folder", "link", "text"):
        with pytest.raises(StorageError, match=f"{name}.json") as caught:
            read_history(tmp_path)
        assert "delete" not in caught.value.hint
        (tmp_path / f"{name}.json").rename(tmp_path / f"{name}.moved")
    assert len(read_history(tmp_path)) == 1


def test_every_number_of_a_run_has_finite_ratios(tmp_path: Path) -> None:
    for number, (written, held) in enumerate(((1e-320, 0), (-1e-320, 0), (10**30, 1e30), (2**53, 2**53), (1e-29, 1e-29))):
        damaged(tmp_path / str(number), values(written))
        ((value,),) = (cell.metrics["flops"].values() for cell in read_history(tmp_path / str(number))[0].cells)
        assert (value, type(value)) == (held, type(held))


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
