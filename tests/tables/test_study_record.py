"""The study of a results folder: written whole, read with its scale, carried over by a merge, named when damaged."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mixbench.errors import StorageError, StorageWarning
from mixbench.tables.study_record import FILE, StudyRecord, read_study, united_study, write_study

RECORD = StudyRecord('title = "é"\n[speed]\n', "tiny", "s.toml", "mixbench study s.toml")


def test_what_is_written_is_read_and_the_file_is_still_toml(tmp_path: Path) -> None:
    assert read_study(tmp_path) is None
    write_study(tmp_path, RECORD)
    assert read_study(tmp_path) == RECORD
    assert tomllib.loads((tmp_path / FILE).read_text())["title"] == "é"
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_file_that_a_user_put_there_is_a_study_without_a_scale(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[speed]\n")
    assert read_study(tmp_path) == StudyRecord("[speed]\n")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"#: {\n[speed]", "is damaged"),
        (b"#: []\n[speed]", "is damaged: it is not a JSON object"),
        (b'#: {"schema":1,"scale":3,"file":"","command":""}\n', "values of other types"),
        (b'#: {"schema":1}\n', "values of other types"),
        (b'#: {"schema":2,"scale":null,"file":"","command":""}\n', "written by a newer mixbench"),
        (b"\xff", "is damaged"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StorageError, match=told):
        read_study(tmp_path)


def test_a_merge_takes_over_the_study_and_warns_of_another(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    assert united_study(tmp_path, folders) is None
    write_study(folders[1], RECORD)
    united = united_study(tmp_path, folders)
    assert united == (folders[1] / FILE).read_bytes()
    write_study(folders[2], StudyRecord("[tune]\n"))
    with pytest.warns(StorageWarning, match="c has another study"):
        assert united_study(tmp_path, folders) == united
    write_study(tmp_path, RECORD)
    with pytest.warns(StorageWarning, match="c has another study"):
        assert united_study(tmp_path, folders) is None
